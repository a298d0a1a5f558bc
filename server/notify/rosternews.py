"""Sends messages about the roster: over one channel of each person, by day, until one takes it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Announcement, Database
from server.errors import TooManyError
from server.notify.channels import Channel, Message, Outcome, Verdict
from server.notify.confirming import hand_over, spend
from server.notify.render import Rendered
from server.people import proposals
from server.people.addresses import addresses_of
from server.people.model import CHANNEL_ORDER, ChannelKind
from server.people.news import not_at_night
from server.people.rostertables import RosterMessage
from server.people.tables import Person
from server.pulse import Pulses
from wire.vocabulary import AlarmClass, Kind, Mode

log = structlog.get_logger()

_LOOP: Final = "roster-news"
_CLAIM: Final = timedelta(minutes=2)
_LOOK_EVERY_S: Final = 20.0
_MOST: Final = 20
RETRIES: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=4))
"""After how long each further attempt is made; after the last it is given up and said on the desk's page."""
_SPOKEN: Final = ChannelKind.VOICE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    message: Message
    channel: str


class RosterNews:
    """Sends what is written about the roster, and ends proposals that nobody answered."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        channels: Mapping[str, Channel],
        link_of: Callable[[str], str],
        pulses: Pulses,
    ) -> None:
        """Join the parts; `run` starts the loop.

        Args:
            database: the main database.
            clock: the server's.
            channels: of this server, by kind.
            link_of: makes the address of a message's own page from the message's id.
            pulses: where the loop says that it lives.
        """
        self._database = database
        self._clock = clock
        self._channels = channels
        self._link_of = link_of
        self._pulses = pulses
        self._nudge = asyncio.Event()

    def hear(self, announced: list[Announcement]) -> None:
        """Wake up when messages were written; for `Database.listen`."""
        if any(what == "roster_message" for what, _ in announced):
            self._nudge.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._pulses.beat(_LOOP, boot_s=self._clock.boot_s())
            self._nudge.clear()
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("roster_news_not_sent", error=str(error))
            try:
                async with asyncio.timeout(self._clock.pause_s(_LOOK_EVERY_S)):
                    await self._nudge.wait()
            except TimeoutError:
                continue

    async def turn(self) -> int:
        """Send what is due; returns how many messages were taken by a provider."""
        if not await self._has_work():
            return 0  # nobody who writes an alarm waits for a look
        async with self._database.write() as session:
            await proposals.lapse(session, now=self._clock.now())
        sent = 0
        for claimed in await self._claim():
            outcome = await self._send(claimed)
            sent += outcome.verdict is Verdict.SENT
            await self._record(claimed, outcome)
        return sent

    async def _has_work(self) -> bool:
        """Tell whether a message is due, or a proposal has had its time."""
        now = self._clock.now()
        async with self._database.read() as session:
            due = select(RosterMessage.id).where(
                RosterMessage.sent_at.is_(None), RosterMessage.send_at <= now
            )
            if await session.scalar(due.limit(1)) is not None:
                return True
            return await proposals.any_to_lapse(session, now=now)

    async def _claim(self) -> Sequence[_Claimed]:
        now = self._clock.now()
        async with self._database.write() as session:
            due = (
                select(RosterMessage)
                .where(
                    RosterMessage.sent_at.is_(None),
                    RosterMessage.send_at <= now,
                    or_(RosterMessage.claimed_until.is_(None), RosterMessage.claimed_until <= now),
                )
                .order_by(RosterMessage.send_at, RosterMessage.id)
                .limit(_MOST)
                .with_for_update(skip_locked=True)
            )
            rows = list(await session.scalars(due))
            people = await session.scalars(
                select(Person).where(Person.code.in_({row.person for row in rows}))
            )
            addresses = await addresses_of(session, list(people))
            claimed = []
            for row in rows:
                channel = _choose(addresses.get(row.person, {}), row.attempts)
                if channel is None:
                    row.sent_at, row.last_error = now, "no channel"
                    continue
                row.claimed_until = now + _CLAIM
                address = addresses[row.person][channel]
                try:
                    await spend(session, channel, address, now=now)
                except TooManyError as error:
                    row.send_at, row.claimed_until = now + timedelta(seconds=error.retry_after_s), None
                    continue
                message = message_of(row, address, link=self._link_of(row.id), now=now)
                claimed.append(_Claimed(message=message, channel=channel))
        return claimed

    async def _send(self, claimed: _Claimed) -> Outcome:
        try:
            return await hand_over(self._channels, claimed.channel, claimed.message)
        except Exception as error:
            log.exception("channel_crashed", channel=claimed.channel)
            return Outcome(verdict=Verdict.TEMPORARY, reason=type(error).__name__)

    async def _record(self, claimed: _Claimed, outcome: Outcome) -> None:
        now = self._clock.now()
        async with self._database.write() as session:
            row = await session.get_one(RosterMessage, claimed.message.id)
            tried = row.attempts
            row.attempts, row.claimed_until, row.last_error = tried + 1, None, outcome.reason
            if outcome.verdict is Verdict.SENT:
                row.sent_at, row.channel = now, claimed.channel
            elif tried < len(RETRIES):
                row.send_at = not_at_night(now + RETRIES[tried])
            else:
                row.sent_at = now  # given up: no channel took it
        log.info(
            "roster_message_attempted",
            message=claimed.message.id,
            channel=claimed.channel,
            verdict=outcome.verdict.value,
            reason=outcome.reason,
        )


def message_of(row: RosterMessage, address: str, *, link: str, now: datetime) -> Message:
    """Return a message as channels take it; where a template says the place stands what it is about."""
    return Message(
        id=row.id,
        person=row.person,
        address=address,
        item="",
        rendered=Rendered(title=row.title, text=row.text),
        kind=Kind.CONTACT,
        class_=AlarmClass.ADVICE,
        mode=Mode.LIVE,
        where=row.text,
        link=link,
        step=0,
        sent_at=now,
        items=0,
        attempt=row.attempts + 1,
    )


def _choose(addresses: Mapping[str, str], attempts: int) -> str | None:
    """Return over which channel an attempt goes: one after the other; nobody is called for it."""
    usable = [kind.value for kind in CHANNEL_ORDER if kind.value in addresses and kind is not _SPOKEN]
    return usable[attempts % len(usable)] if usable else None
