"""Counters of packets: what is new, what was heard, what cannot be known after a power cut."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.replayguard import (
    LEAST_RANGE,
    Standing,
    Track,
    at_rest,
    confirm,
    is_fresh,
    judge_counter,
    judge_packet,
    resume,
)

MINUTE_MS = 60_000


def run(track: Track, counters, *, every_ms: int = MINUTE_MS, disk=None):
    """Judge counters one after another on a disk that works at once."""
    found, disk = [], disk if disk is not None else []
    for number, counter in enumerate(counters):
        track, standing, stored = judge_counter(track, counter, number * every_ms)
        if stored is not None:
            disk.append(stored)
            track = confirm(track, stored)
        found.append(Standing.FRESH if standing is Standing.UNSURE and is_fresh(track) else standing)
    return track, found


def test_a_growing_counter_is_fresh_and_a_repeat_is_not():
    _, found = run(Track(), [5, 6, 6, 9])
    assert found == [Standing.FRESH, Standing.FRESH, Standing.REPEAT, Standing.FRESH]


def test_a_counter_that_falls_back_stays_fallen_until_somebody_enrols_the_device():
    track, found = run(Track(), [100, 50, 51, 200])
    assert found == [Standing.FRESH, *[Standing.FALLEN] * 3]
    assert run(Track(), [51, 52])[1] == [Standing.FRESH, Standing.FRESH]
    assert resume(at_rest(track)).fallen, "a restart does not forgive it"


def test_a_packet_is_not_believed_before_its_range_is_on_the_disk():
    track, standing, stored = judge_counter(Track(), 7, 0)
    assert standing is Standing.UNSURE
    assert not is_fresh(track)
    assert is_fresh(confirm(track, stored))


def test_after_a_power_cut_the_reserved_range_is_unsure_and_what_lies_above_is_fresh():
    disk = []
    run(Track(), range(100, 105), disk=disk)
    after = resume(disk[-1])
    _, found = run(after, [104, 105, 100 + LEAST_RANGE, 101 + LEAST_RANGE])
    assert found == [Standing.UNSURE, Standing.UNSURE, Standing.UNSURE, Standing.FRESH]
    assert run(resume(disk[-1]), [99])[1] == [Standing.FALLEN]


def test_after_an_orderly_stop_nothing_is_unsure():
    track, _ = run(Track(), range(100, 105))
    after = resume(at_rest(track))
    assert run(after, [105, 106])[1] == [Standing.FRESH, Standing.FRESH]
    assert run(after, [104])[1] == [Standing.UNSURE], "the last packet, sent again"


def test_a_device_that_speaks_every_second_costs_a_write_in_minutes():
    disk = []
    run(Track(), range(86_400), every_ms=1000, disk=disk)
    assert len(disk) < 150


@given(
    first=st.integers(0, 10_000),
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    cuts=st.sets(st.integers(0, 59)),
    played=st.integers(0, 59),
)
def test_whatever_was_heard_is_never_fresh_again_even_over_power_cuts(first, steps, cuts, played):
    disk, track, heard = [], Track(), []
    counter = first
    for number, step in enumerate(steps):
        counter += step
        track, standing, stored = judge_counter(track, counter, number * MINUTE_MS)
        if stored is not None:
            disk.append(stored)
            track = confirm(track, stored)
        assert standing is not Standing.FALLEN
        heard.append(counter)
        if number in cuts:
            track = resume(disk[-1])
            old = heard[played % len(heard)]
            attacked, standing, stored = judge_counter(track, old, number * MINUTE_MS)
            if stored is not None:
                attacked = confirm(attacked, stored)
            assert standing is not Standing.FRESH
            assert not is_fresh(attacked)


def test_a_plain_packet_id_tells_repeats_and_old_packets():
    assert judge_packet(None, 9) is Standing.FRESH
    assert judge_packet(9, 9) is Standing.REPEAT
    assert judge_packet(9, 10) is Standing.FRESH
    assert judge_packet(9, 8) is Standing.UNSURE
    assert judge_packet(250, 3) is Standing.FRESH
    assert judge_packet(3, 250) is Standing.UNSURE


def test_a_reservation_that_did_not_reach_the_disk_makes_nothing_believed():
    track = Track()
    for counter in range(10, 40):
        track, standing, _ = judge_counter(track, counter, counter)
        assert standing is Standing.UNSURE
    assert not is_fresh(replace(track))
