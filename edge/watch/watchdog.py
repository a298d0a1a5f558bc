"""Whether everything that must go on still goes on. Pure; time is an argument.

A process that is alive while one bus is stuck must not pass. What counts is completed attempts: a
connection that is refused is one, a device that stays silent is one, a commit that fails is one. A task
that hangs completes none, and then nobody feeds the supervisor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

BUS_LIMIT_MS: Final = 90_000
"""Longer than a connection may take to fail and be tried again."""
BUS_PREFIX: Final = "bus-"
LOOP_LIMIT_MS: Final = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Something that must go on.

    Attributes:
        attempts: grows with every completed attempt.
        limit_ms: for how long it may stand still.
    """

    attempts: Callable[[], int]
    limit_ms: int


class Watchdog:
    """Remembers when each watched thing last went on."""

    def __init__(self, watched: Mapping[str, Watched], *, now_ms: int) -> None:
        """Begin at a moment since boot; until then everything counts as having gone on."""
        self._watched = watched
        self._first = {name: one.attempts() for name, one in watched.items()}
        self._seen = {name: (one.attempts(), now_ms) for name, one in watched.items()}

    def stuck(self, *, now_ms: int) -> list[str]:
        """Return the names of what stood still for too long."""
        found: list[str] = []
        for name, one in self._watched.items():
            attempts = one.attempts()
            before, since_ms = self._seen[name]
            if attempts != before:
                self._seen[name] = (attempts, now_ms)
            elif now_ms - since_ms > one.limit_ms:
                found.append(name)
        return found

    def have_all_moved(self, prefix: str = "") -> bool:
        """Tell whether everything whose name begins so has completed an attempt since the beginning."""
        return all(
            one.attempts() > self._first[name]
            for name, one in self._watched.items()
            if name.startswith(prefix)
        )
