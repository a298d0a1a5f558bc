"""Which message goes next: life first, then in order; again and again until the server has it."""

import pytest

from edge.stores.outbox import Outgoing
from edge.uplink.lanes import FIRST_REPEAT_MS, FIRST_REPEAT_URGENT_MS, LONGEST_REPEAT_MS, Lane


def message(seq, *, key=None, urgent=False, run="run-1"):
    return Outgoing(key=key or f"alarm-{seq}", run=run, seq=seq, urgent=urgent, body=b"{}")


def seqs(messages):
    return [one.seq for one in messages]


@pytest.fixture
def lane():
    return Lane(window=3, seed=1)


def test_what_happened_first_goes_first(lane):
    lane.offer([message(2), message(1), message(3)])
    assert seqs(lane.due(0)) == [1, 2, 3]


def test_life_goes_before_everything(lane):
    lane.offer([message(1), message(2), message(3, urgent=True)])
    assert seqs(lane.due(0)) == [3, 1, 2]


def test_no_more_than_the_window_is_under_way_but_life_has_room_beyond_it(lane):
    lane.offer([message(seq) for seq in range(1, 6)])
    assert seqs(lane.due(0)) == [1, 2, 3]
    lane.offer([message(9, urgent=True)])
    assert seqs(lane.due(1)) == [9]
    lane.acknowledge("run-1", [1, 2])
    assert seqs(lane.due(2)) == [4, 5]


def test_it_goes_again_until_it_is_acknowledged_with_growing_pauses(lane):
    lane.offer([message(1)])
    lane.due(0)
    assert lane.due(FIRST_REPEAT_MS // 2) == []
    now, times = 0, []
    while len(times) < 6:
        now += 500
        if lane.due(now):
            times.append(now)
    gaps = [after - before for before, after in zip([0, *times], times, strict=False)]
    assert gaps[0] < gaps[1] < gaps[2]
    assert max(gaps) <= LONGEST_REPEAT_MS * 1.2 + 500
    lane.acknowledge("run-1", [1])
    assert len(lane) == 0
    assert lane.next_due_ms(now) is None


def test_life_is_repeated_sooner(lane):
    lane.offer([message(1, urgent=True)])
    lane.due(0)
    assert seqs(lane.due(round(FIRST_REPEAT_URGENT_MS * 1.2) + 1)) == [1]


def test_a_newer_state_takes_the_place_of_an_older_and_never_the_reverse(lane):
    lane.offer([message(1, key="a"), message(2, key="a")])
    lane.offer([message(1, key="a")])
    assert seqs(lane.due(0)) == [2]
    lane.offer([message(3, key="a")])
    lane.acknowledge("run-1", [2])
    assert seqs(lane.due(1)) == [3], "the ack of the older state does not end the newer"


def test_a_lost_connection_puts_everything_back_in_its_order(lane):
    lane.offer([message(1), message(2)])
    lane.due(0)
    lane.lose_connection()
    assert seqs(lane.due(1)) == [1, 2]


def test_a_busy_server_is_left_in_peace_for_as_long_as_it_asks(lane):
    lane.offer([message(1, urgent=True)])
    lane.be_quiet(5_000)
    assert lane.due(4_999) == []
    assert lane.next_due_ms(0) == 5_000
    assert seqs(lane.due(5_000)) == [1]


def test_an_ack_of_another_run_ends_nothing(lane):
    lane.offer([message(1)])
    lane.due(0)
    lane.acknowledge("run-0", [1])
    assert "alarm-1" in lane
    assert lane.keys == {"alarm-1"}
