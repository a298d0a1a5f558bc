"""Roles, and who holds which for a place at a moment. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self


class Role(StrEnum):
    """What a person is for a place."""

    LEADER = "leader"
    """网格长 of a grid."""
    DEPUTY = "deputy"
    """The leader's backup."""
    OFFICER = "officer"
    """Officer of a comprehensive grid."""
    DUTY_ROOM = "duty_room"
    """Duty room of an estate."""
    MAINTAINER = "maintainer"
    """Keeps gateways and devices working."""
    SECRETARY = "secretary"
    """Secretary of a community."""
    DESK = "desk"
    """指挥中心: the staffed last resort."""


class ChannelKind(StrEnum):
    """One kind of way to reach a person."""

    WECOM = "wecom"
    """A card with buttons in WeCom, by the member's id."""
    WEBHOOK = "webhook"
    """A signed request to an address of the owner's."""
    ROBOT = "robot"
    """A group robot, e-mail or another service, by the name of its entry in a file."""
    SMS = "sms"
    VOICE = "voice"
    """A call that reads the notice out and takes a key."""


CHANNEL_ORDER: tuple[ChannelKind, ...] = tuple(ChannelKind)
"""What is tried before what, where one is enough."""


class Scope(StrEnum):
    """What kind of place a duty is for."""

    GRID = "grid"
    ESTATE = "estate"
    COMMUNITY = "community"
    STREET = "street"


SCOPES_OF: Mapping[Role, tuple[Scope, ...]] = {
    Role.LEADER: (Scope.GRID,),
    Role.DEPUTY: (Scope.GRID,),
    Role.OFFICER: (Scope.GRID, Scope.COMMUNITY),
    Role.DUTY_ROOM: (Scope.ESTATE,),
    Role.MAINTAINER: (Scope.COMMUNITY, Scope.STREET),
    Role.SECRETARY: (Scope.COMMUNITY,),
    Role.DESK: (Scope.STREET,),
}
"""What kinds of place each role may be for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """Somebody who may be told.

    Attributes:
        code, name: who.
        reachable: active, with an address of at least one channel.
    """

    code: str
    name: str
    reachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyFacts:
    """One person's role for one place; `code` is the place's, empty for the street."""

    person: str
    role: Role
    scope: Scope
    code: str


class Roster:
    """Everybody and their duties, ready to be asked many times."""

    def __init__(
        self,
        people: Mapping[str, PersonFacts],
        held: Mapping[tuple[Role, Scope, str], tuple[PersonFacts, ...]],
    ) -> None:
        """Use `Roster.of`."""
        self._people = people
        self._held = held

    @classmethod
    def of(cls, people: Iterable[PersonFacts], duties: Iterable[DutyFacts]) -> Self:
        """Gather people and duties; a duty of somebody who is not among the people is left out."""
        by_code = {person.code: person for person in people}
        held: dict[tuple[Role, Scope, str], list[PersonFacts]] = {}
        for duty in duties:
            if duty.person in by_code:
                held.setdefault((duty.role, duty.scope, duty.code), []).append(by_code[duty.person])
        return cls(by_code, {key: tuple(kept) for key, kept in held.items()})

    def person(self, code: str) -> PersonFacts | None:
        """Return somebody by code."""
        return self._people.get(code)

    def who(self, role: Role, scope: Scope, code: str, at: datetime) -> tuple[PersonFacts, ...]:
        """Return who has a role for a place, in the order in which they were registered.

        Args:
            role: as what.
            scope: what kind of place.
            code: which one; empty for the street.
            at: the moment. Everybody is on duty at every moment: the register knows no duty times.
        """
        if at.tzinfo is None:
            raise ValueError(f"{at!r} has no offset")
        return self._held.get((role, scope, code), ())
