"""The import files of a street: each sheet, its columns, and what they refer to. Pure.

`docs/places/import-files.md` describes them for people; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from server.people.model import Role, Scope
from server.places import cells
from server.places.cells import Cell, code, count, default, degrees, optional, text, word
from server.places.tables import Datum, GridKind, Purpose

_CODE: Final = code()
_NAME: Final = text(100)
_ONE_DIGIT: Final = 8
_PLACED: Final[Mapping[str, Cell]] = {
    "longitude": optional(degrees(180)),
    "latitude": optional(degrees(90)),
}
_DATUM: Final[Mapping[str, Cell]] = {"datum": default(word(Datum), Datum.WGS84)}
_COUNTED: Final[Mapping[str, Cell]] = {
    "households": optional(count()),
    "residents": optional(count()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Columns that together must name a row of another sheet by its key."""

    columns: tuple[str, ...]
    sheet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One file.

    Attributes:
        name: the file's name without `.csv`.
        columns: each column that must be there and what it may hold.
        more: columns that may be missing; what they said before then stays.
        key: the columns that identify a row.
        refers: column to the sheet whose first column it must name.
        together: the same for keys of several columns.
        needed: whether a street without this file is refused.
        whole: whether rows that the file no longer has are gone, and not kept.
    """

    name: str
    columns: Mapping[str, Cell]
    more: Mapping[str, Cell] = field(default_factory=dict)
    key: tuple[str, ...]
    refers: Mapping[str, str] = field(default_factory=dict)
    together: tuple[Reference, ...] = ()
    needed: bool = True
    whole: bool = False

    @property
    def known(self) -> dict[str, Cell]:
        """Every column that may be there."""
        return {**self.columns, **self.more}


_DUTY: Final = {"person": _CODE, "role": word(Role), "scope": word(Scope), "code": cells.blank(40)}

SHEETS: Final = (
    Sheet(
        name="areas",
        columns={"code": _CODE, "name": _NAME},
        more={"polygon": optional(cells.polygon), **_DATUM},
        key=("code",),
        needed=False,
    ),
    Sheet(
        name="communities",
        columns={"code": _CODE, "name": _NAME},
        more={"area": optional(_CODE), "polygon": optional(cells.polygon), **_DATUM},
        key=("code",),
        refers={"area": "areas"},
    ),
    Sheet(
        name="estates",
        columns={"code": _CODE, "community": _CODE, "name": _NAME},
        more={"address": cells.blank(), **_COUNTED},
        key=("code",),
        refers={"community": "communities"},
    ),
    Sheet(
        name="grids",
        columns={
            "code": _CODE,
            "community": _CODE,
            "kind": word(GridKind),
            "name": _NAME,
            "parent": optional(_CODE),
            "polygon": optional(cells.polygon),
        },
        more={"purpose": optional(word(Purpose)), **_COUNTED, **_DATUM},
        key=("code",),
        refers={"community": "communities", "parent": "grids"},
    ),
    Sheet(
        name="blocks",
        columns={"code": _CODE, "community": _CODE, "name": _NAME, "grid": optional(_CODE)},
        key=("code",),
        refers={"community": "communities", "grid": "grids"},
        needed=False,
    ),
    Sheet(
        name="buildings",
        columns={
            "code": _CODE,
            "estate": optional(_CODE),
            "name": _NAME,
            "grid": optional(_CODE),
            **_PLACED,
            "feeder": optional(_CODE),
        },
        more={
            "block": optional(_CODE),
            "floors": optional(count(1, 200)),
            "households": optional(count()),
            **_DATUM,
        },
        key=("code",),
        refers={"estate": "estates", "grid": "grids", "block": "blocks"},
    ),
    Sheet(
        name="units",
        columns={"code": _CODE, "building": _CODE, "name": _NAME},
        more={"households": optional(count()), "grid": optional(_CODE)},
        key=("code",),
        refers={"building": "buildings", "grid": "grids"},
        needed=False,
    ),
    Sheet(
        name="doors",
        columns={"building": _CODE, "door": text(40), "grid": _CODE},
        key=("building", "door"),
        refers={"building": "buildings", "grid": "grids"},
        needed=False,
        whole=True,
    ),
    Sheet(
        name="people",
        columns={
            "code": _CODE,
            "name": text(60),
            "phone": optional(cells.telephone),
            "webhook_url": optional(cells.web_address),
        },
        more={"active": default(cells.yes_no, value=True)},
        key=("code",),
    ),
    Sheet(
        name="duties",
        columns=_DUTY,
        key=("person", "role", "scope", "code"),
        refers={"person": "people"},
        whole=True,
    ),
    Sheet(
        name="duty_times",
        columns={
            **_DUTY,
            "days": cells.weekdays,
            "from": cells.first_minute,
            "until": cells.minute,
        },
        more={
            "cycle_weeks": default(count(1, _ONE_DIGIT), 1),
            "cycle_start": optional(cells.monday),
        },
        key=("person", "role", "scope", "code", "days", "from"),
        together=(Reference(columns=("person", "role", "scope", "code"), sheet="duties"),),
        needed=False,
        whole=True,
    ),
    Sheet(
        name="absences",
        columns={"person": _CODE, "from": cells.moment, "until": cells.moment},
        more={"stand_in": optional(_CODE)},
        key=("person", "from"),
        refers={"person": "people", "stand_in": "people"},
        needed=False,
        whole=True,
    ),
    Sheet(
        name="swaps",
        columns={**_DUTY, "from": cells.moment, "until": cells.moment, "taken_by": _CODE},
        key=("person", "role", "scope", "code", "from"),
        refers={"taken_by": "people"},
        together=(Reference(columns=("person", "role", "scope", "code"), sheet="duties"),),
        needed=False,
        whole=True,
    ),
    Sheet(
        name="holidays",
        columns={"day": cells.day, "name": cells.blank(60), "counts_as": count(1, 7)},
        key=("day",),
        needed=False,
        whole=True,
    ),
    Sheet(
        name="cameras",
        columns={"code": _CODE, "name": _NAME, "building": optional(_CODE), **_PLACED},
        more={"address": optional(cells.picture_address), **_DATUM},
        key=("code",),
        refers={"building": "buildings"},
        needed=False,
    ),
    Sheet(
        name="gateways",
        columns={
            "gateway": cells.gateway_id,
            "name": _NAME,
            "building": optional(_CODE),
            "maintainer": optional(_CODE),
        },
        more={"installed_on": optional(cells.day)},
        key=("gateway",),
        refers={"building": "buildings", "maintainer": "people"},
    ),
    Sheet(
        name="devices",
        columns={
            "gateway": cells.gateway_id,
            "device": text(128),
            "name": text(),
            "model": cells.blank(100),
            "kind": cells.blank(32),
            "building": optional(_CODE),
            "floor": cells.blank(40),
            "door": cells.blank(40),
            **_PLACED,
        },
        more={
            "unit": optional(_CODE),
            "feeder": optional(_CODE),
            "installed_on": optional(cells.day),
            "tested_on": optional(cells.day),
            "test_due_on": optional(cells.day),
            "ends_on": optional(cells.day),
            "grid": optional(_CODE),
            "responsible": optional(_CODE),
            **_DATUM,
        },
        key=("gateway", "device"),
        refers={
            "gateway": "gateways",
            "building": "buildings",
            "unit": "units",
            "grid": "grids",
            "responsible": "people",
        },
    ),
)
