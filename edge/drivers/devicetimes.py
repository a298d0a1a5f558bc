"""Whether a device's words may show that a cause is gone: its clock and their order. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edge.model import Moment

NEAR_MS: Final = 600_000
"""A clock this near to ours is right enough to tell old from new."""
STEADY_MS: Final = 10_000
"""Between two messages of a clock that runs beside ours, its distance moves by less."""
CORRECT_BEYOND_MS: Final = 60_000
"""A clock that is wrong by more is set."""
CORRECT_EVERY_MS: Final = 600_000


@dataclass(slots=True)
class ClockOffset:
    """How far a device's clock stands from ours.

    Attributes:
        offset_ms: ours minus the device's at its last message; None before the first.
        steady: whether the last two distances were the same.
        known: whether two messages have agreed since the gateway began to listen.
        corrected_ms: when it was last set, since boot.
    """

    offset_ms: int | None = None
    steady: bool = False
    known: bool = False
    corrected_ms: int | None = None

    def note(self, sent_ms: int | None, now: Moment) -> None:
        """Take the time at which a message says it was sent, in milliseconds since 1970."""
        if sent_ms is None:
            self.steady = False
            return
        offset_ms = now.wall_ms - sent_ms
        self.steady = self.offset_ms is not None and abs(offset_ms - self.offset_ms) <= STEADY_MS
        self.known = self.known or self.steady
        self.offset_ms = offset_ms

    @property
    def near(self) -> bool:
        """Whether the clock agrees with ours."""
        return self.offset_ms is not None and abs(self.offset_ms) <= NEAR_MS

    def needs_correction(self, now: Moment) -> bool:
        """Tell whether the clock is steadily wrong and was not set a moment ago."""
        if self.offset_ms is None or not self.steady or abs(self.offset_ms) <= CORRECT_BEYOND_MS:
            return False
        return self.corrected_ms is None or now.boot_ms - self.corrected_ms >= CORRECT_EVERY_MS


@dataclass(slots=True)
class DeviceClock(ClockOffset):
    """A device's clock, and the order of its words about each place behind it.

    Attributes:
        newest_ms: of each place, the newest moment it spoke of, by the device's clock.
    """

    newest_ms: dict[str, int] = field(default_factory=dict)

    def judge(self, place: str, at: datetime | None, now: Moment) -> bool:
        """Tell whether words about a place may clear; remembers the newest.

        Older words than those already heard may be a recording: they raise and never clear. A clock
        that was far ahead and is right now begins anew.
        """
        if at is None:
            return self.near or self.steady
        at_ms = to_ms(at)
        newest_ms = self.newest_ms.get(place)
        if newest_ms is not None and at_ms < newest_ms <= now.wall_ms + NEAR_MS:
            return False
        self.newest_ms[place] = at_ms
        return True


def to_ms(moment: datetime) -> int:
    """Return a moment in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
