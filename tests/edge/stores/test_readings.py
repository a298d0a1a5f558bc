"""Readings: kept in blocks, handed on oldest first, shed before they could crowd out anything else."""

from datetime import timedelta

import pytest

from edge.clock import ManualClock
from edge.model import Point, Snapshot
from edge.stores.batches import BLOCK_ROWS, ClockStand, build_batches
from edge.stores.readings import ReadingStore
from wire import codec
from wire.vocabulary import Clock, Quality

POINTS = (Point("ph", "[pH]"), Point("temperature_c", "Cel"))
DAY_MS = 86_400_000


def snapshots(clock, count, *, device="river-1"):
    made = []
    for number in range(count):
        clock.advance(seconds=1)
        made.append(Snapshot(device=device, points=POINTS, values=(7.0 + number, 15.0), at=clock.moment()))
    return made


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def store(tmp_path):
    opened = ReadingStore(tmp_path / "readings.db", max_bytes=1_000_000, max_age_ms=30 * DAY_MS)
    yield opened
    opened.close()


async def test_what_was_read_comes_out_as_it_went_in(store, clock):
    await store.append(snapshots(clock, 3), clock.moment())
    (block,) = await store.pending(after_seq=0, most=10)
    batch = codec.decode_readings_batch(block.body)
    assert batch.value == (7.0, 15.0, 8.0, 15.0, 9.0, 15.0)
    assert batch.offset_ms == (0, 0, 1000, 1000, 2000, 2000)
    assert [(one.device, one.point, one.unit) for one in batch.series] == [
        ("river-1", "ph", "[pH]"),
        ("river-1", "temperature_c", "Cel"),
    ]
    assert batch.quality == (), "all good is the usual case and costs nothing"


async def test_a_doubtful_value_keeps_its_quality(store, clock):
    (good,) = snapshots(clock, 1)
    clock.advance(seconds=1)
    bad = Snapshot(
        device="river-1",
        points=POINTS,
        values=(None, 15.0),
        qualities=(Quality.COMM_FAULT, Quality.GOOD),
        at=clock.moment(),
    )
    (batch,) = build_batches([good, bad])
    assert batch.quality == (Quality.GOOD, Quality.GOOD, Quality.COMM_FAULT, Quality.GOOD)


def test_blocks_have_a_size_and_nothing_is_left_out(clock):
    many = snapshots(clock, BLOCK_ROWS * 2)
    batches = build_batches(many)
    assert all(len(batch.s) <= BLOCK_ROWS for batch in batches)
    assert sum(len(batch.s) for batch in batches) == 2 * len(many)


async def test_the_oldest_goes_first_and_what_the_server_holds_goes_no_more(store, clock):
    for _ in range(3):
        await store.append(snapshots(clock, 1), clock.moment())
    first, second, third = [block.seq for block in await store.pending(after_seq=0, most=10)]
    assert first < second < third
    await store.acknowledge([second])
    assert [block.seq for block in await store.pending(after_seq=0, most=10)] == [first, third]
    assert store.waiting == 2
    await store.reopen_after(first)
    assert [block.seq for block in await store.pending(after_seq=0, most=10)] == [first, second, third]


async def test_too_much_sheds_the_oldest_and_says_how_much(tmp_path, clock):
    store = ReadingStore(tmp_path / "readings.db", max_bytes=2_000, max_age_ms=30 * DAY_MS)
    for _ in range(20):
        await store.append(snapshots(clock, 5), clock.moment())
    newest = store.last_seq
    await store.prune(clock.moment())
    left = [block.seq for block in await store.pending(after_seq=0, most=100)]
    assert left
    assert left[-1] == newest, "the newest stays"
    assert left == list(range(left[0], newest + 1)), "the oldest went, without gaps"
    assert store.shed > 0
    store.close()


async def test_too_old_is_shed(store, clock):
    await store.append(snapshots(clock, 1), clock.moment())
    clock.advance(seconds=31 * 24 * 3600)
    await store.append(snapshots(clock, 1), clock.moment())
    await store.prune(clock.moment())
    assert [block.seq for block in await store.pending(after_seq=0, most=9)] == [store.last_seq]


async def test_a_restart_goes_on_where_it_was(tmp_path, clock):
    path = tmp_path / "readings.db"
    store = ReadingStore(path, max_bytes=1_000_000, max_age_ms=DAY_MS)
    await store.append(snapshots(clock, 1), clock.moment())
    run, seq = store.run, store.last_seq
    store.close()
    store = ReadingStore(path, max_bytes=1_000_000, max_age_ms=DAY_MS)
    assert (store.run, store.last_seq, store.waiting) == (run, seq, 1)
    store.close()


async def test_a_batch_never_spans_a_jump_of_the_wall_clock(store, clock):
    before = snapshots(clock, 2)
    clock.wall_ms += 400 * DAY_MS
    after = snapshots(clock, 2)
    first, second = build_batches([*before, *after])
    assert (second.start - first.start).days == 400
    for batch in (first, second):
        assert batch.offset_ms == (0, 0, 1000, 1000)


def stand(clock, boot="boot-1"):
    return ClockStand.at(clock.moment(), boot=boot, trust=clock.trust())


async def test_readings_of_an_unsure_clock_are_corrected_once_it_is_set(store, clock):
    clock.trusted = Clock.UNSURE
    await store.append(snapshots(clock, 1), clock.moment(), stand=stand(clock))
    (before,) = await store.pending(after_seq=0, most=1, stand=stand(clock))
    assert codec.decode_readings_batch(before.body).clock is Clock.UNSURE
    clock.advance(seconds=60)
    clock.wall_ms += 365 * DAY_MS
    clock.trusted = Clock.SYNCED
    (block,) = await store.pending(after_seq=0, most=1, stand=stand(clock))
    batch = codec.decode_readings_batch(block.body)
    assert batch.clock is Clock.SYNCED
    assert clock.moment().as_datetime() - batch.start == timedelta(seconds=60)


async def test_readings_of_an_unsure_clock_before_a_restart_stay_marked(store, clock):
    clock.trusted = Clock.UNSURE
    await store.append(snapshots(clock, 1), clock.moment(), stand=stand(clock))
    clock.trusted = Clock.SYNCED
    (block,) = await store.pending(after_seq=0, most=1, stand=stand(clock, boot="boot-2"))
    assert codec.decode_readings_batch(block.body).clock is Clock.UNSURE


async def test_nothing_is_thrown_away_on_the_word_of_a_clock_that_is_not_trusted(store, clock):
    await store.append(snapshots(clock, 1), clock.moment())
    clock.wall_ms += 365 * DAY_MS
    await store.prune(clock.moment(), by_age=False)
    assert len(await store.pending(after_seq=0, most=9)) == 1
