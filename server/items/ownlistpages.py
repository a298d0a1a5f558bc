"""The page of a phone's own list, which follows what happens as a page of one item does."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from server.access import links
from server.access.guard import open_to_all
from server.access.links import LinkBook
from server.access.phones import phone_of
from server.context import Context
from server.db.session import Announcement
from server.errors import NotFoundError
from server.items.ownlist import any_concerns, own_list
from server.live import STREAM_HEADERS, Hub
from server.notify.render import title_of
from server.web import words
from server.web.templating import render_page


def add_own_list(router: APIRouter, context: Context, book: LinkBook, hub: Hub) -> None:
    """Add the routes under /my that show the list and tell that it changed."""
    own = open_to_all("the phone's own secret says whose list it is")

    @router.get("/my", dependencies=[own])
    async def list_mine(request: Request) -> Response:
        phone = phone_of(context, request)
        now = context.clock.now()
        async with context.database.read() as session:
            known = await links.people_of_phone(session, phone)
            found = await own_list(session, known)
            pairs = [(row.item.id, row.person) for row in (*found.pressing, *found.visits, *found.mine)]
            made = await book.find(session, pairs)
        missing = [pair for pair in pairs if pair not in made]
        if missing:  # whose message has not left yet; others only look, and nobody who writes waits for them
            async with context.database.write() as session:
                made |= await book.make_many(session, missing, now)
        tokens = {item: token for (item, _), token in made.items()}
        return render_page(
            request,
            "mine.html",
            found=found,
            tokens=tokens,
            words=words,
            title_of=title_of,
            known=bool(known),
            now=now,
        )

    @router.get("/my/live", dependencies=[own])
    async def follow_mine(request: Request) -> StreamingResponse:
        async with context.database.read() as session:
            known = await links.people_of_phone(session, phone_of(context, request))
        if not known:
            raise NotFoundError("这部手机还没有在消息里按过按钮。")

        async def concerns(announced: Sequence[Announcement]) -> bool:
            items = [which for what, which in announced if what == "item"]
            async with context.database.read() as session:
                return await any_concerns(session, items, known)

        return StreamingResponse(
            hub.stream(mine=concerns), media_type="text/event-stream", headers=STREAM_HEADERS
        )
