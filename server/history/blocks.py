"""Blocks and fresh rows of the readings' database, read and written within a caller's transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from sqlalchemy import bindparam, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from server.history.columns import DAY_MS, HOUR_BLOCK_MS, Readings
from server.history.tables import Block, FreshReading, Level

PERIODS_MS: Final = {Level.RAW: DAY_MS, Level.MINUTE: DAY_MS, Level.HOUR: HOUR_BLOCK_MS}
"""How long a block of each level lasts."""
_MOST_VARIABLES: Final = 500

BlockKey = tuple[int, Level, int]
"""Series, level, start in milliseconds since 1970."""


def block_start(level: Level, at_ms: int) -> int:
    """Return when the block that holds a moment begins."""
    return at_ms // PERIODS_MS[level] * PERIODS_MS[level]


async def read_fresh(
    connection: AsyncConnection, series: Sequence[int], since_ms: int, until_ms: int
) -> dict[int, Readings]:
    """Return the unpacked readings of some series; series without any are left out."""
    query = (
        select(FreshReading.series, FreshReading.at_ms, FreshReading.value, FreshReading.quality)
        .where(
            FreshReading.series.in_(series),
            FreshReading.at_ms >= since_ms,
            FreshReading.at_ms < until_ms,
        )
        .order_by(FreshReading.series, FreshReading.at_ms)
    )
    return _by_series(await connection.execute(query))


async def next_fresh(
    connection: AsyncConnection, *, after: tuple[int, int], most: int
) -> tuple[dict[int, Readings], tuple[int, int] | None]:
    """Return up to `most` unpacked readings in order of (series, time).

    Args:
        connection: in a transaction.
        after: series and time of the last one that is passed over.
        most: how many.

    Returns:
        The readings, and where the next call goes on; nothing when these were the last.
    """
    query = (
        select(FreshReading.series, FreshReading.at_ms, FreshReading.value, FreshReading.quality)
        .where(tuple_(FreshReading.series, FreshReading.at_ms) > tuple_(*after))
        .order_by(FreshReading.series, FreshReading.at_ms)
        .limit(most)
    )
    rows = (await connection.execute(query)).all()
    last = (rows[-1][0], rows[-1][1]) if len(rows) == most else None
    return _by_series(rows), last


async def delete_fresh(connection: AsyncConnection, packed: Mapping[int, Readings]) -> None:
    """Delete exactly these unpacked readings; what came meanwhile stays."""
    gone = [
        {"gone_series": series, "gone_at_ms": at_ms}
        for series, readings in packed.items()
        for at_ms in readings.at_ms.tolist()
    ]
    if gone:
        query = delete(FreshReading).where(
            FreshReading.series == bindparam("gone_series"), FreshReading.at_ms == bindparam("gone_at_ms")
        )
        await connection.execute(query, gone)


async def count_fresh(connection: AsyncConnection) -> int:
    """Return how many readings are not packed yet."""
    return await connection.scalar(select(func.count()).select_from(FreshReading)) or 0


async def read_blocks(
    connection: AsyncConnection, series: Collection[int], level: Level, since_ms: int, until_ms: int
) -> dict[BlockKey, bytes]:
    """Return the blocks of some series that may hold something between two moments."""
    found: dict[BlockKey, bytes] = {}
    ids = sorted(series)
    for first in range(0, len(ids), _MOST_VARIABLES):
        query = select(Block.series, Block.start_ms, Block.data).where(
            Block.series.in_(ids[first : first + _MOST_VARIABLES]),
            Block.level == level,
            Block.start_ms >= block_start(level, since_ms),
            Block.start_ms < until_ms,
        )
        for id_, start_ms, data in await connection.execute(query):
            found[id_, level, start_ms] = data
    return found


async def write_blocks(connection: AsyncConnection, blocks: Mapping[BlockKey, bytes]) -> None:
    """Put blocks in the place of those with the same key."""
    if not blocks:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    query = insert(Block)
    await connection.execute(
        query.on_conflict_do_update(
            index_elements=[Block.series, Block.level, Block.start_ms], set_={"data": query.excluded.data}
        ),
        [
            {"series": id_, "level": int(level), "start_ms": start_ms, "data": data}
            for (id_, level, start_ms), data in blocks.items()
        ],
    )


async def drop_blocks(
    connection: AsyncConnection,
    level: Level,
    *,
    before_ms: int,
    only: Collection[int] | None = None,
    but: Collection[int] = (),
) -> int:
    """Delete the blocks of a level that ended before a moment; returns how many there were.

    Args:
        connection: in a transaction.
        level: which.
        before_ms: the moment.
        only: of these series; of all when it is None.
        but: not of these.
    """
    past = (Block.level == level) & (Block.start_ms <= before_ms - PERIODS_MS[level])
    if only is None:
        query = delete(Block).where(past)
        if but:
            query = query.where(Block.series.not_in(but))
        return (await connection.execute(query)).rowcount
    dropped = 0
    ids = sorted(only)
    for first in range(0, len(ids), _MOST_VARIABLES):
        part = ids[first : first + _MOST_VARIABLES]
        dropped += (await connection.execute(delete(Block).where(past, Block.series.in_(part)))).rowcount
    return dropped


def _by_series(rows: Iterable[tuple[int, int, float | None, int]]) -> dict[int, Readings]:
    return {
        series: Readings.of([row[1:] for row in of_series])
        for series, of_series in groupby(rows, key=lambda row: row[0])
    }
