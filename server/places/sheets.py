"""The import files of a street: what each column may hold. Pure.

Every file is UTF-8 with a header row. Problems are gathered, never thrown one at a time.
"""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from shapely import from_wkt
from shapely.errors import ShapelyError

from server.people.tables import Role, Scope
from server.places.tables import GridKind
from wire.topics import is_gateway_id

Cell = Callable[[str], Any]
_MOST_TEXT: Final = 200


class CellError(ValueError):
    """A cell cannot be used; the text says what is allowed."""


def text(value: str) -> str:
    """Take any text that is not empty."""
    if not value:
        raise CellError("text")
    if len(value) > _MOST_TEXT:
        raise CellError(f"at most {_MOST_TEXT} characters")
    return value


def optional(cell: Cell) -> Cell:
    """Take an empty cell as None."""
    return lambda value: cell(value) if value else None


def blank(value: str) -> str:
    """Take any text, also none."""
    return value[:_MOST_TEXT]


def word(vocabulary: type[StrEnum]) -> Cell:
    """Take a member of a closed vocabulary."""

    def take(value: str) -> StrEnum:
        try:
            return vocabulary(value)
        except ValueError as error:
            raise CellError(", ".join(vocabulary)) from error

    return take


def degrees(limit: float) -> Cell:
    """Take a number of degrees up to a limit on both sides of 0."""

    def take(value: str) -> float:
        try:
            number = float(value)
        except ValueError as error:
            raise CellError("a number of degrees") from error
        if not -limit <= number <= limit:
            raise CellError(f"degrees between -{limit:g} and {limit:g}")
        return number

    return take


def polygon(value: str) -> str:
    """Take a valid polygon or multipolygon as WKT."""
    try:
        shape = from_wkt(value)
    except ShapelyError as error:
        raise CellError("a polygon as WKT, e.g. POLYGON((…))") from error
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise CellError(f"POLYGON or MULTIPOLYGON, not {shape.geom_type.upper()}")
    if shape.is_empty or not shape.is_valid:
        raise CellError("a polygon whose edges do not cross")
    return value


def web_address(value: str) -> str:
    """Take an http or https address."""
    if not value.startswith(("http://", "https://")):
        raise CellError("an address that begins with http:// or https://")
    return value


def gateway_id(value: str) -> str:
    """Take a gateway's id."""
    if not is_gateway_id(value):
        raise CellError("lower-case letters, digits and inner hyphens, at most 64")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One file.

    Attributes:
        name: the file's name without `.csv`.
        columns: each column and what it may hold, in the file's order.
        key: the columns that identify a row.
        refers: column to the sheet whose first column it must name.
    """

    name: str
    columns: Mapping[str, Cell]
    key: tuple[str, ...]
    refers: Mapping[str, str] = field(default_factory=dict)


SHEETS: Final = (
    Sheet(name="communities", columns={"code": text, "name": text}, key=("code",)),
    Sheet(
        name="estates",
        columns={"code": text, "community": text, "name": text},
        key=("code",),
        refers={"community": "communities"},
    ),
    Sheet(
        name="grids",
        columns={
            "code": text,
            "community": text,
            "kind": word(GridKind),
            "name": text,
            "parent": optional(text),
            "polygon": optional(polygon),
        },
        key=("code",),
        refers={"community": "communities", "parent": "grids"},
    ),
    Sheet(
        name="buildings",
        columns={
            "code": text,
            "estate": optional(text),
            "name": text,
            "grid": optional(text),
            "longitude": optional(degrees(180)),
            "latitude": optional(degrees(90)),
            "feeder": optional(text),
        },
        key=("code",),
        refers={"estate": "estates", "grid": "grids"},
    ),
    Sheet(
        name="people",
        columns={
            "code": text,
            "name": text,
            "phone": optional(text),
            "webhook_url": optional(web_address),
        },
        key=("code",),
    ),
    Sheet(
        name="duties",
        columns={"person": text, "role": word(Role), "scope": word(Scope), "code": blank},
        key=("person", "role", "scope", "code"),
        refers={"person": "people"},
    ),
    Sheet(
        name="gateways",
        columns={
            "gateway": gateway_id,
            "name": text,
            "building": optional(text),
            "maintainer": optional(text),
        },
        key=("gateway",),
        refers={"building": "buildings", "maintainer": "people"},
    ),
    Sheet(
        name="devices",
        columns={
            "gateway": gateway_id,
            "device": text,
            "name": text,
            "model": blank,
            "kind": blank,
            "building": optional(text),
            "floor": blank,
            "door": blank,
            "longitude": optional(degrees(180)),
            "latitude": optional(degrees(90)),
        },
        key=("gateway", "device"),
        refers={"gateway": "gateways", "building": "buildings"},
    ),
)

_SCOPE_SHEETS: Final = {
    Scope.GRID: "grids",
    Scope.ESTATE: "estates",
    Scope.COMMUNITY: "communities",
}

Row = dict[str, Any]
Rows = dict[str, dict[tuple[Any, ...], Row]]
"""Sheet → key → row."""


def read_sheets(files: Mapping[str, bytes]) -> tuple[Rows, list[str]]:
    """Read the files of a street.

    Args:
        files: bytes by sheet name; a missing one counts as empty of rows.

    Returns:
        The rows, and every problem as `file:row:column: found …, allowed …`.
    """
    problems: list[str] = []
    sheets: dict[str, _Read] = {}
    for sheet in SHEETS:
        if sheet.name in files:
            sheets[sheet.name] = _read_sheet(sheet, files[sheet.name], problems)
        else:
            problems.append(f"{sheet.name}.csv:1:1: found no such file, every file is needed")
            sheets[sheet.name] = _Read(ids=None)
    _check_references(sheets, problems)
    return {name: read.rows for name, read in sheets.items()}, problems


@dataclass(slots=True)
class _Read:
    """One file as far as it could be read."""

    rows: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    places: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """The number of each row."""
    ids: set[str] | None = field(default_factory=set)
    """What stands in the first column, also of rows that are wrong elsewhere; None for a file that
    could not be read, to which nothing can be compared."""


def _read_sheet(sheet: Sheet, data: bytes, problems: list[str]) -> _Read:
    name = f"{sheet.name}.csv"
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        problems.append(f"{name}:{row}:1: found bytes that are not UTF-8, save the file as CSV UTF-8")
        return _Read(ids=None)
    reader = csv.reader(io.StringIO(content), strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        problems.append(f"{name}:{reader.line_num}:1: found no CSV: {error}")
        return _Read(ids=None)
    header = [cell.strip() for cell in lines[0]] if lines else []
    if header != list(sheet.columns):
        wanted = ",".join(sheet.columns)
        problems.append(f"{name}:1:1: found {','.join(header) or 'nothing'}, allowed {wanted}")
        return _Read(ids=None)
    return _read_rows(sheet, lines[1:], problems)


def _read_rows(sheet: Sheet, lines: list[list[str]], problems: list[str]) -> _Read:
    name = f"{sheet.name}.csv"
    read = _Read(ids={line[0].strip() for line in lines if line})
    for number, line in enumerate(lines, start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(sheet.columns):
            problems.append(f"{name}:{number}:1: found {len(line)} columns, allowed {len(sheet.columns)}")
            continue
        row: Row = {}
        for column, (title, cell) in enumerate(sheet.columns.items(), start=1):
            value = line[column - 1].strip()
            try:
                row[title] = cell(value)
            except CellError as error:
                problems.append(f"{name}:{number}:{column}: found {value!r} as {title}, allowed {error}")
        if len(row) < len(sheet.columns):
            continue
        key = tuple(row[title] for title in sheet.key)
        if key in read.rows:
            problems.append(
                f"{name}:{number}:1: found {'/'.join(map(str, key))} a second time,"
                f" first in row {read.places[key]}"
            )
        read.rows[key], read.places[key] = row, number
    return read


def _check_references(sheets: Mapping[str, _Read], problems: list[str]) -> None:
    for sheet in SHEETS:
        titles = list(sheet.columns)
        read = sheets[sheet.name]
        for key, row in read.rows.items():
            wanted = dict(sheet.refers)
            if sheet.name == "duties" and row["scope"] in _SCOPE_SHEETS:
                wanted["code"] = _SCOPE_SHEETS[row["scope"]]
            for title, other in wanted.items():
                value, ids = row[title], sheets[other].ids
                if value is not None and ids is not None and value not in ids:
                    place = f"{read.places[key]}:{titles.index(title) + 1}"
                    problems.append(
                        f"{sheet.name}.csv:{place}: found {value!r} as {title},"
                        f" allowed a {titles_of(other)} of {other}.csv"
                    )
    grids = sheets["grids"]
    for key, row in grids.rows.items():
        if row["parent"] == key[0]:
            problems.append(f"grids.csv:{grids.places[key]}:5: found a grid that is its own parent")


def titles_of(sheet_name: str) -> str:
    """Return the title of a sheet's first column."""
    return next(next(iter(sheet.columns)) for sheet in SHEETS if sheet.name == sheet_name)
