"""When one device of a bus is asked next. Pure: the time is an argument."""

from dataclasses import dataclass
from typing import Final

from edge.model import Point

FIRST_PROBE_MS: Final = 1_000
LONGEST_PROBE_MS: Final = 30_000
LONGEST_PROBE_SAFETY_MS: Final = 5_000
LEAST_PROBE_S: Final = 0.05
USUAL_PROBE_S: Final = 0.3
FULL_PROBE_EVERY: Final = 4
"""A silent device gets little time to answer, and now and then all of it."""
GOOD_STREAK: Final = 10
"""After so many answers in a row it is forgotten how often a device was silent."""
_OWN_ANSWER_TIMES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledDevice:
    """What the poller needs to know of a device.

    Attributes:
        id: within this gateway.
        points: in the order of the driver's values.
        period_ms: how often it is read.
        safety: whether a life-safety rule watches it; then it is asked more often while silent.
    """

    id: str
    points: tuple[Point, ...]
    period_ms: int
    safety: bool = False


@dataclass(slots=True)
class Schedule:
    """Where one device stands.

    Attributes:
        device: what is asked.
        due_ms: when it is read, or while it is silent, when that is said again.
        silent: whether it did not answer when last asked.
        failures: how often it did not, since it last answered well for a while.
        streak: answers in a row.
        probe_ms: when it is asked again while silent.
        answer_s: how long its answers take; 0 when it never answered.
    """

    device: PolledDevice
    due_ms: int
    silent: bool = False
    failures: int = 0
    streak: int = 0
    probe_ms: int = 0
    answer_s: float = 0.0

    def __lt__(self, other: "Schedule") -> bool:
        """Order by what is due first."""
        return self.due_ms < other.due_ms

    def note_answer(self, now_ms: int, took_s: float) -> None:
        """Count an answer and move on by whole periods, keeping the phase.

        A late poll is skipped: the next one is the next whole period that is still to come.
        """
        if self.silent:
            self.silent = False
            self.streak = 0
            self.due_ms = now_ms
        self.answer_s = max(took_s, self.answer_s * 0.9)
        if self.failures:
            self.streak += 1
            if self.streak >= GOOD_STREAK:
                self.failures = self.streak = 0
        period = self.device.period_ms
        self.due_ms += (max((now_ms - self.due_ms) // period, 0) + 1) * period

    def note_silence(self, now_ms: int) -> None:
        """Count a failure. The first is asked about again at once, then with growing pauses."""
        self.silent = True
        self.streak = 0
        self.failures += 1
        longest = LONGEST_PROBE_SAFETY_MS if self.device.safety else LONGEST_PROBE_MS
        pause_ms = 0 if self.failures == 1 else FIRST_PROBE_MS * 2 ** min(self.failures - 2, 10)
        self.probe_ms = now_ms + min(pause_ms, longest)

    def limit_s(self) -> float | None:
        """Return how long it may take to answer while others wait; None for as long as the bus allows."""
        if not self.failures or (self.silent and self.failures % FULL_PROBE_EVERY == 0):
            return None
        return max(self.answer_s * _OWN_ANSWER_TIMES, LEAST_PROBE_S) if self.answer_s else USUAL_PROBE_S
