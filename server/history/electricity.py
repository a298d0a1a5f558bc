"""Electricity by building and day, from the meters' counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select, tuple_

from server.db.session import ReadSession
from server.devices.tables import Device
from server.history import blocks
from server.history.columns import HOUR_MS, Buckets, join_buckets, no_buckets, roll_up
from server.history.database import HistoryDatabase
from server.history.model import Stretch
from server.history.service import from_ms, to_ms
from server.history.tables import Level, Series
from server.places.tables import Building
from server.places.within import Place, buildings_within

POINTS: Final = ("energy_kwh", "energy_import_kwh")
"""Counters of what was drawn; a meter that has both is counted by the first."""
UNIT: Final = "kW.h"
_BEFORE: Final = timedelta(days=2)
"""Where the count at the beginning of a stretch is looked for."""
_LONG_GAP_MS: Final = 3 * HOUR_MS
_MOST_PAIRS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUse:
    """What one building drew on one day.

    Attributes:
        day: by the clock on the wall.
        kwh: the sum of its meters.
        uncertain: a counter went back (a meter was replaced), or nothing was heard over a midnight, so that
            some of it may belong to the day before.
    """

    day: date
    kwh: float
    uncertain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingUse:
    """What one building drew.

    Attributes:
        building: its code.
        name: what people call it.
        meters: how many meters were heard of.
        days: in order; a day on which nothing was heard is left out.
    """

    building: str
    name: str
    meters: int
    days: Sequence[DayUse]

    @property
    def kwh(self) -> float:
        """The sum of the days."""
        return sum(day.kwh for day in self.days)


async def read_use(
    session: ReadSession, readings: HistoryDatabase, place: Place, stretch: Stretch, zone: ZoneInfo
) -> list[BuildingUse]:
    """Return what each building of a place drew, by name of the building.

    All meters of a building are added up: a main meter and those behind it, registered with the same
    building, count twice. Register the ones behind it with their flats' building only if that is wanted.
    """
    query = (
        select(Device.gateway, Device.device, Building.code, Building.name)
        .join(Building, Building.code == Device.building)
        .where(Building.code.in_(buildings_within(place)))
    )
    rows = (await session.execute(query)).all()
    building_of = {(row.gateway, row.device): row.code for row in rows}
    names = {row.code: row.name for row in rows}
    meters = await _meters(readings, list(building_of))
    counts = await _hourly(readings, list(meters), stretch)
    by_building: dict[str, list[dict[date, DayUse]]] = {}
    for id_, key in meters.items():
        days = use_by_day(counts.get(id_, no_buckets()), stretch, zone)
        by_building.setdefault(building_of[key], []).append(days)
    found = [
        BuildingUse(building=code, name=names[code], meters=len(days), days=_add_up(days))
        for code, days in by_building.items()
    ]
    return sorted(found, key=lambda use: (use.name, use.building))


def use_by_day(hours: Buckets, stretch: Stretch, zone: ZoneInfo) -> dict[date, DayUse]:
    """Return what one meter counted on each day of a stretch.

    What was counted between one hour's last value and the next one's belongs to the day of the latter. A
    counter that goes back was reset or replaced: what it then shows is new, what it lost is not known.
    """
    known = hours.count > 0
    starts, last = hours.start_ms[known], hours.last[known]
    steps = np.diff(last)
    found: dict[date, DayUse] = {}
    since_ms, until_ms = to_ms(stretch.since), to_ms(stretch.until)
    for index, step in enumerate(steps.tolist()):
        start_ms, before_ms = int(starts[index + 1]), int(starts[index])
        if not since_ms <= start_ms < until_ms:
            continue
        day = from_ms(start_ms).astimezone(zone).date()
        overnight = from_ms(before_ms).astimezone(zone).date() != day
        doubtful = step < 0 or (overnight and start_ms - before_ms > _LONG_GAP_MS)
        held = found.get(day)
        found[day] = DayUse(
            day=day,
            kwh=(held.kwh if held else 0.0) + (step if step >= 0 else float(last[index + 1])),
            uncertain=doubtful or (held is not None and held.uncertain),
        )
    return found


async def _meters(readings: HistoryDatabase, devices: list[tuple[str, str]]) -> dict[int, tuple[str, str]]:
    """Return the series of counters of some devices, one for each device."""
    chosen: dict[tuple[str, str], tuple[int, int]] = {}
    async with readings.begin() as connection:
        for first in range(0, len(devices), _MOST_PAIRS):
            query = select(Series.id, Series.gateway, Series.device, Series.point).where(
                tuple_(Series.gateway, Series.device).in_(devices[first : first + _MOST_PAIRS]),
                Series.point.in_(POINTS),
                Series.unit == UNIT,
            )
            for row in await connection.execute(query):
                rank = POINTS.index(row.point)
                key = (row.gateway, row.device)
                chosen[key] = min(chosen.get(key, (rank, row.id)), (rank, row.id))
    return {id_: key for key, (_, id_) in chosen.items()}


async def _hourly(readings: HistoryDatabase, ids: list[int], stretch: Stretch) -> dict[int, Buckets]:
    """Return the hours of some series, packed and not, from a little before a stretch to its end."""
    since_ms = to_ms(stretch.since - _BEFORE) // HOUR_MS * HOUR_MS
    until_ms = to_ms(stretch.until)
    found: dict[int, Buckets] = {}
    for first in range(0, len(ids), _MOST_PAIRS):
        part = ids[first : first + _MOST_PAIRS]
        async with readings.begin() as connection:
            packed = await blocks.read_blocks(connection, part, Level.HOUR, since_ms, until_ms)
            fresh = await blocks.read_fresh(connection, part, since_ms, until_ms)
        for (id_, _, _), data in sorted(packed.items()):
            hours = Buckets.unpack(data).between(since_ms, until_ms)
            found[id_] = join_buckets(found.get(id_, no_buckets()), hours, HOUR_MS)
        for id_, newer in fresh.items():
            found[id_] = join_buckets(found.get(id_, no_buckets()), roll_up(newer, HOUR_MS), HOUR_MS)
    return found


def _add_up(meters: Sequence[Mapping[date, DayUse]]) -> list[DayUse]:
    days = sorted({day for meter in meters for day in meter})
    return [
        DayUse(
            day=day,
            kwh=sum(meter[day].kwh for meter in meters if day in meter),
            uncertain=any(day not in meter or meter[day].uncertain for meter in meters),
        )
        for day in days
    ]
