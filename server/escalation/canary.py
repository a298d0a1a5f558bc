"""A message that goes through the whole chain to nobody, every few minutes, to prove that it is whole.

It is published as an alarm of a gateway that does not exist, comes back through the broker, is decoded and
committed by the intake, is handed by the sender of notices to a webhook channel, and comes back in, signed,
at this server's own `POST /canary`. It never becomes an item and is in no statistics. That a provider outside
works it cannot prove: `server.notify.standing` judges that by the real messages.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Database, WriteSession
from server.errors import ServerError
from server.escalation.canarystanding import (
    FORGOTTEN_AFTER,
    LATE_AFTER,
    CanaryStanding,
    Stage,
    canary_standing,
)
from server.escalation.tables import CanaryRun
from server.pulse import Pulses
from wire import codec
from wire.ids import new_uuid7
from wire.messages import CONTRACT_VERSION, AlarmMessage, AlarmState
from wire.topics import Up, up_topic
from wire.vocabulary import AlarmClass, Condition, Kind, Mode
from wire.vocabulary import Clock as ClockTrust

log = structlog.get_logger()

CANARY_GATEWAY: Final = "canary"
"""Reserved: no real gateway may have this name."""
_LOOK_S: Final = 5.0
_MOST_REASON: Final = 120

Publish = Callable[[str, bytes], Awaitable[None]]


async def take_in(session: WriteSession, message: AlarmMessage, *, now: datetime) -> None:
    """Note that the intake has a canary in its transaction."""
    run = await session.get(CanaryRun, message.run)
    if run is not None and run.taken_in_at is None:
        run.taken_in_at = now
        session.announce("notice", "canary")


async def hand_over(database: Database, *, now: datetime) -> CanaryRun | None:
    """Return the newest canary if it was taken in and has not come back yet; notes that it is handed on.

    Called by the sender of notices. Of several that wait the newest alone is worth a message.
    """
    async with database.read() as session:
        newest = await session.scalar(select(CanaryRun).order_by(CanaryRun.sent_at.desc()).limit(1))
    if newest is None or newest.taken_in_at is None or newest.received_at is not None:
        return None
    if newest.handed_at is None:
        async with database.write() as session:
            newest = await session.get_one(CanaryRun, newest.id)
            newest.handed_at = newest.handed_at or now
    return newest


async def note_refusal(database: Database, run: str, reason: str) -> None:
    """Keep why a canary's notice could not be delivered."""
    async with database.write() as session:
        found = await session.get(CanaryRun, run)
        if found is not None and found.refusal != reason[:_MOST_REASON]:
            found.refusal = reason[:_MOST_REASON]
            log.warning("canary_refused", run=run, reason=found.refusal)


async def receive(session: WriteSession, run: str, *, now: datetime) -> bool:
    """Note that a canary's notice came back in; one that comes twice counts once.

    Returns:
        Whether there is such a canary.
    """
    found = await session.get(CanaryRun, run)
    if found is None:
        return False
    if found.received_at is None:
        found.received_at, found.refusal = now, ""
        log.info("canary_arrived", took_s=round((now - found.sent_at).total_seconds(), 3))
    return True


class Canary:
    """Sends one every few minutes and says so when one does not arrive."""

    def __init__(
        self, *, database: Database, clock: Clock, publish: Publish, every_s: float, pulses: Pulses
    ) -> None:
        """Join the parts; `run` starts it."""
        self._database = database
        self._clock = clock
        self._publish = publish
        self._every = timedelta(seconds=every_s)
        self._pulses = pulses
        self._failing: Stage | None = None
        self._unsaid: bytes | None = None

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._pulses.beat("canary", boot_s=self._clock.boot_s())
            try:
                await self.turn()
            except (SQLAlchemyError, OSError, ServerError) as error:
                log.warning("canary_not_sent", error=str(error))
            await asyncio.sleep(self._clock.pause_s(_LOOK_S))

    async def turn(self) -> bool:
        """Send one if it is time; tells whether one was sent.

        Raises:
            ServerError: the broker is away; the canary counts as sent.
        """
        now = self._clock.now()
        async with self._database.read() as session:
            last = await session.scalar(select(CanaryRun).order_by(CanaryRun.sent_at.desc()).limit(1))
            standing = await canary_standing(session, now=now)
        await self._say_if_lost(standing)
        if last is not None:
            # One that is lost is soon followed by another: whoever mends the chain sees that it is whole.
            wait = self._every if last.received_at is not None else min(self._every, LATE_AFTER)
            # A clock set back must not keep it quiet for hours.
            if timedelta(0) <= now - last.sent_at < wait:
                if self._unsaid is not None:
                    await self._say(self._unsaid)
                return False
        run = new_uuid7(unix_ms=round(now.timestamp() * 1000))
        async with self._database.write() as session:
            session.add(CanaryRun(id=run, sent_at=now))
            too_old = CanaryRun.sent_at < now - FORGOTTEN_AFTER
            # The newest that arrived stays, however old: its age is what the chain is judged by.
            await session.execute(delete(CanaryRun).where(too_old, CanaryRun.id != (standing.arrived or "")))
        await self._say(codec.encode(self._message(run, now)))
        return True

    async def _say(self, payload: bytes) -> None:
        """Publish one; while the broker is away it is tried again, until the next one takes its place."""
        self._unsaid = payload
        await self._publish(up_topic(CANARY_GATEWAY, Up.ALARMS), payload)
        self._unsaid = None

    async def _say_if_lost(self, standing: CanaryStanding) -> None:
        """Say in the log, and to the desk's pages, where canaries stop, and that they arrive again."""
        if standing.failing is self._failing:
            return
        self._failing = standing.failing
        if standing.failing is None:
            log.warning("canary_arrives_again")
        else:
            log.error("canary_lost", stage=standing.failing.value, reason=standing.refusal)
        async with self._database.write() as session:
            session.announce("canary", standing.failing or "")

    def _message(self, run: str, now: datetime) -> AlarmMessage:
        state = AlarmState(
            alarm=run,
            device="canary",
            rule="canary",
            kind=Kind.CONTACT,
            class_=AlarmClass.ADVICE,
            condition=Condition.ACTIVE,
            mode=Mode.TEST,
            raised_at=now,
            changed_at=now,
        )
        return AlarmMessage(
            v=CONTRACT_VERSION,
            gateway=CANARY_GATEWAY,
            session=run,
            boot=run,
            up_ms=round(self._clock.boot_s() * 1000),
            sent_at=now,
            clock=ClockTrust.SYNCED,
            run=run,
            seq=1,
            alarm=codec.as_raw(state),
        )
