"""The same server on PostgreSQL: schema, intake, an item's life, readings, measurements."""

import asyncio

import pytest
from sqlalchemy import text

from server.db.migrate import Schema, migrate
from server.db.session import Database
from server.history import service as history
from server.history.database import HistoryDatabase
from server.history.service import Batch
from server.items.model import ItemState, Move
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
