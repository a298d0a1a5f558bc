"""A message that goes through the whole chain to nobody, every few minutes, to prove that it is whole.

It is published as an alarm of a gateway that does not exist, comes back through the broker, is decoded and
committed by the intake, and is handed by the sender of notices to a receiver that only notes it. It never
becomes an item and is in no statistics.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.db.session import Database, ReadSession, WriteSession
from server.errors import ServerError
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
_KEPT: Final = timedelta(days=1)
_LOOK_S: Final = 5.0
_LATE_AFTER: Final = timedelta(seconds=60)

Publish = Callable[[str, bytes], Awaitable[None]]


async def take_in(session: WriteSession, message: AlarmMessage, *, now: datetime) -> None:
    """Note that the intake has a canary in its transaction."""
    run = await session.get(CanaryRun, message.run)
    if run is not None and run.taken_in_at is None:
        run.taken_in_at = now
        session.announce("notice", "canary")


async def hand_over(database: Database, *, now: datetime) -> int:
    """Hand the canaries that were taken in to the receiver; called by the sender of notices."""
    waiting = (CanaryRun.taken_in_at.is_not(None), CanaryRun.received_at.is_(None))
    async with database.read() as session:
        if await session.scalar(select(CanaryRun.id).where(*waiting).limit(1)) is None:
            return 0
    async with database.write() as session:
        found = list(await session.scalars(select(CanaryRun).where(*waiting)))
        for run in found:
            run.received_at = now
            log.info("canary_arrived", took_s=round((now - run.sent_at).total_seconds(), 3))
    return len(found)


async def canary_age_s(session: ReadSession, *, now: datetime) -> float | None:
    """Return how long ago the last canary that arrived was sent; nothing when none ever did."""
    query = select(func.max(CanaryRun.sent_at)).where(CanaryRun.received_at.is_not(None))
    sent_at = await session.scalar(query)
    return None if sent_at is None else (now - sent_at).total_seconds()


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
        self._warned: set[str] = set()

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
            ServerError: the broker is away; the canary counts as sent, and as lost.
        """
        now = self._clock.now()
        async with self._database.read() as session:
            last = await session.scalar(select(CanaryRun).order_by(CanaryRun.sent_at.desc()).limit(1))
        if last is not None:
            await self._warn_if_lost(last, now)
            # A clock set back must not keep it quiet for hours.
            if timedelta(0) <= now - last.sent_at < self._every:
                return False
        run = new_uuid7(unix_ms=round(now.timestamp() * 1000))
        async with self._database.write() as session:
            session.add(CanaryRun(id=run, sent_at=now))
            await session.execute(delete(CanaryRun).where(CanaryRun.sent_at < now - _KEPT))
        await self._publish(up_topic(CANARY_GATEWAY, Up.ALARMS), codec.encode(self._message(run, now)))
        return True

    async def _warn_if_lost(self, last: CanaryRun, now: datetime) -> None:
        if last.received_at is None and now - last.sent_at > _LATE_AFTER and last.id not in self._warned:
            self._warned = {last.id}
            where = "before the intake" if last.taken_in_at is None else "after the intake"
            log.error("canary_lost", run=last.id, where=where)

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
