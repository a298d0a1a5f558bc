"""Notices when the wall clock is set back, so that nobody waits longer for it.

What waits is a row with a wall time. Set back by an hour, the clock would make everything that waits an
hour late; the rows are therefore made as much earlier. Set forward, it makes them early, each once, and
that is left so: too early is the safe side.

The kernel's time since the start knows of no such setting: wall time less it stays the same until somebody
sets the clock. That difference is kept in the database, for each start of a machine, so that a setting is
noticed also by a process that was not running. After a new start only the latest time that was ever seen
can tell.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import delete, select

from server.clock import Clock
from server.db.session import Database, WriteSession
from server.escalation.tables import ClockMark

log = structlog.get_logger()

CarryOver = Callable[[WriteSession, timedelta, datetime], Awaitable[int]]
"""Makes everything that waits earlier by a span, as of a time; returns how much that was."""

TOLERANCE: Final = timedelta(seconds=1)
"""Less is reading the two clocks one after the other."""
_SEEN_EVERY: Final = timedelta(seconds=60)
_KEPT: Final = timedelta(days=30)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both clocks at one moment."""

    boot_id: str
    now: datetime
    boot_s: float

    @property
    def offset(self) -> timedelta:
        """Wall time less the time since the start."""
        return self.now - _EPOCH - timedelta(seconds=self.boot_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What one start of a machine last said of its clocks."""

    boot_id: str
    offset: timedelta
    seen_at: datetime


def set_back_by(marks: Sequence[Mark], reading: Reading) -> timedelta:
    """Say by how much the wall clock was set back since the marks; zero: it was not.

    Args:
        marks: of every start that is remembered.
        reading: the clocks now.
    """
    own = next((mark for mark in marks if mark.boot_id and mark.boot_id == reading.boot_id), None)
    if own is not None:
        back = own.offset - reading.offset
    else:
        back = max((mark.seen_at - reading.now for mark in marks), default=timedelta(0))
    return back if back > TOLERANCE else timedelta(0)


def read_clocks(clock: Clock) -> Reading:
    """Read both clocks so close together that their difference means something."""
    for _ in range(_TRIES):
        before_s, now, after_s = clock.boot_s(), clock.now(), clock.boot_s()
        if after_s - before_s < TOLERANCE.total_seconds() / 10:
            break
    return Reading(boot_id=clock.boot_id(), now=now, boot_s=(before_s + after_s) / 2)


_TRIES: Final = 5


class ClockWatch:
    """Compares the clocks with what is remembered of them."""

    def __init__(self, *, database: Database, clock: Clock, carry_over: CarryOver) -> None:
        """Join the parts; `look` is called by the loop of time before it asks what is due."""
        self._database = database
        self._clock = clock
        self._carry_over = carry_over
        self._known: Reading | None = None

    async def look(self) -> timedelta:
        """Look once; returns by how much everything that waits was made earlier.

        Raises:
            SQLAlchemyError: the database could not be asked; nothing was changed, the next look decides.
        """
        reading = read_clocks(self._clock)
        known = self._known
        if known is not None and _unchanged(known, reading):
            return timedelta(0)
        async with self._database.write() as session:
            by = await self._compare(session, reading)
        self._known = reading
        if by:
            log.warning("clock_set_back", by_s=round(by.total_seconds(), 3))
        return by

    async def _compare(self, session: WriteSession, reading: Reading) -> timedelta:
        """Compare and remember in one transaction; of several processes the first holds the row."""
        own = await session.get(ClockMark, reading.boot_id, with_for_update=True)
        others = list(await session.scalars(select(ClockMark).where(ClockMark.boot != reading.boot_id)))
        by = set_back_by([_as_mark(row) for row in (*others, *((own,) if own else ()))], reading)
        if own is None:
            await session.execute(delete(ClockMark).where(ClockMark.seen_at < reading.now - _KEPT))
            own = ClockMark(boot=reading.boot_id)
            session.add(own)
        own.offset_us = reading.offset // timedelta(microseconds=1)
        own.seen_at = reading.now
        if by:
            for row in others:
                row.seen_at = min(row.seen_at, reading.now)
            session.passing("clock/set_back")
            await self._carry_over(session, by, reading.now)
            session.announce("due", "")
            session.announce("notice", "")
        return by


def _unchanged(known: Reading, reading: Reading) -> bool:
    passed = reading.now - known.now
    return (
        known.boot_id == reading.boot_id
        and abs(reading.offset - known.offset) <= TOLERANCE
        and timedelta(0) <= passed < _SEEN_EVERY
    )


def _as_mark(row: ClockMark) -> Mark:
    return Mark(boot_id=row.boot, offset=timedelta(microseconds=row.offset_us), seen_at=row.seen_at)
