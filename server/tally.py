"""What the server's loops count since the start: numbers only, no library, no lock (one event loop)."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

LATE_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""Upper bounds of the buckets of lateness, in seconds: 5 and 15 s are the bars for notices."""


@dataclass(slots=True)
class Spread:
    """How often a duration fell into which bucket.

    Attributes:
        counts: one for each bound of `LATE_S`, and a last one for what is above all of them.
        total_s: the sum of all durations, in seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(LATE_S) + 1))
    total_s: float = 0.0

    def note(self, seconds: float) -> None:
        """Count one duration; what is early counts as 0."""
        late_s = max(seconds, 0.0)
        self.counts[bisect_left(LATE_S, late_s)] += 1
        self.total_s += late_s

    @property
    def cumulative(self) -> list[int]:
        """Return how many were at most each bound, the last being all of them."""
        sums, running = [], 0
        for count in self.counts:
            running += count
            sums.append(running)
        return sums


@dataclass(slots=True)
class Tally:
    """Everything that is counted. Keys are closed vocabularies or names of channels, never ids."""

    received: Counter[str] = field(default_factory=Counter)
    """Messages from gateways, by channel."""
    refused_full: Counter[str] = field(default_factory=Counter)
    """Messages for which a queue had no room, by channel; their gateways send them again."""
    acknowledged: Counter[str] = field(default_factory=Counter)
    """Messages acknowledged after their commit, by lane."""
    ack_failures: Counter[str] = field(default_factory=Counter)
    """Acks that could not be said, by lane."""
    commit_failures: Counter[str] = field(default_factory=Counter)
    """Batches that could not be committed, by lane."""
    quarantined: Counter[str] = field(default_factory=Counter)
    """Messages put into quarantine, by lane."""
    readings: int = 0
    """Readings committed."""
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Attempts to send a notice, by channel and outcome."""
    due_late: Spread = field(default_factory=Spread)
    """How late due rows were carried out."""
    due_failures: int = 0
    """Due rows that failed and were left for the next turn."""
    held_up: Counter[str] = field(default_factory=Counter)
    """Requests that had to wait because of a limit, by door."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Messages in the intake's queues when they were last looked at, by queue."""
    broker_connected: bool = False
    """Whether the broker is connected and subscribed to."""
