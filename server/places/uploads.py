"""Uploaded files between their preview and their taking: what is taken is exactly what was seen.

The files and every page of the preview are rows of the database, so that a large street can be looked
through page by page, by whichever process answers. Both hold telephone numbers: they go when the files
are taken or let go, when the same person uploads anew, and after a day.
"""

import asyncio
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, insert, or_, select

from server.audit import service as audit
from server.audit.tables import AuditRow
from server.db.session import Database, ReadSession, WriteSession
from server.errors import ConflictError, ImportRefusedError, NotFoundError
from server.places.differences import Fate, RowChange, SheetChange, blocks_of, digest_of
from server.places.exporter import as_csv, export_sheet
from server.places.geojson import SHEETS_WITH_POLYGONS, merge_boundaries
from server.places.importer import (
    parse_street,
    preview_street,
    read_registered,
    sort_files,
    take_street,
)
from server.places.reading import Rows
from server.places.staging import SeenOtherwiseError
from server.places.tables import StreetUpload, StreetUploadPage
from wire.ids import new_uuid7

ROWS_A_PAGE: Final = 100
KEPT: Final = timedelta(days=1)
_PAGES_AT_ONCE: Final = 200
_NEWEST_IMPORTS: Final = 50
_UPLOAD: Final = "upload"
"""How the audit calls which files it was."""


async def keep_upload(
    database: Database, named: Mapping[str, bytes], *, by: str, now: datetime, grid_code: str
) -> str:
    """Compare files with the register and keep both for a decision; returns the upload's id.

    Args:
        database: where the register is, and where they are kept.
        named: bytes by file name.
        by: who uploaded.
        now: the server's time.
        grid_code: a regular expression that every grid's code matches; empty for none.

    Raises:
        ImportRefusedError: every problem of the files; nothing is kept.
    """
    files = await _read(database, named)
    rows = await _parse(database, files, grid_code)
    upload, pages = await _compared(database, rows, files, by=by, now=now)
    async with database.write() as session:
        await _forget(session, or_(StreetUpload.by == by, StreetUpload.at < now - KEPT))
        await _insert(session, upload, pages)
        await _audited(session, upload, "street_files_uploaded", by=by, now=now)
    return upload.id


async def upload_of(session: ReadSession, upload: str, *, by: str, now: datetime) -> StreetUpload:
    """Return what somebody uploaded.

    Raises:
        NotFoundError: it was taken, let go or replaced, is too old, or is somebody else's.
    """
    found = await session.get(StreetUpload, upload)
    if found is None or found.by != by or found.at < now - KEPT:
        raise NotFoundError("这份预览已经导入、取消或过期，请重新上传。")
    return found


async def size_of(session: ReadSession, upload: str) -> int:
    """Return how many bytes an upload's files take; none where there is no such upload."""
    query = select(func.length(StreetUpload.files)).where(StreetUpload.id == upload)
    return await session.scalar(query) or 0


async def newest_upload(session: ReadSession, *, by: str, now: datetime) -> StreetUpload | None:
    """Return what somebody uploaded and has not decided on."""
    query = select(StreetUpload).where(StreetUpload.by == by, StreetUpload.at >= now - KEPT)
    return await session.scalar(query.order_by(StreetUpload.id.desc()).limit(1))


async def page_of(session: ReadSession, upload: str, sheet: str, fate: Fate, page: int) -> list[RowChange]:
    """Return one page of a preview, the first being 1; none beyond the last."""
    found = await session.get(StreetUploadPage, (upload, sheet, fate.value, page))
    if found is None:
        return []
    return [
        RowChange(key=key, fate=fate, fields={title: (old, new) for title, (old, new) in fields.items()})
        for key, fields in json.loads(zlib.decompress(found.rows))
    ]


async def take_upload(
    database: Database, upload: str, digest: str, *, by: str, now: datetime, grid_code: str
) -> list[SheetChange]:
    """Take files whose preview was seen: all of them or nothing; those that were taken, not once more.

    Args:
        database: where the register is.
        upload: its id.
        digest: of the preview that was seen.
        by: who decides.
        now: the server's time.
        grid_code: as in `keep_upload`.

    Raises:
        NotFoundError: there is no such upload of theirs.
        ConflictError: the register changed since, or another preview is newer; the preview is then made
            anew and nothing was taken.
        ImportRefusedError: the files no longer fit the register.
    """
    async with database.read() as session:
        if await _was_taken(session, upload, by=by):
            return []
        found = await upload_of(session, upload, by=by, now=now)
    if found.digest != digest:
        raise ConflictError("预览已经更新，请重新核对后再导入。")
    files = await asyncio.to_thread(_unpack, found.files)
    rows = await _parse(database, files, grid_code)
    try:
        return await take_street(
            database,
            rows,
            by=by,
            now=now,
            seen=digest,
            also=lambda session: _forget(session, StreetUpload.id == upload),
            note={_UPLOAD: upload},
        )
    except SeenOtherwiseError as error:
        async with database.read() as session:
            if await _was_taken(session, upload, by=by):
                return []
        fresh, pages = await _compared(database, rows, files, by=by, now=now, upload=upload)
        async with database.write() as session:
            await _forget(session, StreetUpload.id == upload)
            await _insert(session, fresh, pages)
        raise ConflictError("看过预览之后登记又有变动，什么都没有导入。预览已更新，请重新核对。") from error


async def drop_upload(session: WriteSession, upload: str, *, by: str, now: datetime) -> None:
    """Let uploaded files go.

    Raises:
        NotFoundError: there is no such upload of theirs.
    """
    found = await upload_of(session, upload, by=by, now=now)
    await _audited(session, found, "street_import_cancelled", by=by, now=now)
    await _forget(session, StreetUpload.id == upload)


async def forget_uploads(session: WriteSession, *, now: datetime) -> int:
    """Delete what nobody decided on within a day; returns how many uploads went."""
    return await _forget(session, StreetUpload.at < now - KEPT)


# --- the steps ---------------------------------------------------------------------------------


async def _was_taken(session: ReadSession, upload: str, *, by: str) -> bool:
    """Tell whether files were taken already: somebody pressed twice, or went back and pressed again."""
    query = select(AuditRow.detail).where(AuditRow.action == "street_imported", AuditRow.actor == by)
    newest = await session.scalars(query.order_by(AuditRow.id.desc()).limit(_NEWEST_IMPORTS))
    return any(detail.get(_UPLOAD) == upload for detail in newest)


async def _read(database: Database, named: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return CSV by sheet; boundaries may come alone: their table is then the register's own."""
    files, boundaries = await asyncio.to_thread(sort_files, named)
    async with database.read() as session:
        for name in sorted(set(boundaries) & set(SHEETS_WITH_POLYGONS) - set(files)):
            files[name] = as_csv(await export_sheet(session, name))
    files = await asyncio.to_thread(merge_boundaries, files, boundaries)
    if not files:
        raise ImportRefusedError(["found no file"])
    return files


async def _parse(database: Database, files: Mapping[str, bytes], grid_code: str) -> Rows:
    async with database.read() as session:
        registered = await read_registered(session)
    return await asyncio.to_thread(parse_street, files, grid_code=grid_code, registered=registered)


async def _compared(
    database: Database,
    rows: Rows,
    files: Mapping[str, bytes],
    *,
    by: str,
    now: datetime,
    upload: str | None = None,
) -> tuple[StreetUpload, list[dict[str, Any]]]:
    async with database.read() as session:
        changes = await preview_street(session, rows, most_rows=None)
    made = upload or new_uuid7(unix_ms=round(now.timestamp() * 1000))

    def put_together() -> tuple[StreetUpload, list[dict[str, Any]]]:
        row = StreetUpload(
            id=made,
            by=by,
            at=now,
            files=_pack({name: data.decode("utf-8-sig") for name, data in files.items()}),
            digest=digest_of(changes),
            sheets=[_counts(change) for change in changes],
        )
        return row, list(_pages(made, changes))

    return await asyncio.to_thread(put_together)


def _counts(change: SheetChange) -> dict[str, Any]:
    return {name: value for name, value in asdict(change).items() if name != "rows"}


def _pages(upload: str, changes: Sequence[SheetChange]) -> Iterator[dict[str, Any]]:
    for change in changes:
        for fate in Fate:
            rows = [(row.key, row.fields) for row in change.rows if row.fate is fate]
            for number, block in enumerate(blocks_of(rows, ROWS_A_PAGE), start=1):
                yield {
                    "upload": upload,
                    "sheet": change.sheet,
                    "fate": fate.value,
                    "page": number,
                    "rows": _pack(block),
                }


def _pack(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False).encode(), level=1)


def _unpack(data: bytes) -> dict[str, bytes]:
    return {name: text.encode() for name, text in json.loads(zlib.decompress(data)).items()}


async def _insert(session: WriteSession, upload: StreetUpload, pages: Sequence[dict[str, Any]]) -> None:
    session.add(upload)
    await session.flush()
    for block in blocks_of(pages, _PAGES_AT_ONCE):
        await session.execute(insert(StreetUploadPage), block)


async def _forget(session: WriteSession, condition: Any) -> int:
    ids = list(await session.scalars(select(StreetUpload.id).where(condition)))
    if ids:
        await session.execute(delete(StreetUploadPage).where(StreetUploadPage.upload.in_(ids)))
        await session.execute(delete(StreetUpload).where(StreetUpload.id.in_(ids)))
    return len(ids)


async def _audited(
    session: WriteSession, upload: StreetUpload, action: str, *, by: str, now: datetime
) -> None:
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action=action,
        subject_kind="street",
        subject="",
        detail={"upload": upload.id, "sheets": [one["sheet"] for one in upload.sheets]},
    )
