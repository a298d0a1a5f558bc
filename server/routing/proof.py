"""The proof that somebody can always be told: every grid at every minute of a span. Pure.

Asking `resolve` for each grid and minute would take hours. Minutes are bits of an integer instead: a
duty is one integer, who can be told of a grid a few of them, and "at least two people" is arithmetic.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.people.model import DutyFacts, PersonFacts, Role, Scope
from server.people.roster import Post, Roster
from server.people.shifts import Span
from server.routing.model import Reason, Why
from server.routing.resolve import Placed, posts_of
from server.routing.street import GridFacts, Street

MINUTES_AN_HOUR: Final = 60
HOURS: Final = 7 * 24
_WANTED: Final = 2
_MINUTE: Final = timedelta(minutes=1)
DESK_POST: Final[Post] = (Role.DESK, Scope.STREET, "")

Minutes = int
"""A set of minutes: bit n is the minute that begins n minutes after the proof's beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A grid that too few people answer for, from one hour to another.

    Attributes:
        grid, name, community: which grid.
        begins_at, ends_at: whole hours in which at some minute fewer than two people can be told.
        least: how few it is at the worst minute, 0 or 1.
    """

    grid: str
    name: str
    community: str
    begins_at: datetime
    ends_at: datetime
    least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a proof found; nothing listed means that it holds.

    Attributes:
        begins_at: the beginning, a whole minute.
        hours: how many hours were proved.
        grids: how many grids.
        gaps: what does not hold, by grid and time.
    """

    begins_at: datetime
    hours: int
    grids: int
    gaps: tuple[Gap, ...]

    @property
    def thin_hours(self) -> int:
        """Hours of all grids together that are listed."""
        return sum((gap.ends_at - gap.begins_at) // timedelta(hours=1) for gap in self.gaps)


def prove(
    street: Street, begins_at: datetime, hours: int = HOURS, *, only: Collection[str] | None = None
) -> Proof:
    """Prove that every grid has at least two reachable people at every minute, or list where not.

    The desk counts as the people it has; maintainers do not, for they look after devices. Estates'
    duty rooms are left out: a grid may reach beyond its estates.

    Args:
        street: the facts.
        begins_at: from when, with an offset; it is cut to its hour.
        hours: for how long.
        only: which grids, by code; all by default. Those around them still answer for them.
    """
    begins_at = begins_at.replace(minute=0, second=0, microsecond=0)
    span = _Span(street.roster, begins_at, hours)
    desk = span.told(DESK_POST)
    gaps: list[Gap] = []
    wanted = street.grids if only is None else {code: street.grids[code] for code in only}
    grids = sorted(wanted.values(), key=lambda grid: grid.code)
    for grid in grids:
        posts = ((one.role, one.scope, one.code) for one in posts_of(street, inside(grid)))
        some, enough = _count([*(span.told(post) for post in posts), desk])
        if enough != span.whole:
            gaps += _gaps(grid, span, some, enough)
    return Proof(begins_at=begins_at, hours=hours, grids=len(grids), gaps=tuple(gaps))


class _Span:
    """A span of time in which duties are sets of minutes; what was computed once is kept."""

    def __init__(self, roster: Roster, begins_at: datetime, hours: int) -> None:
        self._roster = roster
        self.begins_at = begins_at
        self.hours = hours
        self.ends_at = begins_at + timedelta(hours=hours)
        self.whole: Minutes = (1 << hours * MINUTES_AN_HOUR) - 1
        self._told: dict[Post, dict[str, Minutes]] = {}
        self._turns: dict[tuple[str, frozenset[str]], dict[str, Minutes]] = {}

    def told(self, post: Post) -> dict[str, Minutes]:
        """Return when whom can be told at a post, by person."""
        found = self._told.get(post)
        if found is None:
            found = self._told[post] = {}
            for duty in self._roster.duties_of(post):
                for person, minutes in self._of_duty(duty):
                    found[person] = found.get(person, 0) | minutes
        return found

    def _of_duty(self, duty: DutyFacts) -> Iterator[tuple[str, Minutes]]:
        times = self._roster.times.get(duty, ())
        held = self.whole
        if times:
            spans = (
                span
                for one in times
                for span in one.spans(self.begins_at, self.ends_at, self._roster.holidays)
            )
            held = self._minutes(spans)
        own = held
        for swap in self._roster.swaps.get(duty, ()):
            taker = self._roster.person(swap.taken_by)
            if taker is not None:
                given = self._minutes([(swap.begins, swap.ends)]) & own
                own &= ~given
                for person, minutes in self._turn(taker, frozenset((duty.person,))).items():
                    yield person, minutes & given
        for person, minutes in self._turn(self._roster.people[duty.person], frozenset()).items():
            yield person, minutes & own

    def _turn(self, person: PersonFacts, above: frozenset[str]) -> dict[str, Minutes]:
        """Return who can be told when it is somebody's turn: they, or else who stands in for them."""
        kept = self._turns.get((person.code, above))
        if kept is not None:
            return kept
        there = self.whole
        found: dict[str, Minutes] = {}
        seen = above | {person.code}
        for absence in self._roster.absences.get(person.code, ()):
            away = self._minutes([(absence.begins, absence.ends)])
            there &= ~away
            other = self._roster.person(absence.stand_in or "")
            if other is not None and other.code not in seen:
                for stand_in, minutes in self._turn(other, seen).items():
                    found[stand_in] = found.get(stand_in, 0) | (minutes & away)
        if person.reachable:
            found[person.code] = found.get(person.code, 0) | there
        self._turns[person.code, above] = found
        return found

    def _minutes(self, spans: Iterable[Span]) -> Minutes:
        """Return the minutes that begin within spans; `HH:MM` times always begin with a minute."""
        found = 0
        for begins, ends in spans:
            first = max(-((self.begins_at - begins) // _MINUTE), 0)
            last = min(-((self.begins_at - ends) // _MINUTE), self.hours * MINUTES_AN_HOUR)
            if first < last:
                found |= (1 << last) - (1 << first)
        return found


def inside(grid: GridFacts) -> Placed:
    """Return a place in the grid that the register names by nothing narrower."""
    why = (Reason(code=Why.DEVICE_LISTED, params={"grid": grid.name}),)
    return Placed(why=why, grid=grid, community=grid.community)


def _count(told: list[dict[str, Minutes]]) -> tuple[Minutes, Minutes]:
    """Return the minutes with at least one and with at least two different people."""
    people: dict[str, Minutes] = {}
    for one in told:
        for person, minutes in one.items():
            people[person] = people.get(person, 0) | minutes
    some = enough = 0
    for minutes in people.values():
        enough |= some & minutes
        some |= minutes
    return some, enough


def _gaps(grid: GridFacts, span: _Span, some: Minutes, enough: Minutes) -> Iterator[Gap]:
    """Yield runs of hours of the same least number of people."""
    hour: Minutes = (1 << MINUTES_AN_HOUR) - 1
    run: tuple[int, int] | None = None  # since which hour, and how few
    for number in range(span.hours + 1):
        shift = number * MINUTES_AN_HOUR
        least = _WANTED
        if number < span.hours:
            least = _least(some >> shift & hour, enough >> shift & hour, hour)
        if run is not None and run[1] != least:
            yield Gap(
                grid=grid.code,
                name=grid.name,
                community=grid.community,
                begins_at=span.begins_at + timedelta(hours=run[0]),
                ends_at=span.begins_at + timedelta(hours=number),
                least=run[1],
            )
            run = None
        if run is None and least < _WANTED:
            run = (number, least)


def _least(some: Minutes, enough: Minutes, hour: Minutes) -> int:
    """Return how few people there are at the worst minute of an hour, 2 standing for enough."""
    if some != hour:
        return 0
    return _WANTED if enough == hour else 1
