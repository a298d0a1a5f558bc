"""The facts of a street that responsibility depends on, at one moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shapely import STRtree, from_wkt
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from server.people.model import Roster
from server.places.tables import GridKind

Position = tuple[float, float]
"""Longitude and latitude, degrees, WGS 84."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridFacts:
    """A grid; `polygon` is WKT or None."""

    code: str
    name: str
    kind: GridKind
    community: str
    parent: str | None = None
    polygon: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EstateFacts:
    """An estate."""

    code: str
    name: str
    community: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingFacts:
    """A building; `grid` is the one it is listed in by name."""

    code: str
    name: str
    grid: str | None = None
    estate: str | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """A registered device and where it is.

    Attributes:
        name: as people call it.
        building: code of the building it is in.
        floor, door: inside the building, as people say it.
        position: where it stands, when it is not in a building.
        maintainer: code of the person who keeps its gateway working.
    """

    name: str = ""
    building: str | None = None
    floor: str = ""
    door: str = ""
    position: Position | None = None
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


@dataclass(frozen=True, kw_only=True)
class Street:
    """Everything that responsibility depends on, each by its code."""

    communities: Mapping[str, str]
    """Code to name."""
    estates: Mapping[str, EstateFacts]
    grids: Mapping[str, GridFacts]
    buildings: Mapping[str, BuildingFacts]
    roster: Roster

    def find_grid(self, position: Position) -> Found | None:
        """Return the grid whose polygon holds or touches a position, or None.

        The smallest polygon wins; of equally small ones the first by code. A position on a border
        belongs to one grid, and names the others.
        """
        drawn, shapes, tree = self._index
        point = Point(*position)
        hits = sorted(
            tree.query(point, predicate="intersects"), key=lambda i: (shapes[i].area, drawn[i].code)
        )
        if not hits:
            return None
        first = drawn[hits[0]]
        on_border = shapes[hits[0]].touches(point)
        neighbours = (
            drawn[i]
            for i in hits[1:]
            if on_border and drawn[i].kind is first.kind and shapes[i].touches(point)
        )
        higher = (drawn[i] for i in hits[1:] if drawn[i].kind is not GridKind.MICRO)
        return Found(
            grid=first,
            neighbours=tuple(neighbours),
            above=next(higher, None) if first.kind is GridKind.MICRO else None,
        )

    @cached_property
    def _index(self) -> tuple[list[GridFacts], list[BaseGeometry], STRtree]:
        drawn = [grid for grid in self.grids.values() if grid.polygon]
        shapes = [from_wkt(grid.polygon) for grid in drawn]
        return drawn, shapes, STRtree(shapes)
