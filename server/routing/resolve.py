"""Who is responsible for a place. Pure: the facts of a street and a device in, a chain out.

Order: the building's own grid → the smallest grid polygon that holds the position → the comprehensive
or dedicated grid above it → the estate's duty room → the community → the desk. No place is ever
without an owner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server.people.model import PersonFacts, Role, Scope
from server.routing.model import Chain, ChainLink, Reason, Why
from server.routing.sentences import CHINESE, role_name
from server.routing.street import DeviceFacts, GridFacts, Position, Street

_GRID_ROLES: Final = (Role.LEADER, Role.DEPUTY, Role.OFFICER)
_COMMUNITY_ROLES: Final = (Role.OFFICER, Role.SECRETARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Where a device was found, and how."""

    why: tuple[Reason, ...]
    grid: GridFacts | None = None
    above: GridFacts | None = None
    neighbours: tuple[str, ...] = ()
    community: str | None = None
    estate: str | None = None


def resolve(street: Street, device: DeviceFacts | None, at: datetime, *, gateway: str = "") -> Chain:
    """Return the chain of a device at a moment.

    Args:
        street: the facts.
        device: where it is; None stands for one that nobody registered, which is the desk's.
        at: the moment, for who is on duty.
        gateway: what people call its gateway: all there is to say of an unregistered device's place.
    """
    placed = _place(street, device)
    nearest = [*_from_grids(street, placed, at), *_from_estate(street, placed, at)]
    nearest += _from_community(street, placed, at)
    if device is not None:
        nearest += _maintainers(street, device, placed, at)
    return Chain(
        links=(*_once(nearest), *_desk(street, placed, at)),
        community=placed.community,
        grid=placed.grid.code if placed.grid else None,
        building=device.building if device else None,
        neighbours=placed.neighbours,
        where=_where(street, device, placed) or _where_unknown(gateway),
        device_name=device.name if device else "",
    )


# --- where it is -------------------------------------------------------------------------------


def _place(street: Street, device: DeviceFacts | None) -> _Placed:
    if device is None:
        return _Placed(why=(Reason(code=Why.NOT_REGISTERED),))
    building = street.buildings.get(device.building or "")
    if building is not None:
        grid = street.grids.get(building.grid or "")
        if grid is not None:
            named = Reason(code=Why.BUILDING_IN_GRID, params={"building": building.name, "grid": grid.name})
            return _Placed(why=(named,), grid=grid, community=grid.community, estate=building.estate)
    estate = building.estate if building else None
    if device.position is not None:
        found = _place_by_position(street, device.position, estate, building=None)
    elif building is not None and building.position is not None:
        found = _place_by_position(street, building.position, estate, building=building.name)
    else:
        found = None
    return found or _place_without_grid(street, building.name if building else "", estate)


def _place_by_position(
    street: Street, position: Position, estate: str | None, *, building: str | None
) -> _Placed | None:
    found = street.find_grid(position)
    if found is None:
        return None
    grid = found.grid
    if found.neighbours:
        others = "、".join(other.name for other in found.neighbours)
        why = Reason(code=Why.ON_BORDER, params={"grid": grid.name, "others": others})
    elif building is not None:
        why = Reason(code=Why.BUILDING_POINT_IN_GRID, params={"building": building, "grid": grid.name})
    else:
        why = Reason(code=Why.DEVICE_IN_GRID, params={"grid": grid.name})
    return _Placed(
        why=(why,),
        grid=grid,
        above=found.above,
        neighbours=tuple(other.code for other in found.neighbours),
        community=grid.community,
        estate=estate,
    )


def _place_without_grid(street: Street, building: str, estate_code: str | None) -> _Placed:
    estate = street.estates.get(estate_code or "")
    if estate is None:
        return _Placed(why=(Reason(code=Why.OUTSIDE_EVERY_GRID),))
    why = Reason(code=Why.BUILDING_IN_ESTATE, params={"building": building, "estate": estate.name})
    return _Placed(why=(why,), community=estate.community, estate=estate.code)


def _grids_upward(street: Street, placed: _Placed) -> Iterator[GridFacts]:
    """Yield the grid and those above it, each once, whatever the register says."""
    grid, above, seen = placed.grid, placed.above, set[str]()
    while grid is not None and grid.code not in seen:
        seen.add(grid.code)
        yield grid
        grid, above = street.grids.get(grid.parent or "") or above, None


# --- who it is ---------------------------------------------------------------------------------


def _from_grids(street: Street, placed: _Placed, at: datetime) -> Iterator[ChainLink]:
    for grid in _grids_upward(street, placed):
        why = placed.why
        if grid is not placed.grid:
            why = (*why, Reason(code=Why.UPPER_GRID, params={"grid": grid.name}))
        for role in _GRID_ROLES:
            # Whoever leads a grid above is, for this place, its officer.
            told_as = role if grid is placed.grid else Role.OFFICER
            for person in street.roster.who(role, Scope.GRID, grid.code, at):
                yield _link(person, role, why, told_as=told_as)


def _from_estate(street: Street, placed: _Placed, at: datetime) -> Iterator[ChainLink]:
    if placed.estate is not None:
        for person in street.roster.who(Role.DUTY_ROOM, Scope.ESTATE, placed.estate, at):
            yield _link(person, Role.DUTY_ROOM, placed.why)


def _from_community(street: Street, placed: _Placed, at: datetime) -> Iterator[ChainLink]:
    if placed.community is None:
        return
    name = street.communities.get(placed.community, placed.community)
    why = (*placed.why, Reason(code=Why.COMMUNITY_OF, params={"community": name}))
    for role in _COMMUNITY_ROLES:
        for person in street.roster.who(role, Scope.COMMUNITY, placed.community, at):
            yield _link(person, role, why)


def _maintainers(street: Street, device: DeviceFacts, placed: _Placed, at: datetime) -> Iterator[ChainLink]:
    keeper = street.roster.person(device.maintainer or "")
    if keeper is not None:
        yield _bare_link(keeper, Role.MAINTAINER, Why.KEEPS_GATEWAY)
    if placed.community is not None:
        for person in street.roster.who(Role.MAINTAINER, Scope.COMMUNITY, placed.community, at):
            yield _link(person, Role.MAINTAINER, placed.why)
    for person in street.roster.who(Role.MAINTAINER, Scope.STREET, "", at):
        yield _bare_link(person, Role.MAINTAINER, Why.KEEPS_STREET)


def _desk(street: Street, placed: _Placed, at: datetime) -> tuple[ChainLink, ...]:
    # A place in no grid, or nobody's, needs saying: it is why the desk has it.
    known = placed.grid is not None or placed.community is not None
    before = () if known else placed.why
    staff = street.roster.who(Role.DESK, Scope.STREET, "", at)
    why = (*before, Reason(code=Why.LAST_RESORT if staff else Why.DESK_UNSTAFFED))
    if not staff:
        name = role_name(Role.DESK, CHINESE)
        return (ChainLink(person="", name=name, role=Role.DESK, reachable=False, why=why),)
    return tuple(
        ChainLink(person=one.code, name=one.name, role=Role.DESK, reachable=one.reachable, why=why)
        for one in staff
    )


def _link(
    person: PersonFacts, role: Role, why: tuple[Reason, ...], *, told_as: Role | None = None
) -> ChainLink:
    holds = Reason(code=Why.HOLDS_ROLE, params={"person": person.name, "role": role.value})
    return ChainLink(
        person=person.code,
        name=person.name,
        role=told_as or role,
        reachable=person.reachable,
        why=(*why, holds),
    )


def _bare_link(person: PersonFacts, role: Role, why: Why) -> ChainLink:
    return ChainLink(
        person=person.code,
        name=person.name,
        role=role,
        reachable=person.reachable,
        why=(Reason(code=why),),
    )


def _once(links: list[ChainLink]) -> Iterator[ChainLink]:
    """Keep each person's nearest place in the chain only; maintaining is apart from leading."""
    seen: set[tuple[str, bool]] = set()
    for link in links:
        key = (link.person, link.role is Role.MAINTAINER)
        if key not in seen:
            seen.add(key)
            yield link


def _where(street: Street, device: DeviceFacts | None, placed: _Placed) -> str:
    if device is None:
        return ""
    community = street.communities.get(placed.community or "", "")
    estate = street.estates.get(placed.estate or "")
    place = street.buildings.get(device.building or "") or placed.grid
    spot = place.name if place is not None else ""
    parts = (community, estate.name if estate else "", spot, device.floor, device.door)
    return " ".join(part for part in parts if part)


def _where_unknown(gateway: str) -> str:
    return f"地点未登记（网关：{gateway}）" if gateway else "地点未登记"
