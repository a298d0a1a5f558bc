"""Why a device did not alarm: each reason in words, from what was read and from what kept it back."""

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from server.devices.whynot import (
    AlarmThen,
    Circumstances,
    Finding,
    HeldBack,
    Sample,
    choose_first,
    is_in_hours,
    judge_rule,
    longest_beyond,
)
from server.devices.whynotfacts import Judged
from server.devices.whynotpages import MOST_SHOWN, samples_beside, shown
from server.devices.whynotwords import SENTENCES, Reason
from server.history.model import Stretch
from tests.server.devices.rulesinforce import CONTACT, GAS
from tests.server.world import at
from wire.configuration import RuleInForce, RuleLimit
from wire.vocabulary import (
    AlarmClass,
    LimitSide,
    Measure,
    Mode,
    Quality,
    Suppression,
)

HOUR = Circumstances(since=at(), until=at(seconds=60))
AWAY = (Stretch(since=at(minutes=5), until=at(minutes=40)),)
LONG_AGO, LATER = at(hours=-3), at(hours=2)


def changed(**values) -> RuleInForce:
    return msgspec.structs.replace(GAS, **values)


def samples(*values: float | None, every_s: float = 5) -> list[Sample]:
    return [
        Sample(
            at=at(seconds=n * every_s),
            value=value,
            quality=Quality.GOOD if value is not None else Quality.COMM_FAULT,
        )
        for n, value in enumerate(values)
    ]


def then(**values) -> Circumstances:
    return replace(HOUR, **values)


def stated(**values) -> Circumstances:
    said = {"since": at(seconds=5), "item": "i1", "opened_at": at(seconds=6), "told": True, **values}
    return then(alarms={"gas-high": (AlarmThen(**said),)})


def held(rule: str, since: datetime = LONG_AGO, until: datetime = LATER) -> Circumstances:
    return then(held_back=(HeldBack(since=since, until=until, by="维护员", rule=rule),))


HIGH = (30, 30, 30, 30)


@pytest.mark.parametrize(
    ("rule", "read", "circumstances", "reason"),
    [
        (GAS, samples(1, 4.8, 2), HOUR, Reason.NEVER_REACHED),
        (GAS, samples(1, 5, 2), HOUR, Reason.NEVER_REACHED),
        (GAS, samples(1, 4.8), then(until=at(minutes=30)), Reason.GAP),
        (GAS, samples(1, 4.8), then(until=at(minutes=30), expected=timedelta(minutes=10)), Reason.NEVER_REACHED),
        (GAS, samples(1, 6, 2), HOUR, Reason.NOT_LONG_ENOUGH),
        (GAS, samples(1, 6, 4.9, 6, 2), HOUR, Reason.NOT_LONG_ENOUGH),
        (changed(hysteresis=0.5), samples(1, 6, 4.9, 6, 2), HOUR, Reason.UNCLEAR),
        (GAS, samples(1, 6, 6, 6, 2), HOUR, Reason.UNCLEAR),
        (GAS, samples(1, 6), HOUR, Reason.UNCLEAR),
        (GAS, samples(1, 4, 30, *HIGH), HOUR, Reason.UNCLEAR),
        (GAS, samples(*HIGH), held("gas-high"), Reason.SHELVED),
        (GAS, samples(*HIGH), held(""), Reason.OUT_OF_SERVICE),
        (GAS, samples(*HIGH), held("another"), Reason.UNCLEAR),
        (GAS, samples(*HIGH), held("gas-high", until=at(hours=-1)), Reason.UNCLEAR),
        (GAS, samples(1, 2), held("gas-high"), Reason.NEVER_REACHED),
        (GAS, samples(), held(""), Reason.OUT_OF_SERVICE),
        (GAS, samples(*HIGH), then(warming=frozenset({"gas-high"})), Reason.WARMING),
        (GAS, samples(*HIGH), then(warming=frozenset({"another"})), Reason.UNCLEAR),
        (changed(schedule="sat sun 08:00-18:00 Asia/Shanghai"), samples(*HIGH), HOUR, Reason.OUTSIDE_HOURS),
        (changed(schedule="mon tue wed thu fri sat sun 00:00-00:00 Asia/Shanghai"), samples(*HIGH), HOUR, Reason.UNCLEAR),
        (GAS, samples(None, None), HOUR, Reason.BAD_QUALITY),
        (GAS, samples(None, None), then(device_silent=AWAY), Reason.DEVICE_SILENT),
        (GAS, samples(None, None), then(gateway_away=AWAY), Reason.BAD_QUALITY),
        (GAS, samples(), HOUR, Reason.NOT_READ),
        (GAS, samples(), then(clock_wrong=True), Reason.CLOCK_WRONG),
        (GAS, samples(), then(readable=False, gateway_away=AWAY, clock_wrong=True), Reason.UNREADABLE),
        (GAS, samples(), then(gateway_away=AWAY, clock_wrong=True), Reason.GATEWAY_AWAY),
        (GAS, samples(), then(device_silent=AWAY), Reason.DEVICE_SILENT),
        (GAS, samples(*HIGH), stated(), Reason.ALARMED),
        (GAS, samples(*HIGH), stated(told=False), Reason.UNTOLD),
        (GAS, samples(*HIGH), stated(opened_at=at(minutes=9)), Reason.LATE),
        (GAS, samples(*HIGH), stated(since=LONG_AGO, opened_at=LONG_AGO), Reason.STANDING),
        (GAS, samples(*HIGH), stated(opened_at=LONG_AGO), Reason.REPEATED),
        (GAS, samples(*HIGH), stated(laid_aside_until=LATER), Reason.LAID_ASIDE),
        (GAS, samples(*HIGH), stated(parent="i0", told=False), Reason.FOLDED),
        (GAS, samples(*HIGH), stated(item=None), Reason.NO_ITEM),
        (GAS, samples(*HIGH), stated(mode=Mode.DRILL), Reason.ONLY_A_TEST),
        (GAS, samples(*HIGH), stated(suppression=Suppression.SHELVED), Reason.SHELVED),
        (GAS, samples(*HIGH), stated(suppression=Suppression.OUT_OF_SERVICE), Reason.OUT_OF_SERVICE),
        (GAS, samples(*HIGH), stated(suppression=Suppression.BY_DESIGN), Reason.EXPLAINED),
        (changed(measure=Measure.MEAN), samples(30), HOUR, Reason.OVER_TIME),
        (changed(votes_needed=2), samples(30), HOUR, Reason.OVER_TIME),
        (changed(measure=Measure.MEAN), samples(30), held("gas-high"), Reason.SHELVED),
        (changed(measure=Measure.MEAN), samples(30), then(warming=frozenset({"gas-high"})), Reason.WARMING),
        (CONTACT, samples(3, 3, 3, every_s=20), HOUR, Reason.ANSWERED),
        (CONTACT, samples(3, 3), then(until=at(minutes=20)), Reason.QUIET),
        (CONTACT, samples(3, 3), then(until=at(minutes=20), expected=timedelta(minutes=30)), Reason.ANSWERED),
        (CONTACT, samples(None, None), then(device_silent=AWAY), Reason.DEVICE_SILENT),
    ],
)  # fmt: skip
def test_each_reason_has_its_sentence(rule, read, circumstances, reason):
    finding = judge_rule(rule, read, circumstances)
    assert finding.reason is reason
    sentence = SENTENCES[reason] % shown(finding)
    assert "None" not in sentence
    assert "%(" not in sentence


def test_every_reason_of_a_rule_is_tried_above():
    (marks,) = test_each_reason_has_its_sentence.pytestmark
    tried = {reason for *_, reason in marks.args[1]}
    assert set(Reason) - tried == {Reason.NOT_WATCHED, Reason.NO_RULES_TOLD}, "those are said of no rule"


def test_what_nobody_can_explain_is_said_first():
    reasons = (Reason.NEVER_REACHED, Reason.ALARMED, Reason.UNCLEAR, Reason.SHELVED)
    first = choose_first([Finding(reason=one) for one in reasons])
    assert first is not None
    assert first.reason is Reason.UNCLEAR
    assert choose_first([]) is None


def test_the_item_that_speaks_is_the_one_that_is_named():
    assert judge_rule(GAS, [], stated(parent="i0")).item == "i0"
    assert judge_rule(GAS, [], stated()).item == "i1"


def test_the_nearest_limit_is_the_one_that_is_named():
    said = {"value": 4.8, "when": at(seconds=5), "unit": "%{LEL}", "limit": 5}
    assert judge_rule(GAS, samples(1, 4.8, 2), HOUR).values == said
    low = RuleLimit(side=LimitSide.BELOW, limit=140, class_=AlarmClass.FAULT)
    hydrant = changed(limits=(low,), unit="kPa")
    assert judge_rule(hydrant, samples(150, 160), HOUR).values["value"] == 150


def test_what_stands_beyond_a_limit_stands_until_another_value_comes():
    limit = GAS.limits[0]
    begin, end = longest_beyond(limit, samples(6, 6, 1, 6, 1), until=at(hours=1))
    assert end - begin == timedelta(seconds=10)
    begin, end = longest_beyond(limit, samples(1, 6), until=at(seconds=65))
    assert end - begin == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("schedule", "moment", "inside"),
    [
        ("wed 08:00-18:00 Asia/Shanghai", "2026-11-25T08:00+08:00", True),
        ("wed 08:00-18:00 Asia/Shanghai", "2026-11-25T18:00+08:00", False),
        ("tue 08:00-18:00 Asia/Shanghai", "2026-11-25T12:00+08:00", False),
        ("tue 22:00-06:00 Asia/Shanghai", "2026-11-25T05:59+08:00", True),
        ("wed 22:00-06:00 Asia/Shanghai", "2026-11-25T05:59+08:00", False),
        ("wed 00:00-00:00 Asia/Shanghai", "2026-11-25T13:00+08:00", True),
        ("whenever it suits", "2026-11-25T13:00+08:00", True),
        ("always", "2026-11-25T13:00+08:00", True),
        ("wed 08:00-09:00 Mars/Base", "2026-11-25T13:00+08:00", True),
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(schedule, moment, inside):
    assert is_in_hours(schedule, datetime.fromisoformat(moment)) is inside


def test_the_readings_nearest_to_the_moment_are_shown():
    read = samples(*range(100), None)
    judged = Judged(rule=GAS, finding=Finding(reason=Reason.UNCLEAR), samples=read)
    beside = samples_beside(judged, at(seconds=25))
    assert len(beside) == MOST_SHOWN
    assert [(one.value, beyond) for one, beyond in beside][4:7] == [(4, False), (5, False), (6, True)]
    assert samples_beside(judged, at(hours=1))[-1][1] is None, "no value, no comparison"
