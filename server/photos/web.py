"""Photos on the leader's page and at the desk: taken in by a link that may press, shown within reach."""

import asyncio
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request, UploadFile
from pydantic import BaseModel, ConfigDict
from starlette.responses import RedirectResponse, Response

from server.access.guard import by_link, note_unknown_link, requires
from server.access.links import LinkBook, LinkState, LinkView
from server.access.model import Right
from server.access.phones import phone_of
from server.context import Context
from server.errors import ForbiddenError, NotFoundError
from server.photos.pictures import MOST_BYTES, make_anew
from server.photos.service import keep_photo, photos_of, read_photo
from server.web.problems import PROBLEMS

_HEADERS: Final = {"Content-Disposition": "inline", "Cache-Control": "private, no-store"}


class PhotoOut(BaseModel):
    """A photo of an item."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    taken_in_at: datetime
    width: int
    height: int
    size_bytes: int


def build_photo_pages(context: Context, book: LinkBook) -> APIRouter:
    """Return the routes of photos behind a link."""
    router = APIRouter(include_in_schema=False, dependencies=[by_link()])
    folder = context.settings.photo_folder

    @router.post("/i/{token}/photos")
    async def take_in(request: Request, token: str, photo: UploadFile) -> Response:
        view = await _open(context, book, request, token)
        if view.state is not LinkState.OPEN:
            raise ForbiddenError("这个链接现在不能加照片。")
        picture = await asyncio.to_thread(make_anew, await photo.read(MOST_BYTES + 1))
        async with context.database.write() as session:
            await keep_photo(
                session,
                folder,
                picture,
                item=view.item.id,
                person=view.link.person,
                now=context.clock.now(),
            )
            session.announce("item", view.item.id)
        return RedirectResponse(f"/i/{token}?said=photo", status_code=303)

    @router.get("/i/{token}/photos/{photo}")
    async def give_out(request: Request, token: str, photo: str) -> Response:
        view = await _open(context, book, request, token)
        if view.state is LinkState.REVOKED:
            raise NotFoundError("没有这张照片。")
        async with context.database.read() as session:
            data = await read_photo(session, folder, view.item.id, photo)
        return Response(data, media_type="image/jpeg", headers=_HEADERS)

    return router


def build_photo_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/items/…/photos."""
    router = APIRouter(
        prefix="/api/v1/items/{item_id}/photos",
        tags=["items"],
        responses=PROBLEMS,
    )
    folder = context.settings.photo_folder
    seen = requires(Right.SEE_ITEMS, unscoped=("photo",))

    @router.get("", operation_id="listPhotos", dependencies=[seen])
    async def list_photos(item_id: str) -> list[PhotoOut]:
        """List the photos of an item."""
        async with context.database.read() as session:
            return [PhotoOut.model_validate(row) for row in await photos_of(session, item_id)]

    @router.get(
        "/{photo}",
        operation_id="getPhoto",
        dependencies=[seen],
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}},
    )
    async def show(item_id: str, photo: str) -> Response:
        """Return a photo: the pixels, nothing of when and where it was taken."""
        async with context.database.read() as session:
            data = await read_photo(session, folder, item_id, photo)
        return Response(data, media_type="image/jpeg", headers=_HEADERS)

    return router


async def _open(context: Context, book: LinkBook, request: Request, token: str) -> LinkView:
    async with context.database.read() as session:
        view = await book.open(session, token, phone=phone_of(context, request))
    if view is None:
        if not book.was_made_here(token):
            await note_unknown_link(context, request)
        raise NotFoundError("没有找到这个链接，请重新点开消息里的链接。")
    return view
