"""When a station's packet was measured, and whether it may show that a cause is gone. Pure.

A station names two times of its own clock: QN, when it spoke, and DataTime, when it measured. A packet that
is sent afterwards differs from one whose station's clock is wrong: the wrong clock runs on beside ours
at a steady distance, a backlog does not.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from edge.drivers.devicetimes import NEAR_MS, ClockOffset
from edge.model import Moment

CHINA: Final = timezone(timedelta(hours=8))
"""Stations carry local time."""
LATE_MS: Final = 300_000
"""Between measuring and speaking; more is history."""


@dataclass(slots=True)
class StationClock(ClockOffset):
    """A station's clock, and the order of what it measured.

    Attributes:
        newest_ms: the newest DataTime of real-time data, by the station's clock.
    """

    newest_ms: int | None = None

    def place(self, data_time: str, *, resent: bool, late_ms: int, now: Moment) -> tuple[int | None, bool]:
        """Return when real-time data was measured and whether it may clear.

        Args:
            data_time: DataTime as it came.
            resent: whether the station says that it sends this afterwards.
            late_ms: how much older than its QN live data may be.
            now: ours.

        Returns:
            milliseconds since 1970 of what is history, None for what tells of now; and whether a rule
            may take it for the end of a cause.
        """
        measured_ms = parse_time(data_time)
        # What a station said before is forgotten when the gateway starts anew: its first word may be one that
        # is sent again because the answer was lost. It raises what it must, and ends nothing.
        may_clear = self.steady or (self.near and self.known)
        if measured_ms is None:
            return (now.wall_ms, False) if resent else (None, may_clear)
        newest_ms = self.newest_ms
        in_order = newest_ms is None or measured_ms >= newest_ms or newest_ms > now.wall_ms + NEAR_MS
        spoken_ms = None if self.offset_ms is None else now.wall_ms - self.offset_ms
        late = spoken_ms is not None and spoken_ms - measured_ms > late_ms
        if resent or late or not in_order:
            return self.locate(measured_ms, now), False
        self.newest_ms = measured_ms
        return None, may_clear

    def locate(self, measured_ms: int, now: Moment) -> int:
        """Return a time of the station's clock by ours, never later than now."""
        wrong = self.steady and not self.near and self.offset_ms is not None
        ours_ms = measured_ms + (self.offset_ms or 0) if wrong else measured_ms
        return min(ours_ms, now.wall_ms)


def parse_time(text: str) -> int | None:
    """Return `YYYYMMDDhhmmss` with or without milliseconds as milliseconds since 1970; None if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) in (14, 17)):
        return None
    try:
        moment = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        return None
    return round(moment.timestamp()) * 1000 + int(text[14:] or 0)


def format_time(wall_ms: int, *, with_ms: bool) -> str:
    """Return milliseconds since 1970 as a station writes time: a QN with milliseconds, else without."""
    local = datetime.fromtimestamp(wall_ms / 1000, tz=UTC).astimezone(CHINA)
    text = local.strftime("%Y%m%d%H%M%S")
    return f"{text}{wall_ms % 1000:03d}" if with_ms else text
