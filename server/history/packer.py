"""The packer: turns unpacked readings into blocks and roll-ups, and lets go of what is too old.

A reading that comes late is packed into the day it belongs to, and that day's roll-ups are made anew
from all its readings; where those are gone already, it is added to the roll-ups.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.clock import Clock
from server.history import blocks, service
from server.history.blocks import BlockKey, block_start
from server.history.columns import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Buckets,
    Readings,
    join_buckets,
    join_readings,
    no_buckets,
    replace_buckets,
    roll_up,
    widen,
)
from server.history.database import HistoryDatabase
from server.history.tables import Level
from server.pulse import Pulses

log = structlog.get_logger()

_ROUND_S: Final = 5.0
_CHUNK: Final = 20_000
"""Readings packed at a time."""
_FIRST_TRIP_AFTER: Final = timedelta(minutes=10)
_TRIP_EVERY: Final = timedelta(hours=6)
_MANY: Final = 1_000_000
"""With so many unpacked readings the packer does not wait for its time."""
_PRUNE_EVERY: Final = timedelta(hours=1)
_BATCHES_KEPT: Final = timedelta(days=30)
_START: Final = (-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long readings are kept at each level of detail.

    GB/T 45839-2025 clause 5.9.5 asks for a year of history; the hours hold it many times over.
    """

    raw: timedelta = timedelta(days=30)
    minutes: timedelta = timedelta(days=90)
    hours: timedelta = timedelta(days=3 * 366)

    def of(self, level: Level) -> timedelta:
        """Return how long a level is kept."""
        return {Level.RAW: self.raw, Level.MINUTE: self.minutes, Level.HOUR: self.hours}[level]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """Retention of everything, and of classes of series that differ.

    Attributes:
        default: for whatever no class names.
        classes: by name.
        members: asks which series (by id) belong to a class.
    """

    default: Retention = field(default_factory=Retention)
    classes: Mapping[str, Retention] = field(default_factory=dict)
    members: Callable[[str], Awaitable[Collection[int]]] | None = None


class Packer:
    """Packs and prunes in the background; nothing waits for it."""

    def __init__(
        self,
        *,
        database: HistoryDatabase,
        clock: Clock,
        pulses: Pulses,
        retention: RetentionPlan | None = None,
        chunk: int = _CHUNK,
    ) -> None:
        """Join the parts; `run` starts the loop."""
        self._database = database
        self._clock = clock
        self._pulses = pulses
        self._retention = retention or RetentionPlan()
        self._chunk = chunk
        self._after = _START
        self._trip_due_at: datetime | None = None
        self._pruned_at: datetime | None = None

    async def run(self) -> None:
        """Pack and prune until cancelled."""
        while True:
            self._pulses.beat("history-packer", boot_s=self._clock.boot_s())
            try:
                busy = await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("packing_failed", error=str(error))
                busy = False
            await asyncio.sleep(0 if busy else self._clock.pause_s(_ROUND_S))

    async def turn(self) -> bool:
        """Do a little of what is due; tells whether there is more to do at once."""
        now = self._clock.now()
        if self._pruned_at is None or now - self._pruned_at >= _PRUNE_EVERY:
            await self.prune()
        if self._after == _START and not await self._is_time(now):
            return False
        await self.pack_chunk()
        return self._after != _START

    async def pack_chunk(self) -> None:
        """Pack the next readings in order of series; after the last it begins anew.

        The work itself is done between two transactions, so that the intake does not wait for it.
        Whoever reads meanwhile still finds the readings unpacked.
        """
        async with self._database.begin() as connection:
            found, last = await blocks.next_fresh(connection, after=self._after, most=self._chunk)
            days = dict(_days_of(found))
            held = await _held_blocks(connection, days)
        written = await asyncio.to_thread(pack_days, days, held)
        async with self._database.begin() as connection:
            await blocks.write_blocks(connection, written)
            await blocks.delete_fresh(connection, found)
        self._after = last or _START
        if last is None:
            self._trip_due_at = self._clock.now() + _TRIP_EVERY

    async def pack_all(self) -> None:
        """Pack whatever is not packed yet."""
        self._after = _START
        await self.pack_chunk()
        while self._after != _START:
            await self.pack_chunk()

    async def prune(self) -> int:
        """Let go of what is older than it must be kept; returns how many blocks went."""
        now = self._clock.now()
        self._pruned_at = now
        members = {name: await self._members(name) for name in self._retention.classes}
        apart = frozenset().union(*members.values())
        dropped = 0
        for level in Level:
            async with self._database.begin() as connection:
                before_ms = service.to_ms(now - self._retention.default.of(level))
                dropped += await blocks.drop_blocks(connection, level, before_ms=before_ms, but=apart)
                for name, retention in self._retention.classes.items():
                    before_ms = service.to_ms(now - retention.of(level))
                    dropped += await blocks.drop_blocks(
                        connection, level, before_ms=before_ms, only=members[name]
                    )
        await service.forget_batches(self._database, before=now - _BATCHES_KEPT)
        if dropped:
            log.info("history_pruned", blocks=dropped)
        return dropped

    async def _members(self, name: str) -> frozenset[int]:
        ask = self._retention.members
        return frozenset() if ask is None else frozenset(await ask(name))

    async def _is_time(self, now: datetime) -> bool:
        if self._trip_due_at is None:
            # A server that starts has enough to do with what gateways kept for it.
            self._trip_due_at = now + _FIRST_TRIP_AFTER
        if now >= self._trip_due_at:
            return True
        async with self._database.begin() as connection:
            return await blocks.count_fresh(connection) >= _MANY


def pack_days(
    days: Mapping[tuple[int, int], Readings], held: Mapping[BlockKey, bytes]
) -> dict[BlockKey, bytes]:
    """Return the blocks as they are to be, given readings by (series, start of the day) and held blocks."""
    written: dict[BlockKey, bytes] = {}
    for (series, day), readings in days.items():
        pack_day(series, day, readings, held, written)
    return written


def pack_day(
    series: int,
    day_ms: int,
    newer: Readings,
    held: Mapping[BlockKey, bytes],
    written: dict[BlockKey, bytes],
) -> None:
    """Add a day's readings of one series to its blocks.

    Args:
        series: its id.
        day_ms: when the day begins.
        newer: what is added.
        held: the blocks as they are in the database.
        written: the blocks as they are to be; added to.
    """
    raw_key, minute_key = (series, Level.RAW, day_ms), (series, Level.MINUTE, day_ms)
    hour_key = (series, Level.HOUR, block_start(Level.HOUR, day_ms))
    hours = _buckets(written.get(hour_key) or held.get(hour_key))
    if minute_key in held and raw_key not in held:
        # The day's own readings are gone: what comes so late is added to what is left of it.
        minutes = join_buckets(_buckets(held[minute_key]), roll_up(newer, MINUTE_MS), MINUTE_MS)
        written[minute_key] = minutes.pack()
        hours = replace_buckets(hours, widen(minutes, HOUR_MS), day_ms, day_ms + DAY_MS)
    elif raw_key not in held and len(hours.between(day_ms, day_ms + DAY_MS)):
        hours = join_buckets(hours, roll_up(newer, HOUR_MS), HOUR_MS)
    else:
        readings = join_readings(Readings.unpack(held[raw_key]), newer) if raw_key in held else newer
        minutes = roll_up(readings, MINUTE_MS)
        written[raw_key] = readings.pack()
        written[minute_key] = minutes.pack()
        hours = replace_buckets(hours, widen(minutes, HOUR_MS), day_ms, day_ms + DAY_MS)
    written[hour_key] = hours.pack()


def _buckets(data: bytes | None) -> Buckets:
    return no_buckets() if data is None else Buckets.unpack(data)


def _days_of(found: Mapping[int, Readings]) -> Iterator[tuple[tuple[int, int], Readings]]:
    """Yield the readings of each day of each series."""
    for series, readings in found.items():
        first, last = int(readings.at_ms[0]) // DAY_MS, int(readings.at_ms[-1]) // DAY_MS
        for day in range(first, last + 1):
            of_day = readings.between(day * DAY_MS, (day + 1) * DAY_MS)
            if len(of_day):
                yield (series, day * DAY_MS), of_day


async def _held_blocks(
    connection: AsyncConnection, days: Collection[tuple[int, int]]
) -> dict[BlockKey, bytes]:
    """Return the blocks that hold something of some days of some series, of every level."""
    by_day: dict[int, set[int]] = {}
    for series, day in days:
        by_day.setdefault(day, set()).add(series)
    held: dict[BlockKey, bytes] = {}
    for day, ids in by_day.items():
        for level in Level:
            held |= await blocks.read_blocks(connection, ids, level, day, day + 1)
    return held
