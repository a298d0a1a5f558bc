"""The server's clock, and the clock that tests move."""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

STREET_ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Whose time of day people mean and read."""
TEST_CLOCK_VARIABLE: Final = "GRIDWARDEN_TEST_CLOCK"
_TEST_PAUSE_S: Final = 0.1


class Clock(Protocol):
    """Now, and how long to pause."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""

    def boot_s(self) -> float:
        """Return seconds since the machine started; never jumps back."""

    def pause_s(self, wanted_s: float) -> float:
        """Return how many real seconds to sleep when a loop wants to sleep `wanted_s`."""


def server_clock() -> Clock:
    """Return the system's clock, or the one a test moves when `GRIDWARDEN_TEST_CLOCK` is set."""
    moved_by = os.environ.get(TEST_CLOCK_VARIABLE)
    return MovedClock(Path(moved_by)) if moved_by else SystemClock()


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> datetime:
        """Return now in UTC."""
        return datetime.now(UTC)

    def boot_s(self) -> float:
        """Return seconds since the machine started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def pause_s(self, wanted_s: float) -> float:
        """Return the wanted seconds unchanged."""
        return wanted_s


class MovedClock(SystemClock):
    """The system's clocks, moved by the seconds that a file holds. For tests of whole processes."""

    def __init__(self, path: Path) -> None:
        """Read the offset from a file; a missing or unreadable one counts as 0."""
        self._path = path
        self._seen: tuple[int, int] = (0, 0)
        self._offset_s = 0.0

    def now(self) -> datetime:
        """Return now, moved."""
        return super().now() + timedelta(seconds=self._read_offset_s())

    def boot_s(self) -> float:
        """Return seconds since the machine started, moved."""
        return super().boot_s() + self._read_offset_s()

    def pause_s(self, wanted_s: float) -> float:
        """Return a short pause, so that a moved clock is noticed."""
        return min(wanted_s, _TEST_PAUSE_S)

    def _read_offset_s(self) -> float:
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                self._offset_s = float(self._path.read_text() or "0")
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except (OSError, ValueError):
            return self._offset_s
        return self._offset_s


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved. For tests inside one process."""

    time: datetime = field(default_factory=lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))
    boot: float = 1000.0

    def now(self) -> datetime:
        """Return where the clock stands."""
        return self.time

    def boot_s(self) -> float:
        """Return where the boot clock stands."""
        return self.boot

    def pause_s(self, wanted_s: float) -> float:
        """Return 0: whoever waits only yields."""
        return 0.0 * wanted_s

    def advance(self, *, seconds: float) -> None:
        """Move both clocks on."""
        self.time += timedelta(seconds=seconds)
        self.boot += seconds
