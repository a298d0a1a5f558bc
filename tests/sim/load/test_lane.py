"""The lane of a played gateway keeps the contract's rules, and the count misses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.load.lane import SendingLane
from firmware_sim.load.tally import LaneTally, percentile


@pytest.fixture
def tally():
    return LaneTally(late_after_s=10.0)


@pytest.fixture
def lane(tally):
    return SendingLane(run="r", window=3, tally=tally)


def seqs(messages):
    return [message.seq for message in messages]


def test_no_more_than_the_window_waits_for_an_ack(lane):
    for number in range(5):
        lane.add(f"k{number}", b"", 0.0)
    assert seqs(lane.due(0.0)) == [1, 2, 3]
    assert lane.due(0.1) == []
    lane.acknowledge("r", [2], 0.2)
    assert seqs(lane.due(0.2)) == [4]


def test_life_safety_overtakes_and_may_use_as_much_again(lane):
    for number in range(4):
        lane.add(f"k{number}", b"", 0.0)
    lane.due(0.0)
    for number in range(4):
        lane.add(f"u{number}", b"", 0.0, urgent=True)
    assert seqs(lane.due(0.1)) == [5, 6, 7]


def test_what_is_not_acknowledged_is_sent_again_life_safety_first(lane, tally):
    lane.add("a", b"", 0.0)
    lane.add("u", b"", 0.0, urgent=True)
    assert seqs(lane.due(0.0)) == [2, 1]
    assert lane.due(1.5) == []
    assert seqs(lane.due(2.5)) == [2]
    assert seqs(lane.due(12.5)) == [2, 1]
    assert tally.repeated == 3


def test_a_newer_state_takes_the_place_of_an_older_one_and_late_acks_still_count(lane, tally):
    lane.add("a", b"old", 0.0)
    lane.due(0.0)
    lane.add("a", b"new", 1.0)
    assert seqs(lane.due(1.0)) == [2]
    assert (tally.made, tally.replaced, tally.lost) == (2, 1, 1)
    lane.acknowledge("r", [1], 1.5)
    assert (tally.committed, tally.replaced, tally.lost) == (1, 0, 1)
    lane.acknowledge("r", [2], 2.0)
    assert (tally.committed, tally.lost, len(lane)) == (2, 0, 0)


def test_a_lost_connection_sends_everything_in_flight_again(lane, tally):
    lane.add("a", b"", 0.0)
    lane.due(0.0)
    lane.lose_connection()
    assert seqs(lane.due(0.1)) == [1]
    assert tally.repeated == 1


def test_a_busy_server_is_left_alone_for_as_long_as_it_asked(lane, tally):
    lane.add("a", b"", 0.0)
    lane.be_quiet(5.0)
    assert lane.due(4.9) == []
    assert seqs(lane.due(5.0)) == [1]
    assert tally.busy == 1


def test_acks_of_another_run_and_second_acks_commit_nothing(lane, tally):
    lane.add("a", b"", 0.0, rows=17)
    lane.due(0.0)
    assert lane.acknowledge("another", [1], 1.0) == []
    assert seqs(lane.acknowledge("r", [1], 11.0)) == [1]
    assert lane.acknowledge("r", [1], 12.0) == []
    assert (tally.committed, tally.rows_committed, tally.late) == (1, 17, 1)
    assert tally.acknowledged_again == 1


def test_what_is_said_again_after_its_ack_is_committed_once(lane, tally):
    message = lane.add("a", b"", 0.0)
    lane.due(0.0)
    lane.acknowledge("r", [1], 1.0)
    lane.again([message])
    assert seqs(lane.due(2.0)) == [1]
    lane.acknowledge("r", [1], 2.5)
    assert (tally.made, tally.committed, tally.lost, tally.repeated) == (1, 1, 0, 1)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3)),
        st.tuples(st.just("send"), st.just(0)),
        st.tuples(st.just("ack"), st.integers(1, 30)),
        st.tuples(st.just("cut"), st.just(0)),
    ),
    max_size=80,
)


@given(steps)
def test_whatever_happens_each_message_is_committed_replaced_or_still_to_be_sent(done):
    tally = LaneTally(late_after_s=10.0)
    lane = SendingLane(run="r", window=3, tally=tally)
    for now_s, (what, number) in enumerate(done):
        match what:
            case "add":
                lane.add(f"k{number}", b"", now_s)
            case "send":
                lane.due(now_s)
            case "ack":
                lane.acknowledge("r", [number], now_s)
            case "cut":
                lane.lose_connection()
        assert tally.made == tally.committed + tally.replaced + len(lane)
        assert tally.lost == len(lane)


def test_percentiles_are_values_that_occurred():
    assert percentile([], 50) is None
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile(range(1, 101), 99) == 99
    assert percentile([5.0], 99) == 5.0
