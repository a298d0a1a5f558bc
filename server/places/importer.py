"""Taking the files of a street into the database: all of it or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, select

from server.audit import service as audit
from server.db.base import Base
from server.db.session import WriteSession
from server.devices.tables import Device, Gateway
from server.errors import ImportRefusedError
from server.people.tables import Duty, Person
from server.places.sheets import SHEETS, Row, Sheet, read_sheets
from server.places.tables import Building, Community, Estate, Grid, PlacesVersion

SAMPLE_STREET: Final = Path(__file__).parent / "samples" / "street"

_TABLES: Final[dict[str, type[Base]]] = {
    "communities": Community,
    "estates": Estate,
    "grids": Grid,
    "buildings": Building,
    "people": Person,
    "duties": Duty,
    "gateways": Gateway,
    "devices": Device,
}
_RENAMED: Final = {"gateways": {"gateway": "id"}}
"""Columns whose name in the table is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetChange:
    """What an import changes in one file's table."""

    sheet: str
    added: int
    changed: int
    unchanged: int
    kept: int
    """Rows that the file no longer has. They stay: items and history speak of them."""


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
    changes = [await _take_sheet(session, sheet, rows[sheet.name]) for sheet in SHEETS]
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


async def _take_sheet(session: WriteSession, sheet: Sheet, rows: dict[tuple[Any, ...], Row]) -> SheetChange:
    table = _TABLES[sheet.name]
    renamed = _RENAMED.get(sheet.name, {})
    key = [renamed.get(title, title) for title in sheet.key]
    known = {tuple(getattr(row, name) for name in key): row for row in await session.scalars(select(table))}
    added = changed = 0
    for row_key, row in _parents_first(sheet, rows).items():
        values = {renamed.get(title, title): value for title, value in row.items()}
        there = known.get(row_key)
        if there is None:
            session.add(table(**values))
            added += 1
            if sheet.name == "grids":
                await session.flush()
        elif _update(there, values):
            changed += 1
    if sheet.name == "duties":
        gone = [row.id for k, row in known.items() if k not in rows and isinstance(row, Duty)]
        await session.execute(delete(Duty).where(Duty.id.in_(gone)))
    await session.flush()
    return SheetChange(
        sheet=sheet.name,
        added=added,
        changed=changed,
        unchanged=len(rows) - added - changed,
        kept=len(known.keys() - rows.keys()),
    )


def _update(row: Base, values: Row) -> bool:
    """Write what differs; a device or gateway that was only heard of becomes a registered one."""
    if isinstance(row, Device):
        values = {**values, "adopted": True}
    if isinstance(row, Gateway):
        values = {**values, "registered": True}
    differing = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in differing.items():
        setattr(row, name, value)
    return bool(differing)


def _parents_first(sheet: Sheet, rows: dict[tuple[Any, ...], Row]) -> dict[tuple[Any, ...], Row]:
    """Order grids so that each comes after the one it belongs to."""
    if sheet.name != "grids":
        return rows
    ordered: dict[tuple[Any, ...], Row] = {}

    def place(key: tuple[Any, ...], above: frozenset[tuple[Any, ...]]) -> None:
        parent = rows[key]["parent"]
        if parent is not None and (parent,) not in ordered and (parent,) not in above:
            place((parent,), above | {key})
        ordered[key] = rows[key]

    for key in rows:
        if key not in ordered:
            place(key, frozenset())
    return ordered
