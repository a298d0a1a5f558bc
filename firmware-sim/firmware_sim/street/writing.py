"""Writing a street as the import files that the server takes (docs/places/import-files.md)."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from firmware_sim.street.counts import BEGIN, StreetSize
from firmware_sim.street.equipment import Device, make_devices, place_cameras, place_gateways
from firmware_sim.street.founding import build_places
from firmware_sim.street.land import Position
from firmware_sim.street.people import build_people
from firmware_sim.street.places import Community, Leaf

Cells = tuple[Any, ...]
Advance = Callable[[str, int], None]
"""Called with a file's name and how many rows were written since the last call."""
_EVERY: Final = 1_000
_UNFINISHED: Final = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetFile:
    """One file: its name without `.csv`, its header, its rows."""

    name: str
    header: tuple[str, ...]
    rows: Iterable[Cells]


def write_street(
    folder: Path, size: StreetSize, seed: int, *, begin: date = BEGIN, advance: Advance | None = None
) -> dict[str, int]:
    """Write a whole street; the same seed, size and beginning give the same bytes.

    A file has its name only when it is complete.

    Args:
        folder: is made if it is not there.
        size: how many of everything.
        seed: decides everything.
        begin: a Monday from which rotations and absences count.
        advance: is told of progress.

    Returns:
        Rows by file name.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for file in build_files(size, seed, begin=begin):
        unfinished = folder / f"{file.name}.csv{_UNFINISHED}"
        with unfinished.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(file.header)
            written[file.name] = _write_rows(writer, file, advance)
        unfinished.replace(folder / f"{file.name}.csv")
    return written


def build_files(size: StreetSize, seed: int, *, begin: date = BEGIN) -> Iterator[StreetFile]:
    """Yield the files of a street in the order in which the server reads them."""
    places = build_places(size, seed)
    people = build_people(places, seed, begin)
    gateways = place_gateways(size, places, people.maintainers, seed)
    communities, draw = places.communities, places.survey.polygon
    yield _file("areas", "code,name,polygon", ((a.code, a.name, draw(a.land)) for a in places.areas))
    yield _file(
        "communities",
        "code,name,area,polygon",
        ((c.code, c.name, c.area, draw(c.land)) for c in communities),
    )
    yield _file(
        "estates",
        "code,community,name,address,households,residents",
        (
            (e.code, c.code, e.name, e.address, e.households, e.residents)
            for c in communities
            for e in c.estates
        ),
    )
    yield _file(
        "grids",
        "code,community,kind,name,parent,polygon,purpose,households,residents",
        (row for c in communities for row in _grids(c, draw)),
    )
    yield _file(
        "blocks",
        "code,community,name,grid",
        ((b.code, c.code, b.name, b.grid) for c in communities for b in c.blocks),
    )
    yield _file(
        "buildings",
        "code,estate,name,grid,longitude,latitude,feeder,block,floors,households",
        (row for c in communities for leaf in c.leaves for row in _buildings(leaf)),
    )
    yield _file(
        "units",
        "code,building,name,households",
        (
            (u.code, b.code, u.name, u.flats if u.lived_in else "")
            for c in communities
            for b in c.buildings
            for u in b.units
        ),
    )
    yield _file(
        "people",
        "code,name,phone,webhook_url",
        ((p.code, p.name, p.phone, p.webhook_url) for p in people.people),
    )
    yield _file(
        "duties",
        "person,role,scope,code",
        ((d.person, d.role, d.scope, d.code) for d in people.duties),
    )
    yield _file(
        "duty_times",
        "person,role,scope,code,days,from,until,cycle_weeks,cycle_start",
        (
            (t.duty.person, t.duty.role, t.duty.scope, t.duty.code, t.days, t.begins, t.ends)
            + ((t.cycle_weeks, t.cycle_start) if t.cycle_start else ("", ""))
            for t in people.times
        ),
    )
    yield _file(
        "absences",
        "person,from,until,stand_in",
        ((a.person, f"{a.first} 08:00", f"{a.last} 08:00", a.stand_in) for a in people.absences),
    )
    yield _file(
        "cameras",
        "code,name,building,longitude,latitude,address",
        (
            (k.code, k.name, k.building, *_degrees(k.position), k.address)
            for k in place_cameras(size, places, seed)
        ),
    )
    yield _file(
        "gateways",
        "gateway,name,building,maintainer,installed_on",
        ((g.code, g.name, g.building.code, g.maintainer, g.installed_on) for g in gateways),
    )
    yield _file(
        "devices",
        "gateway,device,name,model,kind,building,floor,door,longitude,latitude,unit,installed_on",
        (_device(d) for d in make_devices(gateways, places, seed)),
    )


def _file(name: str, header: str, rows: Iterable[Cells]) -> StreetFile:
    return StreetFile(name=name, header=tuple(header.split(",")), rows=rows)


def _write_rows(writer: Any, file: StreetFile, advance: Advance | None) -> int:
    number = 0
    for number, row in enumerate(file.rows, start=1):
        writer.writerow(row)
        if advance is not None and number % _EVERY == 0:
            advance(file.name, _EVERY)
    if advance is not None:
        advance(file.name, number % _EVERY)
    return number


def _grids(community: Community, draw: Callable[[Any], str]) -> Iterator[Cells]:
    place = community.code
    for grid in community.grids:
        households = sum(leaf.households for leaf in grid.micro)
        residents = sum(leaf.residents for leaf in grid.micro)
        yield (grid.code, place, "comprehensive", grid.name, "", draw(grid.land), "", households, residents)
    for grid in community.grids:
        for leaf in grid.micro:
            counted = leaf.households, leaf.residents
            yield (leaf.code, place, "micro", leaf.name, grid.code, draw(leaf.land), "", *counted)
    for leaf in community.dedicated:
        yield (leaf.code, place, "dedicated", leaf.name, "", draw(leaf.land), leaf.purpose, "", "")


def _buildings(leaf: Leaf) -> Iterator[Cells]:
    for b in leaf.buildings:
        households = b.households or ""
        yield (
            b.code,
            b.estate,
            b.name,
            leaf.code,
            *_degrees(b.position),
            b.feeder,
            b.block,
            b.floors,
            households,
        )


def _device(d: Device) -> Cells:
    return (
        d.gateway,
        d.device,
        d.name,
        d.model,
        d.kind,
        d.building,
        d.floor,
        d.door,
        *_degrees(d.position),
        d.unit,
        d.installed_on,
    )


def _degrees(position: Position | None) -> tuple[str, str]:
    return ("", "") if position is None else (f"{position[0]:.7f}", f"{position[1]:.7f}")
