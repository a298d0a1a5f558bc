"""The threshold rule: a limit with hysteresis, on-delay, off-delay and latch. Pure.

The cause counts as present from the moment the value is beyond the limit until it is back behind
the limit by the hysteresis. A reading of any quality but `good`, or without a value, is no
evidence: it lets an on-delay run on, ends no alarm, and takes back an off-delay that had begun.
"""

from edge.model import Moment
from edge.rules.model import ThresholdRule
from edge.rules.state import (
    RuleState,
    Step,
    become_active,
    become_clearing,
    become_normal,
    become_pending,
    drop,
    return_active,
    start_timer,
)
from wire.vocabulary import Condition, Quality


def step(
    rule: ThresholdRule, state: RuleState, *, value: float | None, quality: Quality, now: Moment
) -> Step:
    """Take one reading.

    Args:
        rule: the rule.
        state: how far it had come.
        value: in the point's unit; None or NaN when there is none.
        quality: how far the value can be believed.
        now: when the reading was known.
    """
    condition = state.condition
    good = value is not None and value == value and quality is Quality.GOOD  # noqa: PLR0124 NaN
    if not good or value is None:
        if condition is Condition.CLEARING:
            return return_active(state)
        return tick(rule, state, now=now)
    if condition is Condition.NORMAL:
        return _begin(rule, state, now) if is_beyond(rule, value) else (state, None)
    if condition is Condition.PENDING:
        return drop(state) if is_behind(rule, value) else tick(rule, state, now=now)
    if condition is Condition.ACTIVE:
        return _end(rule, state, now) if is_behind(rule, value) else (state, None)
    if is_beyond(rule, value):
        return return_active(state)
    timer = state.timer
    return become_normal(state) if timer is None or timer.elapsed(now) else (state, None)


def tick(rule: ThresholdRule, state: RuleState, *, now: Moment) -> Step:
    """Let time pass without a reading. An on-delay elapses so; an off-delay needs a reading."""
    if state.condition is not Condition.PENDING:
        return state, None
    timer = state.timer
    if timer is None or timer.elapsed(now):
        return become_active(state, latching=rule.latching)
    return state, None


def is_beyond(rule: ThresholdRule, value: float) -> bool:
    """Tell whether a value is beyond the limit."""
    if rule.above is not None:
        return value > rule.above
    return rule.below is not None and value < rule.below


def is_behind(rule: ThresholdRule, value: float) -> bool:
    """Tell whether a value is back behind the limit, hysteresis included."""
    if rule.above is not None:
        edge = rule.above - rule.hysteresis
        return value < edge if rule.hysteresis else value <= edge
    if rule.below is not None:
        edge = rule.below + rule.hysteresis
        return value > edge if rule.hysteresis else value >= edge
    return True


def _begin(rule: ThresholdRule, state: RuleState, now: Moment) -> Step:
    if rule.on_delay_ms > 0:
        return become_pending(state, start_timer(now, rule.on_delay_ms))
    return become_active(state, latching=rule.latching)


def _end(rule: ThresholdRule, state: RuleState, now: Moment) -> Step:
    if rule.off_delay_ms > 0:
        return become_clearing(state, start_timer(now, rule.off_delay_ms))
    return become_normal(state)
