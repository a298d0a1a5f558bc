"""Carries allowances over a restart: guesses are written down at once, ordinary use every few seconds.

So a process that ends by itself gives back at most five seconds of ordinary use, and not one guess.
"""

import asyncio
from datetime import datetime
from itertools import islice
from typing import Final

import structlog
from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.exc import SQLAlchemyError

from server.access.allowances import MOST_HELD, Allowances, Door
from server.access.tables import UsedAllowance
from server.clock import Clock
from server.db.session import Database, ReadSession, WriteSession
from server.pulse import Pulses

log = structlog.get_logger()

LOOP: Final = "allowances"
_EVERY_S: Final = 5.0
_MOST_AT_ONCE: Final = 500


async def recall(session: ReadSession, allowances: Allowances, *, now: datetime) -> None:
    """Take over what was written down before a restart."""
    query = select(UsedAllowance).where(UsedAllowance.whole_at > now)
    rows = await session.scalars(query.order_by(UsedAllowance.whole_at.desc()).limit(MOST_HELD))
    allowances.remember([((row.door, row.asker), row.whole_at) for row in rows])


async def write_down(session: WriteSession, allowances: Allowances, *, now: datetime) -> int:
    """Write down what changed, and forget what is whole again; returns how many rows were written.

    At most a few hundred at once, so that no alarm waits long; what is over is written the next time.
    """
    changed = list(islice(allowances.changed(), _MOST_AT_ONCE))
    askers = [asker for (_, asker), _ in changed]  # a digest of door and asker: no two doors share one
    stale = or_(UsedAllowance.whole_at <= now, UsedAllowance.asker.in_(askers))
    await session.execute(delete(UsedAllowance).where(stale))
    if changed:
        rows = [{"door": door, "asker": asker, "whole_at": until} for (door, asker), until in changed]
        await session.execute(insert(UsedAllowance), rows)
    over = (await session.scalar(select(func.count()).select_from(UsedAllowance)) or 0) - MOST_HELD
    if over > 0:
        freest = select(UsedAllowance.asker).order_by(UsedAllowance.whole_at).limit(over)
        await session.execute(delete(UsedAllowance).where(UsedAllowance.asker.in_(freest)))
    return len(changed)


async def note_guess(
    database: Database, allowances: Allowances, door: Door, asker: str, *, now: datetime
) -> None:
    """Count a guess that was wrong, in the database before it is answered.

    Raises:
        TooManyError: there were too many; nothing is written then, so that a flood writes nothing.
    """
    allowances.take(door, asker, now=now)
    async with database.write() as session:
        await write_down(session, allowances, now=now)


class AllowanceKeeper:
    """Writes down what changed, every few seconds and when the server stops."""

    def __init__(self, *, database: Database, allowances: Allowances, clock: Clock, pulses: Pulses) -> None:
        """Join the parts; `run` starts it."""
        self._database = database
        self._allowances = allowances
        self._clock = clock
        self._pulses = pulses

    async def run(self) -> None:
        """Keep until cancelled, and once more then."""
        try:
            while True:
                self._pulses.beat(LOOP, boot_s=self._clock.boot_s())
                await self.turn()
                await asyncio.sleep(self._clock.pause_s(_EVERY_S))
        finally:
            await self.turn()

    async def turn(self) -> None:
        """Write down what changed, if anything did."""
        if not self._allowances.unwritten:
            return
        again = set(self._allowances.unwritten)
        try:
            async with self._database.write() as session:
                await write_down(session, self._allowances, now=self._clock.now())
        except (SQLAlchemyError, OSError) as error:
            self._allowances.unwritten |= again
            log.warning("allowances_not_kept", error=str(error))
