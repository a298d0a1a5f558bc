"""The page that says why: an item's alarms with their readings, its route, each step, message and receipt."""

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.devices.labelcode import DeviceCode, why_not_page
from server.errors import NotFoundError
from server.history.pointnames import name_of
from server.items.queries import item_story
from server.items.tables import Item
from server.items.why import StepWhy, steps_of, why_raised
from server.notify.render import title_of
from server.routing.explain import explain
from server.routing.sentences import CHINESE, ENGLISH
from server.routing.service import chain_for
from server.web import words
from server.web.names import names_within, people_of
from server.web.templating import language_of, render_page, stylesheet

MOST_ALARMS = 20
"""Of one item on one page: a storm has hundreds."""


def build_why_pages(context: Context) -> APIRouter:
    """Return the route of why an item came to be."""
    router = APIRouter(include_in_schema=False, prefix="/desk")

    @router.get("/items/{item_id}/why")
    async def show_why(
        request: Request, signed_in: Annotated[SignedIn, requires(Right.SEE_ITEMS)], item_id: str
    ) -> Response:
        now = context.clock.now()
        language = ENGLISH if language_of(request) == "en" else CHINESE
        async with context.database.read() as session:
            story = await item_story(session, item_id)
            if story is None:
                raise NotFoundError("没有这件事项。")
            item = story.item
            told: list[tuple[Item | None, list[StepWhy]]] = [(None, await steps_of(session, story))]
            speaker = await item_story(session, story.parent.id) if story.parent else None
            if speaker is not None:
                told = [*(one for one in told if one[1]), (speaker.item, await steps_of(session, speaker))]
            shown = people_of(story) | (people_of(speaker) if speaker else set())
            people = await names_within(session, signed_in, shown)
            alone = story.parent is None and item.grouping is None
            chain = await chain_for(session, item.gateway, item.device, now) if alone else None
        alarms = [await why_raised(context.readings, alarm) for alarm in story.alarms[:MOST_ALARMS]]
        return render_page(
            request,
            "why.html",
            item_style=stylesheet("src/installer.css"),
            item=item,
            story=story,
            people=people,
            alarms=alarms,
            alarms_left_out=len(story.alarms) - len(alarms),
            told=told,
            route_now=[] if chain is None else list(explain(chain, language)),
            now=now,
            words=words,
            title_of=title_of,
            name_of=name_of,
            why_not=why_not_page(DeviceCode(item.gateway, item.device), item.opened_at, item.kind.value),
            may_see_devices=Right.SEE_DEVICES in signed_in.rights,
        )

    return router
