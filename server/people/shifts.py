"""When duties are held: times of the week, rotations, holidays, absences and swaps. Pure.

Spans are half open and in UTC. Times of day are the street's; a day that is a holiday counts as the
day of the week that the calendar gives it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from server.clock import STREET_ZONE
from server.errors import InvalidError
from server.people.model import DutyFacts

_DAY: Final = timedelta(days=1)
_WEEK_DAYS: Final = 7
_MIDNIGHT: Final = "24:00"
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z")

Span = tuple[datetime, datetime]
"""Beginning and end; the end is not part of it."""
Holidays = Mapping[date, int]
"""A day to the day of the week that it counts as, 1 for Monday to 7 for Sunday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When in the week a duty is held, as in `server.people.tables.DutyTime`."""

    days: str
    begins: str
    ends: str
    cycle_weeks: int = 1
    cycle_start: date | None = None

    def spans(self, since: datetime, until: datetime, holidays: Holidays) -> Iterator[Span]:
        """Yield when the duty is held between two moments, uncut."""
        day = since.astimezone(STREET_ZONE).date() - _DAY  # a night shift began the day before
        last = until.astimezone(STREET_ZONE).date()
        while day <= last:
            if self.begins_on(day, holidays):
                span = self._span(day)
                if span[0] < until and since < span[1]:
                    yield span
            day += _DAY

    def begins_on(self, day: date, holidays: Holidays) -> bool:
        """Tell whether the duty begins on a day."""
        if str(holidays.get(day, day.isoweekday())) not in self.days:
            return False
        if self.cycle_weeks == 1 or self.cycle_start is None:
            return True
        weeks = (day - self.cycle_start).days // _WEEK_DAYS
        return weeks % self.cycle_weeks == 0

    def _span(self, day: date) -> Span:
        begins = datetime.combine(day, time.fromisoformat(self.begins), STREET_ZONE)
        if self.ends == _MIDNIGHT or self.ends <= self.begins:
            day += _DAY
        ends = time(0) if self.ends == _MIDNIGHT else time.fromisoformat(self.ends)
        return begins.astimezone(UTC), datetime.combine(day, ends, STREET_ZONE).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceFacts:
    """When somebody is away, and who stands in."""

    person: str
    begins: datetime
    ends: datetime
    stand_in: str | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether they are away at a moment."""
        return self.begins <= at < self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFacts:
    """A duty that somebody else takes over for a time."""

    duty: DutyFacts
    begins: datetime
    ends: datetime
    taken_by: str

    def holds(self, at: datetime) -> bool:
        """Tell whether it is taken over at a moment."""
        return self.begins <= at < self.ends


MOST_CYCLE_WEEKS: Final = 8


def check_times(times: Sequence[Times]) -> None:
    """Refuse times that no calendar knows.

    Raises:
        InvalidError: says in Chinese which.
    """
    seen: set[tuple[str, str]] = set()
    for one in times:
        if not one.days or set(one.days) - set("1234567") or len(set(one.days)) != len(one.days):
            raise InvalidError("每一行至少选一天。")
        if not (_CLOCK.match(one.begins) and (one.ends == _MIDNIGHT or _CLOCK.match(one.ends))):
            raise InvalidError("时间写成 08:00 这样，到半夜写 24:00。")
        if not 1 <= one.cycle_weeks <= MOST_CYCLE_WEEKS:
            raise InvalidError("轮班最多八周一轮。")
        if one.cycle_weeks > 1 and (one.cycle_start is None or one.cycle_start.isoweekday() != 1):
            raise InvalidError("轮班要写从哪个周一开始轮。")
        if (one.days, one.begins) in seen:
            raise InvalidError("有两行是同一天、同一个时间开始的。")
        seen.add((one.days, one.begins))


def held_at(times: Sequence[Times], at: datetime, holidays: Holidays) -> bool:
    """Tell whether a duty is held at a moment; one without times always is."""
    if not times:
        return True
    after = at + timedelta(microseconds=1)
    return any(True for one in times for _ in one.spans(at, after, holidays))


def next_beginning(times: Sequence[Times], at: datetime, holidays: Holidays) -> datetime | None:
    """Return when a duty next begins after a moment, within the longest rotation, or None."""
    far = at + timedelta(weeks=max((one.cycle_weeks for one in times), default=1) + 1)
    return min(
        (begins for one in times for begins, _ in one.spans(at, far, holidays) if begins > at), default=None
    )


def away_until(absences: Iterable[AbsenceFacts], at: datetime) -> datetime | None:
    """Return when somebody is back, absences that follow one another taken together, or None if there."""
    until: datetime | None = None
    for absence in sorted(absences, key=lambda one: one.begins):
        if absence.holds(until or at):
            until = absence.ends
    return until
