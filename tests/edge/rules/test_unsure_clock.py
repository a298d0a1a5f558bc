"""An alarm that a wall clock stamped that nobody had set gets its true time as soon as that is known."""

from datetime import timedelta

import msgspec

from edge.model import ActionResult
from edge.rules.clockless import UnsureAlarms
from edge.stores.rulestates import decode_state, encode_state
from tests.edge.site import Bench, alarms, changes, gas_rule
from wire.vocabulary import ActionState, Clock, Condition

AHEAD_MS = 400 * 86_400_000


def unsure(**rule) -> Bench:
    bench = Bench(rules=(gas_rule(**rule),))
    bench.clock.trusted = Clock.UNSURE
    bench.clock.wall_ms -= AHEAD_MS
    return bench


def synchronise(bench: Bench) -> None:
    bench.clock.wall_ms += AHEAD_MS
    bench.clock.trusted = Clock.SYNCED


def test_an_open_alarm_is_stated_anew_with_the_true_time_of_its_raise():
    bench = unsure()
    raised = bench.measure(30)[0]
    bench.engine.settle(
        ActionResult(planned=raised.actions[0], state=ActionState.CONFIRMED, at=bench.clock.moment())
    )
    before = raised.alarm
    bench.clock.advance(seconds=90)
    assert bench.engine.tick(bench.now()) == [], "nobody knows yet"
    synchronise(bench)
    (decision,) = bench.engine.tick(bench.now())
    after = decision.alarm
    assert decision.change.value == "corrected"
    assert after.alarm == before.alarm
    assert after.raised_at == before.raised_at + timedelta(milliseconds=AHEAD_MS)
    assert after.changed_at == bench.clock.moment().as_datetime()
    assert after.actions[0].at == after.raised_at
    assert (after.condition, after.count, after.value) == (Condition.ACTIVE, 1, 30)
    assert bench.pass_time(1) == [], "once"
    (over,) = alarms(bench.measure(5))
    assert over.raised_at == after.raised_at


def test_under_a_trusted_clock_nothing_is_corrected_though_it_jumps():
    bench = Bench()
    bench.measure(30)
    bench.clock.wall_ms += AHEAD_MS
    assert bench.pass_time(1) == []


def test_an_alarm_that_is_over_by_then_is_corrected_and_stays_over():
    bench = unsure()
    (raised,) = alarms(bench.measure(30))
    bench.measure(5)
    synchronise(bench)
    (decision,) = bench.pass_time(60)
    assert decision.alarm.alarm == raised.alarm
    assert decision.alarm.cleared
    assert decision.alarm.raised_at == raised.raised_at + timedelta(milliseconds=AHEAD_MS)
    assert bench.pass_time(1) == []


def test_a_latch_that_a_person_reset_before_is_corrected_too():
    bench = unsure(latching=True)
    (raised,) = alarms(bench.measure(30))
    bench.measure(5)
    bench.engine.reset(raised.alarm, bench.now())
    synchronise(bench)
    (decision,) = bench.pass_time(60)
    assert decision.alarm.cleared
    assert decision.alarm.raised_at == raised.raised_at + timedelta(milliseconds=AHEAD_MS)


def test_an_alarm_that_flaps_on_goes_on_with_the_true_time():
    bench = unsure()
    bench.server_is_away = True
    (raised,) = alarms(bench.measure(30))
    bench.measure(5)
    synchronise(bench)
    bench.pass_time(60)
    (again,) = alarms(bench.measure(31))
    assert (again.alarm, again.count) == (raised.alarm, 2)
    assert again.raised_at == raised.raised_at + timedelta(milliseconds=AHEAD_MS)


def test_it_is_known_over_a_restart_of_the_gateway_and_lost_over_one_of_the_machine():
    for boot, corrected in ((None, True), ("another", False)):
        bench = unsure()
        (raised,) = alarms(bench.measure(30))
        key = ("gas-high", "gas")
        assert decode_state(encode_state(bench.engine.states[key])) == bench.engine.states[key]
        bench.restart(boot=boot)
        synchronise(bench)
        decisions = [d for d in bench.pass_time(60) if d.change.value == "corrected"]
        assert bool(decisions) is corrected
        (known,) = bench.engine.alarms.values()
        moved = timedelta(milliseconds=AHEAD_MS if corrected else 0)
        assert known.raised_at == raised.raised_at + moved
        assert changes(bench.pass_time(1)) == []


def test_no_more_than_some_alarms_that_are_over_are_remembered():
    bench = unsure()
    remembered = UnsureAlarms()
    bench.measure(30)
    (over,) = alarms(bench.measure(5))
    stamp = bench.engine.states["gas-high", "gas"].ended.unsure
    for number in range(600):
        remembered.note_told(msgspec.structs.replace(over, alarm=f"{number}"), stamp)
    assert len(list(remembered.take_over())) == 500
    assert not remembered
