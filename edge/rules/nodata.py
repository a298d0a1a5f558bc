"""No data: a point that has had no good value for too long. Pure."""

from edge.rules.judge import Sample, Verdict
from edge.rules.model import NoDataRule
from edge.rules.step import Cause
from wire.vocabulary import Quality


class NoDataJudge:
    """Judges the time since the last good value."""

    def __init__(self, rule: NoDataRule, *, since_ms: int) -> None:
        """Take the rule.

        Args:
            rule: how long it may last.
            since_ms: when listening began: nobody is blamed for the time before.
        """
        self._after_ms = rule.after_ms
        self._good_ms = since_ms
        self._heard = False

    def feed(self, sample: Sample) -> None:
        """Remember when there was a good value; while the device is worked on, none is missed."""
        if sample.good or sample.quality is Quality.MAINTENANCE:
            self._good_ms = max(self._good_ms, sample.at_ms)
            self._heard = self._heard or sample.good

    def judge(self, sample: Sample, *, held: bool) -> Verdict:
        """Judge with a new sample: a good one ends the cause."""
        self.feed(sample)
        if sample.good:
            return Verdict(Cause.ABSENT, 0.0)
        return self.pass_time(sample.at_ms, held=held)

    def pass_time(self, now_ms: int, *, held: bool) -> Verdict:
        """Judge the time that has passed."""
        del held
        age_ms = now_ms - self._good_ms
        cause = Cause.PRESENT if age_ms >= self._after_ms else Cause.UNKNOWN
        return Verdict(cause, age_ms / 1000)

    def is_warming(self, now_ms: int) -> bool:
        """Tell whether no value came yet and the time is not over."""
        return not self._heard and now_ms - self._good_ms < self._after_ms
