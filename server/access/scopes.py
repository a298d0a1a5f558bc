"""What lies within a reach, as conditions of queries. The one place where places decide who sees what."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true

from server.access.model import Reach
from server.db.session import ReadSession
from server.devices.tables import Command, Device, Gateway
from server.items.tables import Item, ItemParty
from server.people.model import Scope
from server.people.tables import Duty, Person
from server.places.tables import Block, Building, Community, Estate, Grid
from server.places.within import PlaceKind, parse_place


def communities_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Community`: its own and that of its grids and estates is not enough."""
    return true() if reach.street else Community.code.in_(reach.communities)


def grids_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Grid`: its own, the ones below them, all of its communities."""
    return true() if reach.street else Grid.code.in_(_grids(reach))


def estates_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Estate`."""
    if reach.street:
        return true()
    return or_(Estate.code.in_(reach.estates), Estate.community.in_(reach.communities))


def blocks_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Block`: its own, those of its communities, those listed in its grids."""
    if reach.street:
        return true()
    return or_(
        Block.code.in_(reach.blocks), Block.community.in_(reach.communities), Block.grid.in_(_grids(reach))
    )


def buildings_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Building`."""
    return true() if reach.street else Building.code.in_(_buildings(reach))


def gateways_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Gateway`: where it hangs; one without a place is the street's."""
    if reach.street:
        return true()
    mine = Gateway.building.in_(_buildings(reach))
    return mine if reach.person is None else or_(mine, Gateway.maintainer == reach.person)


def devices_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Device`: where it hangs, else where its gateway hangs.

    One that nobody adopted has no place of its own: whoever keeps its gateway sees it, and can adopt it.
    """
    if reach.street:
        return true()
    gateways = select(Gateway.id).where(gateways_within(reach))
    by_gateway = and_(Device.building.is_(None), Device.gateway.in_(gateways))
    return or_(Device.building.in_(_buildings(reach)), Device.grid.in_(_grids(reach)), by_gateway)


def items_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Item`: its place, or that this person was told of it."""
    if reach.street:
        return true()
    parts = [
        Item.community.in_(reach.communities),
        Item.grid.in_(_grids(reach)),
        Item.building.in_(_buildings(reach)),
    ]
    if reach.person is not None:
        told = select(ItemParty.item).where(ItemParty.person == reach.person, ItemParty.refused.is_(False))
        parts.append(Item.id.in_(told))
    return or_(*parts)


def people_within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on `Person`: oneself, and who has a duty for a place within reach."""
    if reach.street:
        return true()
    places = or_(
        and_(Duty.scope == Scope.COMMUNITY, Duty.code.in_(reach.communities)),
        and_(Duty.scope == Scope.GRID, Duty.code.in_(_grids(reach))),
        and_(Duty.scope == Scope.ESTATE, Duty.code.in_(select(Estate.code).where(estates_within(reach)))),
        and_(Duty.scope == Scope.BLOCK, Duty.code.in_(select(Block.code).where(blocks_within(reach)))),
    )
    mine = Person.code.in_(select(Duty.person).where(places))
    return mine if reach.person is None else or_(mine, Person.code == reach.person)


def _grids(reach: Reach) -> Select[str]:
    return select(Grid.code).where(
        or_(
            Grid.code.in_(reach.grids),
            Grid.parent.in_(reach.grids),
            Grid.community.in_(reach.communities),
        )
    )


def _buildings(reach: Reach) -> Select[str]:
    estates = select(Estate.code).where(estates_within(reach))
    blocks = select(Block.code).where(blocks_within(reach))
    return select(Building.code).where(
        or_(Building.grid.in_(_grids(reach)), Building.estate.in_(estates), Building.block.in_(blocks))
    )


def _device(reach: Reach, named: Mapping[str, str]) -> Select[str]:
    return select(Device.device).where(
        Device.gateway == named.get("gateway", ""), Device.device == named["device"], devices_within(reach)
    )


def _place(reach: Reach, named: Mapping[str, str]) -> Select[str]:
    """A place as addresses write it, `grid:110101001`."""
    place = parse_place(named["place"])
    within: dict[PlaceKind, Select[str]] = {
        PlaceKind.COMMUNITY: select(Community.code).where(communities_within(reach)),
        PlaceKind.GRID: select(Grid.code).where(grids_within(reach)),
        PlaceKind.ESTATE: select(Estate.code).where(estates_within(reach)),
        PlaceKind.BLOCK: select(Block.code).where(blocks_within(reach)),
        PlaceKind.BUILDING: select(Building.code).where(buildings_within(reach)),
    }
    if place is None or place.kind not in within:  # an area and the street are the street's to see
        return select(Community.code).where(false())
    column = {
        PlaceKind.COMMUNITY: Community.code,
        PlaceKind.GRID: Grid.code,
        PlaceKind.ESTATE: Estate.code,
        PlaceKind.BLOCK: Block.code,
        PlaceKind.BUILDING: Building.code,
    }[place.kind]
    return within[place.kind].where(column == place.code)


_Named = Mapping[str, str]
_Check = Callable[[Reach, _Named], Select[str]]

NAMED: Final[Mapping[str, _Check]] = {
    "item_id": lambda reach, named: select(Item.id).where(Item.id == named["item_id"], items_within(reach)),
    "gateway": lambda reach, named: select(Gateway.id).where(
        Gateway.id == named["gateway"], gateways_within(reach)
    ),
    "device": _device,
    "place": _place,
    "command_id": lambda reach, named: select(Command.id).where(
        Command.id == named["command_id"],
        Command.gateway.in_(select(Gateway.id).where(gateways_within(reach))),
    ),
    "community": lambda reach, named: select(Community.code).where(
        Community.code == named["community"], communities_within(reach)
    ),
    "estate": lambda reach, named: select(Estate.code).where(
        Estate.code == named["estate"], estates_within(reach)
    ),
    "grid": lambda reach, named: select(Grid.code).where(Grid.code == named["grid"], grids_within(reach)),
    "building": lambda reach, named: select(Building.code).where(
        Building.code == named["building"], buildings_within(reach)
    ),
    "person": lambda reach, named: select(Person.code).where(
        Person.code == named["person"], people_within(reach)
    ),
    "owner": lambda reach, named: select(Person.code).where(
        Person.code == named["owner"], people_within(reach)
    ),
}
"""By the name of a path's or query's parameter: what it must name for a narrow reach to go on."""


async def all_within(session: ReadSession, reach: Reach, named: _Named) -> bool:
    """Tell whether everything that a request names lies within a reach.

    Args:
        session: where to read.
        reach: of the right that the route asks for.
        named: values of path and query by their parameter's name; names that are not in `NAMED` count
            for nothing.
    """
    if reach.street:
        return True
    for name, check in NAMED.items():
        if named.get(name) and await session.scalar(check(reach, named).limit(1)) is None:
            return False
    return True
