"""Gateways, devices and cameras of a street. Pure; devices are made one at a time.

Every model is one that gateways have a profile for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice
from random import Random
from typing import Final

from firmware_sim.street.counts import StreetSize, in_proportion, randomness, share
from firmware_sim.street.land import Position
from firmware_sim.street.places import Building, Flat, Leaf, Places

_FIRST_INSTALLED: Final = date(2019, 3, 4)
_DAYS_OF_INSTALLING: Final = 2_600
_DAYS_OF_ONE_SITE: Final = 60
_REPLACED: Final = 0.08
"""The share of devices that were replaced since."""
_RIVER_EVERY: Final = 5
"""One gateway in so many of those outdoors has a river station."""
_VALVE_EVERY: Final = 6
"""One gas detector in so many closes a valve."""
_INSTALLATIONS: Final = 3
"""At most one device in so many watches water or electricity; the others are gas detectors and valves."""
_OUTDOORS: Final = Flat("", "", "")
_ROOMS: Final = ("厨房", "热水器旁", "阳台", "管道井")
_BUSINESS_ROOMS: Final = ("餐饮间", "开水间", "锅炉房", "管道井")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway and what it serves."""

    code: str
    name: str
    maintainer: str
    installed_on: date
    buildings: tuple[Building, ...]
    leaf: Leaf
    """The grid it stands in."""
    devices: int
    river: bool

    @property
    def building(self) -> Building:
        """Where it hangs."""
        return self.buildings[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of a gateway; in a building or at a position."""

    gateway: str
    device: str
    name: str
    model: str
    kind: str
    building: str = ""
    floor: str = ""
    door: str = ""
    unit: str = ""
    position: Position | None = None
    installed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera; its address is under `.invalid`, which no name server ever knows (RFC 2606)."""

    code: str
    name: str
    building: str
    position: Position

    @property
    def address(self) -> str:
        """Where its picture would be."""
        return f"rtsp://camera.invalid/{self.code}"


def place_gateways(size: StreetSize, places: Places, maintainers: dict[str, str], seed: int) -> list[Gateway]:
    """Hang up the gateways, each for neighbouring buildings of one community.

    Args:
        size: how many.
        places: of the street.
        maintainers: area to the person who keeps its gateways working.
        seed: decides.
    """
    chance = randomness(seed, "gateways")
    communities = places.communities
    many = in_proportion(size.gateways, [len(one.buildings) for one in communities], least=1)
    devices = iter(share(size.devices, size.gateways, chance, spread=0))
    found: list[Gateway] = []
    for community, gateways in zip(communities, many, strict=True):
        leaf_of = {building.code: leaf for leaf in community.leaves for building in leaf.buildings}
        for served in _slices(community.buildings, gateways):
            estates = {estate.code: estate.name for estate in community.estates}
            first = served[0]
            found.append(
                Gateway(
                    code=f"gw-{len(found) + 1:04}",
                    name=f"{estates.get(first.estate, '')}{first.name}网关",
                    maintainer=maintainers[community.area],
                    installed_on=_FIRST_INSTALLED + timedelta(days=chance.randrange(_DAYS_OF_INSTALLING)),
                    buildings=tuple(served),
                    leaf=leaf_of[first.code],
                    devices=next(devices),
                    river=len(found) % _RIVER_EVERY == 0,
                )
            )
    return found


def make_devices(gateways: Sequence[Gateway], places: Places, seed: int) -> Iterator[Device]:
    """Yield the devices of every gateway, gateway by gateway."""
    chance = randomness(seed, "devices")
    for gateway in gateways:
        for wanted in islice(_wanted(gateway, places), gateway.devices):
            yield _installed(gateway, wanted, chance)


def place_cameras(size: StreetSize, places: Places, seed: int) -> Iterator[Camera]:
    """Yield cameras, spread over the buildings."""
    chance = randomness(seed, "cameras")
    buildings = [
        (building, {estate.code: estate.name for estate in community.estates}.get(building.estate, ""))
        for community in places.communities
        for building in community.buildings
    ]
    chosen = sorted(chance.sample(range(len(buildings)), min(size.cameras, len(buildings))))
    for number, index in enumerate(chosen, start=1):
        building, estate = buildings[index]
        side = chance.choice("东南西北")
        yield Camera(
            code=f"K{number:04}",
            name=f"{estate}{building.name}{side}侧",
            building=building.code,
            position=building.position,
        )


# --- what hangs on one gateway -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    device: str
    name: str
    model: str
    kind: str
    building: str = ""
    flat: Flat = _OUTDOORS
    position: Position | None = None


def _wanted(gateway: Gateway, places: Places) -> Iterator[_Wanted]:
    """Yield what hangs on a gateway: what its buildings need, then detectors without end."""
    yield from islice(_installations(gateway, places), gateway.devices // _INSTALLATIONS)
    yield from _detectors(gateway)


def _installations(gateway: Gateway, places: Places) -> Iterator[_Wanted]:
    """Yield what watches water and electricity, the most needed first."""
    land = gateway.leaf.land
    if gateway.river:
        spot = places.survey.position(*land.inside(0.9, 0.1))
        yield _Wanted("river-1", "河道水质站", "yosemitech-y4000", "water", position=spot)
    spot = places.survey.position(*land.inside(0.1, 0.9))
    yield _Wanted("hydrant-1", "室外消火栓", "keller-acculevel", "fire", position=spot)
    hydrants, cables = count(2), count(1)
    for building in gateway.buildings:
        ground = Flat("", "1楼", "消防泵房")
        number = next(hydrants)
        yield _Wanted(f"hydrant-{number}", "室内消火栓", "keller-acculevel", "fire", building.code, ground)
        for unit in building.units:
            room = Flat(unit.code, "1楼", "配电间")
            number = next(cables)
            yield _Wanted(f"leakage-{number}", "剩余电流探测器", "acrel-asj", "electric", building.code, room)
            yield _Wanted(f"mains-{number}", "电表", "eastron-sdm120", "electric", building.code, room)


def _detectors(gateway: Gateway) -> Iterator[_Wanted]:
    """Yield gas detectors, one a flat, then a second one a flat, and some valves beside them."""
    number = 0
    for turn in count():
        for building in gateway.buildings:
            rooms = _ROOMS if building.estate else _BUSINESS_ROOMS
            room = rooms[turn % len(rooms)]
            for flat in building.flats():
                number += 1
                yield _Wanted(
                    f"gas-{number:03}", f"{room}燃气探测器", "honeywell-midas", "gas", building.code, flat
                )
                if number % _VALVE_EVERY == 0:
                    yield _Wanted(
                        f"valve-{number:03}", f"{room}燃气阀", "coil-relay", "gas", building.code, flat
                    )


def _installed(gateway: Gateway, wanted: _Wanted, chance: Random) -> Device:
    installed = gateway.installed_on + timedelta(days=chance.randrange(_DAYS_OF_ONE_SITE))
    last = _FIRST_INSTALLED + timedelta(days=_DAYS_OF_INSTALLING + _DAYS_OF_ONE_SITE)
    if chance.random() < _REPLACED:
        installed += timedelta(days=chance.randrange((last - installed).days + 1))
    return Device(
        gateway=gateway.code,
        device=wanted.device,
        name=wanted.name,
        model=wanted.model,
        kind=wanted.kind,
        building=wanted.building,
        floor=wanted.flat.floor,
        door=wanted.flat.door,
        unit=wanted.flat.unit,
        position=wanted.position,
        installed_on=installed,
    )


def _slices(buildings: Sequence[Building], parts: int) -> Iterator[Sequence[Building]]:
    """Cut neighbouring buildings into slices; each has one at least."""
    many = len(buildings)
    for part in range(parts):
        first = part * many // parts
        yield buildings[first : max((part + 1) * many // parts, first + 1)]
