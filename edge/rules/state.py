"""What a rule remembers for one device. Values only."""

from dataclasses import dataclass
from enum import StrEnum

from edge.model import Moment
from wire.vocabulary import Clock as ClockTrust
from wire.vocabulary import Condition


class Change(StrEnum):
    """What a step of a rule changed."""

    NONE = "none"
    """Nothing that is worth writing down."""
    TIMER = "timer"
    """A delay before the alarm started or was called off: to be journalled, not told."""
    RAISED = "raised"
    """The alarm became active."""
    CLEARING = "clearing"
    """The cause went; the off-delay runs."""
    RETURNED = "returned"
    """The cause came back before the alarm was over."""
    NORMAL = "normal"
    """The condition is normal again; the alarm is over unless it is latched."""
    STAGED = "staged"
    """A further stage of its limit was reached."""
    MARKED = "marked"
    """It is shown or hidden otherwise than before; where its cause stands is the same."""
    CORRECTED = "corrected"
    """When it was raised is known better now: the clock was not to be trusted then, and is now."""
    RESET = "reset"
    """A person reset the latch: the alarm is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsureTime:
    """When something happened while the wall clock was not to be trusted.

    Attributes:
        boot: the machine start in which it was.
        boot_ms: milliseconds after that start.
    """

    boot: str
    boot_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The alarm that was over last.

    Attributes:
        alarm: its id.
        raised_ms: wall clock when it was first active.
        count: how often it became active.
        unsure: when that was, where the wall clock was not to be trusted and has not been since.
    """

    alarm: str
    raised_ms: int
    count: int
    unsure: UnsureTime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """Where one rule stands for one device.

    Attributes:
        condition: where the cause stands.
        latched: whether a person must reset it.
        since: when the running delay began, or None.
        boot: the machine start to which `since.boot_ms` belongs.
        alarm: the id of the alarm that is not cleared, or None.
        raised_ms: wall clock when that alarm was first active.
        count: how often that alarm became active.
        value: the good value that was seen last.
        stage: which stage of its limit that alarm has reached, the highest so far.
        ended: the alarm before, which a cause that comes back may continue while the server has
            not been told of its end; None for one that a person reset.
        unsure: when the alarm was first active, where the wall clock was not to be trusted then and
            `raised_ms` is not corrected yet.
    """

    condition: Condition = Condition.NORMAL
    latched: bool = False
    since: Moment | None = None
    boot: str = ""
    alarm: str | None = None
    raised_ms: int = 0
    count: int = 0
    value: float | None = None
    stage: int = 0
    ended: Ended | None = None
    unsure: UnsureTime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The moment of a step, the machine start it belongs to, and how far its clock is trusted."""

    moment: Moment
    boot: str
    trust: ClockTrust = ClockTrust.SYNCED


def elapsed_ms(state: RuleState, now: Now) -> int | None:
    """Return for how many milliseconds a delay has run, or None when nobody can know.

    Within one start of the machine the boot clock tells. Across a restart only the wall clock can,
    and only when it is trusted and has not gone backwards.
    """
    if state.since is None:
        return 0
    if state.boot == now.boot:
        return now.moment.boot_ms - state.since.boot_ms
    passed_ms = now.moment.wall_ms - state.since.wall_ms
    return passed_ms if now.trust is ClockTrust.SYNCED and passed_ms >= 0 else None


def unsure_time(now: Now) -> UnsureTime | None:
    """Return a moment by the clock since the machine's start; None where the wall clock is trusted."""
    if now.trust is ClockTrust.SYNCED:
        return None
    return UnsureTime(boot=now.boot, boot_ms=now.moment.boot_ms)
