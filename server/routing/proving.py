"""Proofs that somebody can always be told: made, kept, and made every night."""

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from server.clock import STREET_ZONE, Clock
from server.db.session import Database, ReadSession, WriteSession
from server.pulse import Pulses
from server.routing.proof import Gap, Proof, prove
from server.routing.service import street_now
from server.routing.tables import RouteProof

log = structlog.get_logger(__name__)

_NIGHTLY_AT: Final = time(3)
_KEPT: Final = timedelta(days=90)
_LOOK_EVERY_S: Final = 20.0


async def prove_now(database: Database, *, now: datetime) -> RouteProof:
    """Prove the next seven days and keep what was found."""
    async with database.read() as session:
        street = await street_now(session)
    # Seconds of arithmetic for a whole street: not on the loop that takes alarms.
    proof = await asyncio.to_thread(prove, street, now)
    async with database.write() as session:
        row = await _keep(session, proof, now=now)
    level = log.warning if proof.gaps else log.info
    level("route_proved", grids=proof.grids, gaps=len(proof.gaps), thin_hours=proof.thin_hours)
    return row


async def newest_proof(session: ReadSession) -> RouteProof | None:
    """Return the newest proof, if there is one."""
    return await session.scalar(select(RouteProof).order_by(RouteProof.id.desc()).limit(1))


class NightlyProof:
    """Proves every night, and at once when a night was missed."""

    def __init__(self, *, database: Database, clock: Clock, pulses: Pulses) -> None:
        """Join the parts; `run` starts the loop."""
        self._database = database
        self._clock = clock
        self._pulses = pulses

    async def run(self) -> None:
        """Prove when it is time, until cancelled."""
        while True:
            self._pulses.beat("route-proof", boot_s=self._clock.boot_s())
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("route_proof_failed", error=str(error))
            await asyncio.sleep(self._clock.pause_s(_LOOK_EVERY_S))

    async def turn(self) -> bool:
        """Prove if it is time; tells whether it did."""
        now = self._clock.now()
        async with self._database.read() as session:
            newest = await newest_proof(session)
        if newest is not None and night_of(newest.at) >= night_of(now):
            return False
        await prove_now(self._database, now=now)
        return True


def night_of(at: datetime) -> date:
    """Return the day whose small hours' proof a moment belongs to."""
    there = at.astimezone(STREET_ZONE)
    return there.date() if there.time() >= _NIGHTLY_AT else there.date() - timedelta(days=1)


async def _keep(session: WriteSession, proof: Proof, *, now: datetime) -> RouteProof:
    row = RouteProof(
        at=now,
        begins_at=proof.begins_at,
        hours=proof.hours,
        grids=proof.grids,
        thin_hours=proof.thin_hours,
        gaps=[_as_row(gap) for gap in proof.gaps],
    )
    session.add(row)
    await session.execute(delete(RouteProof).where(RouteProof.at < now - _KEPT))
    await session.flush()
    session.announce("route_proof", str(row.id))
    return row


def _as_row(gap: Gap) -> dict[str, Any]:
    return {
        "grid": gap.grid,
        "name": gap.name,
        "community": gap.community,
        "begins_at": gap.begins_at.isoformat(),
        "ends_at": gap.ends_at.isoformat(),
        "least": gap.least,
    }
