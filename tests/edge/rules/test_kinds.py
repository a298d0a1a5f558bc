"""Every kind of rule: when it raises, when it ends, and what bad quality does to it."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model import Point, Snapshot
from edge.rules import orders
from edge.rules.engine import RuleEngine
from edge.rules.model import (
    BitsRule,
    ContactRule,
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
from edge.rules.orders import Person
from edge.rules.replay import AlarmList, replay
from edge.rules.schedule import Schedule
from edge.rules.state import Now
from edge.rules.suppression import RefusedError
from wire.vocabulary import AlarmClass, Clock, Kind, Measure, Quality, Suppression, Vote

START_MS = int(datetime(2026, 11, 24, 4, 0, tzinfo=UTC).timestamp() * 1000)
COMMON = {"id": "r", "devices": ("a",), "point": "x", "kind": Kind.WATER, "class_": AlarmClass.HAZARD}
GAS = {**COMMON, "kind": Kind.GAS, "class_": AlarmClass.LIFE_SAFETY}
TWO = Person(issuer="op-1", agreed_by="op-2", reason="hot work")


class Room:
    """Devices with one point each, a clock, and the rules."""

    def __init__(self, *rules, devices=("a", "b", "c")):
        self.rules, self.devices, self.ms, self.boot, self.trust = (
            rules,
            devices,
            1_000,
            "boot-1",
            Clock.SYNCED,
        )
        self.heard = []
        self.engine = self.build()

    def build(self):
        return RuleEngine(
            rules=self.rules,
            points=dict.fromkeys(self.devices, (("x", "m"),)),
            labels={},
            boot=self.boot,
            since_ms=self.ms,
        )

    def now(self):
        from edge.model import Moment

        return Now(
            moment=Moment(wall_ms=START_MS + self.ms, boot_ms=self.ms), boot=self.boot, trust=self.trust
        )

    def say(self, value, device="a", quality=Quality.GOOD, **more):
        good = quality is Quality.GOOD and value is not None
        snapshot = Snapshot(
            device=device,
            points=(Point("x", "m"),),
            values=(value,),
            qualities=None if good else (quality if quality is not Quality.GOOD else Quality.STALE,),
            at=self.now().moment,
            **more,
        )
        self.heard.append(snapshot)
        return self.engine.take(snapshot, self.now())

    def wait(self, seconds):
        self.ms += round(seconds * 1000)
        return self.engine.tick(self.now())

    def play(self, values, every_s=1.0, device="a"):
        told = []
        for value in values:
            told += self.say(value, device)
            told += self.wait(every_s)
        return told

    def restart(self):
        states, alarms, shelves = (
            dict(self.engine.states),
            list(self.engine.alarms.values()),
            self.engine.book.shelves.all,
        )
        self.engine = self.build()
        return self.engine.restore(states, alarms, self.now(), shelves)


def changes(decisions):
    return [d.change.value for d in decisions if d.alarm is not None]


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


VOTERS = tuple(Voter(device=device, point="x") for device in "abc")
VOTE = {"id": "v", "kind": Kind.FIRE, "class_": AlarmClass.LIFE_SAFETY, "device": "a"}


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


# --- what is kept from people --------------------------------------------------------------------


def until(room, hours):
    return room.now().moment.as_datetime() + timedelta(hours=hours)


def test_a_shelved_alarm_is_judged_marked_and_shown_again_by_itself():
    room = Room(ThresholdRule(**GAS, above=5.0, actions=(RuleAction(action="close_valve", device="b"),)))
    orders.shelve(room.engine, key=("r", "a"), until=until(room, 1), person=TWO, now=room.now())
    (raised,) = room.say(9)
    assert (raised.alarm.suppression, raised.alarm.suppressed_by) == (Suppression.SHELVED, "op-1, op-2")
    assert raised.actions, "a shelf hides, it does not disarm"
    room.restart()
    assert room.engine.book.shelves.all
    told = [d.alarm for d in room.wait(3600) if d.alarm]
    assert [alarm.suppression for alarm in told] == [Suppression.NONE]


@pytest.mark.parametrize(
    ("person", "hours", "said"),
    [
        (replace(TWO, agreed_by=""), 1, "second person"),
        (replace(TWO, agreed_by="op-1"), 1, "second person"),
        (replace(TWO, reason=" "), 1, "reason"),
        (replace(TWO, issuer=""), 1, "nobody"),
        (TWO, -1, "past"),
        (TWO, 25, "24 hours"),
    ],
)
def test_life_safety_is_shelved_by_two_with_a_reason_and_for_a_shift(person, hours, said):
    room = Room(ThresholdRule(**GAS, above=5.0))
    with pytest.raises(RefusedError, match=said):
        orders.shelve(room.engine, key=("r", "a"), until=until(room, hours), person=person, now=room.now())
    assert not room.engine.book.shelves


def test_out_of_service_does_nothing_and_back_in_service_acts():
    room = Room(ThresholdRule(**GAS, above=5.0, actions=(RuleAction(action="close_valve", device="b"),)))
    orders.take_out_of_service(room.engine, device="a", until=until(room, 2), person=TWO, now=room.now())
    (raised,) = room.say(9)
    assert (raised.alarm.suppression, raised.actions) == (Suppression.OUT_OF_SERVICE, ())
    told = orders.put_back_in_service(room.engine, device="a", now=room.now())
    assert [plan.action for d in told for plan in d.actions] == ["close_valve"]
    assert next(iter(room.engine.alarms.values())).suppression is Suppression.NONE


def test_a_cause_explains_the_silence_and_when_it_is_hidden_or_over_the_silence_is_shown():
    power = replace(ThresholdRule(**COMMON, below=100.0), id="power-out", kind=Kind.ELECTRIC)
    silent = ContactRule(device="b", after_ms=30_000, explained_by=("power-out",))
    room = Room(power, silent)
    (cause,) = room.say(0, "a")
    room.say(None, "b", Quality.COMM_FAULT)
    told = [d.alarm for d in room.wait(30) if d.alarm]
    assert (told[-1].suppression, told[-1].explained_by) == (Suppression.BY_DESIGN, cause.alarm.alarm)
    shown = orders.shelve(
        room.engine, key=("power-out", "a"), until=until(room, 1), person=TWO, now=room.now()
    )
    marks = {d.alarm.rule: d.alarm.suppression for d in shown if d.alarm}
    assert marks == {"power-out": Suppression.SHELVED, "contact": Suppression.NONE}


def test_a_silenced_siren_sounds_again_when_the_cause_returns_and_stops_when_it_is_over():
    siren = RuleAction(action="sound", device="b", undo="silence")
    room = Room(ThresholdRule(**GAS, above=5.0, off_delay_ms=5_000, actions=(siren,)))
    room.say(9)
    (silenced,) = orders.silence(room.engine, alarm=None, person=TWO, now=room.now())
    assert [plan.action for plan in silenced.actions] == ["silence"]
    with pytest.raises(RefusedError, match="no siren"):
        orders.silence(room.engine, alarm=None, person=TWO, now=room.now())
    room.wait(1)
    room.say(0)
    assert [plan.action for d in room.say(9) for plan in d.actions] == ["sound"]
    room.say(0)
    room.wait(6)
    assert [plan.action for d in room.say(0) for plan in d.actions] == ["silence"]


# --- for any stream of readings ------------------------------------------------------------------

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
