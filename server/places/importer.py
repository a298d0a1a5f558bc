"""Taking the files of a street into the database: all of it or nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import delete, insert, select, tuple_, update

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ImportRefusedError, ServerError
from server.places.differences import Difference, SheetChange, alike, blocks_of, compare, digest_of
from server.places.geojson import merge_boundaries
from server.places.reading import Key, Registered, Row, Rows, read_sheets
from server.places.service import touch
from server.places.sheets import SHEETS, Sheet
from server.places.targets import TARGETS, Target
from server.places.titles import sheet_named, sheet_title
from server.places.workbook import read_workbook

SAMPLE_STREET: Final = Path(__file__).parent / "samples" / "street"
_ROWS_AT_ONCE: Final = 2_000
_KEYS_AT_ONCE: Final = 400
"""SQLite takes a limited number of values in one statement."""

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

    A file may be named by the sheet's Chinese title as well: `网格.csv`.

    Raises:
        ImportRefusedError: a file that is no part of a street, or a workbook or GeoJSON that is unreadable.
    """
    known = {f"{sheet.name}.csv": sheet.name for sheet in SHEETS}
    known |= {f"{sheet_title(sheet.name)}.csv": sheet.name for sheet in SHEETS}
    files: dict[str, bytes] = {}
    boundaries: dict[str, bytes] = {}
    problems: list[str] = []
    allowed = ", ".join(f"{sheet.name}.csv" for sheet in SHEETS)
    for name, data in named.items():
        if name.endswith(".xlsx"):
            files |= read_workbook(name, data)
        elif name.endswith(".geojson"):
            boundaries[sheet_named(name.removesuffix(".geojson"))] = data
        elif name in known:
            files[known[name]] = data
        else:
            problems.append(f"{name}: found no file of a street, allowed {allowed}, .geojson, .xlsx")
    if problems:
        raise ImportRefusedError(problems)
    return merge_boundaries(files, boundaries)


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
    return found


async def preview_street(session: ReadSession, rows: Rows, *, most_rows: int | None) -> list[SheetChange]:
    """Say what rows would change; only reads, so that no alarm waits for it.

    Args:
        session: where to read.
        rows: from `parse_street`.
        most_rows: how many differing rows of each sheet to name; None for all of them.
    """
    return [(await _differ(session, sheet, rows, most_rows)).change for sheet in _sheets_of(rows)]


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
    """Take a street's files into the database, see `parse_street` and `take_street`.

    Raises:
        ImportRefusedError: every problem of the files; nothing was changed.
    """
    rows = await asyncio.to_thread(parse_street, files, webhook_base=webhook_base, grid_code=grid_code)
    return await take_street(session, rows, by=by, now=now, most_rows=most_rows)


async def take_street(
    session: WriteSession,
    rows: Rows,
    *,
    by: str,
    now: datetime,
    most_rows: int | None = 0,
    seen: str | None = None,
) -> list[SheetChange]:
    """Take rows into the database; the caller commits, or rolls back after a preview.

    Args:
        session: the transaction.
        rows: from `parse_street`.
        by: who imports.
        now: the server's time.
        most_rows: how many differing rows of each sheet to name; None for all of them.
        seen: `digest_of` the whole preview that was looked at; None takes whatever differs.

    Raises:
        SeenOtherwiseError: what would change is no longer what was looked at.
    """
    if seen is not None:
        most_rows = None
    differences = [await _differ(session, sheet, rows, most_rows) for sheet in _sheets_of(rows)]
    changes = [one.change for one in differences]
    if seen is not None and await asyncio.to_thread(digest_of, changes) != seen:
        raise SeenOtherwiseError
    for one in differences:
        await _write(session, one)
    # What is gone goes last, and what refers before what is referred to.
    for one in reversed(differences):
        if one.sheet.whole:
            await _remove(session, TARGETS[one.sheet.name], one.missing)
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


class SeenOtherwiseError(ServerError):
    """What files would change is no longer what somebody looked at and agreed to."""


def _sheets_of(rows: Rows) -> list[Sheet]:
    return [sheet for sheet in SHEETS if sheet.name in rows]


async def _differ(session: ReadSession, sheet: Sheet, rows: Rows, most_rows: int | None) -> Difference:
    known = await _known(session, sheet, TARGETS[sheet.name])
    # A register of 120,000 devices takes seconds to compare: not on the loop that takes alarms.
    return await asyncio.to_thread(compare, sheet, rows[sheet.name], known, most_rows)


async def _write(session: WriteSession, difference: Difference) -> None:
    """Insert what is new, change what differs, in blocks; the register may hold 120,000 devices."""
    table = TARGETS[difference.sheet.name].table
    for block in blocks_of(difference.fresh, _ROWS_AT_ONCE):
        await session.execute(insert(table), block)
    for block in alike(difference.differing, _ROWS_AT_ONCE):
        await session.execute(update(table), block)


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


async def _remove(session: WriteSession, target: Target, gone: Sequence[Row]) -> None:
    identity = tuple_(*(target.attribute(name) for name in target.identity))
    for block in blocks_of(gone, _KEYS_AT_ONCE):
        keys = [tuple(row[name] for name in target.identity) for row in block]
        await session.execute(delete(target.table).where(identity.in_(keys)))
