"""What a device says now: the newest reading of each of its quantities."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.history.columns import QUALITIES, Readings, value_or_none
from server.history.database import HistoryDatabase
from server.history.packing import BlockError
from server.history.pointnames import main_point, name_of
from server.history.service import from_ms
from server.history.tables import Block, FreshReading, Level, Series
from server.history.trends import SeriesInfo, find_series, read_columns
from wire.vocabulary import Quality

BACK: Final = timedelta(minutes=5)
"""What is older is no live reading: a device by exception speaks at least with its heartbeat."""
_AHEAD: Final = timedelta(minutes=2)
"""How far a gateway's clock may run before ours."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestReading:
    """The last reading of one quantity.

    Attributes:
        point: its name in the store.
        name: what people call it.
        unit: UCUM code.
        value: None where the device gave none.
        quality: how far it can be trusted.
        at: when it was taken, by its gateway's clock.
    """

    point: str
    name: str
    unit: str
    value: float | None
    quality: Quality
    at: datetime


async def newest_of_devices(database: HistoryDatabase, gateway: str) -> Mapping[str, NewestReading] | None:
    """Return the newest reading of each device of a gateway, however old; None if unreadable.

    Of a device with several quantities it is that of the one that says most.
    """
    try:
        chosen = _telling(await find_series(database, gateway=gateway))
        async with database.begin() as connection:
            found = await _last_fresh(connection, list(chosen))
            days = await _last_packed(connection, [one for one in chosen if one not in found])
        # Readings that arrive do not wait for this.
        found |= await asyncio.to_thread(lambda: {id_: _last_of(data) for id_, data in days.items()})
    except (SQLAlchemyError, BlockError, OSError) as error:
        log.warning("readings_unreadable", gateway=gateway, error=str(error))
        return None
    return {chosen[id_].device: _newest(chosen[id_], *last) for id_, last in found.items()}


_Last = tuple[int, float | None, int]
"""When it was read, the value, the index of its quality."""


def _telling(series: Sequence[SeriesInfo]) -> dict[int, SeriesInfo]:
    of_device: dict[str, dict[str, SeriesInfo]] = {}
    for one in series:
        of_device.setdefault(one.device, {})[one.point] = one
    return {points[point].id: points[point] for points in of_device.values() if (point := main_point(points))}


async def _last_fresh(connection: AsyncConnection, series: Sequence[int]) -> dict[int, _Last]:
    last = (
        select(FreshReading.at_ms)
        .where(FreshReading.series == Series.id)
        .order_by(FreshReading.at_ms.desc())
        .limit(1)
        .correlate(Series)
        .scalar_subquery()
    )
    query = select(Series.id, FreshReading.at_ms, FreshReading.value, FreshReading.quality).join(
        FreshReading, (FreshReading.series == Series.id) & (FreshReading.at_ms == last)
    )
    rows = await connection.execute(query.where(Series.id.in_(series)))
    return {id_: (at_ms, value, quality) for id_, at_ms, value, quality in rows}


async def _last_packed(connection: AsyncConnection, series: Sequence[int]) -> dict[int, bytes]:
    last = (
        select(Block.start_ms)
        .where(Block.series == Series.id, Block.level == Level.RAW)
        .order_by(Block.start_ms.desc())
        .limit(1)
        .correlate(Series)
        .scalar_subquery()
    )
    query = select(Series.id, Block.data).join(
        Block, (Block.series == Series.id) & (Block.level == Level.RAW) & (Block.start_ms == last)
    )
    rows = await connection.execute(query.where(Series.id.in_(series)))
    return {row.id: row.data for row in rows}


def _last_of(data: bytes) -> _Last:
    """Return the last reading of a day. Not for the loop: a gateway may have two hundred silent devices."""
    day = Readings.unpack(data)
    return int(day.at_ms[-1]), float(day.value[-1]), int(day.quality[-1])


def _newest(series: SeriesInfo, at_ms: int, value: float | None, quality: int) -> NewestReading:
    return NewestReading(
        point=series.point,
        name=name_of(series.point),
        unit=series.unit,
        value=value_or_none(value),
        quality=QUALITIES[quality],
        at=from_ms(at_ms),
    )


async def newest_readings(
    database: HistoryDatabase, *, gateway: str, device: str, now: datetime
) -> Sequence[NewestReading] | None:
    """Return the newest reading of each quantity of a device, what says most first; None if unreadable."""
    try:
        known = {one.id: one for one in await find_series(database, gateway=gateway, device=device)}
        found = await read_columns(database, list(known), since=now - BACK, until=now + _AHEAD)
    except (SQLAlchemyError, BlockError, OSError) as error:
        log.warning("readings_unreadable", gateway=gateway, device=device, error=str(error))
        return None
    newest = [
        _newest(known[id_], int(rows.at_ms[-1]), float(rows.value[-1]), int(rows.quality[-1]))
        for id_, rows in found.items()
        if len(rows.at_ms)
    ]
    first = main_point([one.point for one in newest])
    return sorted(newest, key=lambda one: (one.point != first, one.point))
