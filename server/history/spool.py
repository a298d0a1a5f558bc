"""The spool: what is still to be written to InfluxDB. Filled with the readings, emptied once written.

An entry is committed together with the readings it holds and deleted only after InfluxDB confirmed it, so
that an outage of days, or a kill at any moment, loses nothing. What is written twice lands on itself.
"""

import asyncio
import random
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.clock import Clock
from server.history.database import HistoryDatabase
from server.history.influx import Influx, InfluxError, RefusedLinesError
from server.history.lineprotocol import lines_of
from server.history.service import Batch
from server.history.tables import SpoolEntry
from server.pulse import Pulses

log = structlog.get_logger()

_MOST_LINES: Final = 20_000
_IDLE_S: Final = 1.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


async def put(connection: AsyncConnection, batches: Sequence[Batch], *, now: datetime) -> None:
    """Add readings to the spool, in the transaction that stores them."""
    lines = list(lines_of(batches))
    if lines:
        data = zlib.compress("\n".join(lines).encode())
        await connection.execute(
            insert(SpoolEntry), {"lines": data, "line_count": len(lines), "added_at": now}
        )


async def waiting(database: HistoryDatabase) -> tuple[int, datetime | None]:
    """Return how many lines wait and since when the oldest does."""
    async with database.begin() as connection:
        row = (
            await connection.execute(select(func.sum(SpoolEntry.line_count), func.min(SpoolEntry.id)))
        ).one()
        if row[1] is None:
            return 0, None
        since = await connection.scalar(select(SpoolEntry.added_at).where(SpoolEntry.id == row[1]))
    return int(row[0]), since


class Feeder:
    """Writes the spool to InfluxDB, oldest first."""

    def __init__(self, *, database: HistoryDatabase, influx: Influx, clock: Clock, pulses: Pulses) -> None:
        """Join the parts; `run` starts the loop."""
        self._database = database
        self._influx = influx
        self._clock = clock
        self._pulses = pulses
        self._failures = 0
        self.refused_lines = 0
        """Lines that InfluxDB did not take and that were let go of since the start."""

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            self._pulses.beat("history-feeder", boot_s=self._clock.boot_s())
            await asyncio.sleep(self._clock.pause_s(await self.turn()))

    async def turn(self) -> float:
        """Write what is next; returns how many seconds to pause."""
        try:
            fed = await self._feed()
        except (InfluxError, SQLAlchemyError, OSError) as error:
            self._failures += 1
            level = log.warning if self._failures == 1 else log.debug
            level("influx_waits", error=str(error), failures=self._failures)
            pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10), _LONGEST_PAUSE_S)
            return pause_s * random.uniform(0.7, 1)  # noqa: S311 - jitter
        if self._failures:
            log.info("influx_takes_again", after_failures=self._failures)
            self._failures = 0
        return 0.0 if fed else _IDLE_S

    async def _feed(self) -> bool:
        async with self._database.begin() as connection:
            entries = await _next_entries(connection)
        if not entries:
            return False
        lines = [line for _, data in entries for line in zlib.decompress(data).split(b"\n")]
        await self._write(lines)
        async with self._database.begin() as connection:
            await connection.execute(delete(SpoolEntry).where(SpoolEntry.id <= entries[-1][0]))
        return True

    async def _write(self, lines: list[bytes]) -> None:
        """Write lines; halve what is refused until the one that is wrong stands alone, and leave it out."""
        try:
            await self._influx.write(b"\n".join(lines))
        except RefusedLinesError as error:
            if len(lines) == 1:
                self.refused_lines += 1
                log.error("influx_refuses_line", line=lines[0].decode(errors="replace"), error=str(error))
                return
            middle = len(lines) // 2
            await self._write(lines[:middle])
            await self._write(lines[middle:])


async def _next_entries(connection: AsyncConnection) -> list[tuple[int, bytes]]:
    """Return the oldest entries, in order, up to a size that one request may have."""
    query = select(SpoolEntry.id, SpoolEntry.lines, SpoolEntry.line_count).order_by(SpoolEntry.id).limit(200)
    found: list[tuple[int, bytes]] = []
    lines = 0
    for id_, data, count in await connection.execute(query):
        if found and lines + count > _MOST_LINES:
            break
        found.append((id_, data))
        lines += count
    return found
