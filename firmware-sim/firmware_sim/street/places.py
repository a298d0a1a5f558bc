"""What a street's places are: areas, communities, estates, grids, business blocks, buildings, units. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from firmware_sim.street.land import Position, Rectangle, Survey

NOWHERE: Final = Rectangle(0, 0, 0, 0)
"""Where something lies before the land is divided."""


class Flat(NamedTuple):
    """A door behind which people live or work."""

    unit: str
    floor: str
    door: str


@dataclass(slots=True, kw_only=True)
class Unit:
    """An entrance (单元); `doors` of them on each floor, `flats` in all."""

    code: str
    name: str
    flats: int
    doors: int
    lived_in: bool
    """Whether its flats are households."""


@dataclass(slots=True, kw_only=True)
class Building:
    """A building with its entrances and the power line it hangs on."""

    code: str
    name: str
    position: Position
    feeder: str
    estate: str = ""
    block: str = ""
    units: list[Unit] = field(default_factory=list)

    @property
    def floors(self) -> int:
        """How many floors its entrances need."""
        return max(-(-unit.flats // unit.doors) for unit in self.units)

    @property
    def households(self) -> int:
        """How many households live in it."""
        return sum(unit.flats for unit in self.units if unit.lived_in)

    def flats(self) -> Iterator[Flat]:
        """Yield every door of the building."""
        for unit in self.units:
            for number in range(unit.flats):
                floor, door = divmod(number, unit.doors)
                yield Flat(unit.code, f"{floor + 1}楼", f"{floor + 1}{door + 1:02}室")


@dataclass(slots=True, kw_only=True)
class Leaf:
    """A grid that no other is inside of: a micro-grid or a dedicated one."""

    code: str = ""
    name: str = ""
    purpose: str = ""
    """Empty for a micro-grid."""
    land: Rectangle = NOWHERE
    households: int = 0
    residents: int = 0
    estate: str = ""
    buildings: list[Building] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Comprehensive:
    """A comprehensive grid and the micro-grids in it."""

    code: str = ""
    name: str = ""
    land: Rectangle = NOWHERE
    micro: list[Leaf]


@dataclass(slots=True, kw_only=True)
class Estate:
    """A housing estate."""

    code: str
    name: str
    address: str
    style: str
    households: int = 0
    residents: int = 0


@dataclass(slots=True, kw_only=True)
class Block:
    """A business block."""

    code: str
    name: str
    grid: str


@dataclass(slots=True, kw_only=True)
class Community:
    """A community with all that lies in it."""

    code: str = ""
    name: str = ""
    area: str = ""
    land: Rectangle = NOWHERE
    grids: list[Comprehensive]
    dedicated: list[Leaf]
    estates: list[Estate] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    @property
    def micro(self) -> list[Leaf]:
        """Its micro-grids, in order."""
        return [leaf for grid in self.grids for leaf in grid.micro]

    @property
    def leaves(self) -> list[Leaf]:
        """Every grid of it that no other is inside of."""
        return [*self.micro, *self.dedicated]

    @property
    def buildings(self) -> list[Building]:
        """Every building of it, in the order of the grids."""
        return [building for leaf in self.leaves for building in leaf.buildings]


@dataclass(slots=True, kw_only=True)
class Area:
    """A neighbourhood area (片区)."""

    code: str
    name: str
    communities: list[Community]
    land: Rectangle = NOWHERE


@dataclass(slots=True, kw_only=True)
class Places:
    """A street's places."""

    areas: list[Area]
    survey: Survey

    @property
    def communities(self) -> list[Community]:
        """Every community, in order."""
        return [community for area in self.areas for community in area.communities]
