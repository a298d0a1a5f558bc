"""How much is written in a day: memory cards die of small writes. Pure; time is an argument."""

from collections import deque
from typing import Final

DAY_MS: Final = 86_400_000
SHORTEST_MS: Final = 6 * 3_600_000
"""A shorter run is not extrapolated further than from six hours: what a start writes is not a habit."""
_SAMPLE_MS: Final = 600_000


class WriteMeter:
    """Turns a growing number of bytes into bytes per day, over the last 24 hours."""

    def __init__(self, *, now_ms: int, total_bytes: int) -> None:
        """Begin at a moment since boot with what was written before."""
        self._samples: deque[tuple[int, int]] = deque([(now_ms, total_bytes)])

    def per_day(self, *, now_ms: int, total_bytes: int) -> int:
        """Take how much was written until now and return bytes per day."""
        samples = self._samples
        if now_ms - samples[-1][0] >= _SAMPLE_MS:
            samples.append((now_ms, total_bytes))
        while len(samples) > 1 and now_ms - samples[1][0] >= DAY_MS:
            samples.popleft()
        since_ms, before_bytes = samples[0]
        elapsed_ms = max(now_ms - since_ms, SHORTEST_MS)
        return max(total_bytes - before_bytes, 0) * DAY_MS // elapsed_ms
