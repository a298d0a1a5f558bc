"""Who is responsible for a device now, in the form that items and their escalation need."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from server.db.base import Base
from server.db.session import ReadSession
from server.escalation.plan import Candidate
from server.items.budget import VOLUNTEERS
from server.items.sentences import DESK_ONLY
from server.people.roster import Presence
from server.people.service import channels_of, note_channels
from server.people.tables import Role
from server.places.tables import Building, Estate
from server.routing import service as routing

_OFF_DUTY: Final = frozenset({Presence.OFF_DUTY, Presence.AWAY, Presence.GIVEN_AWAY, Presence.LEFT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Responsible:
    """The chain of a device at one moment, with the place as people say it."""

    people: tuple[Candidate, ...]
    """Everyone who can be told now, in the chain's order."""
    community: str | None
    grid: str | None
    building: str | None
    where: str
    device_name: str
    reason: str
    """Why the place belongs to whom it belongs."""
    maintenance: Mapping[str, str]
    """The same for each maintainer, who looks after the device rather than the place."""
    off_duty: Mapping[str, Role]
    """Who would be in it at another time, and as what: nothing of it is said to them now."""

    def as_rows(self) -> list[dict[str, Any]]:
        """Return the people as JSON values, to be kept with an item."""
        return [{"person": one.person, "role": one.role.value, "reason": one.reason} for one in self.people]


async def responsible_for(
    session: ReadSession, gateway: str, device: str, *, now: datetime, desk_only: bool = False
) -> Responsible:
    """Return who is responsible for a device.

    Args:
        session: where to read.
        gateway: the gateway by the topic.
        device: the device's id there.
        now: the moment: who is on duty changes.
        desk_only: leave out everyone but the desk, because nobody else could make sense of it.
    """
    chain = await routing.chain_for(session, gateway, device, now)
    known = await channels_of(session, {link.person for link in chain.links if link.reachable})
    people = tuple(
        Candidate(person=link.person, role=link.role, reason=link.reason, channels=known[link.person])
        for link in chain.links
        if link.reachable and known.get(link.person) and not (desk_only and link.role is not Role.DESK)
    )
    reached = {one.person for one in people}
    return Responsible(
        people=people,
        community=chain.community,
        grid=chain.grid,
        building=chain.building,
        where=chain.where,
        device_name=chain.device_name,
        reason=DESK_ONLY if desk_only else chain.reason,
        off_duty={
            link.person: link.role
            for link in chain.links
            if link.presence in _OFF_DUTY and link.person not in reached
        },
        maintenance={link.person: link.answer for link in chain.links if link.role is Role.MAINTAINER},
    )


async def look_up_all(session: ReadSession, devices: Collection[tuple[str, str]], *, now: datetime) -> None:
    """Resolve the chains of many devices, and note their people's channels.

    For a session that reads as of one moment, which finds them again, and that holds the devices' rows.
    """
    chains = [await routing.chain_for(session, gateway, device, now) for gateway, device in set(devices)]
    if chains:
        street = await routing.street_now(session)
        codes = {link.person for chain in chains for link in chain.links if link.reachable}
        note_channels(session, street.roster.people, codes)


async def look_up_places(
    session: ReadSession, devices: Collection[tuple[str, str]], *, now: datetime
) -> list[Base]:
    """Read buildings and estates of devices whose chains are resolved; found again while they are held."""
    chains = [await routing.chain_for(session, gateway, device, now) for gateway, device in devices]
    codes = {chain.building for chain in chains if chain.building}
    if not codes:
        return []
    buildings = list(await session.scalars(select(Building).where(Building.code.in_(codes))))
    estates = {building.estate for building in buildings if building.estate}
    return [*buildings, *await session.scalars(select(Estate).where(Estate.code.in_(estates)))]


async def volunteers_of(
    session: ReadSession, devices: Collection[tuple[str, str]], *, now: datetime
) -> set[str]:
    """Return the codes of the volunteers in the chains of devices: those who are not asked too much."""
    chains = [await routing.chain_for(session, gateway, device, now) for gateway, device in devices]
    return {link.person for chain in chains for link in chain.links if link.role in VOLUNTEERS}
