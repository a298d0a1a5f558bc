"""A spot inside a building as people say it: "3号楼 2层 201".

A register says of a floor what its writer typed: `2`, `-1`, `B1`, `二楼`. A bare number between the names of
a building and a door is read as part of either, so that it gets the word that belongs to it.
"""

import re
from typing import Final

_ABOVE: Final = re.compile(r"(\d{1,3})")
_BELOW: Final = re.compile(r"(?:-|[Bb])(\d{1,2})")

_FLOOR: Final = "%(n)s层"
_BASEMENT: Final = "地下%(n)s层"
UNPLACED: Final = "地点未登记"
UNPLACED_AT: Final = "地点未登记（网关：%(gateway)s）"
"""Where a device is that nobody registered."""
PARTS: Final = (UNPLACED, UNPLACED_AT, _FLOOR, _BASEMENT)
"""What a spot says besides names: pages say it in the reader's language."""

_COMMUNITY: Final = "社区"
_BEFORE_ESTATE: Final = re.compile(rf"^\S*{_COMMUNITY} (?=\D)")
"""A community, by the word its name ends in, before the name of an estate."""


def name_floor(floor: str) -> str:
    """Return a floor as people say it; what is no bare number stays as it was written."""
    if found := _ABOVE.fullmatch(floor.strip()):
        return _FLOOR % {"n": int(found[1])}
    if found := _BELOW.fullmatch(floor.strip()):
        return _BASEMENT % {"n": int(found[1])}
    return floor


def name_spot(*places: str, floor: str, door: str) -> str:
    """Return places from large to small, a floor and a door as one phrase; what is empty is left out."""
    return " ".join(part for part in (*places, name_floor(floor), door) if part)


def name_nearby(spot: str) -> str:
    """Return a phrase of `name_spot` as people who live there say it: without the community.

    A building that has only a number keeps what stands before it: every community has a first building.
    """
    return _BEFORE_ESTATE.sub("", spot)
