"""Who is responsible for a place. Pure: the facts of a street and a device in, a chain out.

Order: whom the register names for the device → the grid it names for the device, the door, the
entrance, the building or the block → the smallest grid polygon that holds the position → the
comprehensive or dedicated grid above it → the duty room of the estate or block → the community → the
desk. At each level everybody who is on duty at that moment, or who stands in. No place is ever without
an owner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server.people.model import Role, Scope
from server.people.roster import Presence, Standing
from server.places.spots import UNPLACED, UNPLACED_AT, name_spot
from server.places.tables import Datum
from server.routing.model import Chain, ChainLink, Reason, Why
from server.routing.sentences import CHINESE, role_name
from server.routing.street import BuildingFacts, DeviceFacts, Found, GridFacts, Position, Street

_GRID_ROLES: Final = (Role.LEADER, Role.DEPUTY, Role.OFFICER)
_COMMUNITY_ROLES: Final = (Role.OFFICER, Role.SECRETARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a device was found, and how.

    Attributes:
        why: the clauses that say so.
        grid: its grid.
        above: the grid above, for one that names no parent.
        neighbours: other grids on whose border it lies.
        community, estate, block: codes, as far as they are known.
    """

    why: tuple[Reason, ...]
    grid: GridFacts | None = None
    above: GridFacts | None = None
    neighbours: tuple[GridFacts, ...] = ()
    community: str | None = None
    estate: str | None = None
    block: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One post of a chain: whom to ask for, and why."""

    role: Role
    scope: Scope
    code: str
    told_as: Role
    why: tuple[Reason, ...]


def resolve(street: Street, device: DeviceFacts | None, at: datetime, *, gateway: str = "") -> Chain:
    """Return the chain of a device at a moment.

    Args:
        street: the facts.
        device: where it is; None stands for one that nobody registered, which is the desk's.
        at: the moment, for who is on duty.
        gateway: what people call its gateway: all there is to say of an unregistered device's place.
    """
    placed = place(street, device)
    nearest: list[ChainLink] = []
    if device is not None and device.responsible is not None:
        nearest += _named(street, device.responsible, at)
    for asked in posts_of(street, placed):
        nearest += _links(street, asked, at)
    if device is not None:
        nearest += _maintainers(street, device, placed, at)
    return Chain(
        links=(*_once(nearest), *_desk(street, placed, at)),
        community=placed.community,
        grid=placed.grid.code if placed.grid else None,
        building=device.building if device else None,
        neighbours=tuple(grid.code for grid in placed.neighbours),
        where=_where(street, device, placed) or _where_unknown(gateway),
        device_name=device.name if device else "",
    )


def posts_of(street: Street, placed: Placed) -> Iterator[Asked]:
    """Yield the posts of a place below the desk, the nearest first, maintainers left out."""
    yield from _posts_of_grids(street, placed)
    for scope, code in ((Scope.ESTATE, placed.estate), (Scope.BLOCK, placed.block)):
        if code is not None:
            yield Asked(role=Role.DUTY_ROOM, scope=scope, code=code, told_as=Role.DUTY_ROOM, why=placed.why)
    if placed.community is not None:
        name = _community_name(street, placed.community)
        why = (*placed.why, Reason(code=Why.COMMUNITY_OF, params={"community": name}))
        for role in _COMMUNITY_ROLES:
            yield Asked(role=role, scope=Scope.COMMUNITY, code=placed.community, told_as=role, why=why)


# --- where it is -------------------------------------------------------------------------------


def place(street: Street, device: DeviceFacts | None) -> Placed:
    """Return where a device is, by what the register names and else by its position."""
    if device is None:
        return Placed(why=(Reason(code=Why.NOT_REGISTERED),))
    building = street.buildings.get(device.building or "")
    estate = building.estate if building else None
    block = building.block if building else None
    named = next(_named_grids(street, device, building), None)
    if named is not None:
        grid, why = named
        return Placed(why=(why,), grid=grid, community=grid.community, estate=estate, block=block)
    for position, datum, name in _positions(device, building):
        found = street.find_grid(position, datum)
        if found is not None:
            return Placed(
                why=(_why_found(found, name),),
                grid=found.grid,
                above=found.above,
                neighbours=found.neighbours,
                community=found.grid.community,
                estate=estate,
                block=block,
            )
    return _place_without_grid(street, device, building)


def _named_grids(
    street: Street, device: DeviceFacts, building: BuildingFacts | None
) -> Iterator[tuple[GridFacts, Reason]]:
    """Yield the grids that the register names, the narrowest first."""
    inside = {"building": building.name if building else ""}
    unit = street.units.get(device.unit or "")
    block = street.blocks.get((building.block if building else None) or "")
    named: tuple[tuple[str | None, Why, dict[str, str]], ...] = (
        (device.grid, Why.DEVICE_LISTED, {}),
        (
            street.doors.get((device.building or "", device.door)),
            Why.DOOR_IN_GRID,
            {**inside, "door": device.door},
        ),
        (unit.grid if unit else None, Why.UNIT_IN_GRID, {**inside, "unit": unit.name if unit else ""}),
        (building.grid if building else None, Why.BUILDING_IN_GRID, inside),
        (block.grid if block else None, Why.BLOCK_IN_GRID, {**inside, "block": block.name if block else ""}),
    )
    for code, why, params in named:
        grid = street.grids.get(code or "")
        if grid is not None:
            yield grid, Reason(code=why, params={**params, "grid": grid.name})


def _positions(
    device: DeviceFacts, building: BuildingFacts | None
) -> Iterator[tuple[Position, Datum, str | None]]:
    """Yield where to look, and the building's name when it is the building's position."""
    if device.position is not None:
        yield device.position, device.datum, None
    elif building is not None and building.position is not None:
        yield building.position, building.datum, building.name


def _why_found(found: Found, building: str | None) -> Reason:
    grid = found.grid.name
    if found.neighbours:
        others = "、".join(other.name for other in found.neighbours)
        return Reason(code=Why.ON_BORDER, params={"grid": grid, "others": others})
    if building is not None:
        return Reason(code=Why.BUILDING_POINT_IN_GRID, params={"building": building, "grid": grid})
    return Reason(code=Why.DEVICE_IN_GRID, params={"grid": grid})


def _place_without_grid(street: Street, device: DeviceFacts, building: BuildingFacts | None) -> Placed:
    name = building.name if building else ""
    estate = street.estates.get((building.estate if building else None) or "")
    block = street.blocks.get((building.block if building else None) or "")
    if estate is not None:
        why = Reason(code=Why.BUILDING_IN_ESTATE, params={"building": name, "estate": estate.name})
        return Placed(
            why=(why,), community=estate.community, estate=estate.code, block=block.code if block else None
        )
    if block is not None:
        why = Reason(code=Why.BUILDING_IN_BLOCK, params={"building": name, "block": block.name})
        return Placed(why=(why,), community=block.community, block=block.code)
    for position, datum, _ in _positions(device, building):
        community = street.find_community(position, datum)
        if community is not None:
            why = Reason(code=Why.IN_COMMUNITY, params={"community": community.name})
            return Placed(why=(why,), community=community.code)
    return Placed(why=(Reason(code=Why.OUTSIDE_EVERY_GRID),))


def _grids_upward(street: Street, placed: Placed) -> Iterator[GridFacts]:
    """Yield the grid and those above it, each once, whatever the register says."""
    grid, above, seen = placed.grid, placed.above, set[str]()
    while grid is not None and grid.code not in seen:
        seen.add(grid.code)
        yield grid
        grid, above = street.grids.get(grid.parent or "") or above, None


# --- who it is ---------------------------------------------------------------------------------


def _posts_of_grids(street: Street, placed: Placed) -> Iterator[Asked]:
    for grid in _grids_upward(street, placed):
        own = grid is placed.grid
        why = placed.why if own else (*placed.why, Reason(code=Why.UPPER_GRID, params={"grid": grid.name}))
        for role in _GRID_ROLES:
            # Whoever leads a grid above is, for this place, its officer.
            told_as = role if own else Role.OFFICER
            yield Asked(role=role, scope=Scope.GRID, code=grid.code, told_as=told_as, why=why)
        if own:
            yield from _neighbours(placed)


def _neighbours(placed: Placed) -> Iterator[Asked]:
    """Yield the leaders beyond the border: told at the same time, without owning it."""
    for grid in placed.neighbours:
        why = (*placed.why, Reason(code=Why.NEIGHBOUR_GRID, params={"grid": grid.name}))
        yield Asked(role=Role.LEADER, scope=Scope.GRID, code=grid.code, told_as=Role.LEADER, why=why)


def _links(street: Street, asked: Asked, at: datetime) -> Iterator[ChainLink]:
    for standing in street.roster.standings((asked.role, asked.scope, asked.code), at):
        yield _link(standing, asked.told_as, (*asked.why, _holds(standing, asked.role)))


def _named(street: Street, person: str, at: datetime) -> Iterator[ChainLink]:
    for standing in street.roster.standing_of(person, at):
        whose = standing.instead_of or standing.person
        why = [Reason(code=Why.NAMED_FOR_DEVICE, params={"person": whose.name})]
        if standing.instead_of:
            why.append(_holds(standing, Role.LEADER))
        yield _link(standing, Role.LEADER, tuple(why))


def _maintainers(street: Street, device: DeviceFacts, placed: Placed, at: datetime) -> Iterator[ChainLink]:
    gateway, everything = Reason(code=Why.KEEPS_GATEWAY), Reason(code=Why.KEEPS_STREET)
    for standing in street.roster.standing_of(device.maintainer or "", at):
        yield _link(standing, Role.MAINTAINER, (gateway,))
    if placed.community is not None:
        post = (Role.MAINTAINER, Scope.COMMUNITY, placed.community)
        for standing in street.roster.standings(post, at):
            yield _link(standing, Role.MAINTAINER, (*placed.why, _holds(standing, Role.MAINTAINER)))
    for standing in street.roster.standings((Role.MAINTAINER, Scope.STREET, ""), at):
        yield _link(standing, Role.MAINTAINER, (everything,))


def _desk(street: Street, placed: Placed, at: datetime) -> Iterator[ChainLink]:
    """Yield the desk: its people who can be told, and when there are none the desk's page itself."""
    # A place in no grid, or nobody's, needs saying: it is why the desk has it.
    known = placed.grid is not None or placed.community is not None
    before = () if known else placed.why
    why = (*before, Reason(code=Why.LAST_RESORT))
    staff = [
        _link(standing, Role.DESK, why)
        for standing in street.roster.standings((Role.DESK, Scope.STREET, ""), at)
    ]
    yield from staff
    if not any(link.reachable for link in staff):
        alone = Reason(code=Why.DESK_OUT_OF_REACH if staff else Why.DESK_UNSTAFFED)
        yield ChainLink(
            person="",
            name=role_name(Role.DESK, CHINESE),
            role=Role.DESK,
            reachable=False,
            why=(*before, alone),
            presence=Presence.NO_CHANNEL,
        )


def _holds(standing: Standing, role: Role) -> Reason:
    person = standing.person.name
    if standing.instead_of is None:
        return Reason(code=Why.HOLDS_ROLE, params={"person": person, "role": role.value})
    other = standing.instead_of.name
    return Reason(code=Why.STANDS_IN, params={"person": person, "other": other, "role": role.value})


def _link(standing: Standing, told_as: Role, why: tuple[Reason, ...]) -> ChainLink:
    return ChainLink(
        person=standing.person.code,
        name=standing.person.name,
        role=told_as,
        reachable=standing.reachable,
        why=why,
        presence=standing.presence,
        until=standing.until,
    )


def _once(links: list[ChainLink]) -> Iterator[ChainLink]:
    """Keep each person's nearest place in the chain only; maintaining is apart from leading.

    Somebody who is off duty at one post may be on duty at another further up. The deputy of a grid who leads
    the one beyond the border keeps the place and is told as a leader: a border's leaders know at once.
    """
    leads = {link.person: link for link in links if link.role is Role.LEADER and link.reachable}
    seen: set[tuple[str, bool, bool]] = set()
    for link in links:
        maintains = link.role is Role.MAINTAINER
        told = (link.person, maintains, True)
        key = (link.person, maintains, link.reachable)
        if key not in seen and told not in seen:
            seen.add(key)
            yield leads.get(link.person, link) if link.role is Role.DEPUTY and link.reachable else link


def _where(street: Street, device: DeviceFacts | None, placed: Placed) -> str:
    if device is None:
        return ""
    estate = street.estates.get(placed.estate or "") or street.blocks.get(placed.block or "")
    spot = street.buildings.get(device.building or "") or placed.grid
    unit = street.units.get(device.unit or "")
    return name_spot(
        _community_name(street, placed.community) if placed.community else "",
        estate.name if estate else "",
        spot.name if spot is not None else "",
        unit.name if unit else "",
        floor=device.floor,
        door=device.door,
    )


def _community_name(street: Street, code: str) -> str:
    community = street.communities.get(code)
    return community.name if community else code


def _where_unknown(gateway: str) -> str:
    return UNPLACED_AT % {"gateway": gateway} if gateway else UNPLACED
