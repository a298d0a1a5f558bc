"""The list of what needs attention: where, since when, and one press to have somebody see to it."""

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import date, datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from starlette.responses import Response, StreamingResponse

from server.access.guard import requires
from server.access.model import Reach, Right
from server.access.service import SignedIn
from server.audit import service as audit
from server.clock import STREET_ZONE
from server.context import Context
from server.db.session import ReadSession
from server.devices import attentionwords
from server.devices.attention import LIVES, count_matters, find_matter, list_matters
from server.devices.concerns import Concern, Matter
from server.devices.labelcode import DeviceCode, page_of
from server.devices.service import GATEWAY_DEVICE, make_gateway_device
from server.errors import ConflictError, InvalidError
from server.items.matters import matters_of, put_on_list
from server.items.tables import Item
from server.places.tables import Building, Estate
from server.web import words
from server.web.pressing import press_form
from server.web.settingspage import render_settings
from server.web.spreadsheet import MARK, csv_line
from wire.vocabulary import AlarmClass

ATTENTION: Final = "/desk/attention"
_PAGE_ROWS: Final = 50
_FILE_ROWS: Final = 1_000
_COLUMNS: Final = ("什么", "网关", "设备", "名称", "类别", "地点", "从何时起", "数值", "单位", "事项")
_Reader = Annotated[SignedIn, requires(Right.SEE_DEVICES)]
_Presser = Annotated[SignedIn, requires(Right.PRESS_ITEMS, unscoped=("concern",))]


def build_attention_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/attention."""
    router = APIRouter(include_in_schema=False, prefix=ATTENTION)
    _add_list(router, context)
    _add_file(router, context)
    _add_presses(router, context)
    return router


def _add_list(router: APIRouter, context: Context) -> None:
    @router.get("")
    async def show(
        request: Request,
        who: _Reader,
        concern: str = "",
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
        done: str = "",
    ) -> Response:
        only = Concern(concern) if concern in set(Concern) else None
        item = done if done and done.isascii() else ""
        return await _list(request, context, who, only=only, page=page, item=item)


async def _list(
    request: Request,
    context: Context,
    who: SignedIn,
    *,
    only: Concern | None = None,
    page: int = 1,
    item: str = "",
    problem: str = "",
    status_code: int = 200,
) -> Response:
    now = context.clock.now()
    reach = who.reach_of(Right.SEE_DEVICES)
    async with context.database.read() as session:
        counts = await count_matters(session, reach, now=now)
        total = counts.total(only)
        page = min(page, max(1, -(-total // _PAGE_ROWS)))
        first = (page - 1) * _PAGE_ROWS
        rows = await list_matters(session, reach, counts, now=now, only=only, first=first, most=_PAGE_ROWS)
        items = await _items_of(session, rows)
        places = await places_of(session, {row.building for row in rows if row.building})
    asked = {"concern": only.value} if only else {}
    return render_settings(
        request,
        "attention.html",
        status_code=status_code,
        rows=rows,
        items=items,
        places=places,
        counts=counts,
        total=total,
        only=only,
        first=first,
        newer=f"{ATTENTION}?{urlencode({**asked, 'page': page - 1})}" if page > 1 else "",
        further=f"{ATTENTION}?{urlencode({**asked, 'page': page + 1})}" if first + len(rows) < total else "",
        copy=f"{ATTENTION}/export.csv?{urlencode(asked)}",
        may_press=Right.PRESS_ITEMS in who.rights,
        page_of=lambda row: page_of(DeviceCode(row.gateway, row.device)),
        grade_of=lambda row: AlarmClass(attentionwords.grade_of(row, LIVES)),
        says=attentionwords,
        is_day=lambda since: not isinstance(since, datetime),
        words=words,
        now=now,
        made=item,
        problem=problem,
    )


def _add_file(router: APIRouter, context: Context) -> None:
    @router.get("/export.csv")
    async def export(who: _Reader, concern: str = "") -> StreamingResponse:
        only = Concern(concern) if concern in set(Concern) else None
        now = context.clock.now()
        name = f"attention-{now.astimezone(STREET_ZONE):%Y%m%d-%H%M}.csv"
        return StreamingResponse(
            _lines(context, who.reach, only, now),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


async def _lines(context: Context, reach: Reach, only: Concern | None, now: datetime) -> AsyncIterator[str]:
    """Yield the whole list piece by piece, in the order of the page."""
    yield MARK + csv_line(_COLUMNS)
    async with context.database.read() as session:
        counts = await count_matters(session, reach, now=now)
        first = 0
        while rows := await list_matters(
            session, reach, counts, now=now, only=only, first=first, most=_FILE_ROWS
        ):
            items = await _items_of(session, rows)
            places = await places_of(session, {row.building for row in rows if row.building})
            yield "".join(csv_line(_cells(row, items, places)) for row in rows)
            first += len(rows)


def _cells(
    row: Matter, items: Mapping[tuple[Concern, str, str], str], places: Mapping[str, str]
) -> tuple[object, ...]:
    since = row.since
    if isinstance(since, datetime):
        since_text = f"{since.astimezone(STREET_ZONE):%Y-%m-%d %H:%M}"
    else:
        since_text = since.isoformat() if isinstance(since, date) else ""
    where = [places.get(row.building or "", ""), row.floor, row.door]
    return (
        attentionwords.TITLES[row.concern],
        row.gateway,
        "" if row.of_gateway else row.device,
        row.name,
        row.kind,
        " ".join(part for part in where if part),
        since_text,
        "" if row.value is None else row.value,
        row.unit,
        items.get((row.concern, row.gateway, row.device), ""),
    )


def _add_presses(router: APIRouter, context: Context) -> None:
    @router.post("/devices/{gateway}/{device}/{concern}")
    async def put_device(
        request: Request, who: _Presser, gateway: str, device: str, concern: str
    ) -> Response:
        return await _press(request, context, who, (gateway, device), concern)

    @router.post("/gateways/{gateway}/{concern}")
    async def put_gateway(request: Request, who: _Presser, gateway: str, concern: str) -> Response:
        return await _press(request, context, who, (gateway, GATEWAY_DEVICE), concern)


async def _press(
    request: Request, context: Context, who: SignedIn, where: tuple[str, str], concern: str
) -> Response:
    """Put a line of the list on the next visit list of its place, and lead back to the list."""
    gateway, device = where
    only = Concern(concern) if concern in set(Concern) else None

    async def act() -> str:
        if only is None:
            raise InvalidError("没有这一类。")
        now = context.clock.now()
        async with context.database.write() as session:
            found = await find_matter(session, who.reach, only, gateway, device, now=now)
            if found is None:
                raise ConflictError("这台设备现在没有这个问题，清单已更新。")
            if found.of_gateway:
                await make_gateway_device(session, gateway, now=now)
            item = await put_on_list(
                session,
                gateway=gateway,
                device=device,
                kind=found.kind,
                concern=only.value,
                sentence=attentionwords.sentence_of(only),
                now=now,
                policies=context.policies,
            )
            await audit.record(
                session,
                at=now,
                actor_kind="operator",
                actor=who.operator,
                action="matter_put_on_list",
                subject_kind="device",
                subject=f"{gateway}/{device}",
                detail={"concern": only.value, "item": item},
            )
        return f"{ATTENTION}?{urlencode({'concern': only.value, 'done': item})}"

    async def again(problem: str, status: int) -> Response:
        return await _list(request, context, who, only=only, problem=problem, status_code=status)

    return await press_form(act, again)


async def _items_of(session: ReadSession, rows: Collection[Matter]) -> Mapping[tuple[Concern, str, str], str]:
    """Return the open item of each line that has one: of its alarm, or because somebody put it on a list."""
    listed = await matters_of(session, {row.gateway for row in rows})
    wanted = {
        (row.concern, row.gateway, row.device): row.item
        or listed.get((row.gateway, row.device, row.concern.value))
        for row in rows
    }
    named = set(filter(None, wanted.values()))
    if not named:
        return {}
    query = select(Item.id).where(Item.id.in_(named), Item.closed_at.is_(None))
    still = set(await session.scalars(query))
    return {key: item for key, item in wanted.items() if item is not None and item in still}


async def places_of(session: ReadSession, buildings: Collection[str]) -> Mapping[str, str]:
    """Return estate and name of each of some buildings, by code."""
    query = (
        select(Building.code, Building.name, Estate.name)
        .outerjoin(Estate, Estate.code == Building.estate)
        .where(Building.code.in_(buildings))
    )
    return {
        code: " ".join(part for part in (estate, name) if part)
        for code, name, estate in await session.execute(query)
    }
