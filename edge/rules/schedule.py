"""When a rule may raise an alarm: days and hours in the site's time zone. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from edge.rules.state import Now
from wire.vocabulary import Clock as ClockTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Hours of some days; a span that ends before it begins goes over midnight and belongs to its first day.

    Attributes:
        days: 0 is Monday.
        begin: first moment.
        end: first moment after; the same as `begin` for the whole day.
        zone: name of the time zone, e.g. `Asia/Shanghai`.
    """

    days: frozenset[int]
    begin: time
    end: time
    zone: str


def is_active(schedule: Schedule | None, now: Now) -> bool:
    """Tell whether a rule may raise an alarm now.

    A clock that nobody set says nothing about the hour: then it may.
    """
    if schedule is None or now.trust is not ClockTrust.SYNCED:
        return True
    local = datetime.fromtimestamp(now.moment.wall_ms / 1000, tz=UTC).astimezone(ZoneInfo(schedule.zone))
    hour = local.time().replace(fold=0)
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    if schedule.begin < schedule.end:
        return today in schedule.days and schedule.begin <= hour < schedule.end
    return (today in schedule.days and hour >= schedule.begin) or (
        yesterday in schedule.days and hour < schedule.end
    )
