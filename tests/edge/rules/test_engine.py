"""What the rules of a gateway decide."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model import ActionResult
from edge.rules.actions import REPLAN_AFTER_MS
from edge.rules.orders import TEST_LASTS_MS, raise_test
from edge.rules.suppression import RefusedError
from tests.edge.site import CONTACT, Bench, alarms, changes, gas_rule
from wire.vocabulary import ActionState, AlarmClass, Clock, Condition, Mode, Quality


def test_a_value_over_the_limit_is_an_alarm_at_once_with_all_that_is_known():
    bench = Bench()
    assert bench.measure(25.0) == [], "the limit itself is not over it"
    (decision,) = bench.measure(25.1)
    alarm = decision.alarm
    assert (alarm.device, alarm.rule, alarm.point, alarm.value, alarm.limit) == (
        "gas",
        "gas-high",
        "gas_lel",
        25.1,
        25.0,
    )
    assert (alarm.unit, alarm.label, alarm.class_, alarm.condition) == (
        "%{LEL}",
        "探测器",
        AlarmClass.LIFE_SAFETY,
        Condition.ACTIVE,
    )
    assert [(plan.action, plan.device) for plan in decision.actions] == [("close_valve", "valve")]


def test_a_limit_below_works_the_other_way_round():
    bench = Bench(rules=(gas_rule(above=None, below=10.0, hysteresis=2.0),))
    assert bench.measure(10.0) == []
    assert changes(bench.measure(9.9)) == ["raised"]
    assert bench.measure(11.9) == []
    assert changes(bench.measure(12.0)) == ["normal"]


def test_it_ends_only_behind_the_hysteresis():
    bench = Bench()
    bench.measure(30)
    assert bench.measure(24) == []
    assert bench.measure(20.1) == []
    assert changes(bench.measure(20.0)) == ["normal"]
    assert dict(bench.engine.alarms) == {}


def test_an_on_delay_waits_and_a_short_peak_is_no_alarm():
    bench = Bench(rules=(gas_rule(on_delay_ms=2000),))
    assert changes(bench.measure(30)) == ["timer"]
    assert bench.pass_time(1.9) == []
    assert changes(bench.measure(10)) == ["timer"]
    assert bench.pass_time(10) == []
    bench.measure(30)
    assert changes(bench.pass_time(2)) == ["raised"]


def test_a_sensor_that_falls_silent_while_the_delay_runs_still_alarms():
    """The last thing it said was: gas."""
    bench = Bench(rules=(gas_rule(on_delay_ms=2000),))
    bench.measure(30)
    bench.clock.advance(seconds=2)
    assert changes(bench.measure(None, Quality.COMM_FAULT)) == ["raised"]


def test_an_off_delay_waits_and_gas_that_comes_back_is_the_same_alarm():
    bench = Bench(rules=(gas_rule(off_delay_ms=10_000),))
    (raised,) = alarms(bench.measure(30))
    assert changes(bench.measure(10)) == ["clearing"]
    bench.clock.advance(seconds=5)
    (back,) = alarms(bench.measure(30))
    assert (back.alarm, back.count) == (raised.alarm, 2)
    bench.measure(10)
    bench.clock.advance(seconds=10)
    assert changes(bench.measure(10)) == ["normal"]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_no_value_neither_raises_nor_ends(value):
    bench = Bench()
    assert bench.measure(value) == []
    bench.measure(30)
    assert bench.measure(value) == []
    assert len(bench.engine.alarms) == 1


@pytest.mark.parametrize("quality", [q for q in Quality if q is not Quality.GOOD])
def test_a_doubtful_value_neither_raises_nor_ends(quality):
    bench = Bench()
    assert bench.measure(90, quality) == []
    bench.measure(30)
    assert bench.measure(0, quality) == []


def test_a_latched_alarm_stays_until_a_person_resets_it():
    bench = Bench(rules=(gas_rule(latching=True),))
    (raised,) = alarms(bench.measure(30))
    with pytest.raises(RefusedError):
        bench.engine.reset(raised.alarm, bench.now())
    (normal,) = alarms(bench.measure(0))
    assert (normal.condition, normal.latched, normal.cleared) == (Condition.NORMAL, True, False)
    (over,) = alarms(bench.engine.reset(raised.alarm, bench.now()))
    assert over.cleared
    assert over.alarm == raised.alarm
    with pytest.raises(RefusedError):
        bench.engine.reset(raised.alarm, bench.now())


def test_a_silent_device_is_an_alarm_of_its_own_after_a_while():
    bench = Bench(rules=(gas_rule(), CONTACT))
    bench.measure(0)
    assert bench.measure(None, Quality.COMM_FAULT) == [], "a missed poll writes nothing"
    (decision,) = bench.pass_time(30)
    assert (decision.alarm.rule, decision.alarm.device, decision.alarm.class_) == (
        "contact",
        "gas",
        AlarmClass.FAULT,
    )
    assert changes(bench.measure(0)) == ["normal"]


def test_a_bus_that_stands_still_is_noticed_without_a_single_reading():
    bench = Bench(rules=(gas_rule(), CONTACT))
    bench.pass_time(1)
    assert bench.pass_time(31) == []
    assert changes(bench.pass_time(30)) == ["raised"]


def test_a_sensor_that_flaps_through_an_outage_is_one_alarm_with_a_count():
    bench = Bench(server_is_away=True)
    told = []
    for _ in range(1000):
        told += alarms(bench.measure(30)) + alarms(bench.measure(0))
        bench.clock.advance(seconds=60)
    assert len({alarm.alarm for alarm in told}) == 1
    assert told[-1].count == 1000
    assert told[-1].cleared
    assert told[-1].raised_at == told[0].raised_at


def test_an_alarm_whose_end_the_server_holds_is_not_continued():
    bench = Bench(server_is_away=True)
    (first,) = alarms(bench.measure(30))
    bench.measure(0)
    bench.server_is_away = False
    (second,) = alarms(bench.measure(30))
    assert second.alarm != first.alarm
    assert second.count == 1


def test_a_continued_alarm_closes_the_valve_again():
    bench = Bench(server_is_away=True)
    (raised,) = bench.measure(30)
    settle(bench, raised.actions[0], ActionState.CONFIRMED)
    bench.measure(0)
    (again,) = bench.measure(30)
    assert [plan.action for plan in again.actions] == ["close_valve"]


# --- restarts ------------------------------------------------------------------------------------


def test_an_alarm_that_is_active_over_a_restart_keeps_its_id():
    bench = Bench()
    (raised,) = alarms(bench.measure(30))
    bench.restart()
    assert bench.measure(31) == []
    (ended,) = alarms(bench.measure(0))
    assert ended.alarm == raised.alarm


def test_a_delay_goes_on_over_a_restart_of_the_process():
    bench = Bench(rules=(gas_rule(on_delay_ms=10_000),))
    bench.measure(30)
    bench.clock.advance(seconds=6)
    bench.restart()
    assert changes(bench.pass_time(4)) == ["raised"]


def test_a_delay_goes_on_over_a_power_cut_by_the_wall_clock():
    bench = Bench(rules=(gas_rule(on_delay_ms=10_000),))
    bench.measure(30)
    bench.clock.wall_ms += 6000
    bench.clock.boot_ms = 500
    bench.restart(boot="boot-2")
    assert bench.pass_time(3) == []
    assert changes(bench.pass_time(1)) == ["raised"]


@pytest.mark.parametrize(
    ("class_", "change"), [(AlarmClass.LIFE_SAFETY, "raised"), (AlarmClass.HAZARD, "timer")]
)
def test_after_a_power_cut_without_a_clock_a_life_is_not_made_to_wait(class_, change):
    bench = Bench(rules=(gas_rule(on_delay_ms=10_000, class_=class_),))
    bench.measure(30)
    bench.clock.boot_ms = 500
    bench.clock.trusted = Clock.UNSURE
    bench.restart(boot="boot-2")
    assert changes(bench.engine.tick(bench.now())) == [change]


def test_an_alarm_whose_rule_was_taken_away_ends():
    bench = Bench()
    (raised,) = alarms(bench.measure(30))
    bench.rules = ()
    (ended,) = alarms(bench.restart())
    assert ended.alarm == raised.alarm
    assert ended.cleared


def test_a_valve_that_was_not_confirmed_is_closed_again_after_a_restart():
    bench = Bench()
    (raised,) = bench.measure(30)
    (again,) = bench.restart()
    assert again.actions[0].action == "close_valve"
    settle(bench, again.actions[0], ActionState.CONFIRMED)
    assert bench.restart() == [], "what is confirmed is not done again"
    assert raised.alarm.alarm == again.alarm.alarm


# --- actions -------------------------------------------------------------------------------------


def settle(bench, planned, state):
    return bench.engine.settle(
        ActionResult(planned=planned, state=state, at=bench.clock.moment(), detail="no answer")
    )


def test_the_result_of_an_action_stands_in_its_alarm():
    bench = Bench()
    (raised,) = bench.measure(30)
    told = settle(bench, raised.actions[0], ActionState.CONFIRMED).alarm
    assert [(action.action, action.state) for action in told.actions] == [
        ("close_valve", ActionState.CONFIRMED)
    ]


def test_an_action_that_failed_is_tried_again_while_gas_leaks_and_not_after():
    bench = Bench()
    (raised,) = bench.measure(30)
    settle(bench, raised.actions[0], ActionState.FAILED)
    assert bench.pass_time(REPLAN_AFTER_MS / 1000 - 0.1) == []
    (again,) = bench.pass_time(0.1)
    assert again.actions[0].action == "close_valve"
    settle(bench, again.actions[0], ActionState.FAILED)
    bench.measure(0)
    assert bench.pass_time(3600) == []


def test_a_result_that_comes_after_the_alarm_is_over_changes_nothing():
    bench = Bench()
    (raised,) = bench.measure(30)
    bench.measure(0)
    assert settle(bench, raised.actions[0], ActionState.CONFIRMED) is None


# --- tests of an alarm ---------------------------------------------------------------------------


def test_a_test_alarm_is_marked_does_nothing_and_ends_by_itself():
    bench = Bench()
    (decision,) = raise_test(bench.engine, "gas", "gas-high", bench.now())
    assert decision.alarm.mode is Mode.TEST
    assert decision.actions == ()
    (ended,) = alarms(bench.pass_time(TEST_LASTS_MS / 1000))
    assert ended.alarm == decision.alarm.alarm
    assert ended.cleared


def test_a_test_that_names_no_rule_takes_the_gravest_that_watches_the_device():
    mild = gas_rule(id="a-mild-rule", class_=AlarmClass.ADVICE)
    bench = Bench(rules=(mild, gas_rule(), CONTACT))
    (decision,) = raise_test(bench.engine, "gas", None, bench.now())
    assert (decision.alarm.rule, decision.alarm.class_) == ("gas-high", AlarmClass.LIFE_SAFETY)
    assert decision.alarm.mode is Mode.TEST


def test_a_test_of_what_is_not_there_is_refused():
    with pytest.raises(RefusedError, match="no-such"):
        raise_test(Bench().engine, "gas", "no-such", Bench().now())
    with pytest.raises(RefusedError, match="no rule on device 'nothing'"):
        raise_test(Bench().engine, "nothing", None, Bench().now())


# --- for any stream of readings ------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from([0.0, 19.0, 20.0, 22.0, 25.0, 26.0, 90.0])),
        st.sampled_from([0.2, 1.0, 3.0]),
    ),
    max_size=30,
)
rules = st.builds(
    lambda on, off, latching: gas_rule(on_delay_ms=on, off_delay_ms=off, latching=latching),
    st.sampled_from([0, 2000]),
    st.sampled_from([0, 3000]),
    st.booleans(),
)


def play(bench, stream):
    told = []
    for value, seconds in stream:
        told += bench.measure(value, Quality.GOOD if value is not None else Quality.COMM_FAULT)
        told += bench.pass_time(seconds)
    return told


@settings(max_examples=200)
@given(rules, steps, steps)
def test_a_restart_at_any_moment_changes_no_later_decision(rule, before, after):
    straight, broken = Bench(rules=(rule,)), Bench(rules=(rule,))
    for bench in (straight, broken):
        play(bench, before)
    broken.restart()
    expected, found = play(straight, after), play(broken, after)
    assert changes(found) == changes(expected)
    for key, state in straight.engine.states.items():
        assert replace(broken.engine.states[key], alarm=state.alarm, ended=state.ended) == state


@settings(max_examples=200)
@given(rules, steps)
def test_every_alarm_is_raised_once_and_ended_at_most_once(rule, stream):
    told = play(Bench(rules=(rule,)), stream)
    raised = [d.alarm.alarm for d in told if d.change.value == "raised"]
    ended = [d.alarm.alarm for d in told if d.alarm is not None and d.alarm.cleared]
    assert len(raised) == len(set(raised))
    assert len(ended) == len(set(ended))
    assert set(ended) <= set(raised)


@settings(max_examples=100)
@given(steps)
def test_no_alarm_ends_while_the_last_good_value_is_over_the_limit(stream):
    bench = Bench()
    last = 0.0
    for value, seconds in stream:
        last = last if value is None else value
        told = bench.measure(value, Quality.GOOD if value is not None else Quality.COMM_FAULT)
        told += bench.pass_time(seconds)
        if last > 25:
            assert not any(alarm.cleared for alarm in alarms(told))
            assert len(bench.engine.alarms) == 1
