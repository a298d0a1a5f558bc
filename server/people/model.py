"""Roles, and who holds which for a place at a moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
    DEPARTMENT = "department"
    """Contact of a department of the street, to whom the desk hands what is not a grid's matter."""


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
    BLOCK = "block"
    """A business block."""
    COMMUNITY = "community"
    STREET = "street"


SCOPES_OF: Mapping[Role, tuple[Scope, ...]] = {
    Role.LEADER: (Scope.GRID,),
    Role.DEPUTY: (Scope.GRID,),
    Role.OFFICER: (Scope.GRID, Scope.COMMUNITY),
    Role.DUTY_ROOM: (Scope.ESTATE, Scope.BLOCK),
    Role.MAINTAINER: (Scope.COMMUNITY, Scope.STREET),
    Role.SECRETARY: (Scope.COMMUNITY,),
    Role.DESK: (Scope.STREET,),
    Role.DEPARTMENT: (Scope.COMMUNITY, Scope.STREET),
}
"""What kinds of place each role may be for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """Somebody who may be told.

    Attributes:
        code, name: who.
        reachable: active, with an address of at least one channel.
        active: whether they are still there at all.
        channels: over which channels they can be told.
    """

    code: str
    name: str
    reachable: bool
    active: bool = True
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyFacts:
    """One person's role for one place; `code` is the place's, empty for the street."""

    person: str
    role: Role
    scope: Scope
    code: str
