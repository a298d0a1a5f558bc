"""What a change of the roster would leave thin, said before it is saved. Pure.

The proof of `server.routing.proof` is made twice, as things stand and as they would stand, of those grids
alone that the change can touch: what got worse is what the change is answerable for.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from server.people.model import DutyFacts
from server.people.roster import Post, Roster
from server.people.shifts import AbsenceFacts, SwapFacts, Times
from server.routing.proof import DESK_POST, Gap, inside, prove
from server.routing.resolve import posts_of
from server.routing.street import Street

_HOUR: Final = timedelta(hours=1)
MOST_HOURS: Final = 31 * 24
"""How far a change is looked at."""
_ENOUGH: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterChange:
    """What somebody is about to save; one of the three.

    Attributes:
        absence: somebody will be away.
        swap: somebody takes a duty over.
        duty, times: when a duty is to be held from now on; no times mean always.
    """

    absence: AbsenceFacts | None = None
    swap: SwapFacts | None = None
    duty: DutyFacts | None = None
    times: Sequence[Times] = field(default_factory=tuple)


def worse_gaps(street: Street, change: RosterChange, begins: datetime, ends: datetime) -> tuple[Gap, ...]:
    """Return the hours in which fewer than two people could be told, and fewer than without the change.

    Args:
        street: the facts as they stand.
        change: what is to be saved.
        begins: from when the change counts, with an offset.
        ends: until when it is looked at, at most 31 days on.
    """
    begins = begins.replace(minute=0, second=0, microsecond=0)
    hours = min(-(-(ends - begins) // _HOUR), MOST_HOURS)
    touched = _touched(street, change)
    if hours <= 0 or not touched:
        return ()
    before = prove(street, begins, hours, only=touched)
    after = prove(replace(street, roster=changed(street.roster, change)), begins, hours, only=touched)
    known = {key: gap.least for gap in before.gaps for key in _hours_of(gap)}
    return tuple(
        piece
        for gap in after.gaps
        for piece in _worse(gap, [known.get(key, _ENOUGH) > gap.least for key in _hours_of(gap)])
    )


def changed(roster: Roster, change: RosterChange) -> Roster:
    """Return the roster as it would be."""
    if change.absence is not None:
        return roster.changed(absences=[change.absence])
    if change.swap is not None:
        return roster.changed(swaps=[change.swap])
    assert change.duty is not None, "a change changes something"
    return roster.changed(times={change.duty: change.times})


def _touched(street: Street, change: RosterChange) -> list[str]:
    """Return the grids that somebody answers for whom the change concerns."""
    if change.absence is not None:
        posts = posts_of_person(street.roster, change.absence.person)
    elif change.swap is not None:
        duty = change.swap.duty
        posts = {(duty.role, duty.scope, duty.code)}
    else:
        assert change.duty is not None, "a change changes something"
        posts = {(change.duty.role, change.duty.scope, change.duty.code)}
    return [grid for grid in street.grids if _answers(street, grid, posts)]


def posts_of_person(roster: Roster, person: str) -> set[Post]:
    """Return where somebody stands: by their duties, and by those of whom they stand in for."""
    helped = {
        one.person for absences in roster.absences.values() for one in absences if one.stand_in == person
    }
    taken = {duty for duty, swaps in roster.swaps.items() if any(one.taken_by == person for one in swaps)}
    return {
        (duty.role, duty.scope, duty.code)
        for duty in roster.duties()
        if duty.person == person or duty.person in helped or duty in taken
    }


def _answers(street: Street, grid: str, posts: Collection[Post]) -> bool:
    return any(post in posts for post in posts_for_grid(street, grid))


def posts_for_grid(street: Street, grid: str) -> Iterator[Post]:
    """Yield the posts that answer for a grid, the desk last."""
    yield from ((one.role, one.scope, one.code) for one in posts_of(street, inside(street.grids[grid])))
    yield DESK_POST


def _hours_of(gap: Gap) -> Iterator[tuple[str, datetime]]:
    at = gap.begins_at
    while at < gap.ends_at:
        yield gap.grid, at
        at += _HOUR


def _worse(gap: Gap, flags: Sequence[bool]) -> Iterator[Gap]:
    """Yield the runs of a gap's hours that are flagged."""
    since: int | None = None
    for number, flag in enumerate([*flags, False]):
        if flag and since is None:
            since = number
        elif not flag and since is not None:
            yield replace(
                gap, begins_at=gap.begins_at + since * _HOUR, ends_at=gap.begins_at + number * _HOUR
            )
            since = None
