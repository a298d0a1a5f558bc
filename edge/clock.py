"""The machine's two clocks, and the clock that tests move."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.model import Moment
from edge.ports import Clock
from wire.vocabulary import Clock as ClockTrust

TEST_CLOCK_VARIABLE: Final = "GRIDWARDEN_TEST_CLOCK"
_TEST_PAUSE_S: Final = 0.1
_SYSTEMD: Final = "/run/systemd/system"
_TRUST_MARK: Final = "/run/systemd/timesync/synchronized"
_EARLIEST_CREDIBLE_MS: Final = 1_735_689_600_000
"""2025-01-01: a wall clock before this was never set."""


def machine_clock() -> Clock:
    """Return the system's clock, or the one a test moves when `GRIDWARDEN_TEST_CLOCK` is set."""
    moved_by = os.environ.get(TEST_CLOCK_VARIABLE)
    return MovedClock(Path(moved_by)) if moved_by else SystemClock()


class SystemClock:
    """The operating system's clocks."""

    def moment(self) -> Moment:
        """Return now."""
        return Moment(
            wall_ms=time.time_ns() // 1_000_000,
            boot_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        )

    def trust(self) -> ClockTrust:
        """Tell whether the wall clock is disciplined.

        systemd-timesyncd leaves a mark when it has synchronised. Without systemd a wall clock
        that is later than this software is believed.
        """
        if os.path.isdir(_SYSTEMD):  # noqa: PTH112 - asked several times a second
            return ClockTrust.SYNCED if os.path.exists(_TRUST_MARK) else ClockTrust.UNSURE  # noqa: PTH110 - likewise
        believed = self.moment().wall_ms >= _EARLIEST_CREDIBLE_MS
        return ClockTrust.SYNCED if believed else ClockTrust.UNSURE

    def pause_s(self, wanted_s: float) -> float:
        """Return the wanted seconds unchanged."""
        return wanted_s


class MovedClock(SystemClock):
    """The system's clocks, moved by the seconds that a file holds. For tests of whole processes."""

    def __init__(self, path: Path) -> None:
        """Read the offset from a file; a missing or unreadable one counts as 0."""
        self._path = path
        self._seen: tuple[int, int] = (0, 0)
        self._offset_ms = 0

    def moment(self) -> Moment:
        """Return now, moved."""
        now = super().moment()
        offset_ms = self._read_offset_ms()
        return Moment(wall_ms=now.wall_ms + offset_ms, boot_ms=now.boot_ms + offset_ms)

    def pause_s(self, wanted_s: float) -> float:
        """Return a short pause, so that a moved clock is noticed."""
        return min(wanted_s, _TEST_PAUSE_S)

    def _read_offset_ms(self) -> int:
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                self._offset_ms = round(float(self._path.read_text() or "0") * 1000)
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except (OSError, ValueError):
            return self._offset_ms
        return self._offset_ms


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved. For tests inside one process."""

    wall_ms: int = 1_764_000_000_000
    boot_ms: int = 1_000_000
    trusted: ClockTrust = ClockTrust.SYNCED

    def moment(self) -> Moment:
        """Return where the clock stands."""
        return Moment(wall_ms=self.wall_ms, boot_ms=self.boot_ms)

    def trust(self) -> ClockTrust:
        """Return what the test says."""
        return self.trusted

    def pause_s(self, wanted_s: float) -> float:
        """Return 0: whoever waits only yields."""
        return 0.0 * wanted_s

    def advance(self, *, seconds: float) -> None:
        """Move both clocks on."""
        self.wall_ms += round(seconds * 1000)
        self.boot_ms += round(seconds * 1000)
