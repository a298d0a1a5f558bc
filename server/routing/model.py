"""What responsibility is: a chain of people, each with a reason a layman understands. Pure."""

from dataclasses import dataclass

from server.people.tables import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One person of a chain.

    Attributes:
        person, name: who, by code and by name.
        role: as what.
        reachable: whether there is a way to tell them now.
        reason: why they are in it, as a sentence without its full stop.
    """

    person: str
    name: str
    role: Role
    reachable: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Everyone responsible for a device, the nearest first; the desk is always the last.

    Attributes:
        links: the people.
        community, grid, building: codes of the place, as far as it is known.
        where: the place as a person says it.
        device_name: the device as a person says it.
        reason: why the first person is the first, as a sentence.
    """

    links: tuple[ChainLink, ...]
    community: str | None
    grid: str | None
    building: str | None
    where: str
    device_name: str
    reason: str
