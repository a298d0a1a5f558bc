"""What holds for any stream of readings and every kind of rule."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.rules.model import (
    BitsRule,
    NoDataRule,
    RateRule,
    StuckRule,
    ThresholdRule,
    VoteRule,
    WindowRule,
)
from edge.rules.replay import AlarmList, replay
from tests.edge.rules.room import COMMON, GAS, VOTE, VOTERS, Room
from wire.vocabulary import Measure, Quality

KINDS = [
    ThresholdRule(**GAS, above=5.0, latching=True),
    ThresholdRule(**GAS, above=8.0, below=2.0, stages=()),
    RateRule(**COMMON, window_ms=5_000, rising_per_min=30.0),
    StuckRule(**COMMON, for_ms=4_000),
    NoDataRule(**COMMON, after_ms=4_000),
    BitsRule(**COMMON, bits=(0, 1)),
    WindowRule(**COMMON, measure=Measure.MEAN, window_ms=5_000, above=5.0),
    WindowRule(**COMMON, measure=Measure.MAX, window_ms=5_000, above=5.0, off_delay_ms=2_000),
    VoteRule(**VOTE, voters=VOTERS[:1], need=1, above=5.0),
]
streams = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 3.0, 5.0, 6.0, 9.0]), st.sampled_from([0.2, 1.0, 3.0])), max_size=25
)
bad = st.sampled_from([quality for quality in Quality if quality is not Quality.GOOD])


@settings(max_examples=60)
@given(
    st.sampled_from(KINDS), streams, st.lists(st.tuples(bad, st.sampled_from([0.2, 1.0, 9.0])), max_size=15)
)
def test_no_sequence_of_bad_readings_ever_clears_an_alarm(rule, stream, doubts):
    room = Room(rule)
    for value, seconds in stream:
        room.say(value)
        room.wait(seconds)
    before = set(room.engine.alarms)
    for quality, seconds in doubts:
        told = room.say(0.0, quality=quality)
        told += room.wait(seconds)
        assert not any(d.alarm is not None and d.alarm.cleared for d in told)
    assert before <= set(room.engine.alarms)


@settings(max_examples=60)
@given(streams)
def test_a_latched_alarm_never_clears_without_a_person(stream):
    room = Room(KINDS[0])
    for value, seconds in stream:
        told = room.say(value) + room.wait(seconds)
        assert not any(d.alarm is not None and d.alarm.cleared for d in told)


@settings(max_examples=60)
@given(st.sampled_from(KINDS), streams)
def test_a_replay_raises_and_clears_what_was_raised_and_cleared(rule, stream):
    room = Room(rule)
    live = AlarmList()
    for value, seconds in stream:
        live.add(room.say(value))
        for _ in range(round(seconds * 5)):
            live.add(room.wait(0.2))
    again = AlarmList()
    for _, decisions in replay(Room(rule).engine, room.heard):
        again.add(decisions)
    end = room.heard[-1].at.as_datetime() if room.heard else None

    def told(alarms):
        return [(a.alarm.rule, a.alarm.raised_at) for a in alarms if end and a.alarm.raised_at <= end]

    assert [rule for rule, _ in told(live.alarms)] == [rule for rule, _ in told(again.alarms)]
    for (_, one), (_, other) in zip(told(live.alarms), told(again.alarms), strict=True):
        assert abs(one - other) <= timedelta(seconds=1)
