"""The server's clock, and the clock that tests move."""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

STREET_ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Whose time of day people mean and read."""
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2199
TEST_CLOCK_VARIABLE: Final = "GRIDWARDEN_TEST_CLOCK"
_TEST_PAUSE_S: Final = 0.1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Now, and how long to pause."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""

    def boot_s(self) -> float:
        """Return seconds since the machine started; never jumps back."""

    def boot_id(self) -> str:
        """Return which start of the machine `boot_s` counts from; empty where nobody can say."""

    def pause_s(self, wanted_s: float) -> float:
        """Return how many real seconds to sleep when a loop wants to sleep `wanted_s`."""


def is_plausible(day: date) -> bool:
    """Tell whether somebody can mean a day, or a moment: near the ends of a calendar sums go wrong."""
    return _FIRST_YEAR <= day.year <= _LAST_YEAR


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

    def boot_id(self) -> str:
        """Return the kernel's own name of this start (proc(5), `/proc/sys/kernel/random/boot_id`)."""
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return ""

    def pause_s(self, wanted_s: float) -> float:
        """Return the wanted seconds unchanged."""
        return wanted_s


class MovedClock(SystemClock):
    """The system's clocks, moved by the seconds that a file holds. For tests of whole processes.

    A first number moves both clocks, as time that passes does; a second one the wall clock alone, as
    somebody does who sets it.
    """

    def __init__(self, path: Path) -> None:
        """Read the offset from a file; a missing or unreadable one counts as 0."""
        self._path = path
        self._seen: tuple[int, int] = (0, 0)
        self._passed_s = self._set_s = 0.0

    def now(self) -> datetime:
        """Return now, moved."""
        self._read()
        return super().now() + timedelta(seconds=self._passed_s + self._set_s)

    def boot_s(self) -> float:
        """Return seconds since the machine started, moved."""
        self._read()
        return super().boot_s() + self._passed_s

    def pause_s(self, wanted_s: float) -> float:
        """Return a short pause, so that a moved clock is noticed."""
        return min(wanted_s, _TEST_PAUSE_S)

    def _read(self) -> None:
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                passed_s, set_s = [*map(float, self._path.read_text().split()), 0.0, 0.0][:2]
                self._passed_s, self._set_s = passed_s, set_s
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except (OSError, ValueError):
            return


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved. For tests inside one process."""

    time: datetime = field(default_factory=lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))
    boot: float = 1000.0
    boot_name: str = "boot-1"
    longest_pause_s: float = 0.0
    """How long whoever waits really sleeps; by default it only yields."""

    def now(self) -> datetime:
        """Return where the clock stands."""
        return self.time

    def boot_s(self) -> float:
        """Return where the boot clock stands."""
        return self.boot

    def boot_id(self) -> str:
        """Return which start this is."""
        return self.boot_name

    def pause_s(self, wanted_s: float) -> float:
        """Return at most the pause that the test allows."""
        return min(wanted_s, self.longest_pause_s)

    def advance(self, *, seconds: float) -> None:
        """Move both clocks on."""
        self.time += timedelta(seconds=seconds)
        self.boot += seconds

    def set_wall(self, *, seconds: float) -> None:
        """Set the wall clock on, or back; no time passes."""
        self.time += timedelta(seconds=seconds)
