"""How far a rule has come on one device, and which moves it may make.

    normal → pending (on-delay) → active → clearing (off-delay) → normal

A latch is a field of its own: a latched alarm stays, whatever the condition, until a person
resets it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edge.model import Moment
from wire.vocabulary import AlarmClass, Clock, Condition, Suppression


class Change(StrEnum):
    """What a step did to a rule's state."""

    WAITING = "waiting"
    """The cause appeared; its on-delay runs."""
    DROPPED = "dropped"
    """The cause went before its on-delay had elapsed."""
    RAISED = "raised"
    """A new alarm."""
    REPEATED = "repeated"
    """Active again while still latched: the same alarm, counted once more."""
    EASING = "easing"
    """The cause went; its off-delay runs."""
    RETURNED = "returned"
    """The cause came back, or its absence is not known any more, within the off-delay."""
    QUIETED = "quieted"
    """The condition is normal; the latch holds the alarm."""
    CLEARED = "cleared"
    """The alarm is over."""
    RESET = "reset"
    """A person reset the latch; the alarm is over."""


TOLD: Final = frozenset(
    {Change.RAISED, Change.REPEATED, Change.QUIETED, Change.CLEARED, Change.RESET}
)
"""The changes that make a new state of an alarm for the server; the others are kept locally."""

MOVES: Final[dict[tuple[Condition, Condition], frozenset[Change]]] = {
    (Condition.NORMAL, Condition.PENDING): frozenset({Change.WAITING}),
    (Condition.NORMAL, Condition.ACTIVE): frozenset({Change.RAISED, Change.REPEATED}),
    (Condition.PENDING, Condition.NORMAL): frozenset({Change.DROPPED}),
    (Condition.PENDING, Condition.ACTIVE): frozenset({Change.RAISED, Change.REPEATED}),
    (Condition.ACTIVE, Condition.CLEARING): frozenset({Change.EASING}),
    (Condition.ACTIVE, Condition.NORMAL): frozenset({Change.QUIETED, Change.CLEARED}),
    (Condition.CLEARING, Condition.ACTIVE): frozenset({Change.RETURNED}),
    (Condition.CLEARING, Condition.NORMAL): frozenset({Change.QUIETED, Change.CLEARED}),
    (Condition.NORMAL, Condition.NORMAL): frozenset({Change.RESET}),
}
"""Every move there is, with what it may mean. Anything else is a fault of the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A delay that runs.

    Attributes:
        started: when it began.
        delay_ms: how long it takes.
        due_boot_ms: when it has elapsed, on the clock of the present boot.
    """

    started: Moment
    delay_ms: int
    due_boot_ms: int

    def elapsed(self, now: Moment) -> bool:
        """Tell whether the delay is over."""
        return now.boot_ms >= self.due_boot_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """How far one rule has come on one device.

    Attributes:
        condition: where the measured cause stands.
        latched: whether a person must reset the alarm.
        suppression: whether and why the alarm is kept from people.
        alarm: the alarm in force; None when there is none. Given by whoever makes identifiers.
        timer: the on-delay while pending, the off-delay while clearing, else None.
        count: how often the alarm in force became active.
    """

    condition: Condition = Condition.NORMAL
    latched: bool = False
    suppression: Suppression = Suppression.NONE
    alarm: str | None = None
    timer: Timer | None = None
    count: int = 0


AT_REST: Final = RuleState()

Step = tuple[RuleState, Change | None]
"""A state and what changed; None when nothing did and the state is the same object."""


def start_timer(now: Moment, delay_ms: int) -> Timer:
    """Return a timer that starts now."""
    return Timer(started=now, delay_ms=delay_ms, due_boot_ms=now.boot_ms + delay_ms)


def become_pending(state: RuleState, timer: Timer) -> Step:
    """Let the on-delay run."""
    return replace(state, condition=Condition.PENDING, timer=timer), Change.WAITING


def become_active(state: RuleState, *, latching: bool) -> Step:
    """Raise the alarm, or count it once more when it is still in force."""
    again = state.alarm is not None
    return (
        replace(
            state,
            condition=Condition.ACTIVE,
            latched=state.latched or latching,
            timer=None,
            count=state.count + 1 if again else 1,
        ),
        Change.REPEATED if again else Change.RAISED,
    )


def become_clearing(state: RuleState, timer: Timer) -> Step:
    """Let the off-delay run."""
    return replace(state, condition=Condition.CLEARING, timer=timer), Change.EASING


def return_active(state: RuleState) -> Step:
    """Go back from clearing; the alarm never stopped, so it is not counted again."""
    return replace(state, condition=Condition.ACTIVE, timer=None), Change.RETURNED


def drop(state: RuleState) -> Step:
    """Forget a pending cause."""
    return replace(state, condition=Condition.NORMAL, timer=None), Change.DROPPED


def become_normal(state: RuleState) -> Step:
    """End the condition; the alarm is over unless its latch holds it."""
    if state.latched:
        return replace(state, condition=Condition.NORMAL, timer=None), Change.QUIETED
    return RuleState(suppression=state.suppression), Change.CLEARED


def reset_latch(state: RuleState) -> Step:
    """Reset the latch. Nothing changes unless the condition is normal and the latch is set."""
    if state.condition is not Condition.NORMAL or not state.latched:
        return state, None
    return RuleState(suppression=state.suppression), Change.RESET


def rebase(
    state: RuleState, *, now: Moment, same_boot: bool, trust: Clock, class_: AlarmClass
) -> RuleState:
    """Return a stored state with its timer on the clock of the present boot.

    Within one boot nothing changes: the boot clock went on while the process was away. After a
    reboot the wall clock tells how much of the delay is left, if it can be trusted; otherwise an
    on-delay of a life-safety rule counts as elapsed, and any other delay starts afresh.

    Args:
        state: as it was stored.
        now: the present moment.
        same_boot: whether it was stored since the machine started.
        trust: whether the wall clock is disciplined now.
        class_: how much is at stake.
    """
    timer = state.timer
    if timer is None or same_boot:
        return state
    if trust is Clock.SYNCED:
        gone_ms = max(now.wall_ms - timer.started.wall_ms, 0)
        left_ms = min(max(timer.delay_ms - gone_ms, 0), timer.delay_ms)
    elif class_ is AlarmClass.LIFE_SAFETY and state.condition is Condition.PENDING:
        left_ms = 0
    else:
        left_ms = timer.delay_ms
    return replace(state, timer=replace(timer, due_boot_ms=now.boot_ms + left_ms))
