"""Photos of items: taken in, listed, given out, deleted. The files lie outside the web root."""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, NotFoundError
from server.photos.pictures import Picture
from server.photos.tables import ItemPhoto
from wire.ids import new_uuid7

MOST_PER_ITEM: Final = 12


async def keep_photo(
    session: WriteSession, folder: Path, picture: Picture, *, item: str, person: str, now: datetime
) -> ItemPhoto:
    """Keep a picture that was made anew, with the file first: a row never lacks its file.

    Raises:
        ConflictError: the item has as many as it may have.
    """
    count = await session.scalar(select(func.count()).where(ItemPhoto.item == item)) or 0
    if count >= MOST_PER_ITEM:
        raise ConflictError("这件事项的照片已经够多了。")
    row = ItemPhoto(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        item=item,
        by_person=person,
        taken_in_at=now,
        width=picture.width,
        height=picture.height,
        size_bytes=len(picture.data),
    )
    await asyncio.to_thread(_write, path_of(folder, row.id), picture.data)
    session.add(row)
    await audit.record(
        session,
        at=now,
        actor_kind="person",
        actor=person,
        action="photo_added",
        subject_kind="item",
        subject=item,
        detail={"photo": row.id},
    )
    return row


async def photos_of(session: ReadSession, item: str) -> list[ItemPhoto]:
    """Return an item's photos, the oldest first."""
    query = select(ItemPhoto).where(ItemPhoto.item == item).order_by(ItemPhoto.id)
    return list(await session.scalars(query))


async def read_photo(session: ReadSession, folder: Path, item: str, photo: str) -> bytes:
    """Return a photo of an item as JPEG.

    Raises:
        NotFoundError: the item has no such photo.
    """
    row = await session.get(ItemPhoto, photo)
    if row is None or row.item != item:
        raise NotFoundError("没有这张照片。")
    try:
        return await asyncio.to_thread(path_of(folder, row.id).read_bytes)
    except FileNotFoundError as error:
        raise NotFoundError("没有这张照片。") from error


async def delete_photos(session: WriteSession, folder: Path, rows: Sequence[ItemPhoto]) -> int:
    """Delete photos, files and rows; returns how many."""
    for row in rows:
        await asyncio.to_thread(path_of(folder, row.id).unlink, missing_ok=True)
        await session.delete(row)
    return len(rows)


def path_of(folder: Path, photo: str) -> Path:
    """Return where a photo lies."""
    return folder / f"{photo}.jpg"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
