"""Taking the files of a street into the database: all of it or nothing."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import Final

from sqlalchemy import select

from server.audit import service as audit
from server.db.session import Database, ReadSession, WriteSession
from server.errors import ImportRefusedError
from server.places.differences import Difference, SheetChange, compare, digest_of
from server.places.geojson import merge_boundaries
from server.places.reading import Key, Registered, Row, Rows, quote, read_sheets
from server.places.service import touch
from server.places.sheets import SHEETS, Sheet
from server.places.staging import SeenOtherwiseError, Staging
from server.places.tables import Grid
from server.places.targets import TARGETS, Target
from server.places.titles import sheet_named, sheet_title
from server.places.workbook import read_workbook

SAMPLE_STREET: Final = Path(__file__).parent / "samples" / "street"
_ROWS_AT_ONCE: Final = 2_000
_PACKED: Final = b"PK\x03\x04"
"""How a workbook begins, whatever it is called (PKWARE: APPNOTE.TXT 4.3.7)."""
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
"""How one of before 2007 begins, and one with a password (Microsoft: MS-CFB 2.2)."""
_OTHER_SPREADSHEETS: Final = frozenset({".xls", ".xlsb", ".et", ".ods", ".numbers"})
_DOWNLOADED_AGAIN: Final = re.compile(r" ?\(\d+\)\Z")

_REFERRED: Final = frozenset(
    {
        *(name for sheet in SHEETS for name in sheet.refers.values()),
        *(one.sheet for sheet in SHEETS for one in sheet.together),
    }
)
"""Sheets that others refer to."""


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
        ImportRefusedError: as `sort_files` and `merge_boundaries` say.
    """
    return merge_boundaries(*sort_files(named))


def refuse_same_names(names: Sequence[str]) -> None:
    """Refuse files that are called the same: of two folders, say; one would stand for both.

    Raises:
        ImportRefusedError: names each.
    """
    same = sorted({name for name in names if name and names.count(name) > 1})
    if same:
        raise ImportRefusedError([f"{name}: found the table of {quote(name)} a second time" for name in same])


def sort_files(named: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return tables as CSV and boundaries as GeoJSON, both by sheet name.

    A file may be named by the sheet's Chinese title as well: `网格.csv`; the number that a browser gives to
    a second download, `网格 (1).csv`, is no part of the name. A workbook is known by its first bytes too.

    Raises:
        ImportRefusedError: a file that is no part of a street, a table that comes twice, or a workbook that
            is unreadable.
    """
    known = {name: sheet.name for sheet in SHEETS for name in (sheet.name, sheet_title(sheet.name))}
    files: dict[str, bytes] = {}
    boundaries: dict[str, bytes] = {}
    first: dict[tuple[str, str], str] = {}
    problems: list[str] = []
    allowed = ", ".join(f"{sheet.name}.csv" for sheet in SHEETS)
    for name, data in named.items():
        stem, ending = _parts_of(name)
        found: dict[str, bytes] = {}
        if data.startswith(_OLD_WORKBOOK) or ending in _OTHER_SPREADSHEETS:
            problems.append(f"{name}: found another kind of spreadsheet, allowed .xlsx without a password")
        elif ending == ".xlsx" or data.startswith(_PACKED):
            found = read_workbook(name, data)
        elif ending == ".geojson":
            found = {sheet_named(stem): data}
        elif ending == ".csv" and stem in known:
            found = {known[stem]: data}
        else:
            problems.append(f"{name}: found no file of a street, allowed {allowed}, .geojson, .xlsx")
        form = ".geojson" if ending == ".geojson" else ".csv"
        for sheet in found:
            if (sheet, form) in first:
                problems.append(
                    f"{name}: found the table of {quote(first[sheet, form])} a second time: {sheet}"
                )
            first.setdefault((sheet, form), name)
        (boundaries if form == ".geojson" else files).update(found)
    if problems:
        raise ImportRefusedError(problems)
    return files, boundaries


def _parts_of(name: str) -> tuple[str, str]:
    """Return a file's name without the number of a repeated download, and its ending in lower case."""
    path = PurePath(name)
    return _DOWNLOADED_AGAIN.sub("", path.stem).strip(), path.suffix.lower()


def parse_street(
    files: Mapping[str, bytes],
    *,
    webhook_base: str | None = None,
    grid_code: str = "",
    registered: Mapping[str, Registered] | None = None,
) -> Rows:
    """Read a street's files; of a large one seconds of arithmetic, so call it in a thread.

    Args:
        files: bytes by sheet name.
        webhook_base: what every person's webhook address begins with instead of its own, for
            demonstrations: `<base>/hook/<person>`.
        grid_code: a regular expression that every grid's code matches; empty for none.
        registered: from `read_registered`, for files that are only a part of a street.

    Raises:
        ImportRefusedError: every problem of the files.
    """
    rows, problems = read_sheets(files, grid_code=grid_code, registered=registered)
    if problems:
        raise ImportRefusedError(problems)
    if webhook_base is not None:
        for row in rows["people"].values():
            if row["webhook_url"]:
                row["webhook_url"] = f"{webhook_base.rstrip('/')}/hook/{row['code']}"
    return rows


async def read_registered(session: ReadSession) -> dict[str, Registered]:
    """Read what files may refer to that bring only a part of a street."""
    found: dict[str, Registered] = {}
    for sheet in SHEETS:
        if sheet.name in _REFERRED:
            target = TARGETS[sheet.name]
            key = [target.attribute(target.column(title)) for title in sheet.key]
            query = select(*key)
            for name, value in target.always.items():
                query = query.where(target.attribute(name) == value)
            keys = frozenset(tuple(row) for row in await session.execute(query))
            found[sheet.name] = Registered(frozenset(str(one[0]) for one in keys), keys)
    above = select(Grid.code, Grid.parent).where(Grid.parent.is_not(None))
    parents = {code: parent for code, parent in await session.execute(above) if parent is not None}
    found["grids"] = replace(found["grids"], parents=parents)
    return found


async def preview_street(session: ReadSession, rows: Rows, *, most_rows: int | None) -> list[SheetChange]:
    """Say what rows would change; only reads, so that no alarm waits for it.

    Args:
        session: where to read.
        rows: from `parse_street`.
        most_rows: how many differing rows of each sheet to name; None for all of them.
    """
    return [(await _differ(session, sheet, rows, most_rows)).change for sheet in _sheets_of(rows)]


async def preview_files(
    database: Database, named: Mapping[str, bytes], *, grid_code: str, most_rows: int
) -> list[SheetChange]:
    """Say what a whole street's files, by their names, would change.

    Raises:
        ImportRefusedError: every problem of the files.
    """
    rows = await asyncio.to_thread(lambda: parse_street(read_files(named), grid_code=grid_code))
    async with database.read() as session:
        return await preview_street(session, rows, most_rows=most_rows)


async def take_files(
    database: Database, named: Mapping[str, bytes], *, by: str, now: datetime, grid_code: str
) -> list[SheetChange]:
    """Take a whole street's files, by their names, see `import_street`."""
    files = await asyncio.to_thread(read_files, named)
    return await import_street(database, files, by=by, now=now, grid_code=grid_code)


async def import_street(
    database: Database,
    files: Mapping[str, bytes],
    *,
    by: str,
    now: datetime,
    webhook_base: str | None = None,
    grid_code: str = "",
) -> list[SheetChange]:
    """Take a whole street's files into the database, see `parse_street` and `take_street`.

    Raises:
        ImportRefusedError: every problem of the files; nothing was changed.
        SeenOtherwiseError: the register changed meanwhile; nothing of the files was taken.
    """
    rows = await asyncio.to_thread(parse_street, files, webhook_base=webhook_base, grid_code=grid_code)
    return await take_street(database, rows, by=by, now=now)


async def take_street(
    database: Database,
    rows: Rows,
    *,
    by: str,
    now: datetime,
    seen: str | None = None,
    also: Callable[[WriteSession], Awaitable[object]] | None = None,
    note: Mapping[str, object] | None = None,
) -> list[SheetChange]:
    """Take rows into the database: compare, then write what differs in one short transaction.

    Args:
        database: where the register is.
        rows: from `parse_street`.
        by: who imports.
        now: the server's time.
        seen: `digest_of` the whole preview that was looked at; None takes whatever differs.
        also: what the transaction does besides.
        note: what the audit says besides the numbers of rows.

    Raises:
        SeenOtherwiseError: what would change is no longer what was looked at, or changed while it was
            written; nothing was taken.
    """
    most_rows = 0 if seen is None else None
    async with database.read() as session:
        differences = [await _differ(session, sheet, rows, most_rows) for sheet in _sheets_of(rows)]
    changes = [one.change for one in differences]
    if seen is not None and await asyncio.to_thread(digest_of, changes) != seen:
        raise SeenOtherwiseError
    alone = Database(database.url)  # its connection holds temporary tables, and goes with them
    try:
        staging = Staging(differences)
        async with alone.write(ahead=staging.stage) as session:
            await staging.move(session)
            touch(session, now=now)
            await audit.record(
                session,
                at=now,
                actor_kind="operator",
                actor=by,
                action="street_imported",
                subject_kind="street",
                subject="",
                detail={
                    **{change.sheet: [change.added, change.changed, change.gone] for change in changes},
                    **(note or {}),
                },
            )
            if also is not None:
                await also(session)
    finally:
        await alone.close()
    return changes


def _sheets_of(rows: Rows) -> list[Sheet]:
    return [sheet for sheet in SHEETS if sheet.name in rows]


async def _differ(session: ReadSession, sheet: Sheet, rows: Rows, most_rows: int | None) -> Difference:
    known = await _known(session, sheet, TARGETS[sheet.name])
    # A register of 120,000 devices takes seconds to compare: not on the loop that takes alarms.
    return await asyncio.to_thread(compare, sheet, rows[sheet.name], known, most_rows)


async def _known(session: ReadSession, sheet: Sheet, target: Target) -> dict[Key, Row]:
    """Read what the table holds, by the sheet's key; rows of values, not objects."""
    names = [*dict.fromkeys([*target.identity, *map(target.column, sheet.known), *target.always])]
    places = [names.index(target.column(title)) for title in sheet.key]
    found = await session.execute(select(*(target.attribute(name) for name in names)))
    known: dict[Key, Row] = {}
    for block in found.partitions(_ROWS_AT_ONCE):
        for row in block:
            known[tuple(row[place] for place in places)] = dict(zip(names, row, strict=True))
        await asyncio.sleep(0)  # others of the loop have their turn
    return known
