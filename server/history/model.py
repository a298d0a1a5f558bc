"""What a curve is made of: a stretch of time, limits, alarms beside it. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from wire.vocabulary import AlarmClass, LimitSide, Mode


class Period(StrEnum):
    """How long a stretch of time a curve shows."""

    HOUR = "hour"
    """The last hour."""
    DAY = "day"
    """The last 24 hours."""
    MONTH = "month"
    """The last 30 days."""
    YEAR = "year"
    """The last 365 days."""


LENGTHS: Final = {
    Period.HOUR: timedelta(hours=1),
    Period.DAY: timedelta(days=1),
    Period.MONTH: timedelta(days=30),
    Period.YEAR: timedelta(days=365),
}
ROWS: Final = {
    Period.HOUR: timedelta(minutes=5),
    Period.DAY: timedelta(hours=1),
    Period.MONTH: timedelta(days=1),
    Period.YEAR: timedelta(days=15),
}
"""The length of one row of the table beside a curve: 12 to 30 rows tell the same in figures."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `since` up to, not including, `until`."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since


def stretch_before(until: datetime, period: Period) -> Stretch:
    """Return the stretch of a period that ends at a moment."""
    return Stretch(until - LENGTHS[period], until)


def stretch_of_month(first: date, zone: ZoneInfo) -> Stretch:
    """Return a calendar month by the clock on the wall; `first` is any day of it."""
    begin = datetime(first.year, first.month, 1, tzinfo=zone)
    year, month = divmod(first.year * 12 + first.month, 12)
    return Stretch(begin, datetime(year, month + 1, 1, tzinfo=zone))


def month_of(text: str, *, now: datetime, zone: ZoneInfo) -> date | None:
    """Return the first day of a month written `2026-03`, this month for an empty text; None for nonsense."""
    if not text:
        return now.astimezone(zone).date().replace(day=1)
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """A limit of a point: of a rule in force, or as past alarms have named it.

    Attributes:
        value: in the unit of the point.
        rule: which rule of the gateway has it.
        class_: what crossing it means.
        stage: of a limit with several, from 1; 0 where there are none, or where alarms did not say.
        side: on which side of it the cause is; None where only alarms have named it.
    """

    value: float
    rule: str
    class_: AlarmClass
    stage: int = 0
    side: LimitSide | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpan:
    """An alarm as a span of time.

    Attributes:
        alarm: its id.
        rule: what raised it.
        class_: how much was at stake.
        mode: whether it was real.
        point: what was measured; None for an alarm about the device itself.
        since: when it was raised, by the gateway's clock.
        until: when it was over, by the server's clock; None while it is not.
        value, limit: as the gateway last stated them.
        item: the work that came of it.
    """

    alarm: str
    rule: str
    class_: AlarmClass
    mode: Mode
    point: str | None
    since: datetime
    until: datetime | None
    value: float | None
    limit: float | None
    item: str | None
