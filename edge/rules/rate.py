"""Rate of change: how fast a value rises or falls over a window. Pure."""

from edge.rules.judge import NOTHING, Sample, Verdict
from edge.rules.model import RateRule
from edge.rules.step import Cause
from edge.rules.threshold import prepare_limit
from edge.rules.window import Window

_MINUTE_MS = 60_000


class RateJudge:
    """Judges the change between the beginning of a window and now, a minute."""

    def __init__(self, rule: RateRule) -> None:
        """Take the rule."""
        falling = rule.falling_per_min
        self._window = Window(rule.window_ms)
        self._is_beyond = prepare_limit(
            above=rule.rising_per_min,
            below=None if falling is None else -falling,
            hysteresis=rule.hysteresis,
        )

    def feed(self, sample: Sample) -> None:
        """Remember a sample."""
        self._window.add(sample)

    def judge(self, sample: Sample, *, held: bool) -> Verdict:
        """Judge with a new sample."""
        window = self._window
        window.add(sample)
        if not sample.good or sample.value is None or not window.is_full(sample.at_ms):
            return NOTHING
        first = window.slices[0]
        passed_ms = sample.at_ms - first.first_ms
        if passed_ms * 2 < window.length_ms:
            return NOTHING  # a gap: what is left of the window is too short to tell a rate
        rate = (sample.value - first.first) * _MINUTE_MS / passed_ms
        return Verdict(Cause.PRESENT if self._is_beyond(rate, held) else Cause.ABSENT, rate)

    def pass_time(self, now_ms: int, *, held: bool) -> Verdict:
        """Say nothing: only a sample can tell."""
        del now_ms, held
        return NOTHING

    def is_warming(self, now_ms: int) -> bool:
        """Tell whether the window is not full yet."""
        return not self._window.is_full(now_ms)
