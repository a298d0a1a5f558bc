"""Windows: what the values of the last minutes come to, in bounded space. Pure.

A window is cut into slices; a slice keeps sums and extremes, not values, so that an hour of readings
every 100 ms costs as much as one of readings every minute. A slice leaves as a whole: a window is
exact to one slice, a two-hundredth of its length.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.rules.judge import NOTHING, Sample, Verdict
from edge.rules.model import WindowRule
from edge.rules.step import Cause
from edge.rules.threshold import prepare_limit
from wire.vocabulary import Measure, Quality

SLICES: Final = 200


@dataclass(slots=True)
class Slice:
    """The values of one part of a window.

    Attributes:
        start_ms: when it begins.
        first, first_ms: its first value and when that was.
        count, total, low, high: of its values.
        area: integral of the value over `span_ms`, in value × ms.
        span_ms: for how long a good value stood.
    """

    start_ms: int
    first: float
    first_ms: int
    low: float
    high: float
    count: int = 0
    total: float = 0.0
    area: float = 0.0
    span_ms: int = 0


class Window:
    """The values of the last `length_ms`."""

    def __init__(self, length_ms: int) -> None:
        """Begin empty."""
        self.length_ms = length_ms
        self._slice_ms = max(length_ms // SLICES, 1)
        self.slices: deque[Slice] = deque()
        self.since_ms: int | None = None
        """Since when values are heard, through gaps."""
        self._last: Sample | None = None

    def add(self, sample: Sample) -> None:
        """Take a sample. One without a good value ends what the one before stood for.

        A message that does not name the point (`stale`) leaves it as it stands.
        """
        if sample.quality is Quality.STALE:
            return
        self.drop(sample.at_ms)
        last = self._last
        self._last = sample
        value = sample.value
        if not sample.good or value is None:
            return
        if self.since_ms is None:
            self.since_ms = sample.at_ms
        start_ms = sample.at_ms - sample.at_ms % self._slice_ms
        if not self.slices or self.slices[-1].start_ms != start_ms:
            self.slices.append(Slice(start_ms, value, sample.at_ms, value, value))
        part = self.slices[-1]
        part.count += 1
        part.total += value
        part.low, part.high = min(part.low, value), max(part.high, value)
        if last is not None and last.good and last.value is not None:
            stood_ms = min(max(sample.at_ms - last.at_ms, 0), self.length_ms)
            part.area += last.value * stood_ms
            part.span_ms += stood_ms

    def drop(self, now_ms: int) -> None:
        """Forget what is older than the window."""
        oldest_ms = now_ms - self.length_ms
        while self.slices and self.slices[0].start_ms + self._slice_ms <= oldest_ms:
            self.slices.popleft()

    def is_full(self, now_ms: int) -> bool:
        """Tell whether values were heard for the whole of its length."""
        return self.since_ms is not None and now_ms - self.since_ms >= self.length_ms - self._slice_ms

    @property
    def is_in_gap(self) -> bool:
        """Whether the newest sample was no good one."""
        return self._last is None or not self._last.good

    def measure(self, what: Measure) -> float | None:
        """Return what the window comes to; None while it is empty."""
        if what is Measure.COUNT:
            return float(sum(part.count for part in self.slices))
        return _MEASURES[what](self.slices) if self.slices else None


def _mean(slices: deque[Slice]) -> float:
    span_ms = sum(part.span_ms for part in slices)
    if span_ms:
        return sum(part.area for part in slices) / span_ms
    return sum(part.total for part in slices) / sum(part.count for part in slices)


def _low(slices: deque[Slice]) -> float:
    return min(part.low for part in slices)


def _high(slices: deque[Slice]) -> float:
    return max(part.high for part in slices)


_MEASURES: Final[Mapping[Measure, Callable[[deque[Slice]], float]]] = {
    Measure.MEAN: _mean,
    Measure.MIN: _low,
    Measure.MAX: _high,
    Measure.SUM: lambda slices: sum(part.total for part in slices),
    Measure.SPREAD: lambda slices: _high(slices) - _low(slices),
}
_GROWING: Final = frozenset({Measure.MAX, Measure.COUNT, Measure.SPREAD})
"""What can only grow while a window fills: beyond an upper limit it may be told early."""
_SHRINKING: Final = frozenset({Measure.MIN})


class WindowJudge:
    """Judges what a window comes to."""

    def __init__(self, rule: WindowRule) -> None:
        """Take the rule."""
        self._rule = rule
        self._window = Window(rule.window_ms)
        self._is_beyond = prepare_limit(above=rule.above, below=rule.below, hysteresis=rule.hysteresis)
        only_above, only_below = rule.below is None, rule.above is None
        self._early = (only_above and rule.measure in _GROWING) or (only_below and rule.measure in _SHRINKING)

    def feed(self, sample: Sample) -> None:
        """Remember a sample."""
        self._window.add(sample)

    def judge(self, sample: Sample, *, held: bool) -> Verdict:
        """Judge with a new sample: one that is not good may raise and never clears."""
        self._window.add(sample)
        return self._verdict(sample.at_ms, held=held)

    def pass_time(self, now_ms: int, *, held: bool) -> Verdict:
        """Judge what has left the window; without a new sample nothing is cleared."""
        self._window.drop(now_ms)
        found = self._verdict(now_ms, held=held)
        return NOTHING if found.cause is Cause.ABSENT or self._window.is_in_gap else found

    def is_warming(self, now_ms: int) -> bool:
        """Tell whether the window is not full yet."""
        return not self._window.is_full(now_ms)

    def _verdict(self, now_ms: int, *, held: bool) -> Verdict:
        value = self._window.measure(self._rule.measure)
        if value is None or self._window.is_in_gap:
            return NOTHING
        full = self._window.is_full(now_ms)
        if self._is_beyond(value, held):
            return Verdict(Cause.PRESENT if full or self._early else Cause.UNKNOWN, value)
        return Verdict(Cause.ABSENT if full else Cause.UNKNOWN, value)
