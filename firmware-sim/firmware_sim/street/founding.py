"""Inventing a street's places: what lies in what, on which land, called what, with how many people. Pure."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from firmware_sim.street.counts import MOST_HOUSEHOLDS, StreetSize, in_proportion, randomness, share
from firmware_sim.street.land import Position, Rectangle, Survey, divide
from firmware_sim.street.names import PURPOSES, Namer, ordinal
from firmware_sim.street.places import (
    Area,
    Block,
    Building,
    Community,
    Comprehensive,
    Estate,
    Leaf,
    Places,
    Unit,
)

_FLATS_A_UNIT: Final = {"tall": 50, "middle": 25, "low": 12}
"""About how many households share an entrance, by kind of building."""
_DOORS: Final = {"tall": 3, "middle": 2, "low": 2}
"""Flats on one floor of an entrance."""
_UNITS: Final = {"tall": 2, "middle": 2, "low": 3}
_ROOMS_A_FLOOR: Final = 6
_BUILDINGS_A_FEEDER: Final = 8


def build_places(size: StreetSize, seed: int) -> Places:
    """Invent the places of a street.

    Args:
        size: how many of everything.
        seed: decides.
    """
    areas = _skeleton(size, randomness(seed, "skeleton"))
    communities = [community for area in areas for community in area.communities]
    _spread_land(size, areas, randomness(seed, "land"))
    _give_names(areas, randomness(seed, "names"))
    _settle(size, communities, randomness(seed, "households"))
    _found_estates(size, communities, randomness(seed, "estates"))
    _found_dedicated(size, communities, randomness(seed, "dedicated"))
    survey = Survey(seed, (leaf.land for community in communities for leaf in community.leaves))
    _build(communities, survey, randomness(seed, "buildings"))
    return Places(areas=areas, survey=survey)


# --- grids and their land ----------------------------------------------------------------------


def _skeleton(size: StreetSize, chance: Random) -> list[Area]:
    """Say how many of what lie in what."""
    grids_of = share(size.comprehensive, size.communities, chance)
    dedicated_of = share(size.dedicated, size.communities, chance, least=0, spread=0.8)
    micro_of = iter(share(size.micro, size.comprehensive, chance, least=2))
    communities = [
        Community(
            grids=[Comprehensive(micro=[Leaf() for _ in range(next(micro_of))]) for _ in range(grids_of[i])],
            dedicated=[Leaf() for _ in range(dedicated_of[i])],
        )
        for i in range(size.communities)
    ]
    left = iter(communities)
    return [
        Area(code=f"A{number:02}", name="", communities=[next(left) for _ in range(many)])
        for number, many in enumerate(share(size.communities, size.areas, chance), start=1)
    ]


def _spread_land(size: StreetSize, areas: list[Area], chance: Random) -> None:
    whole = Rectangle(0, 0, size.width, size.height)
    for area, land in divide(whole, [(a, sum(len(c.leaves) for c in a.communities)) for a in areas]):
        area.land = land
        for community, part in divide(land, [(c, len(c.leaves)) for c in area.communities]):
            community.land = part
            members: list[Comprehensive | Leaf] = [*community.grids, *community.dedicated]
            chance.shuffle(members)
            weighed = [(m, len(m.micro) if isinstance(m, Comprehensive) else 1) for m in members]
            for member, piece in divide(part, weighed):
                member.land = piece
                if isinstance(member, Comprehensive):
                    for leaf, last in divide(piece, [(leaf, 1) for leaf in member.micro]):
                        leaf.land = last


def _give_names(areas: list[Area], chance: Random) -> None:
    namer = Namer(chance)
    communities = grids = micro = 0
    for area in areas:
        area.name = f"{namer.stem()}片区"
        for community in area.communities:
            communities += 1
            stem = namer.stem()
            community.code, community.name, community.area = f"C{communities:03}", f"{stem}社区", area.code
            for number, grid in enumerate(community.grids, start=1):
                grids += 1
                grid.code, grid.name = f"Z{grids:03}", f"{stem}第{ordinal(number)}综合网格"
            for number, leaf in enumerate(community.micro, start=1):
                micro += 1
                leaf.code, leaf.name = f"W{micro:04}", f"{stem}第{ordinal(number)}微网格"


# --- who lives and works there -----------------------------------------------------------------


def _settle(size: StreetSize, communities: Sequence[Community], chance: Random) -> None:
    leaves = [leaf for community in communities for leaf in community.micro]
    weights = [chance.uniform(0.9, 1) for _ in leaves]
    for leaf, households in zip(
        leaves, in_proportion(size.households, weights, most=MOST_HOUSEHOLDS), strict=True
    ):
        leaf.households = households
    crowds = [leaf.households * chance.uniform(0.85, 1.15) for leaf in leaves]
    for leaf, residents in zip(leaves, in_proportion(size.residents, crowds), strict=True):
        leaf.residents = residents


def _found_estates(size: StreetSize, communities: Sequence[Community], chance: Random) -> None:
    """Let estates be neighbouring micro-grids of a community."""
    namer = Namer(chance)
    many = in_proportion(size.estates, [len(community.micro) for community in communities], least=1)
    number = 0
    for community, estates in zip(communities, many, strict=True):
        micro = iter(community.micro)
        for grids in share(len(community.micro), estates, chance):
            number += 1
            estate = Estate(
                code=f"E{number:03}",
                name=namer.estate(),
                address=f"{namer.stem()}路{chance.randrange(1, 400)}号",
                style=chance.choices(("tall", "middle", "low"), (3, 4, 3))[0],
            )
            community.estates.append(estate)
            for _ in range(grids):
                leaf = next(micro)
                leaf.estate = estate.code
                estate.households += leaf.households
                estate.residents += leaf.residents


def _found_dedicated(size: StreetSize, communities: Sequence[Community], chance: Random) -> None:
    """Make some of the dedicated grids business blocks, the others schools, parks, markets and more."""
    namer = Namer(chance)
    leaves = [(community, leaf) for community in communities for leaf in community.dedicated]
    business = set(chance.sample(range(len(leaves)), size.blocks))
    others = 0
    for number, (community, leaf) in enumerate(leaves):
        leaf.code = f"D{number + 1:03}"
        if number in business:
            name, leaf.purpose = namer.block(), "business"
            blocks = sum(len(one.blocks) for one in communities)
            community.blocks.append(Block(code=f"S{blocks + 1:03}", name=name, grid=leaf.code))
        else:
            leaf.purpose, ends = PURPOSES[others % len(PURPOSES)]
            name = namer.stem() + ends[others // len(PURPOSES) % len(ends)]
            others += 1
        leaf.name = f"{name}专属网格"


# --- buildings ---------------------------------------------------------------------------------


def _build(communities: Sequence[Community], survey: Survey, chance: Random) -> None:
    numbers = iter(range(1, 100_000))
    for community in communities:
        blocks = {block.grid: block for block in community.blocks}
        for estate in community.estates:
            leaves = [leaf for leaf in community.micro if leaf.estate == estate.code]
            _build_estate(estate, leaves, survey, numbers)
        for leaf in community.dedicated:
            name = leaf.name.removesuffix("专属网格")
            block = blocks.get(leaf.code)
            floors = chance.randrange(6, 25) if block else chance.randrange(2, 6)
            for number, position in enumerate(_spots(leaf.land, chance.randrange(1, 4), survey), start=1):
                built = _dedicated_building(f"B{next(numbers):05}", f"{name}{number}号楼", floors, position)
                built.feeder, built.block = f"F{leaf.code}", block.code if block else ""
                leaf.buildings.append(built)


def _build_estate(estate: Estate, leaves: Sequence[Leaf], survey: Survey, numbers: Iterator[int]) -> None:
    built = 0
    flats, doors, units = _FLATS_A_UNIT[estate.style], _DOORS[estate.style], _UNITS[estate.style]
    for leaf in leaves:
        many = max(1, round(leaf.households / (flats * units)))
        households = iter(in_proportion(leaf.households, [1] * (many * units)))
        for position in _spots(leaf.land, many, survey):
            built += 1
            code = f"B{next(numbers):05}"
            leaf.buildings.append(
                Building(
                    code=code,
                    name=f"{built}幢",
                    position=position,
                    feeder=f"F{estate.code[1:]}-{(built - 1) // _BUILDINGS_A_FEEDER + 1}",
                    estate=estate.code,
                    units=[
                        Unit(
                            code=f"{code}-{unit}",
                            name=f"{unit}单元",
                            flats=next(households),
                            doors=doors,
                            lived_in=True,
                        )
                        for unit in range(1, units + 1)
                    ],
                )
            )


def _dedicated_building(code: str, name: str, floors: int, position: Position) -> Building:
    lobby = Unit(
        code=f"{code}-1", name="大堂", flats=floors * _ROOMS_A_FLOOR, doors=_ROOMS_A_FLOOR, lived_in=False
    )
    return Building(code=code, name=name, position=position, feeder="", units=[lobby])


def _spots(land: Rectangle, many: int, survey: Survey) -> Iterator[Position]:
    """Yield places for buildings, in a row along the longer side."""
    wide = land.east - land.west >= land.north - land.south
    for number in range(many):
        along = (number + 0.5) / many
        yield survey.position(*(land.inside(along, 0.5) if wide else land.inside(0.5, along)))
