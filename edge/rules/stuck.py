"""Stuck value: a point that stands still although it should move. Pure."""

from edge.rules.judge import NOTHING, Sample, Verdict
from edge.rules.model import StuckRule
from edge.rules.step import Cause


class StuckJudge:
    """Judges how long a value has not moved further than the tolerance."""

    def __init__(self, rule: StuckRule) -> None:
        """Take the rule."""
        self._rule = rule
        self._since_ms: int | None = None
        self._low = self._high = 0.0
        self._moved = False

    def feed(self, sample: Sample) -> None:
        """Remember how far it moved; a gap neither moves it nor holds it."""
        value = sample.value
        if not sample.good or value is None:
            return
        low, high = min(self._low, value), max(self._high, value)
        if self._since_ms is None or high - low > self._rule.tolerance:
            self._moved = self._since_ms is not None
            self._since_ms, self._low, self._high = sample.at_ms, value, value
        else:
            self._low, self._high = low, high

    def judge(self, sample: Sample, *, held: bool) -> Verdict:
        """Judge with a new sample."""
        del held
        self.feed(sample)
        value = sample.value
        if not sample.good or value is None or self._since_ms is None:
            return NOTHING
        if value in self._rule.normal_at:
            return Verdict(Cause.ABSENT, value)
        if sample.at_ms - self._since_ms >= self._rule.for_ms:
            return Verdict(Cause.PRESENT, value)
        return Verdict(Cause.ABSENT if self._moved else Cause.UNKNOWN, value)

    def pass_time(self, now_ms: int, *, held: bool) -> Verdict:
        """Say nothing: a value that does not come is another matter than one that stands still."""
        del now_ms, held
        return NOTHING

    def is_warming(self, now_ms: int) -> bool:
        """Tell whether it was neither seen to move nor watched for long enough."""
        return not self._moved and (self._since_ms is None or now_ms - self._since_ms < self._rule.for_ms)
