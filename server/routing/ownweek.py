"""The week of one person in plain words, and whom they may ask to take a duty over. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from server.people.model import DutyFacts, PersonFacts, Role, Scope
from server.people.roster import Post, Presence, Roster
from server.people.week import DAYS, Turn, week_of
from server.routing.changing import posts_of_person
from server.routing.street import BlockFacts, CommunityFacts, EstateFacts, GridFacts, Street

ASKABLE: Final = (Role.LEADER, Role.DEPUTY, Role.OFFICER)
"""Who knows the neighbourhood and may be asked beyond one's own post."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTurn:
    """One stretch of a day at one post."""

    begins: datetime
    ends: datetime
    presence: Presence
    role: Role
    place: str
    instead_of: str
    """Whose duty it is, by name; empty for their own."""

    @property
    def all_day(self) -> bool:
        """Whether it is the whole day."""
        return self.ends - self.begins >= timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDay:
    """A day with its turns; without any the person is left in peace."""

    day: date
    turns: tuple[OwnTurn, ...]


def own_week(street: Street, person: str, first: date) -> list[OwnDay]:
    """Return seven days of somebody, from a day of the street on."""
    posts = sorted(posts_of_person(street.roster, person), key=lambda post: (post[1], post[2], post[0]))
    rows = [row for row in week_of(street.roster, posts, first) if row.person.code == person]
    return [
        OwnDay(
            day=first + timedelta(days=number),
            turns=tuple(
                sorted(
                    (_own_turn(street, row.post, turn) for row in rows for turn in row.days[number]),
                    key=lambda turn: turn.begins,
                )
            ),
        )
        for number in range(DAYS)
    ]


def place_name(street: Street, scope: Scope, code: str) -> str:
    """Return what people call the place of a duty; empty for the street."""
    names: Mapping[Scope, Mapping[str, GridFacts | EstateFacts | BlockFacts | CommunityFacts]] = {
        Scope.GRID: street.grids,
        Scope.ESTATE: street.estates,
        Scope.BLOCK: street.blocks,
        Scope.COMMUNITY: street.communities,
    }
    found = names.get(scope, {}).get(code)
    return found.name if found is not None else code


def colleagues(street: Street, person: str, held: Sequence[DutyFacts]) -> list[PersonFacts]:
    """Return whom somebody may ask to stand in: at their posts, and leaders of their communities.

    The names of a whole street are nobody's business on a telephone.
    """
    posts = {(duty.role, duty.scope, duty.code) for duty in held}
    communities = {community_of(street, duty) for duty in held} - {""}
    found: dict[str, tuple[int, PersonFacts]] = {}
    for duty in street.roster.duties():
        other = street.roster.person(duty.person)
        if other is None or not other.active or other.code == person:
            continue
        near = _nearness(street, duty, posts, communities)
        if near is not None and near < found.get(other.code, (9, other))[0]:
            found[other.code] = (near, other)
    return [one for _, one in sorted(found.values(), key=lambda pair: (pair[0], pair[1].name))]


def duties_held(roster: Roster, person: str) -> list[DutyFacts]:
    """Return what somebody is registered for, in that order."""
    return [duty for duty in roster.duties() if duty.person == person]


def community_of(street: Street, duty: DutyFacts) -> str:
    """Return the community of a duty's place; empty for the street."""
    if duty.scope is Scope.COMMUNITY:
        return duty.code
    places: Mapping[Scope, Mapping[str, GridFacts | EstateFacts | BlockFacts]] = {
        Scope.GRID: street.grids,
        Scope.ESTATE: street.estates,
        Scope.BLOCK: street.blocks,
    }
    place = places.get(duty.scope, {}).get(duty.code)
    return (place.community or "") if place is not None else ""


def _nearness(street: Street, duty: DutyFacts, posts: set[Post], communities: set[str]) -> int | None:
    """Return 0 for the same place, 1 for the same community, None for whom one does not ask."""
    if any((duty.scope, duty.code) == (scope, code) for _, scope, code in posts):
        return 0
    near = duty.role in ASKABLE and community_of(street, duty) in communities
    return 1 if near else None


def _own_turn(street: Street, post: Post, turn: Turn) -> OwnTurn:
    role, scope, code = post
    return OwnTurn(
        begins=turn.begins,
        ends=turn.ends,
        presence=turn.presence,
        role=role,
        place=place_name(street, scope, code),
        instead_of=turn.instead_of,
    )
