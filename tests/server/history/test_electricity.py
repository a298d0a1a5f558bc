"""Electricity by building and day, from counters that stop, start anew and are replaced."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.clock import ManualClock
from server.devices.tables import Device
from server.history.columns import HOUR_MS, Readings, roll_up
from server.history.database import HistoryDatabase
from server.history.electricity import read_use, use_by_day
from server.history.model import Stretch, month_of, stretch_of_month
from server.history.packer import Packer
from server.history.service import to_ms
from server.places.tables import Building
from server.places.within import Place, PlaceKind
from server.pulse import Pulses
from tests.server.history.recording import record
from tests.server.world import open_world

ZONE = ZoneInfo("Asia/Shanghai")
MARCH = stretch_of_month(date(2026, 3, 1), ZONE)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=ZONE)


def hourly(*values: float | None, begin: datetime = MIDNIGHT - timedelta(hours=1)):
    """A counter as it stood in each hour; None is an hour without a word."""
    rows = [
        (to_ms(begin + timedelta(hours=hour)), value, 0)
        for hour, value in enumerate(values)
        if value is not None
    ]
    return roll_up(Readings.of(rows), HOUR_MS)


def test_a_day_begins_at_midnight_by_the_clock_on_the_wall():
    assert Stretch(datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 3, 31, 16, tzinfo=UTC)) == MARCH
    found = use_by_day(hourly(100, 101, 103, begin=MIDNIGHT - timedelta(hours=2)), MARCH, ZONE)
    assert {day.day: day.kwh for day in found.values()} == {date(2026, 3, 1): 2}, (
        "February's last hour is not March's"
    )


def test_the_hours_of_a_day_add_up():
    found = use_by_day(hourly(*range(100, 149)), MARCH, ZONE)
    assert {day: (use.kwh, use.uncertain) for day, use in found.items()} == {
        date(2026, 3, 1): (24, False),
        date(2026, 3, 2): (24, False),
    }


def test_a_replaced_meter_counts_from_what_it_shows_and_says_so():
    found = use_by_day(hourly(5000, 5001, 2, 4), MARCH, ZONE)
    assert found[date(2026, 3, 1)].kwh == 1 + 2 + 2
    assert found[date(2026, 3, 1)].uncertain


def test_a_silence_over_midnight_makes_the_day_uncertain_and_loses_nothing():
    found = use_by_day(hourly(10, 11, *[None] * 30, 40), MARCH, ZONE)
    assert (found[date(2026, 3, 1)].kwh, found[date(2026, 3, 1)].uncertain) == (1, False)
    assert (found[date(2026, 3, 2)].kwh, found[date(2026, 3, 2)].uncertain) == (29, True)


def test_months_are_read_and_nonsense_is_not():
    now = datetime(2026, 3, 31, 20, tzinfo=UTC)
    assert month_of("", now=now, zone=ZONE) == date(2026, 4, 1), "it is April there already"
    assert month_of("2026-12", now=now, zone=ZONE) == date(2026, 12, 1)
    assert month_of("2026-13", now=now, zone=ZONE) is None
    assert month_of("x", now=now, zone=ZONE) is None
    assert stretch_of_month(date(2026, 12, 9), ZONE).until == datetime(2027, 1, 1, tzinfo=ZONE)


@pytest.mark.parametrize("packed", [False, True])
async def test_meters_of_a_building_add_up_and_other_buildings_stand_apart(tmp_path, packed):
    readings = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await readings.prepare()
    async with open_world(tmp_path) as world:
        async with world.database.write() as session:
            session.add(Building(code="b2", estate="e1", name="4号楼", grid="g1"))
            await session.flush()
            for device, building in (("meter-2", "b1"), ("meter-3", "b2"), ("meter-lost", None)):
                session.add(Device(gateway="gw-one", device=device, building=building))
        begin, hour = MIDNIGHT - timedelta(hours=1), timedelta(hours=1)
        for device, step in (("meter-1", 1.0), ("meter-2", 0.5), ("meter-3", 2.0), ("meter-lost", 9.0)):
            values = [1000 + step * n for n in range(49)]
            await record(readings, f"{device}/energy_kwh", "kW.h", begin, values, every=hour)
            await record(readings, f"{device}/energy_import_kwh", "kW.h", begin, values, every=hour)
        if packed:
            await Packer(database=readings, clock=ManualClock(MIDNIGHT), pulses=Pulses()).pack_all()
        async with world.database.read() as session:
            everything = Place(PlaceKind.COMMUNITY, "c1")
            found = await read_use(session, readings, everything, MARCH, ZONE)
            assert [(use.name, use.meters, use.kwh) for use in found] == [("3号楼", 2, 72), ("4号楼", 1, 96)]
            assert [(day.day.day, day.kwh, day.uncertain) for day in found[0].days] == [
                (1, 36, False),
                (2, 36, False),
            ]
            only = await read_use(session, readings, Place(PlaceKind.BUILDING, "b2"), MARCH, ZONE)
            assert [use.building for use in only] == ["b2"]
            assert len(await read_use(session, readings, Place(PlaceKind.GRID, "g0"), MARCH, ZONE)) == 2
            assert await read_use(session, readings, Place(PlaceKind.GRID, "nowhere"), MARCH, ZONE) == []
    await readings.close()
