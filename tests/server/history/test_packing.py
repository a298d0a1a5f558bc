"""Blocks give back what was put into them, and are small."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.history.columns import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    MOST_TOTAL,
    QUALITIES,
    Buckets,
    Readings,
    join_buckets,
    join_readings,
    no_buckets,
    replace_buckets,
    roll_up,
    widen,
)
from server.history.packing import BlockError
from wire.vocabulary import Quality

DAY = 20_000 * DAY_MS

values = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-1000, 100_000).map(lambda whole: whole / 100),
)
rows = st.lists(
    st.tuples(st.integers(0, DAY_MS - 1), values, st.integers(0, len(QUALITIES) - 1)),
    max_size=60,
    unique_by=lambda row: row[0],
).map(lambda found: sorted((DAY + at, value, code) for at, value, code in found))


def as_rows(readings: Readings):
    return [
        (at, None if math.isnan(value) else value, code)
        for at, value, code in zip(
            readings.at_ms.tolist(), readings.value.tolist(), readings.quality.tolist(), strict=True
        )
    ]


def same(one: Buckets, other: Buckets) -> bool:
    return all(
        np.allclose(a, b, equal_nan=True, rtol=1e-9, atol=1e-6)
        for a, b in zip(one.columns, other.columns, strict=True)
    )


def test_every_quality_of_the_wire_has_a_code():
    assert set(QUALITIES) == set(Quality)


@given(rows)
def test_readings_come_back_as_they_were(found):
    assert as_rows(Readings.unpack(Readings.of(found).pack())) == found


@given(rows, rows)
def test_joined_readings_are_in_order_and_the_held_one_stays(held, newer):
    joined = as_rows(join_readings(Readings.of(held), Readings.of(newer)))
    expected = {row[0]: row for row in newer} | {row[0]: row for row in held}
    assert joined == [expected[at] for at in sorted(expected)]


@given(rows)
@example([(DAY, 8.98846567431158e307, 0), (DAY + 1, 8.988465674311579e307, 0)])
def test_buckets_say_what_the_readings_say(found):
    minutes = roll_up(Readings.of(found), MINUTE_MS)
    by_minute: dict[int, list] = {}
    for at, value, code in found:
        by_minute.setdefault(at // MINUTE_MS * MINUTE_MS, []).append((value, code))
    assert minutes.start_ms.tolist() == sorted(by_minute)
    for index, start in enumerate(sorted(by_minute)):
        known = [value for value, _ in by_minute[start] if value is not None]
        assert minutes.count[index] == len(known)
        assert minutes.worst[index] == max(code for _, code in by_minute[start])
        if known:
            assert minutes.low[index] == min(known)
            assert minutes.high[index] == max(known)
            assert minutes.last[index] == known[-1]
            total = max(-MOST_TOTAL, min(sum(known), MOST_TOTAL))
            assert minutes.total[index] == pytest.approx(total, rel=1e-9, abs=1e-6)
        else:
            assert np.isnan(minutes.low[index])
            assert np.isnan(minutes.mean[index])


bounded = st.lists(
    st.tuples(
        st.integers(0, DAY_MS - 1),
        st.one_of(st.none(), st.integers(-1000, 100_000).map(lambda whole: whole / 100)),
        st.integers(0, len(QUALITIES) - 1),
    ),
    max_size=60,
    unique_by=lambda row: row[0],
).map(lambda found: sorted((DAY + at, value, code) for at, value, code in found))


@given(bounded)
def test_hours_are_the_same_by_way_of_the_minutes(found):
    readings = Readings.of(found)
    assert same(widen(roll_up(readings, MINUTE_MS), HOUR_MS), roll_up(readings, HOUR_MS))


@given(bounded, st.integers(0, 60))
def test_parts_add_up_to_the_whole(found, cut):
    first, second = roll_up(Readings.of(found[:cut]), HOUR_MS), roll_up(Readings.of(found[cut:]), HOUR_MS)
    assert same(join_buckets(first, second, HOUR_MS), roll_up(Readings.of(found), HOUR_MS))


@given(bounded)
def test_buckets_come_back_as_they_were(found):
    buckets = roll_up(Readings.of(found), MINUTE_MS)
    assert same(Buckets.unpack(buckets.pack()), buckets)


def test_a_part_is_replaced_and_the_rest_stays():
    def hour(at: int, value: float) -> Buckets:
        return roll_up(Readings.of([(DAY + at * HOUR_MS, value, 0)]), HOUR_MS)

    held = join_buckets(join_buckets(hour(1, 1), hour(2, 2), HOUR_MS), hour(30, 30), HOUR_MS)
    changed = replace_buckets(held, hour(5, 5), DAY, DAY + DAY_MS)
    assert changed.last.tolist() == [5, 30]
    assert len(replace_buckets(no_buckets(), hour(5, 5), DAY, DAY + DAY_MS)) == 1


@given(st.binary(max_size=80))
def test_bytes_that_are_no_block_are_refused(data):
    with pytest.raises(BlockError):
        Readings.unpack(data)


def test_a_cut_off_block_is_refused():
    data = Readings.of([(DAY, 1.5, 0)]).pack()
    for end in range(len(data)):
        with pytest.raises(BlockError):
            Readings.unpack(data[:end])


def test_a_day_of_a_quiet_sensor_takes_few_bytes():
    """Every quarter of an hour, with some jitter, one decimal: the street's commonest series."""
    found = [(DAY + i * 900_000 + i * 37 % 1000, round(20 + i % 7 * 0.1, 1), 0) for i in range(96)]
    packed = Readings.of(found).pack()
    assert len(packed) / len(found) < 4
