"""Taking the files of a street into the database: all of it or nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, insert, select, tuple_, update

from server.audit import service as audit
from server.db.session import WriteSession
from server.errors import ImportRefusedError
from server.places.exporter import as_text
from server.places.geojson import merge_boundaries
from server.places.reading import Key, Row, read_sheets
from server.places.service import touch
from server.places.sheets import SHEETS, Sheet
from server.places.targets import TARGETS, Target
from server.places.workbook import read_workbook

SAMPLE_STREET: Final = Path(__file__).parent / "samples" / "street"

_ROWS_AT_ONCE: Final = 2_000
_KEYS_AT_ONCE: Final = 400
"""SQLite takes a limited number of values in one statement."""


class Fate(StrEnum):
    """What an import does with a row."""

    ADDED = "added"
    CHANGED = "changed"
    GONE = "gone"
    """The file no longer has it, and the table has it no more."""
    KEPT = "kept"
    """The file no longer has it, and it stays: items and history speak of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row that differs.

    Attributes:
        key: what identifies it, as in the file.
        fate: what becomes of it.
        fields: of a changed one each differing column with the old and the new text; empty for others.
    """

    key: str
    fate: Fate
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetChange:
    """What an import changes in one file's table."""

    sheet: str
    added: int
    changed: int
    unchanged: int
    gone: int
    """Rows that the file no longer has and that go: of sheets that are taken whole."""
    kept: int
    """Rows that the file no longer has. They stay: items and history speak of them."""
    rows: tuple[RowChange, ...] = ()
    """The first of those that differ, as many as were asked for."""

    @property
    def differs(self) -> bool:
        """Whether anything of the table changes."""
        return bool(self.added or self.changed or self.gone)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a street: CSV and GeoJSON of a folder, or the sheets of a workbook.

    Raises:
        ImportRefusedError: there is no such folder or workbook, or it cannot be read.
    """
    if folder.is_file():
        return read_files({folder.name: folder.read_bytes()})
    if not folder.is_dir():
        raise ImportRefusedError([f"{folder}: found no such folder"])
    found = (folder / f"{sheet.name}{ending}" for sheet in SHEETS for ending in (".csv", ".geojson"))
    return read_files({path.name: path.read_bytes() for path in found if path.exists()})


def read_files(named: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return CSV by sheet name from files by their names: `*.csv`, `*.geojson`, or one `*.xlsx`.

    Raises:
        ImportRefusedError: a file that is no part of a street, or a workbook or GeoJSON that is unreadable.
    """
    known = {f"{sheet.name}.csv": sheet.name for sheet in SHEETS}
    files: dict[str, bytes] = {}
    boundaries: dict[str, bytes] = {}
    problems: list[str] = []
    for name, data in named.items():
        if name.endswith(".xlsx"):
            files |= read_workbook(name, data)
        elif name.endswith(".geojson"):
            boundaries[name.removesuffix(".geojson")] = data
        elif name in known:
            files[known[name]] = data
        else:
            problems.append(f"{name}: found no file of a street, allowed {', '.join(known)}, .geojson, .xlsx")
    if problems:
        raise ImportRefusedError(problems)
    return merge_boundaries(files, boundaries)


async def import_street(
    session: WriteSession,
    files: Mapping[str, bytes],
    *,
    by: str,
    now: datetime,
    webhook_base: str | None = None,
    grid_code: str = "",
    most_rows: int = 0,
) -> list[SheetChange]:
    """Take a street's files into the database; the caller commits, or rolls back after a preview.

    Args:
        session: the transaction.
        files: bytes by sheet name.
        by: who imports.
        now: the server's time.
        webhook_base: what every person's webhook address begins with instead of its own, for
            demonstrations: `<base>/hook/<person>`.
        grid_code: a regular expression that every grid's code matches; empty for none.
        most_rows: how many differing rows of each sheet to name.

    Raises:
        ImportRefusedError: every problem of the files; nothing was changed.
    """
    rows, problems = read_sheets(files, grid_code=grid_code)
    if problems:
        raise ImportRefusedError(problems)
    if webhook_base is not None:
        for row in rows["people"].values():
            if row["webhook_url"]:
                row["webhook_url"] = f"{webhook_base.rstrip('/')}/hook/{row['code']}"
    taken = [
        (sheet, await _take_sheet(session, sheet, rows[sheet.name], most_rows))
        for sheet in SHEETS
        if sheet.name in rows
    ]
    # What is gone goes last, and what refers before what is referred to.
    for sheet, (_, gone) in reversed(taken):
        if sheet.whole:
            await _remove(session, TARGETS[sheet.name], gone)
    changes = [change for _, (change, _) in taken]
    touch(session, now=now)
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="street_imported",
        subject_kind="street",
        subject="",
        detail={change.sheet: [change.added, change.changed, change.gone] for change in changes},
    )
    await session.flush()
    return changes


async def _take_sheet(
    session: WriteSession, sheet: Sheet, rows: dict[Key, Row], most_rows: int
) -> tuple[SheetChange, list[Row]]:
    """Insert what is new, change what differs, in blocks; the register may hold 120,000 devices.

    Returns:
        What changed, and the rows of the table that the file no longer has.
    """
    target = TARGETS[sheet.name]
    known = await _known(session, sheet, target)
    fresh: list[Row] = []
    differing: list[Row] = []
    shown: list[RowChange] = []
    for key, row in _parents_first(sheet, rows).items():
        values = {target.column(title): value for title, value in row.items()} | target.always
        there = known.get(key)
        if there is None:
            fresh.append({**_absent_columns(sheet, target, row), **values})
            if len(shown) < most_rows:
                shown.append(_row_change(key, Fate.ADDED))
            continue
        changed = {name: value for name, value in values.items() if there[name] != value}
        if changed:
            differing.append({**{name: there[name] for name in target.identity}, **changed})
            if len(shown) < most_rows:
                shown.append(_row_change(key, Fate.CHANGED, _fields(target, row, there)))
    missing = {key: there for key, there in known.items() if key not in rows}
    fate = Fate.GONE if sheet.whole else Fate.KEPT
    shown += [_row_change(key, fate) for key in list(missing)[: most_rows - len(shown)]]
    for block in _blocks(fresh):
        await session.execute(insert(target.table), block)
    for block in _alike(differing):
        await session.execute(update(target.table), block)
    change = SheetChange(
        sheet=sheet.name,
        added=len(fresh),
        changed=len(differing),
        unchanged=len(rows) - len(fresh) - len(differing),
        gone=len(missing) if sheet.whole else 0,
        kept=0 if sheet.whole else len(missing),
        rows=tuple(shown),
    )
    return change, list(missing.values())


async def _known(session: WriteSession, sheet: Sheet, target: Target) -> dict[Key, Row]:
    """Read what the table holds, by the sheet's key; rows of values, not objects."""
    names = [*dict.fromkeys([*target.identity, *map(target.column, sheet.known), *target.always])]
    key = [target.column(title) for title in sheet.key]
    found = await session.execute(select(*(target.attribute(name) for name in names)))
    return {tuple(row[name] for name in key): dict(row) for row in found.mappings()}


def _row_change(key: Key, fate: Fate, fields: Mapping[str, tuple[str, str]] | None = None) -> RowChange:
    return RowChange(key="/".join(map(as_text, key)), fate=fate, fields=fields or {})


def _fields(target: Target, row: Row, there: Row) -> dict[str, tuple[str, str]]:
    return {
        title: (as_text(there[target.column(title)]), as_text(value))
        for title, value in row.items()
        if there[target.column(title)] != value
    }


def _absent_columns(sheet: Sheet, target: Target, row: Row) -> Row:
    """Return what a new row has in the columns that its file does not have."""
    return {target.column(title): cell("") for title, cell in sheet.more.items() if title not in row}


async def _remove(session: WriteSession, target: Target, gone: list[Row]) -> None:
    identity = tuple_(*(target.attribute(name) for name in target.identity))
    for start in range(0, len(gone), _KEYS_AT_ONCE):
        keys = [tuple(row[name] for name in target.identity) for row in gone[start : start + _KEYS_AT_ONCE]]
        await session.execute(delete(target.table).where(identity.in_(keys)))


def _blocks(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]


def _alike(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Group changes of the same columns: one statement takes only such."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    for group in groups.values():
        yield from _blocks(group)


def _parents_first(sheet: Sheet, rows: dict[Key, Row]) -> dict[Key, Row]:
    """Order grids so that each comes after the one it belongs to."""
    if sheet.name != "grids":
        return rows
    ordered: dict[Key, Row] = {}

    def place(key: Key, above: frozenset[Key]) -> None:
        parent = rows[key]["parent"]
        if parent is not None and (parent,) not in ordered and (parent,) not in above:
            place((parent,), above | {key})
        ordered[key] = rows[key]

    for key in rows:
        if key not in ordered:
            place(key, frozenset())
    return ordered
