"""Readings: applied once, read back in order, packed, rolled up, let go of."""

from datetime import UTC, datetime, timedelta

import pytest

from server.clock import ManualClock
from server.history import blocks, trends
from server.history import service as history
from server.history.database import HistoryDatabase
from server.history.packer import Packer, Retention, RetentionPlan
from server.history.service import Batch
from server.history.tables import Level
from server.pulse import Pulses
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Quality

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def readings(tmp_path):
    database = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await database.prepare()
    yield database
    await database.close()


@pytest.fixture
def clock():
    return ManualClock(time=START + timedelta(hours=1))


@pytest.fixture
def packer(readings, clock):
    return Packer(database=readings, clock=clock, pulses=Pulses(), chunk=7)


def batch(seq: int, *, gateway: str = "gw-one", run: str = "r1", offset_s: float = 0) -> Batch:
    content = ReadingsBatch(
        start=START + timedelta(seconds=offset_s),
        series=(
            ReadingSeries(device="gas-1", point="gas_lel", unit="%{LEL}"),
            ReadingSeries(device="meter-1", point="power_w", unit="W"),
        ),
        s=(0, 1, 0),
        offset_ms=(0, 0, 250),
        value=(1.5, 230.0, None),
        quality=(Quality.GOOD, Quality.GOOD, Quality.COMM_FAULT),
    )
    return Batch(gateway=gateway, run=run, seq=seq, content=content)


def values(seq: int, at: datetime, *found: float, every_s: float = 1) -> Batch:
    content = ReadingsBatch(
        start=at,
        series=(ReadingSeries(device="river-1", point="ph", unit="[pH]"),),
        s=(0,) * len(found),
        offset_ms=tuple(round(i * every_s * 1000) for i in range(len(found))),
        value=found,
    )
    return Batch(gateway="gw-one", run="river", seq=seq, content=content)


async def read(readings, **changes):
    asked = {"gateway": "gw-one", "device": "gas-1", "since": START, "until": START + timedelta(hours=1)}
    return await trends.read_range(readings, **{**asked, **changes})


async def trend(readings, since, length):
    (series,) = await trends.find_series(readings, gateway="gw-one", device="river-1", point="ph")
    return await trends.read_trend(readings, series, since=since, until=since + length)


async def unpacked(readings) -> int:
    async with readings.begin() as connection:
        return await blocks.count_fresh(connection)


async def levels(readings, at: datetime) -> set[Level]:
    """At which levels the river's day is held."""
    (series,) = await trends.find_series(readings, gateway="gw-one", device="river-1")
    at_ms = history.to_ms(at)
    async with readings.begin() as connection:
        return {
            level
            for level in Level
            if await blocks.read_blocks(connection, (series.id,), level, at_ms, at_ms + 1)
        }


async def test_batches_are_applied_once(readings):
    assert await history.apply(readings, [batch(1), batch(2, offset_s=1)], now=START) == 2
    assert await history.apply(readings, [batch(2, offset_s=1), batch(3, offset_s=2)], now=START) == 1
    found = await read(readings)
    assert [(r.at - START).total_seconds() for r in found] == [0, 0.25, 1, 1.25, 2, 2.25]
    assert (found[0].value, found[0].unit, found[0].quality) == (1.5, "%{LEL}", Quality.GOOD)
    assert (found[1].value, found[1].quality) == (None, Quality.COMM_FAULT)


async def test_gateways_do_not_share_series(readings):
    await history.apply(readings, [batch(1), batch(1, gateway="gw-two")], now=START)
    assert len(await read(readings)) == 2
    assert len(await read(readings, gateway="gw-two", device="meter-1", point="power_w")) == 1
    assert await read(readings, point="power_w") == []


async def test_highest_numbers_by_run(readings):
    await history.apply(readings, [batch(4), batch(9, offset_s=9), batch(2, run="r2", offset_s=5)], now=START)
    assert await history.highest_seqs(readings, "gw-one", ["r1", "r2", "r3"]) == {"r1": 9, "r2": 2, "r3": 0}


async def test_a_failed_transaction_leaves_nothing_and_remembers_no_series(readings, monkeypatch):
    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(history, "rows_of", broken)
    with pytest.raises(ZeroDivisionError):
        await history.apply(readings, [batch(1)], now=START)
    monkeypatch.undo()
    assert await history.apply(readings, [batch(1)], now=START) == 1
    assert len(await read(readings)) == 2


async def test_packing_changes_nothing_for_whoever_reads(readings, packer):
    await history.apply(readings, [batch(i, offset_s=i * 50) for i in range(30)], now=START)
    before = await read(readings)
    await packer.pack_all()
    assert await unpacked(readings) == 0
    assert await read(readings) == before
    await history.apply(readings, [batch(77, offset_s=33)], now=START)
    after = await read(readings)
    assert len(after) == len(before) + 2
    assert [r.at for r in after] == sorted(r.at for r in after)


async def test_a_reading_of_a_held_millisecond_is_dropped_also_when_that_one_is_packed(readings, packer):
    await history.apply(readings, [values(1, START, 7.0)], now=START)
    await packer.pack_all()
    await history.apply(readings, [values(2, START, 9.0)], now=START)
    await packer.pack_all()
    assert [r.value for r in await read(readings, device="river-1")] == [7.0]


async def test_late_readings_land_at_their_own_time_and_correct_the_roll_ups(readings, packer):
    day = timedelta(days=1)
    await history.apply(readings, [values(1, START, 7.0, 7.2), values(2, START + day, 8.0)], now=START)
    await packer.pack_all()
    # A station sends afterwards what it measured while its line was dead: an hour before, a day before.
    late = [values(3, START - timedelta(hours=1), 6.0), values(4, START + timedelta(seconds=1.5), 9.0)]
    await history.apply(readings, late, now=START + day)
    expected = [6.0, (7.0 + 7.2 + 9.0) / 3, 8.0]
    unpacked_too = await trend(readings, START - day, 60 * day)
    await packer.pack_all()
    packed = await trend(readings, START - day, 60 * day)
    for found in (unpacked_too, packed):
        assert found.span == timedelta(hours=1)
        assert found.buckets.mean.tolist() == pytest.approx(expected)
        assert found.buckets.high.tolist() == [6.0, 9.0, 8.0]
    assert len(await read(readings, device="river-1", since=START - day, until=START + 2 * day)) == 5


async def test_a_trend_takes_the_finest_spans_that_fit_a_screen(readings, packer):
    await history.apply(readings, [values(1, START, *range(100), every_s=30)], now=START)
    await packer.pack_all()
    hour = await trend(readings, START, timedelta(hours=1))
    assert (hour.span, len(hour.buckets)) == (timedelta(minutes=1), 50)
    assert hour.buckets.low[:2].tolist() == [0, 2]
    assert (await trend(readings, START, timedelta(days=7))).span == timedelta(minutes=10)
    year = await trend(readings, START - timedelta(days=180), timedelta(days=366))
    assert year.span == timedelta(hours=24) or year.span == timedelta(hours=6)
    assert year.buckets.count.sum() == 100


async def test_what_is_too_old_goes_level_by_level(readings, packer, clock):
    await history.apply(readings, [values(1, START, 7.0)], now=START)
    await packer.pack_all()
    assert await levels(readings, START) == {Level.RAW, Level.MINUTE, Level.HOUR}
    clock.advance(seconds=32 * 86400)
    await packer.prune()
    assert await levels(readings, START) == {Level.MINUTE, Level.HOUR}
    clock.advance(seconds=60 * 86400)
    await packer.prune()
    assert await levels(readings, START) == {Level.HOUR}
    # Still there for whoever asks, as hours.
    assert (await trend(readings, START, timedelta(hours=1))).buckets.last.tolist() == [7.0]
    clock.advance(seconds=4 * 366 * 86400)
    await packer.prune()
    assert await levels(readings, START) == set()


@pytest.mark.parametrize("days", [32, 92])
async def test_what_comes_after_its_day_was_let_go_of_is_added_to_what_is_left(readings, packer, clock, days):
    await history.apply(readings, [values(1, START, 7.0)], now=START)
    await packer.pack_all()
    clock.advance(seconds=days * 86400)
    await packer.prune()
    await history.apply(readings, [values(2, START + timedelta(minutes=5), 9.0)], now=clock.now())
    await packer.pack_all()
    found = await trend(readings, START - timedelta(days=1), timedelta(days=80))
    assert found.buckets.count.tolist() == [2]
    assert found.buckets.mean.tolist() == [8.0]


async def test_a_class_of_series_may_be_kept_longer(readings, clock):
    async def river(_name: str) -> set[int]:
        return {s.id for s in await trends.find_series(readings, gateway="gw-one", device="river-1")}

    plan = RetentionPlan(classes={"river": Retention(raw=timedelta(days=400))}, members=river)
    packer = Packer(database=readings, clock=clock, pulses=Pulses(), retention=plan)
    await history.apply(readings, [values(1, START, 7.0), batch(1)], now=START)
    await packer.pack_all()
    clock.advance(seconds=40 * 86400)
    await packer.prune()
    assert len(await read(readings, device="river-1")) == 1
    assert await read(readings) == []


async def test_applied_numbers_are_forgotten_after_a_month_but_for_the_highest(readings, packer, clock):
    await history.apply(readings, [batch(i, offset_s=i) for i in range(1, 6)], now=START)
    clock.advance(seconds=40 * 86400)
    await packer.prune()
    assert await history.highest_seqs(readings, "gw-one", ["r1"]) == {"r1": 5}
    assert await history.apply(readings, [batch(5, offset_s=5)], now=clock.now()) == 0


async def test_the_loop_packs_when_its_time_comes(readings, packer, clock):
    await history.apply(readings, [values(1, START, 7.0)], now=START)
    assert not await packer.turn()
    assert await unpacked(readings) == 1
    clock.advance(seconds=600)
    while await packer.turn():
        pass
    assert await unpacked(readings) == 0
    await history.apply(readings, [values(2, START, 7.5)], now=START)
    assert not await packer.turn()
    assert await unpacked(readings) == 1
    clock.advance(seconds=7 * 3600)
    while await packer.turn():
        pass
    assert await unpacked(readings) == 0
