"""A week of a post's people: who is on duty when, away, or replaced. Pure.

The same roster is asked that decides whom an alarm reaches: between two moments at which anything can
change, everybody stands as at the first of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from server.clock import STREET_ZONE
from server.people.model import PersonFacts, Role
from server.people.roster import Post, Presence, Roster

DAYS: Final = 7
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How somebody stands to a post from one moment to another, within one day."""

    begins: datetime
    ends: datetime
    presence: Presence
    instead_of: str
    """Whose duty it is, by name; empty for their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekRow:
    """One person's week at a post; `days` has seven lists of turns, without times off duty."""

    role: Role
    post: Post
    person: PersonFacts
    days: tuple[tuple[Turn, ...], ...]


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def week_of(roster: Roster, posts: Iterable[Post], monday: date) -> list[WeekRow]:
    """Return everybody whom posts concern in a week, in the order in which they are told.

    Args:
        roster: everybody and their duties.
        posts: roles for places.
        monday: the first day, the street's.
    """
    return [row for post in posts for row in _rows_of(roster, post, monday)]


def _rows_of(roster: Roster, post: Post, monday: date) -> Iterator[WeekRow]:
    turns: dict[str, list[list[Turn]]] = {}
    for number in range(DAYS):
        begins = datetime.combine(monday + number * _DAY, time(0), STREET_ZONE).astimezone(UTC)
        ends = begins + _DAY
        marks = _marks(roster, post, begins, ends)
        for since, until in pairwise(marks):
            for standing in roster.standings(post, since):
                days = turns.setdefault(standing.person.code, [[] for _ in range(DAYS)])
                if standing.presence is Presence.OFF_DUTY:
                    continue
                whose = standing.instead_of.name if standing.instead_of else ""
                turn = Turn(begins=since, ends=until, presence=standing.presence, instead_of=whose)
                _join(days[number], turn)
    for code, days in turns.items():
        yield WeekRow(
            role=post[0], post=post, person=roster.people[code], days=tuple(tuple(day) for day in days)
        )


def _join(day: list[Turn], turn: Turn) -> None:
    """Append a turn, or lengthen the last one when it goes on."""
    last = day[-1] if day else None
    if (
        last is not None
        and last.ends == turn.begins
        and (last.presence, last.instead_of) == (turn.presence, turn.instead_of)
    ):
        day[-1] = Turn(begins=last.begins, ends=turn.ends, presence=turn.presence, instead_of=turn.instead_of)
    elif last is None or last.begins != turn.begins:
        day.append(turn)


def _marks(roster: Roster, post: Post, begins: datetime, ends: datetime) -> Sequence[datetime]:
    """Return the moments of a day at which anything of a post can change, its ends included."""
    marks = {begins, ends}
    for duty in roster.duties_of(post):
        for one in roster.times.get(duty, ()):
            marks.update(moment for span in one.spans(begins, ends, roster.holidays) for moment in span)
        for swap in roster.swaps.get(duty, ()):
            marks.update((swap.begins, swap.ends))
    for absences in roster.absences.values():
        for absence in absences:
            marks.update((absence.begins, absence.ends))
    return sorted(mark for mark in marks if begins <= mark <= ends)
