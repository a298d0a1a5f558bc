"""What every evaluator of a rule kind gives: the cause, and the figure it was judged by."""

from dataclasses import dataclass
from typing import Protocol

from edge.rules.step import Cause
from wire.vocabulary import Quality


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an evaluator says.

    Attributes:
        cause: present, absent or unknown.
        value: the figure that was compared with the limit; None when there is none.
    """

    cause: Cause
    value: float | None = None


NOTHING = Verdict(Cause.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one point.

    Attributes:
        at_ms: milliseconds since the machine started.
        value: None where there is none.
        quality: how far it can be believed.
    """

    at_ms: int
    value: float | None
    quality: Quality

    @property
    def good(self) -> bool:
        """Whether there is a value and it can be believed."""
        return self.value is not None and self.quality is Quality.GOOD and self.value == self.value


class Judge(Protocol):
    """Evaluates one rule on one device; what it remembers follows from what it was given alone."""

    def feed(self, sample: Sample) -> None:
        """Take a sample without judging: from stored readings, after a restart."""

    def judge(self, sample: Sample, *, held: bool) -> Verdict:
        """Take a sample and judge; `held` tells whether the cause was seen before (hysteresis)."""

    def pass_time(self, now_ms: int, *, held: bool) -> Verdict:
        """Judge the time that has passed without a sample."""

    def is_warming(self, now_ms: int) -> bool:
        """Tell whether it has not heard enough yet to say that a cause is absent."""


class Timeless:
    """Base of evaluators that remember nothing."""

    def feed(self, sample: Sample) -> None:
        """Remember nothing."""

    def pass_time(self, now_ms: int, *, held: bool) -> Verdict:
        """Say nothing: only a sample can tell."""
        del now_ms, held
        return NOTHING

    def is_warming(self, now_ms: int) -> bool:
        """Return False: one sample is enough."""
        del now_ms
        return False
