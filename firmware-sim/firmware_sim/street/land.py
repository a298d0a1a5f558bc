"""The land of a street: cut into rectangles of a lattice, then bent so that it looks like land. Pure.

The street's rectangle is cut again and again until every grid has its own. Neighbours share the same
corners, also where one side's corner lies on the other side's edge, and each corner is moved to one
place: so that polygons have neither gaps nor overlaps, to the last digit.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

STEP_M: Final = 20.0
"""Length of one step of the lattice, metres."""
WEST_DEGREES: Final = 120.70
SOUTH_DEGREES: Final = 31.42
_DEGREE_M: Final = 111_320.0
_DIGITS: Final = 7
_JITTER_STEPS: Final = 0.28
_BEND_STEPS: Final = 4.0
_BEND_LENGTH: Final = 110.0
_TURN: Final = math.radians(8)

_T = TypeVar("_T")
Position = tuple[float, float]
"""Longitude and latitude, degrees, WGS 84."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A piece of the lattice, in steps from the south-western corner."""

    west: int
    south: int
    east: int
    north: int

    def cut(self, share: float, *, least: int) -> tuple["Rectangle", "Rectangle"]:
        """Cut across the longer side; each part keeps at least `least` steps of it."""
        width, height = self.east - self.west, self.north - self.south
        longer = max(width, height)
        at = min(max(round(longer * share), least), longer - least)
        if width >= height:
            middle = self.west + at
            return (
                Rectangle(self.west, self.south, middle, self.north),
                Rectangle(middle, self.south, self.east, self.north),
            )
        middle = self.south + at
        return (
            Rectangle(self.west, self.south, self.east, middle),
            Rectangle(self.west, middle, self.east, self.north),
        )

    def inside(self, share_x: float, share_y: float) -> tuple[float, float]:
        """Return a point well inside, by shares of width and height, in steps."""
        margin = 2 * _JITTER_STEPS
        width, height = self.east - self.west - 2 * margin, self.north - self.south - 2 * margin
        return self.west + margin + share_x * width, self.south + margin + share_y * height


def divide(whole: Rectangle, parts: Sequence[tuple[_T, int]]) -> list[tuple[_T, Rectangle]]:
    """Give each part land by its weight, neighbours in the order of the parts.

    Args:
        whole: the land.
        parts: each with its weight, which is the number of grids in it.
    """
    if len(parts) == 1:
        return [(parts[0][0], whole)]
    weights = [weight for _, weight in parts]
    half, total, before = 0, sum(weights), 0
    while half < len(parts) - 1 and (half == 0 or before + weights[half] / 2 < total / 2):
        before += weights[half]
        half += 1
    # Every grid is to be two steps wide and high at least.
    longer = max(whole.east - whole.west, whole.north - whole.south)
    first, second = whole.cut(before / total, least=min(2, longer // 2))
    return [*divide(first, parts[:half]), *divide(second, parts[half:])]


class Survey:
    """Knows every corner on the land, and where each came to lie."""

    def __init__(self, seed: int, leaves: Iterable[Rectangle]) -> None:
        """Take in the rectangles that no other is inside of.

        Args:
            seed: decides how corners are moved.
            leaves: the smallest pieces of land.
        """
        self._seed = seed
        rows: dict[int, set[int]] = {}
        columns: dict[int, set[int]] = {}
        for leaf in leaves:
            for x in (leaf.west, leaf.east):
                for y in (leaf.south, leaf.north):
                    rows.setdefault(y, set()).add(x)
                    columns.setdefault(x, set()).add(y)
        self._rows = {y: sorted(corners) for y, corners in rows.items()}
        self._columns = {x: sorted(corners) for x, corners in columns.items()}

    def polygon(self, piece: Rectangle) -> str:
        """Return a piece of land as WKT, with every corner on its border."""
        south = [(x, piece.south) for x in _between(self._rows[piece.south], piece.west, piece.east)]
        east = [(piece.east, y) for y in _between(self._columns[piece.east], piece.south, piece.north)]
        north = [(x, piece.north) for x in _between(self._rows[piece.north], piece.west, piece.east)]
        west = [(piece.west, y) for y in _between(self._columns[piece.west], piece.south, piece.north)]
        ring = [*south, *east[1:], *north[-2::-1], *west[-2::-1]]
        said = ",".join("{} {}".format(*_written(self._corner(x, y))) for x, y in ring)
        return f"POLYGON(({said}))"

    def position(self, x: float, y: float) -> Position:
        """Return where a point of the lattice lies, corners not moved."""
        bent_x = x + _BEND_STEPS * math.sin(2 * math.pi * y / _BEND_LENGTH)
        bent_y = y + _BEND_STEPS * math.sin(2 * math.pi * x / _BEND_LENGTH + 1)
        turned_x = bent_x * math.cos(_TURN) - bent_y * math.sin(_TURN)
        turned_y = bent_x * math.sin(_TURN) + bent_y * math.cos(_TURN)
        metres = _DEGREE_M * math.cos(math.radians(SOUTH_DEGREES))
        longitude = WEST_DEGREES + turned_x * STEP_M / metres
        latitude = SOUTH_DEGREES + turned_y * STEP_M / _DEGREE_M
        return round(longitude, _DIGITS), round(latitude, _DIGITS)

    def _corner(self, x: int, y: int) -> Position:
        return self.position(
            x + _JITTER_STEPS * _scatter(self._seed, x, y), y + _JITTER_STEPS * _scatter(~self._seed, x, y)
        )


def _between(corners: list[int], first: int, last: int) -> list[int]:
    return corners[bisect_left(corners, first) : bisect_right(corners, last)]


def _scatter(seed: int, x: int, y: int) -> float:
    """Return a number from -1 to 1 that depends on nothing else (a multiplicative hash of 32 bits)."""
    mixed = (seed * 0x9E3779B1 ^ x * 0x85EBCA77 ^ y * 0xC2B2AE3D) & 0xFFFFFFFF
    for _ in range(2):
        mixed = ((mixed ^ mixed >> 15) * 0x2C1B3C6D) & 0xFFFFFFFF
    return (mixed ^ mixed >> 16) / 0x7FFFFFFF - 1


def _written(position: Position) -> tuple[str, str]:
    return f"{position[0]:.{_DIGITS}f}", f"{position[1]:.{_DIGITS}f}"
