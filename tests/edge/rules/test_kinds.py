"""Every kind of rule: when it raises, when it ends, and what bad quality does to it."""

from dataclasses import replace
from datetime import time

import pytest

from edge.rules.model import (
    BitsRule,
    NoDataRule,
    RateRule,
    RuleAction,
    Stage,
    StuckRule,
    ThresholdRule,
    Voter,
    VoteRule,
    WindowRule,
)
from edge.rules.schedule import Schedule
from tests.edge.rules.room import COMMON, GAS, VOTE, VOTERS, Room, changes
from wire.vocabulary import AlarmClass, Clock, Measure, Quality, Vote


def test_outside_of_two_limits_is_told_with_the_one_that_was_crossed():
    room = Room(ThresholdRule(**COMMON, above=9.0, below=6.0, hysteresis=0.5))
    assert room.say(7) == []
    (low,) = room.say(5.9)
    assert low.alarm.limit == 6.0
    assert room.say(6.4) == []
    assert changes(room.say(6.5)) == ["normal"]
    (high,) = room.say(9.1)
    assert high.alarm.limit == 9.0


def test_a_second_stage_updates_the_same_alarm_and_acts_more():
    close = RuleAction(action="close_valve", device="b")
    rule = ThresholdRule(
        **{**GAS, "class_": AlarmClass.HAZARD},
        above=25.0,
        on_delay_ms=5_000,
        stages=(Stage(limit=50.0, class_=AlarmClass.LIFE_SAFETY, actions=(close,)),),
    )
    room = Room(rule)
    room.say(30)
    (first,) = room.wait(5)
    assert (first.alarm.class_, first.alarm.stage, first.actions) == (AlarmClass.HAZARD, 1, ())
    (second,) = room.say(51)
    assert second.change.value == "staged"
    assert (second.alarm.alarm, second.alarm.class_, second.alarm.stage) == (
        first.alarm.alarm,
        AlarmClass.LIFE_SAFETY,
        2,
    )
    assert [plan.action for plan in second.actions] == ["close_valve"]
    assert room.say(30) == [], "a class does not fall before the alarm is over"
    assert room.engine.alarms[first.alarm.alarm].class_ is AlarmClass.LIFE_SAFETY


def test_a_value_beyond_the_second_stage_does_not_wait_for_the_first_ones_delay():
    stages = (Stage(limit=50.0, class_=AlarmClass.LIFE_SAFETY),)
    room = Room(ThresholdRule(**GAS, above=25.0, on_delay_ms=60_000, stages=stages))
    (raised,) = room.say(80)
    assert (raised.change.value, raised.alarm.stage) == ("raised", 2)


def test_a_value_that_rises_too_fast_is_an_alarm_at_a_level_that_is_none():
    room = Room(RateRule(**COMMON, window_ms=60_000, rising_per_min=5.0))
    assert room.play([10.0] * 61) == []
    told = room.play([10 + step * 0.2 for step in range(60)])
    assert changes(told)[0] == "raised"
    assert told[0].alarm.measure is Measure.RATE
    assert told[0].alarm.value > 5
    assert "normal" in changes(room.play([22.0] * 70))


def test_a_value_that_stands_still_is_stuck_and_not_where_that_is_normal():
    room = Room(StuckRule(**COMMON, for_ms=10_000, tolerance=0.1, normal_at=(0.0,)))
    assert room.play([0.0] * 30) == []
    assert changes(room.play([7.0, 7.05] * 6)) == ["raised"]
    assert changes(room.say(7.4)) == ["normal"]


def test_a_point_without_a_good_value_raises_by_time_alone_and_a_good_one_ends_it():
    room = Room(NoDataRule(**COMMON, after_ms=30_000))
    room.say(1)
    assert room.wait(29) == []
    assert room.say(None, quality=Quality.OUT_OF_RANGE) == []
    assert changes(room.wait(1)) == ["raised"]
    assert room.say(None, quality=Quality.COMM_FAULT) == []
    assert changes(room.say(1)) == ["normal"]


def test_bits_of_a_word():
    room = Room(BitsRule(**COMMON, bits=(4, 5), all_=True))
    assert room.say(0b010000) == []
    assert changes(room.say(0b110001)) == ["raised"]
    assert room.say(-1) == [], "no word"
    assert changes(room.say(0b100000)) == ["normal"]
    clear = Room(BitsRule(**COMMON, bits=(0,), set_=False))
    assert changes(clear.say(0)) == ["raised"]


@pytest.mark.parametrize(
    ("measure", "limit", "values"),
    [
        (Measure.MEAN, {"above": 5.0}, [4, 8] * 30),
        (Measure.MAX, {"above": 5.0}, [1] * 10 + [9]),
        (Measure.MIN, {"below": 5.0}, [9] * 10 + [1]),
        (Measure.SUM, {"above": 100.0}, [3] * 60),
        (Measure.COUNT, {"above": 20.0}, [1] * 30),
        (Measure.SPREAD, {"above": 5.0}, [1, 9]),
    ],
)
def test_a_window_is_judged_as_a_whole(measure, limit, values):
    room = Room(WindowRule(**COMMON, measure=measure, window_ms=50_000, **limit))
    told = room.play(values)
    assert changes(told)[:1] == ["raised"]
    assert told[0].alarm.measure is measure


def test_a_mean_waits_until_its_window_is_full_and_says_that_it_warms_up():
    room = Room(WindowRule(**COMMON, measure=Measure.MEAN, window_ms=60_000, above=5.0))
    assert room.play([9.0] * 50) == []
    assert room.engine.warming(room.now().moment) == (("r", "a"),)
    assert "raised" in changes(room.play([9.0] * 15))
    assert room.engine.warming(room.now().moment) == ()


def test_a_window_is_rebuilt_from_stored_readings_after_a_restart():
    room = Room(WindowRule(**COMMON, measure=Measure.MEAN, window_ms=60_000, above=5.0))
    room.play([9.0] * 55)
    heard = list(room.heard)
    room.restart()
    assert room.engine.warming(room.now().moment) == (("r", "a"),)
    for snapshot in heard:
        room.engine.recall(snapshot)
    assert "raised" in changes(room.play([9.0] * 8))


def test_two_of_three_must_say_yes_and_the_alarm_says_who_did():
    room = Room(VoteRule(**VOTE, voters=VOTERS, need=2, above=5.0))
    for device in "abc":
        assert room.say(1, device) == []
    assert room.say(9, "a") == []
    (raised,) = room.say(9, "c")
    assert [voter.vote for voter in raised.alarm.voters] == [Vote.YES, Vote.NO, Vote.YES]
    assert (raised.alarm.value, raised.alarm.votes_needed) == (2.0, 2)
    assert room.say(None, "c", Quality.COMM_FAULT) == [], "one that cannot tell does not end it"
    assert changes(room.say(1, "a")) == ["normal"], "even if c still burned, one is not two"


def test_all_of_and_any_of_ask_other_rules():
    a, b = (replace(ThresholdRule(**COMMON, above=5.0), id=f"high-{d}", devices=(d,)) for d in "ab")
    asked = (Voter(device="a", rule="high-a"), Voter(device="b", rule="high-b"))
    every = VoteRule(**{**VOTE, "id": "all"}, voters=asked, need=2)
    any_ = VoteRule(**{**VOTE, "id": "any"}, voters=asked, need=1)
    room = Room(a, b, every, any_)
    assert {d.alarm.rule for d in room.say(9, "a")} == {"high-a", "any"}
    assert {d.alarm.rule for d in room.say(9, "b")} == {"high-b", "all"}
    assert "all" in {d.alarm.rule for d in room.say(1, "a") if d.alarm.cleared}


def test_outside_its_hours_a_rule_raises_nothing_and_without_a_clock_it_always_may():
    night = Schedule(days=frozenset(range(7)), begin=time(22), end=time(6), zone="Asia/Shanghai")
    room = Room(ThresholdRule(**COMMON, above=5.0, schedule=night))
    assert room.say(9) == [], "12:00 in Shanghai"
    room.trust = Clock.UNSURE
    assert changes(room.say(9)) == ["raised"]
    late = Room(ThresholdRule(**COMMON, above=5.0, schedule=night))
    late.wait(11 * 3600)
    assert changes(late.say(9)) == ["raised"]
    late.wait(8 * 3600)
    assert late.say(9) == [], "what is active in the morning is not cleared by the hour"
    assert len(late.engine.alarms) == 1


def test_a_device_that_is_worked_on_raises_nothing_and_clears_nothing():
    room = Room(ThresholdRule(**GAS, above=5.0, on_delay_ms=2_000))
    room.say(9)
    room.say(9, quality=Quality.MAINTENANCE)
    assert changes(room.wait(10)) == []
    room.say(9)
    assert changes(room.wait(2)) == ["raised"]
    assert changes(room.say(0, quality=Quality.MAINTENANCE)) == []


def test_history_and_messages_played_back():
    room = Room(ThresholdRule(**GAS, above=5.0))
    assert room.say(9, live=False) == []
    assert changes(room.say(9, may_clear=False)) == ["raised"]
    assert room.say(0, may_clear=False) == []
    assert changes(room.say(0)) == ["normal"]
