"""Open items as the cockpit shows them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select

from server.cockpit.model import Handling, all_told_after, concerns_of
from server.db.session import ReadSession
from server.escalation.plan import Policies, policy_for
from server.escalation.tables import Due
from server.items.budget import CAN_WAIT
from server.items.model import ItemState, ToldWay
from server.items.tables import Item, ItemParty
from server.notify.tables import Notice, NoticeState
from server.people.tables import Person
from wire.vocabulary import Mode

_REACHED: Final = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)
_MOST_VARIABLES: Final = 500
"""Of one question to the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardItem:
    """An open item: what is shown of it, and what its concerns are judged by."""

    handling: Handling
    shown: dict[str, Any]
    shelf_asked_until: datetime | None = None
    """Until when somebody asks to lay it aside, which a second person has to agree to."""

    def row(self, now: datetime) -> dict[str, Any]:
        """Return what a page is told at a moment; of drills and tests nothing is a concern."""
        live = self.shown["mode"] == Mode.LIVE.value
        concerns = [one.value for one in concerns_of(self.handling, now)] if live else []
        asked = self.shelf_asked_until is not None and self.shelf_asked_until > now
        return {**self.shown, "shelf_asked": asked, "concerns": concerns}


async def read_board_items(
    session: ReadSession, policies: Policies, ids: Collection[str] | None = None
) -> dict[str, BoardItem]:
    """Return open items that stand for themselves, by id.

    Args:
        session: where to read.
        policies: the steps in force.
        ids: only these; all open ones if not given.
    """
    found: dict[str, BoardItem] = {}
    for part in _parts(ids):
        found |= await _read_part(session, policies, part)
    return found


def _parts(ids: Collection[str] | None) -> Iterator[Sequence[str] | None]:
    if ids is None:
        yield None
        return
    wanted = sorted(ids)
    for first in range(0, len(wanted), _MOST_VARIABLES):
        yield wanted[first : first + _MOST_VARIABLES]


async def _read_part(
    session: ReadSession, policies: Policies, ids: Sequence[str] | None
) -> dict[str, BoardItem]:
    open_ids = select(Item.id).where(Item.closed_at.is_(None), Item.parent.is_(None))
    if ids is not None:
        open_ids = open_ids.where(Item.id.in_(ids))
    items = await session.execute(
        select(Item, Person.name).outerjoin(Person, Person.code == Item.owner).where(Item.id.in_(open_ids))
    )
    dues = await session.execute(
        select(Due.item, Due.kind, Due.due_at)
        .where(Due.settled_at.is_(None), Due.item.in_(open_ids))
        .order_by(Due.due_at.desc())
    )
    next_of = {item: (kind, due_at) for item, kind, due_at in dues}
    reached = set(
        await session.scalars(
            select(Notice.item).where(Notice.item.in_(open_ids), Notice.state.in_(_REACHED)).distinct()
        )
    )
    inside = await session.execute(
        select(Item.parent, func.count()).where(Item.parent.in_(open_ids)).group_by(Item.parent)
    )
    children = {row[0]: row[1] for row in inside}
    told_from = await _put_off(session, open_ids)
    return {
        item.id: _board_item(
            item,
            name,
            next_of.get(item.id),
            item.id in reached,
            children.get(item.id, 0),
            told_from.get(item.id),
            policies,
        )
        for item, name in items
    }


async def _put_off(session: ReadSession, open_ids: Select[str]) -> dict[str, datetime]:
    """Return for items that can wait when the first message about them is to leave, if none was tried.

    It waits for the end of quiet hours, or for somebody's digest: until then nobody was to be reached.
    """
    can_wait = open_ids.where(Item.class_.in_(CAN_WAIT))
    notices = await session.execute(
        select(Notice.item, func.min(Notice.send_at))
        .where(Notice.item.in_(can_wait), Notice.state != NoticeState.WITHDRAWN)
        .group_by(Notice.item)
        .having(func.max(Notice.attempts) == 0)
    )
    digests = await session.execute(
        select(ItemParty.item, func.min(ItemParty.told_at))
        .where(ItemParty.item.in_(can_wait), ItemParty.way == ToldWay.DIGEST)
        .group_by(ItemParty.item)
    )
    return {row[0]: row[1] for row in digests} | {row[0]: row[1] for row in notices}


def _board_item(  # noqa: PLR0917 - one row of each question about an item
    item: Item,
    owner: str | None,
    next_due: tuple[Any, datetime] | None,
    reached: bool,
    inside: int,
    told_from: datetime | None,
    policies: Policies,
) -> BoardItem:
    policy = policy_for(policies, item.class_, item.community)
    waits = item.shelved_until is not None or item.held_until is not None
    kind, next_at = next_due or (None, None)
    return BoardItem(
        handling=Handling(
            opened_at=item.opened_at,
            told_from=told_from or item.opened_at,
            owned=item.owner is not None or item.accepted or item.state is not ItemState.NEW,
            accepted=item.accepted or item.state is not ItemState.NEW,
            reached=reached,
            waits=waits,
            next_at=next_at,
            told_at=item.opened_at + all_told_after(policy),
        ),
        shown={
            "id": item.id,
            "class": item.class_.value,
            "kind": item.kind.value,
            "mode": item.mode.value,
            "state": item.state.value,
            "where": item.where,
            "device": item.device_name or item.device,
            "community": item.community,
            "grid": item.grid,
            "building": item.building,
            "owner": owner,
            "accepted": item.accepted,
            "inside": inside,
            "help": item.help_wanted,
            "claimed": item.false_alarm_claimed,
            "shelved": _stamp(item.shelved_until),
            "held": _stamp(item.held_until),
            "over": item.alarm_over,
            "opened": _stamp(item.opened_at),
            "next": kind.value if kind is not None else None,
            "next_at": _stamp(next_at),
        },
        shelf_asked_until=item.shelf_asked_until if item.shelf_asked_by else None,
    )


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
