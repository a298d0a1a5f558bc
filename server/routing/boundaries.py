"""Whether the owner's polygons fit together: overlaps, holes, what reaches outside, what is missing. Pure.

Between kinds of grids the smallest polygon wins by design (a school's grid inside a comprehensive one), so
that only grids of one kind are compared. Shapes are not converted between datums: only what is comparable
is. Slivers thinner than a metre or two come of drawing the same border twice and are left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import cos, radians
from typing import Final

from shapely import STRtree, from_wkt, unary_union
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from server.places.tables import Datum, GridKind
from server.routing.street import CommunityFacts, GridFacts, comparable

_DEGREE_NORTH_M: Final = 111_000.0
_DEGREE_EAST_M: Final = 111_320.0
"""Metres of a degree of latitude, and of longitude at the equator; good to a hundredth."""
_THIN_M: Final = 1.0
"""Half the width of what is still a sliver."""
_LEAST_M2: Final = 20.0
LEAVES: Final = frozenset({GridKind.MICRO, GridKind.DEDICATED})


class Trouble(StrEnum):
    """What does not fit."""

    OVERLAP = "overlap"
    """Two grids of one kind claim the same ground."""
    HOLE = "hole"
    """Ground of a community that is in none of its grids."""
    OUTSIDE = "outside"
    """A grid reaches out of its community."""
    NO_BOUNDARY = "no_boundary"
    """A grid that nobody has drawn: devices are found in it by name alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not fit.

    Attributes:
        trouble: what.
        community: where, by code.
        grids: whose, by code; none for a hole.
        square_metres: how much ground; 0 for a grid without boundary.
        shape: that ground in the grids' datum; None for a grid without boundary.
    """

    trouble: Trouble
    community: str
    grids: tuple[str, ...] = ()
    square_metres: int = 0
    shape: BaseGeometry | None = None


def inspect_boundaries(
    grids: Iterable[GridFacts], communities: Mapping[str, CommunityFacts]
) -> list[Finding]:
    """Return everything that does not fit, the largest first of each kind."""
    drawn: dict[Datum, list[tuple[GridFacts, BaseGeometry]]] = {}
    found: list[Finding] = []
    for grid in grids:
        if grid.polygon:
            drawn.setdefault(comparable(grid.datum), []).append((grid, from_wkt(grid.polygon)))
        else:
            found.append(Finding(trouble=Trouble.NO_BOUNDARY, community=grid.community, grids=(grid.code,)))
    for datum, shapes in drawn.items():
        for kind in GridKind:
            found += _overlaps([one for one in shapes if one[0].kind is kind])
        found += _in_communities(shapes, communities, datum)
    order = list(Trouble)
    return sorted(
        found, key=lambda one: (order.index(one.trouble), -one.square_metres, one.community, one.grids)
    )


def _overlaps(shapes: Sequence[tuple[GridFacts, BaseGeometry]]) -> Iterator[Finding]:
    tree = STRtree([shape for _, shape in shapes])
    for number, (grid, shape) in enumerate(shapes):
        for other in sorted(tree.query(shape, predicate="intersects")):
            if other > number:
                neighbour, its = shapes[other]
                common = shape.intersection(its)
                yield from _grounds(
                    Trouble.OVERLAP, grid.community, (grid.code, neighbour.code), common, apart=False
                )


def _in_communities(
    shapes: Sequence[tuple[GridFacts, BaseGeometry]],
    communities: Mapping[str, CommunityFacts],
    datum: Datum,
) -> Iterator[Finding]:
    leaves: dict[str, list[tuple[GridFacts, BaseGeometry]]] = {}
    for grid, shape in shapes:
        if grid.kind in LEAVES:
            leaves.setdefault(grid.community, []).append((grid, shape))
    for code, own in leaves.items():
        community = communities.get(code)
        together = unary_union([shape for _, shape in own])
        if community is None or not community.polygon or comparable(community.datum) is not datum:
            yield from _grounds(Trouble.HOLE, code, (), _enclosed(together), apart=True)
            continue
        whole = from_wkt(community.polygon)
        yield from _grounds(Trouble.HOLE, code, (), whole.difference(together), apart=True)
        for grid, shape in own:
            yield from _grounds(Trouble.OUTSIDE, code, (grid.code,), shape.difference(whole), apart=False)


def _enclosed(shape: BaseGeometry) -> BaseGeometry:
    """Return the ground that a shape encloses without holding it."""
    parts = getattr(shape, "geoms", (shape,))
    return unary_union([Polygon(ring) for part in parts for ring in getattr(part, "interiors", ())])


def _grounds(
    trouble: Trouble, community: str, grids: tuple[str, ...], ground: BaseGeometry, *, apart: bool
) -> Iterator[Finding]:
    """Yield pieces of ground that are no slivers: each for itself, or all of them as one."""
    parts = [
        part
        for part in getattr(ground, "geoms", (ground,))
        if part.area > 0 and square_metres(part) >= _LEAST_M2 and not _is_sliver(part)
    ]
    for piece in parts if apart else ([unary_union(parts)] if parts else []):
        yield Finding(
            trouble=trouble,
            community=community,
            grids=grids,
            square_metres=round(square_metres(piece)),
            shape=piece,
        )


def square_metres(shape: BaseGeometry) -> float:
    """Return the area of a shape in degrees, a few kilometres wide at most."""
    latitude = shape.centroid.y
    return float(shape.area * _DEGREE_NORTH_M * _DEGREE_EAST_M * cos(radians(latitude)))


def _is_sliver(part: BaseGeometry) -> bool:
    return bool(part.buffer(-_THIN_M / _DEGREE_NORTH_M).is_empty)
