"""The loop that seals the audit all the time and forgets every night."""

import asyncio
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from server.audit import chain
from server.clock import STREET_ZONE, Clock
from server.db.session import Database
from server.pulse import Pulses
from server.retention.service import Lives, forget
from server.retention.tables import ForgettingRun

log = structlog.get_logger(__name__)

_NIGHTLY_AT: Final = time(3, 30)
_LOOK_EVERY_S: Final = 5.0
_LOOP: Final = "upkeep"


class Upkeep:
    """Seals and forgets."""

    def __init__(
        self, *, database: Database, clock: Clock, pulses: Pulses, lives: Lives, photos: Path
    ) -> None:
        """Join the parts; `run` starts the loop."""
        self._database = database
        self._clock = clock
        self._pulses = pulses
        self._lives = lives
        self._photos = photos

    async def run(self) -> None:
        """Seal and forget when it is time, until cancelled."""
        while True:
            self._pulses.beat(_LOOP, boot_s=self._clock.boot_s())
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("upkeep_failed", error=str(error))
            await asyncio.sleep(self._clock.pause_s(_LOOK_EVERY_S))

    async def turn(self) -> None:
        """Seal what is new; forget if this night's is still to be done."""
        now = self._clock.now()
        async with self._database.read() as session:
            last = await session.scalar(select(ForgettingRun.at).order_by(ForgettingRun.id.desc()).limit(1))
        tonight = last is None or night_of(last) < night_of(now)
        while await self._seal(now, all_of_them=tonight):
            self._pulses.beat(_LOOP, boot_s=self._clock.boot_s())
        if tonight:
            await self._forget(now)

    async def _seal(self, now: datetime, *, all_of_them: bool) -> int:
        async with self._database.read() as session:
            if not await chain.has_unsealed(session, all_of_them=all_of_them):
                return 0
        async with self._database.write() as session:
            return await chain.seal(session, now=now, all_of_them=all_of_them)

    async def _forget(self, now: datetime) -> None:
        total: dict[str, int] = {}
        while True:
            self._pulses.beat(_LOOP, boot_s=self._clock.boot_s())
            async with self._database.write() as session:
                gone = await forget(session, self._lives, self._photos, now=now)
            for kind, count in gone.items():
                total[kind] = total.get(kind, 0) + count
            if not gone:
                break
        async with self._database.write() as session:
            session.add(ForgettingRun(at=now, gone=total))
            head = await chain.head_of(session)
        # The end of the chain leaves the database with the log, so that a shorter chain is found out.
        log.info("forgot", gone=total, audit_seq=head.seq, audit_hash=head.hash)


def night_of(at: datetime) -> date:
    """Return the day whose small hours a moment belongs to."""
    there = at.astimezone(STREET_ZONE)
    return there.date() if there.time() >= _NIGHTLY_AT else there.date() - timedelta(days=1)
