"""Reading back: readings as they came, and how a quantity went over a span of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.history import blocks
from server.history.columns import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    QUALITIES,
    Buckets,
    Readings,
    join_buckets,
    join_readings,
    no_buckets,
    replace_buckets,
    roll_up,
    value_or_none,
    widen,
)
from server.history.database import HistoryDatabase
from server.history.influx import Influx
from server.history.service import from_ms, to_ms
from server.history.tables import Level, Series
from wire.vocabulary import Quality

MOST_SPANS: Final = 1_500
"""More than a screen has columns: a trend gets the finest spans of which there are fewer."""
_SPANS: Final = (
    (MINUTE_MS, Level.MINUTE),
    (10 * MINUTE_MS, Level.MINUTE),
    (HOUR_MS, Level.HOUR),
    (6 * HOUR_MS, Level.HOUR),
    (DAY_MS, Level.HOUR),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One stored reading."""

    device: str
    point: str
    unit: str
    at: datetime
    value: float | None
    quality: Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesInfo:
    """A series: what was measured, where, in which unit."""

    id: int
    gateway: str
    device: str
    point: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How one quantity went."""

    series: SeriesInfo
    span: timedelta
    """The length of each bucket."""
    buckets: Buckets


async def find_series(
    database: HistoryDatabase, *, gateway: str, device: str | None = None, point: str | None = None
) -> list[SeriesInfo]:
    """Return the series of a gateway, a device or a point, by device and point."""
    query = select(Series.id, Series.gateway, Series.device, Series.point, Series.unit)
    query = query.where(Series.gateway == gateway).order_by(Series.device, Series.point)
    if device is not None:
        query = query.where(Series.device == device)
    if point is not None:
        query = query.where(Series.point == point)
    async with database.begin() as connection:
        rows = (await connection.execute(query)).all()
    return [
        SeriesInfo(id=row.id, gateway=row.gateway, device=row.device, point=row.point, unit=row.unit)
        for row in rows
    ]


async def read_columns(
    database: HistoryDatabase, series: Sequence[int], *, since: datetime, until: datetime
) -> dict[int, Readings]:
    """Return the readings of series from `since` up to, not including, `until`."""
    since_ms, until_ms = to_ms(since), to_ms(until)
    async with database.begin() as connection:
        packed = await blocks.read_blocks(connection, series, Level.RAW, since_ms, until_ms)
        fresh = await blocks.read_fresh(connection, series, since_ms, until_ms)
    found: dict[int, Readings] = {}
    for (id_, _, _), data in sorted(packed.items()):
        part = Readings.unpack(data).between(since_ms, until_ms)
        found[id_] = join_readings(found[id_], part) if id_ in found else part
    for id_, newer in fresh.items():
        found[id_] = join_readings(found[id_], newer) if id_ in found else newer
    return found


async def read_range(
    database: HistoryDatabase,
    *,
    gateway: str,
    device: str,
    point: str | None = None,
    since: datetime,
    until: datetime,
    limit: int = 10_000,
) -> list[Reading]:
    """Return readings of a device from `since` up to, not including, `until`, oldest first."""
    known = {s.id: s for s in await find_series(database, gateway=gateway, device=device, point=point)}
    found = await read_columns(database, list(known), since=since, until=until)
    rows = sorted(
        (at_ms, known[id_].point, id_, value, code)
        for id_, readings in found.items()
        for at_ms, value, code in zip(
            readings.at_ms[:limit].tolist(),
            readings.value[:limit].tolist(),
            readings.quality[:limit].tolist(),
            strict=True,
        )
    )
    return [
        Reading(
            device=device,
            point=name,
            unit=known[id_].unit,
            at=from_ms(at_ms),
            value=value_or_none(value),
            quality=QUALITIES[code],
        )
        for at_ms, name, id_, value, code in rows[:limit]
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """Who answers for what is older than the database keeps."""

    influx: Influx
    before: datetime


async def read_trend(
    database: HistoryDatabase,
    series: SeriesInfo,
    *,
    since: datetime,
    until: datetime,
    older: Older | None = None,
) -> Trend:
    """Return how a quantity went, in the finest spans that still make fewer than `MOST_SPANS`.

    Raises:
        InfluxError: part of it is older than the database keeps, and InfluxDB cannot be asked.
    """
    since_ms, until_ms = to_ms(since), to_ms(until)
    span_ms, level = choose_span(until_ms - since_ms)
    async with database.begin() as connection:
        buckets = await _read_buckets(connection, series.id, level, since_ms, until_ms)
    first_ms = since_ms // span_ms * span_ms
    wide = widen(buckets, span_ms).between(first_ms, until_ms)
    if older is not None and since < older.before:
        tags = {"gateway": series.gateway, "device": series.device, "point": series.point}
        edge_ms = min(to_ms(older.before) // span_ms * span_ms, until_ms)
        past = await older.influx.read_buckets(tags, since_ms=first_ms, until_ms=edge_ms, span_ms=span_ms)
        wide = replace_buckets(wide, past, first_ms, edge_ms)
    return Trend(series=series, span=timedelta(milliseconds=span_ms), buckets=wide)


def choose_span(length_ms: int) -> tuple[int, Level]:
    """Return the length of the buckets of a trend and the level they are made from."""
    fitting = ((span_ms, level) for span_ms, level in _SPANS if length_ms / span_ms < MOST_SPANS)
    return next(fitting, _SPANS[-1])


async def _read_buckets(
    connection: AsyncConnection, series: int, level: Level, since_ms: int, until_ms: int
) -> Buckets:
    """Return what blocks and unpacked readings say; a finer level that is gone is told by the hours."""
    span_ms = MINUTE_MS if level is Level.MINUTE else HOUR_MS
    since_ms = since_ms // span_ms * span_ms
    found = await blocks.read_blocks(connection, (series,), level, since_ms, until_ms)
    parts = [Buckets.unpack(data) for _, data in sorted(found.items())]
    if level is Level.MINUTE:
        held_days = {start_ms for _, _, start_ms in found}
        coarse = await blocks.read_blocks(connection, (series,), Level.HOUR, since_ms, until_ms)
        hours = [Buckets.unpack(data) for _, data in sorted(coarse.items())]
        parts += [part for hour in hours for part in _outside(hour, held_days)]
    fresh = (await blocks.read_fresh(connection, (series,), since_ms, until_ms)).get(series)
    joined = no_buckets()
    for part in parts:
        joined = join_buckets(joined, part.between(since_ms, until_ms), span_ms)
    return join_buckets(joined, roll_up(fresh, span_ms), span_ms) if fresh is not None else joined


def _outside(hours: Buckets, days: set[int]) -> list[Buckets]:
    """Return the parts of hourly buckets that lie in none of some days."""
    edges = [int(hours.start_ms[0]), *sorted(days), int(hours.start_ms[-1]) + 1] if len(hours) else []
    return [
        hours.between(begin + (DAY_MS if begin in days else 0), end)
        for begin, end in pairwise(sorted(set(edges)))
    ]
