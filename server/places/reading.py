"""Reading the import files of a street: every row, and every problem at its place. Pure.

Every file is UTF-8 with a header row. Problems are gathered, never thrown one at a time.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from server.people.model import SCOPES_OF, Scope
from server.places.cells import CellError
from server.places.sheets import SHEETS, Sheet
from server.places.titles import codes_of, columns_by_title

_SCOPE_SHEETS: Final = {
    Scope.GRID: "grids",
    Scope.ESTATE: "estates",
    Scope.BLOCK: "blocks",
    Scope.COMMUNITY: "communities",
}

Row = dict[str, Any]
Key = tuple[Any, ...]
Rows = dict[str, dict[Key, Row]]
"""Sheet → key → row; a sheet whose file is not there is missing."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What the register holds of a sheet, for files that refer to it without bringing it.

    Attributes:
        ids: what stands in the first column.
        keys: the keys of its rows, where other sheets refer to those.
        parents: of grids, by code, the one above.
    """

    ids: frozenset[str]
    keys: frozenset[Key] = frozenset()
    parents: Mapping[str, str] = field(default_factory=dict)


_NOTHING: Final = Registered(frozenset())
_MOST_SHOWN: Final = 60
"""Characters of a cell that a problem repeats."""
csv.field_size_limit(16 * 1024 * 1024)
"""Python's own limit is 128 kB: the boundary of a community, drawn finely, is longer."""


@dataclass(slots=True)
class _Read:
    """One file as far as it could be read."""

    sheet: Sheet
    titles: list[str] = field(default_factory=list)
    """The header."""
    rows: dict[Key, Row] = field(default_factory=dict)
    places: dict[Key, int] = field(default_factory=dict)
    """The number of each row."""
    ids: set[str] | None = field(default_factory=set)
    """What stands in the first column, also of rows that are wrong elsewhere; None for a file that
    could not be read, to which nothing can be compared."""
    elsewhere: frozenset[Key] = frozenset()
    """Keys of the register's rows, of a file that is not there."""

    def problem(self, key: Key, title: str, said: str) -> str:
        """Return a problem of one cell with its place."""
        return f"{self.sheet.name}.csv:{self.places[key]}:{self.titles.index(title) + 1}: {said}"


def read_sheets(
    files: Mapping[str, bytes], *, grid_code: str = "", registered: Mapping[str, Registered] | None = None
) -> tuple[Rows, list[str]]:
    """Read the files of a street.

    Args:
        files: bytes by sheet name; one that is not needed may be missing.
        grid_code: a regular expression that every grid's code matches whole; empty for none.
        registered: what the register holds: then any file may be missing, and those that are there may
            refer to it.

    Returns:
        The rows, and every problem as `file:row:column: found …, allowed …`.
    """
    problems: list[str] = []
    sheets: dict[str, _Read] = {}
    for sheet in SHEETS:
        if sheet.name in files:
            read = sheets[sheet.name] = _read_sheet(sheet, files[sheet.name], problems)
            if registered is not None and read.ids is not None and not sheet.whole:
                read.ids |= registered.get(sheet.name, _NOTHING).ids  # what the file lacks stays
        elif registered is not None:
            there = registered.get(sheet.name, _NOTHING)
            sheets[sheet.name] = _Read(sheet, ids=set(there.ids), elsewhere=there.keys)
        elif sheet.needed:
            problems.append(f"{sheet.name}.csv:1:1: found no such file, this one is needed")
            sheets[sheet.name] = _Read(sheet, ids=None)
        else:
            sheets[sheet.name] = _Read(sheet)
    for read in sheets.values():
        problems += _wrong_references(read, sheets)
        problems += _wrong_together(read, sheets)
    problems += _wrong_grids(sheets["grids"], grid_code)
    problems += _wrong_parents(sheets["grids"], (registered or {}).get("grids", _NOTHING).parents)
    problems += _wrong_duties(sheets["duties"])
    problems += _wrong_spans(sheets["absences"], "stand_in", "stands in for themselves")
    problems += _wrong_spans(sheets["swaps"], "taken_by", "takes over from themselves")
    return {name: read.rows for name, read in sheets.items() if name in files}, problems


def quote(found: str) -> str:
    """Return what was found as a problem repeats it: in quotes, on one line, of a long text its beginning."""
    short = found if len(found) <= _MOST_SHOWN else f"{found[:_MOST_SHOWN]}…"
    return "'" + "".join(one if one.isprintable() else "·" for one in short) + "'"


def title_of(sheet_name: str) -> str:
    """Return the title of a sheet's first column."""
    return next(next(iter(sheet.columns)) for sheet in SHEETS if sheet.name == sheet_name)


# --- one file ----------------------------------------------------------------------------------


def _read_sheet(sheet: Sheet, data: bytes, problems: list[str]) -> _Read:
    name = f"{sheet.name}.csv"
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        problems.append(f"{name}:{row}:1: found bytes that are not UTF-8, save the file as CSV UTF-8")
        return _Read(sheet, ids=None)
    reader = csv.reader(io.StringIO(content), strict=True)
    try:
        codes = columns_by_title(sheet.name, sheet.known)
        header = [codes.get(cell.strip(), cell.strip()) for cell in next(reader, [])]
        refused = _refuse_header(sheet, header)
        if refused:
            problems += refused
            return _Read(sheet, ids=None)
        return _read_rows(sheet, header, reader, problems)
    except csv.Error as error:
        problems.append(f"{name}:{reader.line_num}:1: found no CSV: {error}")
        return _Read(sheet, ids=None)


def _refuse_header(sheet: Sheet, header: list[str]) -> list[str]:
    """Return what is wrong with a header; columns may stand in any order."""
    name = f"{sheet.name}.csv"
    wanted = ",".join(sheet.known)
    if not any(header):
        return [f"{name}:1:1: found no header, allowed {wanted}"]
    missing = [title for title in sheet.columns if title not in header]
    problems = [f"{name}:1:{len(header) + 1}: found no column {title}, needed is one" for title in missing]
    for column, title in enumerate(header, start=1):
        if title not in sheet.known:
            problems.append(f"{name}:1:{column}: found a column {quote(title)}, allowed {wanted}")
        elif title in header[: column - 1]:
            problems.append(f"{name}:1:{column}: found the column {title} a second time, allowed once")
    return problems


def _read_rows(sheet: Sheet, header: list[str], lines: Iterable[list[str]], problems: list[str]) -> _Read:
    read = _Read(sheet, titles=header)
    ids: set[str] = set()
    first = header.index(next(iter(sheet.columns)))
    known = sheet.known
    cells = [(title, known[title], codes_of(sheet.name, title)) for title in header]
    for number, line in enumerate(lines, start=2):
        if len(line) > first:
            ids.add(line[first].strip())
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            problems.append(f"{sheet.name}.csv:{number}:1: found {len(line)} columns, allowed {len(header)}")
            continue
        row: Row = {}
        for column, ((title, cell, codes), found) in enumerate(zip(cells, line, strict=True), start=1):
            value = found.strip()
            try:
                row[title] = cell(codes.get(value, value) if codes else value)
            except CellError as error:
                problems.append(
                    f"{sheet.name}.csv:{number}:{column}: found {quote(value)} as {title}, allowed {error}"
                )
        if len(row) == len(header):
            _keep(read, row, number, problems)
    read.ids = ids
    return read


def _keep(read: _Read, row: Row, number: int, problems: list[str]) -> None:
    key = tuple(row[title] for title in read.sheet.key)
    if key in read.rows:
        problems.append(
            f"{read.sheet.name}.csv:{number}:1: found {'/'.join(map(str, key))} a second time,"
            f" first in row {read.places[key]}"
        )
    read.rows[key], read.places[key] = row, number


# --- what rows say of one another --------------------------------------------------------------


def _wrong_references(read: _Read, sheets: Mapping[str, _Read]) -> Iterator[str]:
    """Yield each cell that names a row of another sheet which is not there."""
    for title, other in read.sheet.refers.items():
        ids = sheets[other].ids
        if ids is None or title not in read.titles:
            continue
        for key, row in read.rows.items():
            value = row[title]
            if value is not None and value not in ids:
                yield read.problem(
                    key, title, f"found {quote(value)} as {title}, allowed a {title_of(other)} of {other}.csv"
                )
    if read.sheet.name == "duties":
        for key, row in read.rows.items():
            other = _SCOPE_SHEETS.get(row["scope"], "")
            ids = sheets[other].ids if other else None
            if ids is not None and row["code"] not in ids:
                yield read.problem(
                    key,
                    "code",
                    f"found {quote(row['code'])} as code, allowed a {title_of(other)} of {other}.csv",
                )


def _wrong_together(read: _Read, sheets: Mapping[str, _Read]) -> Iterator[str]:
    """Yield each row whose columns together name no row of another sheet."""
    for reference in read.sheet.together:
        other = sheets[reference.sheet]
        if other.ids is None:
            continue
        for key, row in read.rows.items():
            value = tuple(row[title] for title in reference.columns)
            if value not in other.rows and value not in other.elsewhere:
                said = "/".join(map(str, value))
                yield read.problem(
                    key,
                    reference.columns[0],
                    f"found {said}, allowed {'/'.join(reference.columns)} of a row of {reference.sheet}.csv",
                )


def _wrong_grids(grids: _Read, pattern: str) -> Iterator[str]:
    for key in grids.rows:
        if pattern and not re.fullmatch(pattern, key[0]):
            yield grids.problem(key, "code", f"found {quote(key[0])} as code, allowed what matches {pattern}")


def _wrong_parents(grids: _Read, registered: Mapping[str, str]) -> Iterator[str]:
    """Yield each grid that stands above itself, by way of others of the file or of the register."""
    above = {**registered, **{key[0]: row["parent"] for key, row in grids.rows.items()}}
    for key in grids.rows:
        way, code = [key[0]], above[key[0]]
        while code is not None and code not in way:
            way.append(code)
            code = above.get(code)
        if code != key[0]:
            continue
        said = "found a grid that is its own parent"
        if len(way) > 1:
            said = f"found grids above one another: {' → '.join([*way, code])}"
        yield grids.problem(key, "parent", said)


def _wrong_duties(duties: _Read) -> Iterator[str]:
    for key, row in duties.rows.items():
        allowed = SCOPES_OF[row["role"]]
        if row["scope"] not in allowed:
            yield duties.problem(
                key, "scope", f"found {row['scope']} for a {row['role']}, allowed {', '.join(allowed)}"
            )


def _wrong_spans(read: _Read, other: str, said: str) -> Iterator[str]:
    """Yield absences and swaps that end before they begin, or name the same person twice."""
    for key, row in read.rows.items():
        if row["until"] <= row["from"]:
            yield read.problem(key, "until", "found an end that is not after the beginning")
        if row.get(other) == row["person"]:
            yield read.problem(key, other, f"found somebody who {said}")
