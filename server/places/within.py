"""What lies within a place: its grids, buildings and devices, as conditions of a query."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, or_, select, true

from server.db.session import ReadSession
from server.places.tables import Area, Block, Building, Community, Estate, Grid


class PlaceKind(StrEnum):
    """How large a place is."""

    STREET = "street"
    """街道: everything."""
    AREA = "area"
    """片区: several communities."""
    COMMUNITY = "community"
    """社区."""
    GRID = "grid"
    """网格, with the grids that belong to it."""
    ESTATE = "estate"
    """小区."""
    BLOCK = "block"
    """商务楼宇."""
    BUILDING = "building"
    """楼栋."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place by its kind and code; the street has no code."""

    kind: PlaceKind
    code: str = ""

    def __str__(self) -> str:
        """Return it as addresses write it, e.g. `grid:110101001`."""
        return f"{self.kind.value}:{self.code}" if self.code else self.kind.value


STREET = Place(PlaceKind.STREET)


def parse_place(text: str) -> Place | None:
    """Read a place as addresses write it; None where it is none."""
    kind, _, code = text.partition(":")
    if kind not in set(PlaceKind) or bool(code) is (kind == PlaceKind.STREET):
        return None
    return Place(PlaceKind(kind), code)


_TABLES: dict[PlaceKind, type[Area | Community | Grid | Estate | Block | Building]] = {
    PlaceKind.AREA: Area,
    PlaceKind.COMMUNITY: Community,
    PlaceKind.GRID: Grid,
    PlaceKind.ESTATE: Estate,
    PlaceKind.BLOCK: Block,
    PlaceKind.BUILDING: Building,
}


async def name_place(session: ReadSession, place: Place) -> str | None:
    """Return the name of a place, empty for the street; None when there is no such place."""
    if place.kind is PlaceKind.STREET:
        return ""
    table = _TABLES[place.kind]
    return await session.scalar(select(table.name).where(table.code == place.code))


def communities_within(place: Place) -> Select[str]:
    """Return the communities that a street, an area or a community is made of."""
    conditions: dict[PlaceKind, ColumnElement[bool]] = {
        PlaceKind.STREET: true(),
        PlaceKind.AREA: Community.area == place.code,
        PlaceKind.COMMUNITY: Community.code == place.code,
    }
    return select(Community.code).where(conditions[place.kind])


def grids_within(place: Place) -> Select[str]:
    """Return a grid and those that belong to it, two levels down as the street has them."""
    children = select(Grid.code).where(Grid.parent == place.code)
    return select(Grid.code).where(
        or_(Grid.code == place.code, Grid.parent == place.code, Grid.parent.in_(children))
    )


def buildings_within(place: Place) -> Select[str]:
    """Return the buildings of a place."""
    if place.kind is PlaceKind.STREET:
        return select(Building.code)
    if place.kind is PlaceKind.BUILDING:
        return select(Building.code).where(Building.code == place.code)
    if place.kind is PlaceKind.ESTATE:
        return select(Building.code).where(Building.estate == place.code)
    if place.kind is PlaceKind.BLOCK:
        return select(Building.code).where(Building.block == place.code)
    if place.kind is PlaceKind.GRID:
        return select(Building.code).where(Building.grid.in_(grids_within(place)))
    communities = communities_within(place)
    return select(Building.code).where(
        or_(
            Building.estate.in_(select(Estate.code).where(Estate.community.in_(communities))),
            Building.block.in_(select(Block.code).where(Block.community.in_(communities))),
            Building.grid.in_(select(Grid.code).where(Grid.community.in_(communities))),
        )
    )


async def parts_of(session: ReadSession, place: Place) -> list[tuple[Place, str]]:
    """Return the places that a place is directly made of with their names, for people to go down."""
    queries: dict[PlaceKind, list[tuple[PlaceKind, Select[str, str]]]] = {
        PlaceKind.STREET: [
            (PlaceKind.AREA, select(Area.code, Area.name)),
            (PlaceKind.COMMUNITY, select(Community.code, Community.name)),
        ],
        PlaceKind.AREA: [
            (PlaceKind.COMMUNITY, select(Community.code, Community.name).where(Community.area == place.code))
        ],
        PlaceKind.COMMUNITY: [
            (PlaceKind.ESTATE, select(Estate.code, Estate.name).where(Estate.community == place.code)),
            (PlaceKind.BLOCK, select(Block.code, Block.name).where(Block.community == place.code)),
            (
                PlaceKind.GRID,
                select(Grid.code, Grid.name).where(Grid.community == place.code, Grid.parent.is_(None)),
            ),
        ],
        PlaceKind.GRID: [
            (PlaceKind.GRID, select(Grid.code, Grid.name).where(Grid.parent == place.code)),
            (PlaceKind.BUILDING, select(Building.code, Building.name).where(Building.grid == place.code)),
        ],
        PlaceKind.ESTATE: [
            (PlaceKind.BUILDING, select(Building.code, Building.name).where(Building.estate == place.code))
        ],
        PlaceKind.BLOCK: [
            (PlaceKind.BUILDING, select(Building.code, Building.name).where(Building.block == place.code))
        ],
        PlaceKind.BUILDING: [],
    }
    return [
        (Place(kind, code), name)
        for kind, query in queries[place.kind]
        for code, name in sorted(await session.execute(query), key=lambda row: (row[1], row[0]))
    ]
