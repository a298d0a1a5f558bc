"""Writing a street out in the form in which it is imported: taken again, it changes nothing."""

import asyncio
import csv
import io
from collections.abc import Collection
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import select

from server.audit import service as audit
from server.clock import STREET_ZONE
from server.db.session import Database, ReadSession
from server.devices.tables import Device
from server.places.sheets import SHEETS, Sheet
from server.places.targets import TARGETS, Target
from server.places.titles import column_title, words_of

Table = list[list[str]]
"""A header and rows, every cell as text."""
_ROWS_AT_ONCE: Final = 1_000
_BY_NAME: Final = {sheet.name: sheet for sheet in SHEETS}


async def export_street(session: ReadSession) -> dict[str, Table]:
    """Return every sheet of the street, in the order in which they are read.

    Gateways and devices that were only heard of are not part of it, nor are devices that were retired.
    """
    return {sheet.name: await _sheet_rows(session, sheet) for sheet in SHEETS}


async def export_sheet(session: ReadSession, name: str) -> Table:
    """Return one sheet of the street.

    Raises:
        KeyError: there is no such sheet.
    """
    return await _sheet_rows(session, _BY_NAME[name])


async def note_export(
    database: Database, *, by: str, now: datetime, sheets: Collection[str] = tuple(_BY_NAME)
) -> None:
    """Write down who takes the street, or sheets of it, away: they hold telephone numbers."""
    async with database.write() as session:
        await audit.record(
            session,
            at=now,
            actor_kind="operator",
            actor=by,
            action="street_exported",
            subject_kind="street",
            subject="",
            detail={"sheets": list(sheets)},
        )


async def sheet_csv(database: Database, name: str, *, chinese: bool) -> bytes:
    """Return one sheet of the street as CSV, in Chinese or in the words of programs.

    Raises:
        KeyError: there is no such sheet.
    """
    async with database.read() as session:
        table = await export_sheet(session, name)
    return await asyncio.to_thread(lambda: as_csv(in_chinese(name, table) if chinese else table))


def in_chinese(name: str, table: Table) -> Table:
    """Return a sheet with its columns and words in Chinese; read in again it says the same."""
    titles = table[0]
    words = [words_of(name, title) for title in titles]
    return [
        [column_title(name, title) for title in titles],
        *(
            [known.get(cell, cell) if known else cell for cell, known in zip(row, words, strict=True)]
            for row in table[1:]
        ),
    ]


def as_csv(table: Table) -> bytes:
    """Return a sheet as CSV in UTF-8 with the mark that spreadsheets look for."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(table)
    return out.getvalue().encode("utf-8-sig")


def as_text(value: Any) -> str:
    """Return a value of a table as its cell; moments in the street's time."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        there = value.astimezone(STREET_ZONE)
        whole = there.second == there.microsecond == 0
        return f"{there:%Y-%m-%d %H:%M}" if whole else there.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


async def _sheet_rows(session: ReadSession, sheet: Sheet) -> Table:
    target = TARGETS[sheet.name]
    titles = list(sheet.known)
    query = select(*(target.attribute(target.column(title)) for title in titles))
    for name, value in target.always.items():
        query = query.where(target.attribute(name) == value)
    if target.table is Device:
        query = query.where(Device.retired_at.is_(None))
    found = await session.execute(query.order_by(*(target.attribute(name) for name in _order(sheet, target))))
    table = [titles]
    for block in found.partitions(_ROWS_AT_ONCE):
        table += ([as_text(value) for value in row] for row in block)
        await asyncio.sleep(0)  # a street has 120,000 devices: others of the loop have their turn
    return table


def _order(sheet: Sheet, target: Target) -> list[str]:
    """Return what to order by: duties as they were registered, since that is the order of telling."""
    return target.identity if target.identity == ["id"] else [target.column(title) for title in sheet.key]
