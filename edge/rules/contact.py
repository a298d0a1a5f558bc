"""The contact rule: a device that stops answering raises an alarm of its own. Pure."""

from edge.model import Moment
from edge.rules.model import ContactRule
from edge.rules.state import (
    RuleState,
    Step,
    Timer,
    become_active,
    become_normal,
    become_pending,
    drop,
)
from wire.vocabulary import Condition


def step(rule: ContactRule, state: RuleState, *, heard: Moment, now: Moment) -> Step:
    """Let time pass since the device last answered.

    Args:
        rule: the rule.
        state: how far it had come.
        heard: when the device last answered, or when listening began.
        now: the present moment; equal to `heard` when an answer has just come.
    """
    if now.boot_ms <= heard.boot_ms:
        return _hear(state)
    if state.condition is Condition.NORMAL:
        timer = Timer(
            started=heard, delay_ms=rule.after_ms, due_boot_ms=heard.boot_ms + rule.after_ms
        )
        if timer.elapsed(now):
            return become_active(state, latching=False)
        return become_pending(state, timer)
    if state.condition is Condition.PENDING and (state.timer is None or state.timer.elapsed(now)):
        return become_active(state, latching=False)
    return state, None


def _hear(state: RuleState) -> Step:
    if state.condition is Condition.NORMAL:
        return state, None
    if state.condition is Condition.PENDING:
        return drop(state)
    return become_normal(state)
