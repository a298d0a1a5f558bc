"""The facts of a street that responsibility depends on, at one moment. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from shapely import STRtree, from_wkt
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from server.people.roster import Roster
from server.places.tables import Datum, GridKind

Position = tuple[float, float]
"""Longitude and latitude, degrees, in the datum said beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridFacts:
    """A grid; `polygon` is WKT in its datum, or None."""

    code: str
    name: str
    kind: GridKind
    community: str
    parent: str | None = None
    polygon: str | None = None
    datum: Datum = Datum.WGS84


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityFacts:
    """A community; `polygon` as in `GridFacts`."""

    code: str
    name: str
    polygon: str | None = None
    datum: Datum = Datum.WGS84


@dataclass(frozen=True, slots=True, kw_only=True)
class EstateFacts:
    """An estate."""

    code: str
    name: str
    community: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFacts:
    """A business block; `grid` is the one it is listed in by name."""

    code: str
    name: str
    community: str
    grid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """An entrance of a building; `grid` is its own, where that is not the building's."""

    code: str
    name: str
    grid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingFacts:
    """A building; `grid` is the one it is listed in by name."""

    code: str
    name: str
    grid: str | None = None
    estate: str | None = None
    block: str | None = None
    position: Position | None = None
    datum: Datum = Datum.WGS84


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """A registered device and where it is.

    Attributes:
        name: as people call it.
        building: code of the building it is in.
        unit: code of the entrance.
        floor, door: inside the building, as people say it.
        position, datum: where it stands, when it is not in a building.
        grid: code of the grid that the register names for it.
        responsible: code of the person whom the register names for it.
        maintainer: code of the person who keeps its gateway working.
    """

    name: str = ""
    building: str | None = None
    unit: str | None = None
    floor: str = ""
    door: str = ""
    position: Position | None = None
    datum: Datum = Datum.WGS84
    grid: str | None = None
    responsible: str | None = None
    maintainer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The grid of a position.

    Attributes:
        grid: the smallest whose polygon holds the position.
        neighbours: others of the same kind on whose border the position lies together with it.
        above: the smallest grid of a higher kind around it, for one that names no parent.
    """

    grid: GridFacts
    neighbours: tuple[GridFacts, ...]
    above: GridFacts | None


class _Index:
    """Polygons of one datum, found by position, the smallest first."""

    def __init__(self, drawn: Sequence[tuple[str, str]]) -> None:
        """Take codes and polygons as WKT."""
        self._codes = [code for code, _ in drawn]
        self._shapes: list[BaseGeometry] = [from_wkt(polygon) for _, polygon in drawn]
        self._tree = STRtree(self._shapes)

    def find(self, position: Position) -> list[tuple[str, bool]]:
        """Return the codes of what holds or touches a position, each with whether it lies on the border."""
        point = Point(*position)
        hits = sorted(
            self._tree.query(point, predicate="intersects"),
            key=lambda i: (self._shapes[i].area, self._codes[i]),
        )
        return [(self._codes[i], self._shapes[i].touches(point)) for i in hits]


@dataclass(frozen=True, kw_only=True)
class Street:
    """Everything that responsibility depends on, each by its code."""

    communities: Mapping[str, CommunityFacts]
    estates: Mapping[str, EstateFacts]
    grids: Mapping[str, GridFacts]
    buildings: Mapping[str, BuildingFacts]
    roster: Roster
    blocks: Mapping[str, BlockFacts] = field(default_factory=dict)
    units: Mapping[str, UnitFacts] = field(default_factory=dict)
    doors: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Building and door to the grid that the register names for that door."""

    def find_grid(self, position: Position, datum: Datum = Datum.WGS84) -> Found | None:
        """Return the grid whose polygon holds or touches a position, or None.

        The smallest polygon wins; of equally small ones the first by code. A position on a border
        belongs to one grid, and names the others. Only polygons whose datum is comparable with the
        position's are looked at: some hundred metres lie between the others.
        """
        index = self._grid_indexes.get(comparable(datum))
        hits = [(self.grids[code], touched) for code, touched in index.find(position)] if index else []
        if not hits:
            return None
        first, on_border = hits[0]
        others = hits[1:]
        higher = (grid for grid, _ in others if grid.kind is not GridKind.MICRO)
        return Found(
            grid=first,
            neighbours=tuple(
                grid for grid, touched in others if on_border and touched and grid.kind is first.kind
            ),
            above=next(higher, None) if first.kind is GridKind.MICRO else None,
        )

    def find_community(self, position: Position, datum: Datum = Datum.WGS84) -> CommunityFacts | None:
        """Return the community whose polygon holds or touches a position, or None."""
        index = self._community_indexes.get(comparable(datum))
        hits = index.find(position) if index else []
        return self.communities[hits[0][0]] if hits else None

    @cached_property
    def _grid_indexes(self) -> Mapping[Datum, _Index]:
        return _indexes(self.grids.values())

    @cached_property
    def _community_indexes(self) -> Mapping[Datum, _Index]:
        return _indexes(self.communities.values())


def comparable(datum: Datum) -> Datum:
    """Return the datum that stands for all those in which a point has the same numbers.

    CGCS2000 agrees with WGS 84 to within decimetres, far less than a building. GCJ-02 stands alone.
    """
    return Datum.WGS84 if datum is Datum.CGCS2000 else datum


def _indexes(facts: Iterable[GridFacts | CommunityFacts]) -> Mapping[Datum, _Index]:
    drawn: dict[Datum, list[tuple[str, str]]] = {}
    for one in facts:
        if one.polygon:
            drawn.setdefault(comparable(one.datum), []).append((one.code, one.polygon))
    return {datum: _Index(polygons) for datum, polygons in drawn.items()}
