"""The pages of the desk: the list, one item, what is unassigned, gateways, quarantine."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response, StreamingResponse

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import devices_within, gateways_within, items_within
from server.access.service import SignedIn
from server.access.watching import Watch
from server.context import Context
from server.db.session import ReadSession
from server.devices.labelcode import DeviceCode, page_of, why_not_page
from server.devices.orderfacts import order_desk
from server.devices.service import silent_gateways
from server.devices.tables import Device, Gateway
from server.errors import InvalidError, NotFoundError
from server.escalation.canarystanding import canary_standing
from server.escalation.tables import Due
from server.history.glance import glance_at_item
from server.intake.tables import Quarantined
from server.items.cardfacts import card_for
from server.items.grouping import mergeable_into
from server.items.guards import SHELF_LIMITS
from server.items.model import ActorKind, Move
from server.items.nearness import distances_of
from server.items.queries import (
    ItemFilter,
    chattering_since,
    count_items,
    item_story,
    list_items,
    open_moves,
    shelf_asked_by,
    tally_open,
)
from server.items.receivers import receivers_of
from server.items.record import Actor
from server.items.service import PressVerdict, press
from server.items.unreached import unreached_of
from server.live import STREAM_HEADERS, Hub
from server.notify.render import title_of
from server.notify.standing import failing_channels
from server.web import words
from server.web.cardout import note_numbers, viewer_of
from server.web.names import names_within, people_of
from server.web.pressing import typed_hours
from server.web.templating import language_of, render_page

_MOST_ROWS: Final = 200
MOST_REASON: Final = 1000
"""Letters of a reason or a note, as over the interface."""
FAILING_CHANNEL: Final = "最近的通知都发不出去：%(channel)s"


def build_desk_pages(context: Context, hub: Hub) -> APIRouter:
    """Return the routes of the desk."""
    router = APIRouter(include_in_schema=False, prefix="/desk")
    _add_list(router, context, hub)
    _add_item(router, context)
    _add_presses(router, context)
    _add_registers(router, context)
    return router


def _add_list(router: APIRouter, context: Context, hub: Hub) -> None:
    @router.get("")
    async def show_list(
        request: Request,
        signed_in: Annotated[SignedIn, requires(Right.SEE_ITEMS)],
        show: str = "open",
        after: int = 0,
    ) -> Response:
        now, at_desk = context.clock.now(), Right.ACT_AS_DESK in signed_in.rights
        within = items_within(signed_in.reach)
        wanted = ItemFilter(open=show != "closed", within=within)
        async with context.database.read() as session:
            total = await count_items(session, wanted)
            first = _page_from(after, total)
            items = await list_items(session, wanted, limit=_MOST_ROWS, offset=first)
            counts = await tally_open(session, within)
            people = await names_within(session, signed_in, {item.owner for item in items if item.owner})
            dues = await _next_dues(session, [item.id for item in items])
            silent = len(await _silent(session, signed_in, now))
            unreached = await unreached_of(session, items, now=now)
            troubles = await _troubles(session, context, now) if at_desk else ()
        return render_page(
            request,
            "desk.html",
            show=show,
            now=now,
            counts=counts,
            first=first,
            total=total,
            most=_MOST_ROWS,
            chattering_since=chattering_since,
            shelf_asked_by=shelf_asked_by,
            words=words,
            title_of=title_of,
            items=items,
            people=people,
            dues=dues,
            silent=silent,
            unreached=unreached,
            troubles=troubles,
        )

    @router.get("/live")
    async def follow(signed_in: Annotated[SignedIn, requires(Right.SEE_ITEMS)]) -> StreamingResponse:
        watch = Watch(context, signed_in)
        return StreamingResponse(
            hub.stream(still=watch.still, mine=watch.concerns),
            media_type="text/event-stream",
            headers=STREAM_HEADERS,
        )


def _add_item(router: APIRouter, context: Context) -> None:
    @router.get("/items/{item_id}")
    async def show_item(
        request: Request,
        signed_in: Annotated[SignedIn, requires(Right.SEE_ITEMS)],
        item_id: str,
        said: str = "",
    ) -> Response:
        at_desk = Right.ACT_AS_DESK in signed_in.rights
        async with context.database.read() as session:
            story = await item_story(session, item_id)
            if story is None:
                raise NotFoundError("没有这件事项。")
            now = context.clock.now()
            allowed = await open_moves(session, story.item, ActorKind.OPERATOR, signed_in.operator, now=now)
            moves = {move for move, refusal in allowed.items() if refusal is None and at_desk}
            people = await names_within(session, signed_in, people_of(story))
            receivers = []
            if Move.REASSIGN in moves:
                everybody = await names_within(session, signed_in)
                receivers = await receivers_of(session, story.item, everybody, now=now)
            targets = await mergeable_into(session, story.item) if Move.MERGE in moves else []
            glance = await glance_at_item(context, session, story, now=now)
            viewer = await viewer_of(session, signed_in, english=language_of(request) == "en")
            card = await card_for(session, story, viewer, now=now)
            distances = await distances_of(session, item_id)
            orders = await order_desk(
                session, signed_in, story.item.gateway, item=item_id, device=story.item.device, now=now
            )
        await note_numbers(context.database, card, signed_in, now=now)
        return render_page(
            request,
            "desk_item.html",
            story=story,
            item=story.item,
            moves={move.value for move in moves},
            people=people,
            receivers=receivers,
            targets=targets,
            most_reason=MOST_REASON,
            shelf_asked_by=shelf_asked_by(story.item, now),
            orders=orders,
            shelf_hours=SHELF_LIMITS[story.item.class_].total_seconds() / 3600,
            glance=glance,
            distances=distances,
            card=card,
            why_not=why_not_page(
                DeviceCode(story.item.gateway, story.item.device), story.item.opened_at, story.item.kind.value
            ),
            sees={
                "devices": Right.SEE_DEVICES in signed_in.rights,
                "audit": Right.SEE_AUDIT in signed_in.rights,
            },
            chattering_since=chattering_since(story.item, now),
            said=said[:200],
            now=now,
            words=words,
            title_of=title_of,
            new_press=lambda: str(uuid4()),
        )


def _add_presses(router: APIRouter, context: Context) -> None:
    @router.post("/items/{item_id}/moves")
    async def press_button(  # noqa: PLR0917 - FastAPI passes them by name
        signed_in: Annotated[SignedIn, requires(Right.ACT_AS_DESK)],
        item_id: str,
        move: Annotated[str, Form()],
        press_id: Annotated[str, Form(alias="press")],
        reason: Annotated[str, Form()] = "",
        to: Annotated[str, Form()] = "",
        hours: Annotated[str, Form()] = "",
    ) -> Response:
        if move not in set(Move):
            raise InvalidError("没有这个操作。")
        now, lasting = context.clock.now(), typed_hours(hours)
        wrong = _what_is_wrong(press_id, reason)
        if wrong:
            return _say(item_id, wrong)
        async with context.database.write() as session:
            outcome = await press(
                session,
                item_id,
                Actor(kind=ActorKind.OPERATOR, id=signed_in.operator),
                Move(move),
                press_id,
                reason,
                now=now,
                to=to or None,
                until=now + lasting if lasting is not None else None,
                policies=context.policies,
            )
        if outcome.state is None:
            raise NotFoundError("没有这件事项。")
        return _say(item_id, outcome.sentence if outcome.verdict is PressVerdict.REFUSED else "")


def _what_is_wrong(press_id: str, reason: str) -> str:
    """Return a sentence about a form that no page of ours sends; empty where nothing is wrong."""
    if not 8 <= len(press_id) <= 64:  # noqa: PLR2004 - a UUID with room to spare
        return "页面太旧，请刷新后再按。"
    return "原因太长，最多 1000 个字。" if len(reason) > MOST_REASON else ""


def _say(item_id: str, sentence: str) -> Response:
    return RedirectResponse(f"/desk/items/{quote(item_id)}?said={quote(sentence)}", status_code=303)


def _add_registers(router: APIRouter, context: Context) -> None:
    @router.get("/unassigned")
    async def show_unassigned(
        request: Request, signed_in: Annotated[SignedIn, requires(Right.SEE_DEVICES)]
    ) -> Response:
        async with context.database.read() as session:
            devices = list(
                await session.scalars(
                    select(Device)
                    .where(
                        Device.adopted.is_(False),
                        Device.retired_at.is_(None),
                        devices_within(signed_in.reach),
                    )
                    .order_by(Device.gateway, Device.device)
                    .limit(_MOST_ROWS)
                )
            )
        return render_page(
            request,
            "unassigned.html",
            devices=devices,
            may_adopt=Right.CHANGE_DEVICES in signed_in.rights,
            address=page_of,
            code_of=DeviceCode,
        )

    @router.get("/gateways")
    async def show_gateways(
        request: Request, signed_in: Annotated[SignedIn, requires(Right.SEE_DEVICES)]
    ) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            gateways = list(
                await session.scalars(
                    select(Gateway).where(gateways_within(signed_in.reach)).order_by(Gateway.id)
                )
            )
            silent = await _silent(session, signed_in, now)
        return render_page(
            request,
            "gateways.html",
            gateways=gateways,
            silent=silent,
            now=now,
        )

    @router.get("/quarantine", dependencies=[requires(Right.SEE_RAW)])
    async def show_quarantine(request: Request) -> Response:
        async with context.database.read() as session:
            kept = list(
                await session.scalars(select(Quarantined).order_by(Quarantined.id.desc()).limit(_MOST_ROWS))
            )
        rows = [(row, row.payload[:120].decode("utf-8", "backslashreplace")) for row in kept]
        return render_page(request, "quarantine.html", rows=rows)


def _page_from(after: int, total: int) -> int:
    """Return how many items a part of the list leaves out before it: a whole number of parts, never all."""
    last = max(total - 1, 0) // _MOST_ROWS
    return min(max(after, 0) // _MOST_ROWS, last) * _MOST_ROWS


async def _troubles(session: ReadSession, context: Context, now: datetime) -> Sequence[tuple[str, str]]:
    """Return what keeps messages from people now: each a sentence, and the channel that it is of."""
    canary = await canary_standing(session, now=now) if context.settings.canary_every_s else None
    lost = ((words.CANARY[canary.failing], ""),) if canary and canary.failing else ()
    failing = await failing_channels(session, now=now)
    return (*lost, *((FAILING_CHANNEL, words.CHANNELS[kind]) for kind in failing))


async def _silent(session: ReadSession, who: SignedIn, now: datetime) -> set[str]:
    """Return the gateways within reach that are silent."""
    seen = set(
        await session.scalars(select(Gateway.id).where(gateways_within(who.reach_of(Right.SEE_DEVICES))))
    )
    return {gateway.id for gateway in await silent_gateways(session, now=now)} & seen


async def _next_dues(session: ReadSession, items: Collection[str]) -> dict[str, tuple[datetime, Any]]:
    """Return for each of these items what is due next."""
    query = select(Due.item, Due.due_at, Due.kind).where(Due.item.in_(items), Due.settled_at.is_(None))
    found = await session.execute(query.order_by(Due.due_at.desc()))
    return {item: (due_at, kind.value) for item, due_at, kind in found}
