"""Taking the files of a street into the database: all of it or nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy import inspect as inspect_table

from server.audit import service as audit
from server.db.base import Base
from server.db.session import WriteSession
from server.devices.tables import Device, Gateway
from server.errors import ImportRefusedError
from server.people.tables import Absence, Duty, DutyTime, Person
from server.places.reading import Key, Row, read_sheets
from server.places.sheets import SHEETS, Sheet
from server.places.tables import (
    Area,
    Block,
    Building,
    Camera,
    Community,
    Estate,
    Grid,
    PlacesVersion,
    Unit,
)

SAMPLE_STREET: Final = Path(__file__).parent / "samples" / "street"

_ROWS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The table of a sheet.

    Attributes:
        table: where the rows go.
        renamed: columns whose name in the table is another.
        always: what every row of the file gets besides.
    """

    table: type[Base]
    renamed: Mapping[str, str] = field(default_factory=dict)
    always: Row = field(default_factory=dict)

    def column(self, title: str) -> str:
        """Return the table's name of a column of the file."""
        return self.renamed.get(title, title)


_TARGETS: Final[Mapping[str, _Target]] = {
    "areas": _Target(table=Area),
    "communities": _Target(table=Community),
    "estates": _Target(table=Estate),
    "grids": _Target(table=Grid),
    "blocks": _Target(table=Block),
    "buildings": _Target(table=Building),
    "units": _Target(table=Unit),
    "people": _Target(table=Person),
    "duties": _Target(table=Duty),
    "duty_times": _Target(table=DutyTime, renamed={"from": "from_time", "until": "until_time"}),
    "absences": _Target(table=Absence, renamed={"from": "from_at", "until": "until_at"}),
    "cameras": _Target(table=Camera),
    # What was only heard of becomes registered.
    "gateways": _Target(table=Gateway, renamed={"gateway": "id"}, always={"registered": True}),
    "devices": _Target(table=Device, always={"adopted": True}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetChange:
    """What an import changes in one file's table."""

    sheet: str
    added: int
    changed: int
    unchanged: int
    kept: int
    """Rows that the file no longer has. They stay: items and history speak of them; only duties,
    their times and absences go."""


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a street that a folder holds, by sheet name.

    Raises:
        ImportRefusedError: there is no such folder.
    """
    if not folder.is_dir():
        raise ImportRefusedError([f"{folder}: found no such folder"])
    found = {sheet.name: folder / f"{sheet.name}.csv" for sheet in SHEETS}
    return {name: path.read_bytes() for name, path in found.items() if path.exists()}


async def import_street(
    session: WriteSession,
    files: Mapping[str, bytes],
    *,
    by: str,
    now: datetime,
    webhook_base: str | None = None,
) -> list[SheetChange]:
    """Take a street's files into the database; the caller commits or rolls back.

    Args:
        session: the transaction.
        files: bytes by sheet name.
        by: who imports.
        now: the server's time.
        webhook_base: what every person's webhook address begins with instead of its own, for
            demonstrations: `<base>/hook/<person>`.

    Raises:
        ImportRefusedError: every problem of the files; nothing was changed.
    """
    rows, problems = read_sheets(files)
    if problems:
        raise ImportRefusedError(problems)
    if webhook_base is not None:
        for row in rows["people"].values():
            if row["webhook_url"]:
                row["webhook_url"] = f"{webhook_base.rstrip('/')}/hook/{row['code']}"
    changes = [await _take_sheet(session, sheet, rows[sheet.name]) for sheet in SHEETS if sheet.name in rows]
    session.add(PlacesVersion(at=now))
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="street_imported",
        subject_kind="street",
        subject="",
        detail={change.sheet: [change.added, change.changed] for change in changes},
    )
    session.announce("places", "")
    await session.flush()
    return changes


async def _take_sheet(session: WriteSession, sheet: Sheet, rows: dict[Key, Row]) -> SheetChange:
    """Insert what is new, change what differs, in blocks; the register may hold 120,000 devices."""
    target = _TARGETS[sheet.name]
    identity = [str(column.key) for column in inspect_table(target.table).primary_key]
    known = await _known(session, sheet, target, identity)
    fresh: list[Row] = []
    differing: list[Row] = []
    for key, row in _parents_first(sheet, rows).items():
        values = {target.column(title): value for title, value in row.items()} | target.always
        there = known.get(key)
        if there is None:
            fresh.append({**_absent_columns(sheet, target, row), **values})
        else:
            changed = {name: value for name, value in values.items() if there[name] != value}
            if changed:
                differing.append({**{name: there[name] for name in identity}, **changed})
    gone = [there for key, there in known.items() if key not in rows]
    if sheet.whole:
        await _remove(session, target, gone)
    for block in _blocks(fresh):
        await session.execute(insert(target.table), block)
    for block in _alike(differing):
        await session.execute(update(target.table), block)
    return SheetChange(
        sheet=sheet.name,
        added=len(fresh),
        changed=len(differing),
        unchanged=len(rows) - len(fresh) - len(differing),
        kept=0 if sheet.whole else len(gone),
    )


async def _known(session: WriteSession, sheet: Sheet, target: _Target, identity: list[str]) -> dict[Key, Row]:
    """Read what the table holds, by the sheet's key; rows of values, not objects."""
    names = [*dict.fromkeys([*identity, *map(target.column, sheet.known), *target.always])]
    key = [target.column(title) for title in sheet.key]
    found = await session.execute(select(*(getattr(target.table, name) for name in names)))
    return {tuple(row[name] for name in key): dict(row) for row in found.mappings()}


def _absent_columns(sheet: Sheet, target: _Target, row: Row) -> Row:
    """Return what a new row has in the columns that its file does not have."""
    return {target.column(title): cell("") for title, cell in sheet.more.items() if title not in row}


async def _remove(session: WriteSession, target: _Target, gone: list[Row]) -> None:
    number = inspect_table(target.table).primary_key[0]
    for block in _blocks(gone):
        await session.execute(delete(target.table).where(number.in_([row[number.key] for row in block])))


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
