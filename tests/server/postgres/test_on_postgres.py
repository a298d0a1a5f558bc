"""The same server on PostgreSQL: schema, intake, an item's life, readings, measurements."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from server.clock import server_clock
from server.db.migrate import Schema, migrate
from server.db.session import Database
from server.history import service as history
from server.history.database import HistoryDatabase
from server.history.service import Batch
from server.items.model import ItemState, Move
from server.people.tables import Duty
from server.places.differences import SheetChange
from server.places.importer import SAMPLE_STREET, read_folder, take_files
from server.telemetry.service import look
from tests.harness.postgres import running_postgres
from tests.server.world import fill, running_parts
from wire.messages import ReadingsBatch, ReadingSeries

pytestmark = pytest.mark.story


@pytest.fixture
async def database():
    async with running_postgres() as url:
        await asyncio.to_thread(migrate, url)
        await asyncio.to_thread(migrate, url, Schema.READINGS)
        database = Database(url)
        try:
            yield database, url
        finally:
            await database.close()


async def test_an_alarm_becomes_an_item_climbs_and_is_closed(database):
    main, _ = database
    await fill(main)
    async with running_parts(main) as world:
        await world.raise_alarm()
        await world.raise_alarm()  # sent again: still one
        await world.settle()
        assert len(await world.items()) == 1
        first = await world.told()
        assert {"leader", "officer", "room"} <= first
        await world.pass_time(61)
        assert await world.told() > first, "nobody accepted: the next step was told"
        await world.press("leader", Move.ACCEPT)
        await world.press("leader", Move.FINISH)
        await world.clear_alarm()
        await world.settle()
        assert (await world.item()).state in {ItemState.VERIFIED, ItemState.CLOSED}


async def test_readings_are_applied_once_and_everything_is_measured(database):
    main, url = database
    await fill(main)
    readings = HistoryDatabase(url)
    async with running_parts(main) as world:
        now = world.clock.now()
        batch = ReadingsBatch(
            start=now,
            series=(ReadingSeries(device="d", point="p"),),
            s=(0, 0),
            offset_ms=(0, 5),
            value=(1.0, 2.0),
        )
        try:
            one = Batch(gateway="gw-one", run="r", seq=1, content=batch)
            assert await history.apply(readings, [one], now=now) == 1
            assert await history.apply(readings, [one], now=now) == 0
            await world.raise_alarm()
            found = await look(main, readings, now=now)
        finally:
            await readings.close()
    assert found.series == 1
    assert found.open_items["life_safety", "new"] == 1
    assert found.database_bytes["main"] > 1_000_000
    async with main.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM readings.fresh_reading")) == 2


async def test_a_street_is_imported_changed_and_taken_back(database):
    main, _ = database
    street = {f"{name}.csv": data for name, data in read_folder(SAMPLE_STREET).items()}
    duties = street["duties.csv"].splitlines(keepends=True)

    async def take(**changed: bytes) -> dict[str, SheetChange]:
        files = {**street, **{f"{name}.csv": data for name, data in changed.items()}}
        done = await take_files(main, files, by="test", now=server_clock().now(), grid_code="")
        return {one.sheet: one for one in done}

    assert (await take())["duties"].added == len(duties) - 1
    renamed = street["estates.csv"].replace("雅苑".encode(), "花园".encode())
    changes = await take(duties=b"".join(duties[:-2]), estates=renamed)
    assert (changes["duties"].gone, changes["estates"].changed) == (2, 1)
    async with main.read() as session:
        assert await session.scalar(select(func.count()).select_from(Duty)) == len(duties) - 3
    again = await take(duties=b"".join(duties[:-2]), estates=renamed)
    assert not any(one.differs for one in again.values())
