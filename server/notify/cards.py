"""Cards on phones that say who has the matter now: rewritten in place after every move."""

import asyncio
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Announcement, Database, ReadSession
from server.items.model import ItemState
from server.items.tables import Item
from server.notify.channels.door import UnreachableError
from server.notify.channels.wecom import (
    LAST_BUTTONS,
    LATER_BUTTONS,
    Buttons,
    WecomChannel,
    WecomError,
    make_card,
)
from server.notify.claims import LinkMaker
from server.notify.render import NoticeFacts, render
from server.notify.tables import Notice
from server.people.addresses import addresses_of
from server.people.model import ChannelKind
from server.people.tables import Person
from server.pulse import Pulses

log = structlog.get_logger()

_LONGEST_SLEEP_S: Final = 5.0
_MOST_VARIABLES: Final = 500
"""Of one question to the database."""
_NEXT_BUTTONS: Final[dict[ItemState, Buttons]] = {
    ItemState.ACCEPTED: LATER_BUTTONS,
    ItemState.ON_SITE: LAST_BUTTONS,
}
ENDED: Final = {
    ItemState.DONE: "已处理，等待设备确认",
    ItemState.VERIFIED: "已处理",
    ItemState.CLOSED: "已结束",
}


class CardKeeper:
    """Rewrites cards whose item moved on."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        wecom: WecomChannel,
        make_link: LinkMaker,
        pulses: Pulses,
    ) -> None:
        """Join the parts; `run` starts it."""
        self._make_link = make_link
        self._database = database
        self._clock = clock
        self._wecom = wecom
        self._pulses = pulses
        self._moved: set[str] = set()
        self._nudge = asyncio.Event()

    def hear(self, announced: list[Announcement]) -> None:
        """Note the items that changed; for `Database.listen`."""
        items = {which for what, which in announced if what == "item"}
        if items:
            self._moved |= items
            self._nudge.set()

    async def run(self) -> None:
        """Rewrite until cancelled."""
        while True:
            self._pulses.beat("cards", boot_s=self._clock.boot_s())
            self._nudge.clear()
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("cards_not_rewritten", error=str(error))
            try:
                async with asyncio.timeout(self._clock.pause_s(_LONGEST_SLEEP_S)):
                    await self._nudge.wait()
            except TimeoutError:
                continue

    async def turn(self) -> int:
        """Rewrite the cards of every item that changed; returns how many."""
        moved, self._moved = self._moved, set()
        rewritten = 0
        for item_id in await self._taken(sorted(moved)):
            rewritten += await self._rewrite_item(item_id)
        return rewritten

    async def _taken(self, moved: list[str]) -> list[str]:
        """Return those that somebody took: most of what is announced is notices of new items."""
        taken: list[str] = []
        for first in range(0, len(moved), _MOST_VARIABLES):
            part = Item.id.in_(moved[first : first + _MOST_VARIABLES])
            query = select(Item.id).where(part, Item.accepted | (Item.state != ItemState.NEW))
            async with self._database.read() as session:
                taken += await session.scalars(query.order_by(Item.id))
        return taken

    async def _rewrite_item(self, item_id: str) -> int:
        async with self._database.read() as session:
            item = await session.get(Item, item_id)
            if item is None:
                return 0
            query = select(Notice).where(
                Notice.item == item_id, Notice.channel == ChannelKind.WECOM.value, Notice.update_code != ""
            )
            cards = list(await session.scalars(query))
            owner = await session.get(Person, item.owner) if item.owner else None
            addresses = await self._addresses(session, cards)
        rewritten = 0
        for notice in cards:
            member = addresses.get(notice.person)
            if member is not None and await self._rewrite(notice, item, owner, member):
                rewritten += 1
        return rewritten

    async def _addresses(self, session: ReadSession, cards: list[Notice]) -> dict[str, str]:
        codes = [notice.person for notice in cards]
        people = list(await session.scalars(select(Person).where(Person.code.in_(codes))))
        known = await addresses_of(session, people)
        wecom = ChannelKind.WECOM.value
        return {person: ways[wecom] for person, ways in known.items() if wecom in ways}

    async def _rewrite(self, notice: Notice, item: Item, owner: Person | None, member: str) -> bool:
        """Spend the card's code; it is forgotten before it is used, because it works once."""
        now = self._clock.now()
        async with self._database.write() as session:
            held = await session.get(Notice, notice.id)
            if held is None or held.update_code != notice.update_code:
                return False
            code, held.update_code = held.update_code, ""
            pair = (item.id, notice.person)
            link = (await self._make_link(session, [pair], now))[pair]
        mine = item.owner == notice.person
        buttons = _NEXT_BUTTONS.get(item.state) if mine else None
        try:
            if buttons:
                card = _next_card(notice, buttons, link, now=now)
                await self._wecom.rewrite(member, code, card=card)
            else:
                await self._wecom.rewrite(member, code, words=words_for(item, owner))
        except (WecomError, UnreachableError) as error:
            log.warning("card_not_rewritten", notice=notice.id, error=str(error))
            return False
        return True


def _next_card(notice: Notice, buttons: Buttons, link: str, *, now: datetime) -> dict[str, object]:
    facts = NoticeFacts.from_row(notice.content)
    return make_card(
        task_id=f"{notice.id}-{round(now.timestamp() * 1000)}",
        title=render(facts).title,
        where=facts.where,
        text="您已收到。到场后请点“已到场”，处理完请点“已处理”。",
        link=link,
        buttons=buttons,
    )


def words_for(item: Item, owner: Person | None) -> str:
    """Return what stands on a card instead of its buttons."""
    if item.state in ENDED:
        return ENDED[item.state]
    return f"已由{owner.name}接手" if owner is not None else "已由指挥中心接手"
