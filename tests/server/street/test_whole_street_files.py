"""The files that only a larger street has: areas, blocks, units, duty times, absences, cameras."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from server.devices.tables import Device, Gateway
from server.errors import ImportRefusedError
from server.people.tables import Absence, DutyTime
from server.places.tables import Area, Block, Building, Camera, Community, Estate, Unit
from tests.server.street.test_import import count, take

AREAS = "code,name\nA1,枫桥片区\n"
COMMUNITIES = "name,code,area\n枫桥里社区,C01,A1\n运河湾社区,C02,\n"
BLOCKS = "code,community,name,grid\nS1,C02,汇金大厦,D01\n"
UNITS = "code,building,name,households\nB01-1,B01,1单元,12\n"
TIMES = (
    "person,role,scope,code,days,from,until,cycle_weeks,cycle_start\n"
    "wang,leader,grid,W01,12345,08:00,20:00,,\n"
    "desk,desk,street,,1234567,20:00,08:00,2,2026-01-05\n"
)
ABSENCES = "person,from,until,stand_in\nwang,2026-12-01 08:00,2026-12-08T00:00+00:00,li\n"
CAMERAS = "code,name,building,longitude,latitude,address\nK1,东门,B01,120.56,31.3,rtsp://camera.example/1\n"
MORE = {
    "areas": AREAS,
    "communities": COMMUNITIES,
    "blocks": BLOCKS,
    "units": UNITS,
    "duty_times": TIMES,
    "absences": ABSENCES,
    "cameras": CAMERAS,
}


@pytest.fixture
def whole(files):
    return {**files, **{name: text.encode() for name, text in MORE.items()}}


async def only(database, table):
    async with database.read() as session:
        return list(await session.scalars(select(table)))


async def test_every_file_is_taken(database, whole):
    changes = await take(database, whole)
    assert {name: changes[name].added for name in MORE} == {
        "areas": 1,
        "communities": 2,
        "blocks": 1,
        "units": 1,
        "duty_times": 2,
        "absences": 1,
        "cameras": 1,
    }
    night = next(time for time in await only(database, DutyTime) if time.person == "desk")
    assert (night.days, night.from_time, night.until_time) == ("1234567", "20:00", "08:00")
    assert (night.cycle_weeks, night.cycle_start) == (2, date(2026, 1, 5))
    (away,) = await only(database, Absence)
    assert away.from_at == datetime(2026, 12, 1, 0, 0, tzinfo=UTC), "a time without an offset is the street's"
    assert away.until_at == datetime(2026, 12, 8, 0, 0, tzinfo=UTC)
    again = await take(database, whole)
    assert all(change.added == change.changed == 0 for change in again.values())


async def test_what_a_missing_file_or_column_said_stays(database, whole, files):
    await take(database, whole)
    await take(database, files)
    assert {c.code: c.area for c in await only(database, Community)} == {"C01": "A1", "C02": None}
    assert await count(database, Area) == await count(database, Block) == await count(database, Unit) == 1
    assert await count(database, DutyTime) == 2


async def test_duty_times_and_absences_are_the_whole_truth(database, whole):
    await take(database, whole)
    fewer = {
        **whole,
        "duty_times": TIMES.rsplit("desk", 2)[0].encode(),
        "absences": ABSENCES.split("wang", maxsplit=1)[0].encode(),
    }
    changes = await take(database, fewer)
    assert [time.person for time in await only(database, DutyTime)] == ["wang"]
    assert await count(database, Absence) == 0
    assert changes["absences"].kept == 0


async def test_install_dates_units_and_feeders_of_devices(database, whole):
    lines = whole["devices"].decode().splitlines()
    longer = [f"{lines[0]},unit,feeder,installed_on", f"{lines[1]},B01-1,F9,2024-05-17"]
    longer += [f"{line},,," for line in lines[2:]]
    await take(database, {**whole, "devices": "\n".join(longer).encode()})
    async with database.read() as session:
        device = await session.get(Device, ("gw-demo-01", "gas-kitchen"))
        assert (device.unit, device.feeder, device.installed_on) == ("B01-1", "F9", date(2024, 5, 17))
        assert (await session.get(Gateway, "gw-demo-01")).registered
        assert (await session.get(Estate, "E01")).address == ""
        assert (await session.get(Building, "B01")).floors is None
    assert len(await only(database, Camera)) == 1


@pytest.mark.parametrize(
    ("sheet", "old", "new", "problem"),
    [
        ("communities", "A1", "A9", "communities.csv:2:3: found 'A9' as area, allowed a code of areas.csv"),
        ("communities", "area", "arae", "communities.csv:1:3: found a column 'arae', allowed"),
        ("communities", "area", "name", "communities.csv:1:3: found the column name a second time"),
        ("units", "B01,1", "B77,1", "units.csv:2:2: found 'B77' as building"),
        ("units", "12", "-1", "units.csv:2:4: found '-1' as households, allowed a whole number"),
        ("duty_times", "wang,leader", "wang,deputy", "duty_times.csv:2:1: found wang/deputy/grid/W01"),
        ("duty_times", "12345", "54321", "duty_times.csv:2:5: found '54321' as days"),
        ("duty_times", "08:00,20:00", "24:00,20:00", "duty_times.csv:2:6: found '24:00' as from"),
        ("duty_times", "2026-01-05", "2026-01-06", "duty_times.csv:3:9: found '2026-01-06' as cycle_start"),
        ("absences", "2026-12-08", "2026-11-08", "absences.csv:2:3: found an end that is not after"),
        ("absences", ",li", ",wang", "absences.csv:2:4: found somebody who stands in for themselves"),
        ("cameras", "rtsp://", "rtsp://admin:secret@", "cameras.csv:2:6"),
        ("cameras", "rtsp://", "file://", "cameras.csv:2:6"),
        ("blocks", "D01", "D77", "blocks.csv:2:4: found 'D77' as grid"),
        (
            "duties",
            "wang,leader,grid,W01",
            "wang,leader,estate,E01",
            "found estate for a leader, allowed grid",
        ),
    ],
)
async def test_a_mistake_is_named_at_its_place(*, database, whole, sheet, old, new, problem):
    broken = whole[sheet].decode().replace(old, new, 1).encode()
    assert broken != whole[sheet]
    with pytest.raises(ImportRefusedError) as refusal:
        await take(database, {**whole, sheet: broken})
    assert any(problem in said for said in refusal.value.problems), refusal.value.problems
    assert await count(database, Community) == 0
