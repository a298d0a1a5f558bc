"""What responsibility is: a chain of people, each with a reason a layman understands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from server.people.model import Role
from server.people.roster import Presence
from server.routing.sentences import CHINESE, Language, PassedOver, clause, sentence


class Why(StrEnum):
    """What makes a place, or a person, the responsible one. Each takes the named parameters."""

    NAMED_FOR_DEVICE = "named_for_device"
    """The register names the person for this device."""
    DEVICE_LISTED = "device_listed"
    """grid: the register names the device's grid."""
    DOOR_IN_GRID = "door_in_grid"
    """building, door, grid: the register names the door's grid."""
    UNIT_IN_GRID = "unit_in_grid"
    """building, unit, grid: the register names the grid of the entrance."""
    BUILDING_IN_GRID = "building_in_grid"
    """building, grid: the register names the building's grid."""
    BLOCK_IN_GRID = "block_in_grid"
    """building, block, grid: the building is part of a business block with a grid of its own."""
    DEVICE_IN_GRID = "device_in_grid"
    """grid: the device's coordinates lie inside the grid's polygon."""
    BUILDING_POINT_IN_GRID = "building_point_in_grid"
    """building, grid: the building's coordinates lie inside the grid's polygon."""
    ON_BORDER = "on_border"
    """grid, others: the point lies on a border; the first named grid has it."""
    NEIGHBOUR_GRID = "neighbour_grid"
    """grid: another grid on the same border, told as well."""
    IN_COMMUNITY = "in_community"
    """community: the position lies in the community, but in no grid."""
    BUILDING_IN_BLOCK = "building_in_block"
    """building, block: the building is in a business block, but in no grid."""
    BUILDING_IN_ESTATE = "building_in_estate"
    """building, estate: the building is in an estate, but in no grid."""
    OUTSIDE_EVERY_GRID = "outside_every_grid"
    NOT_REGISTERED = "not_registered"
    """The device's place is not known."""
    UPPER_GRID = "upper_grid"
    """grid: the grid above."""
    COMMUNITY_OF = "community_of"
    """community."""
    HOLDS_ROLE = "holds_role"
    """person, role: a person's role for that place."""
    STANDS_IN = "stands_in"
    """person, other, role: stands in for another, or has taken the duty over."""
    KEEPS_GATEWAY = "keeps_gateway"
    """The person maintains this gateway."""
    KEEPS_STREET = "keeps_street"
    """The person maintains every device of the street."""
    LAST_RESORT = "last_resort"
    """The desk takes what nobody nearer can be told."""
    DESK_UNSTAFFED = "desk_unstaffed"
    """Nobody is registered for the desk: it is shown on the desk's page alone."""
    DESK_OUT_OF_REACH = "desk_out_of_reach"
    """Nobody of the desk can be told now: it is shown on the desk's page alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One clause of a reason: what it says and about whom or what."""

    code: Why
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One person of a chain.

    Attributes:
        person, name: who, by code and by name; the code is empty for a desk nobody is registered for.
        role: as what.
        reachable: whether they are on duty and there is a way to tell them now.
        why: why they are in it, clause by clause.
        presence: how they stand to the duty; whoever is not `ON_DUTY` is told nothing.
        until: when that changes, as far as it is known.
    """

    person: str
    name: str
    role: Role
    reachable: bool
    why: tuple[Reason, ...]
    presence: Presence = Presence.ON_DUTY
    until: datetime | None = None

    @property
    def reason(self) -> str:
        """Why they are in it, as a Chinese sentence without its full stop."""
        return self.reason_in(CHINESE)

    @property
    def answer(self) -> str:
        """That they are responsible and why, as a Chinese sentence."""
        return sentence(self.name, self.reason, (), CHINESE)

    def reason_in(self, language: Language) -> str:
        """Return why they are in it, without the full stop."""
        return clause([(part.code.value, part.params) for part in self.why], language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Everyone responsible for a device, the nearest first; the desk is always the last.

    Attributes:
        links: the people.
        community, grid, building: codes of the place, as far as it is known.
        neighbours: codes of other grids on whose border the place lies.
        where: the place as a person says it.
        device_name: the device as a person says it.
    """

    links: tuple[ChainLink, ...]
    community: str | None
    grid: str | None
    building: str | None
    neighbours: tuple[str, ...] = ()
    where: str
    device_name: str

    @property
    def owner(self) -> ChainLink:
        """The nearest person who can be told now; the desk when there is none.

        Maintainers look after devices, not places: they are told of faults and never own a place.
        """
        return next((link for link in self._owners if link.reachable), self.links[-1])

    @property
    def passed_over(self) -> tuple[ChainLink, ...]:
        """Who is nearer than the owner and cannot be told now."""
        owners = self._owners
        return owners[: owners.index(self.owner)]

    @property
    def _owners(self) -> tuple[ChainLink, ...]:
        return tuple(link for link in self.links if link.role is not Role.MAINTAINER)

    @property
    def reason(self) -> str:
        """Why the owner is the owner, as a Chinese sentence."""
        return self.reason_in(CHINESE)

    def reason_in(self, language: Language) -> str:
        """Return why the owner is the owner, as a sentence."""
        return sentence(
            self.owner.name,
            self.owner.reason_in(language),
            [
                PassedOver(name=link.name, role=link.role, presence=link.presence, until=link.until)
                for link in self.passed_over
            ],
            language,
        )
