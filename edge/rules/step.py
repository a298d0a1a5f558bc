"""One step of a rule for one device: state and cause in, state and change out. Pure.

The condition goes `normal → pending → active → clearing → normal`; latch and identity of the alarm
follow from it. Bad quality is neither cause nor absence: it never raises and never clears.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edge.rules.state import Change, Ended, Now, RuleState, elapsed_ms, unsure_time
from wire.ids import new_uuid7
from wire.vocabulary import AlarmClass, Condition


class Cause(StrEnum):
    """What a reading says about a rule's cause."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    """No good value, or no reading at all: only time has passed."""
    MAINTENANCE = "maintenance"
    """The device is being worked on: nothing is raised, nothing is cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the machine needs to know of a rule: its delays, its latch, its class."""

    on_delay_ms: int = 0
    off_delay_ms: int = 0
    latching: bool = False
    class_: AlarmClass = AlarmClass.HAZARD


Step = tuple[RuleState, Change]


def advance(rule: Behaviour, state: RuleState, cause: Cause, now: Now) -> Step:
    """Return the state after one reading, or after time alone, and what it changed."""
    return _MOVES[state.condition, cause](rule, state, now)


def reach(rule: Behaviour, step: Step, stage: int, now: Now) -> Step:
    """Return a step after a value that has reached a stage of its limit.

    A further stage does not wait for the first one's delay, and none is given back before the alarm is
    over.

    Args:
        rule: of the limit.
        step: what the value alone brought.
        stage: which it has reached; 1 for the limit itself.
        now: the moment.
    """
    state, change = step
    if state.condition is Condition.PENDING and stage > 1:
        state, change = _activate(rule, state, now)
    if state.condition is not Condition.ACTIVE or stage <= state.stage:
        return state, change
    told = change if change in (Change.RAISED, Change.RETURNED) or stage == 1 else Change.STAGED
    return replace(state, stage=stage), told


def reset(state: RuleState) -> RuleState | None:
    """Return the state after a person's reset; None while the condition is not normal."""
    if not state.latched or state.condition is not Condition.NORMAL:
        return None
    return _over(state)


def _stay(_rule: Behaviour, state: RuleState, _now: Now) -> Step:
    return state, Change.NONE


def _begin(rule: Behaviour, state: RuleState, now: Now) -> Step:
    waiting = replace(state, condition=Condition.PENDING, since=now.moment, boot=now.boot)
    if rule.on_delay_ms <= 0:
        return _activate(rule, waiting, now)
    return waiting, Change.TIMER


def _wait_on(rule: Behaviour, state: RuleState, now: Now) -> Step:
    waited_ms = elapsed_ms(state, now)
    if waited_ms is None:
        # A restart with a clock that nobody set: a life is not made to wait for it.
        if rule.class_ is AlarmClass.LIFE_SAFETY:
            return _activate(rule, state, now)
        return replace(state, since=now.moment, boot=now.boot), Change.TIMER
    if waited_ms >= rule.on_delay_ms:
        return _activate(rule, state, now)
    return state, Change.NONE


def _call_off(_rule: Behaviour, state: RuleState, _now: Now) -> Step:
    return replace(state, condition=Condition.NORMAL, since=None), Change.TIMER


def _activate(rule: Behaviour, state: RuleState, now: Now) -> Step:
    if state.alarm is not None:
        before, change = (
            Ended(alarm=state.alarm, raised_ms=state.raised_ms, count=state.count, unsure=state.unsure),
            Change.RETURNED,
        )
    else:
        fresh = new_uuid7(unix_ms=now.moment.wall_ms)
        before = state.ended or Ended(
            alarm=fresh, raised_ms=now.moment.wall_ms, count=0, unsure=unsure_time(now)
        )
        change = Change.RAISED
    active = replace(
        state,
        condition=Condition.ACTIVE,
        latched=rule.latching,
        since=None,
        alarm=before.alarm,
        raised_ms=before.raised_ms,
        count=before.count + 1,
        ended=None,
        unsure=before.unsure,
    )
    return active, change


def _begin_clearing(rule: Behaviour, state: RuleState, now: Now) -> Step:
    if rule.off_delay_ms <= 0:
        return _settle(rule, state, now)
    clearing = replace(state, condition=Condition.CLEARING, since=now.moment, boot=now.boot)
    return clearing, Change.CLEARING


def _wait_off(rule: Behaviour, state: RuleState, now: Now) -> Step:
    waited_ms = elapsed_ms(state, now)
    if waited_ms is None:
        # Nobody knows how long it has been quiet: the quiet begins now.
        return replace(state, since=now.moment, boot=now.boot), Change.TIMER
    if waited_ms >= rule.off_delay_ms:
        return _settle(rule, state, now)
    return state, Change.NONE


def _come_back(rule: Behaviour, state: RuleState, now: Now) -> Step:
    return _activate(rule, state, now)


def _settle(_rule: Behaviour, state: RuleState, _now: Now) -> Step:
    normal = replace(state, condition=Condition.NORMAL, since=None)
    return (normal if normal.latched else _over(normal)), Change.NORMAL


def _over(state: RuleState) -> RuleState:
    ended = None
    if state.alarm is not None and not state.latched:
        ended = Ended(alarm=state.alarm, raised_ms=state.raised_ms, count=state.count, unsure=state.unsure)
    return RuleState(value=state.value, ended=ended)


_Move = Callable[[Behaviour, RuleState, Now], Step]

_MOVES: Final[dict[tuple[Condition, Cause], _Move]] = {
    (Condition.NORMAL, Cause.PRESENT): _begin,
    (Condition.NORMAL, Cause.ABSENT): _stay,
    (Condition.NORMAL, Cause.UNKNOWN): _stay,
    (Condition.NORMAL, Cause.MAINTENANCE): _stay,
    (Condition.PENDING, Cause.PRESENT): _wait_on,
    (Condition.PENDING, Cause.ABSENT): _call_off,
    (Condition.PENDING, Cause.UNKNOWN): _wait_on,
    (Condition.PENDING, Cause.MAINTENANCE): _call_off,
    (Condition.ACTIVE, Cause.PRESENT): _stay,
    (Condition.ACTIVE, Cause.ABSENT): _begin_clearing,
    (Condition.ACTIVE, Cause.UNKNOWN): _stay,
    (Condition.ACTIVE, Cause.MAINTENANCE): _stay,
    (Condition.CLEARING, Cause.PRESENT): _come_back,
    (Condition.CLEARING, Cause.ABSENT): _wait_off,
    (Condition.CLEARING, Cause.UNKNOWN): _stay,
    (Condition.CLEARING, Cause.MAINTENANCE): _stay,
}
"""What each cause does in each condition.

A pending alarm whose sensor then falls silent still becomes active: the last thing it said was
alarm. A clearing one waits: only a good reading may end an alarm.
"""
