"""Orders to gateways at the desk: the page of one gateway's orders and the forms on it.

The buttons themselves stand in the part `_orders.html`, which the page of an item and of a gateway show
too; all of them are plain forms that work without scripts.
"""

from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import items_within
from server.access.service import SignedIn
from server.context import Context
from server.db.session import ReadSession
from server.devices import ordering
from server.devices.orderfacts import BETWEEN, order_desk
from server.devices.orderforms import OrderIn, asks_second
from server.devices.tables import CommandState, Gateway
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.items.tables import Item
from server.web import words
from server.web.pressing import typed_hours
from server.web.templating import render_page

_ORDER: Final[TypeAdapter[OrderIn]] = TypeAdapter(OrderIn)
_WHERE: Final = "/desk/gateways/{gateway}/orders"
_CLOSE_VALVE: Final = "close_valve"
_MEANT: Final = "yes"
_Giver = Annotated[SignedIn, requires(Right.ORDER_GATEWAYS)]


def build_order_pages(context: Context) -> APIRouter:
    """Return the routes of orders at the desk."""
    router = APIRouter(include_in_schema=False, prefix=_WHERE)
    _add_page(router, context)
    _add_forms(router, context)
    return router


def _add_page(router: APIRouter, context: Context) -> None:
    @router.get("")
    async def show(
        request: Request,
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)],
        gateway: str,
        said: str = "",
        bus: Annotated[str, Query(max_length=128)] = "",
    ) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            orders = await order_desk(session, who, gateway, bus=bus, now=now)
            name = (await session.get_one(Gateway, gateway)).name
        return render_page(
            request, "gateway_orders.html", orders=orders, name=name, said=said[:200], words=words, now=now
        )

    @router.get("/close-valve")
    async def confirm(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request, who: _Giver, gateway: str, target: str, item: str = "", said: str = ""
    ) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            orders = await order_desk(session, who, gateway, device=target, now=now)
            back = await _back(session, who, gateway, item)
        if target not in orders.names:
            raise NotFoundError("没有这个设备。")
        return render_page(
            request,
            "close_valve.html",
            orders=orders,
            target=target,
            item=item,
            back=back,
            said=said[:200],
        )


def _add_forms(router: APIRouter, context: Context) -> None:
    @router.post("")
    async def give(  # noqa: PLR0917 - FastAPI passes them by name
        who: _Giver,
        gateway: str,
        order: Annotated[str, Form()],
        reason: Annotated[str, Form()] = "",
        item: Annotated[str, Form()] = "",
        target: Annotated[str, Form()] = "",
        pair: Annotated[str, Form()] = "",
        alarm: Annotated[str, Form()] = "",
        hours: Annotated[str, Form()] = "",
        mode: Annotated[str, Form()] = "",
        second: Annotated[str, Form()] = "",
        meant: Annotated[str, Form()] = "",
        bus: Annotated[str, Form()] = "",
        seconds: Annotated[int | None, Form()] = None,
    ) -> Response:
        now, lasting = context.clock.now(), typed_hours(hours)
        form: dict[str, Any] = {"order": order, "reason": reason.strip()}
        device, _, rule = pair.partition(BETWEEN) if pair else (target, "", "")
        form |= {name: value for name, value in (("device", device), ("rule", rule)) if value}
        form |= {name: value for name, value in (("alarm", alarm), ("mode", mode), ("bus", bus)) if value}
        form |= {"seconds": seconds} if seconds is not None else {}
        form |= {"until": now + lasting} if lasting is not None and lasting > timedelta() else {}
        form |= {"ask_second": True} if second else {}
        async with context.database.read() as session:
            back = await _back(session, who, gateway, item)
        if order == _CLOSE_VALVE and meant != _MEANT:
            return _to(f"{_at(gateway)}/close-valve?target={quote(device)}&item={quote(item)}")
        try:
            wanted = _ORDER.validate_python(form)
        except ValidationError as error:
            return _say(back, _what_is_missing(error))
        async with context.database.write() as session:
            command = await ordering.give(
                session,
                gateway=gateway,
                order=wanted.as_order(),
                reason=wanted.reason,
                issuer=who.operator,
                now=now,
                ask_second=asks_second(wanted),
                item=item or None,
            )
            proposed = command.state is CommandState.PROPOSED
        return _say(
            back, "已提出，要另一个账号登录后同意才会发出。" if proposed else "已发给网关，等它答复。"
        )

    @router.post("/{command_id}/agreement")
    async def agree(
        who: _Giver, gateway: str, command_id: str, item: Annotated[str, Form()] = ""
    ) -> Response:
        async with context.database.read() as session:
            back = await _back(session, who, gateway, item)
        try:
            async with context.database.write() as session:
                await ordering.second(
                    session, gateway=gateway, command_id=command_id, who=who, now=context.clock.now()
                )
        except (ConflictError, ForbiddenError, InvalidError) as error:
            return _say(back, error.detail)
        return _say(back, "您已同意，已发给网关，等它答复。")


async def _back(session: ReadSession, who: SignedIn, gateway: str, item: str) -> str:
    """Return the page to show after a form: the item's, if it names one of this gateway's.

    Raises:
        NotFoundError: it names another.
    """
    if not item:
        return _at(gateway)
    within = items_within(who.reach_of(Right.SEE_ITEMS))
    known = select(Item.id).where(Item.id == item, Item.gateway == gateway, within)
    if await session.scalar(known) is None:
        raise NotFoundError("没有这件事项。")
    return f"/desk/items/{quote(item)}"


def _at(gateway: str) -> str:
    return _WHERE.format(gateway=quote(gateway))


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


def _say(back: str, sentence: str) -> Response:
    return _to(f"{back}?said={quote(sentence)}#orders")


def _what_is_missing(error: ValidationError) -> str:
    """Return one sentence about the first thing that is wrong with a form."""
    if any(one["type"] == "string_too_long" and one["loc"][-1] == "reason" for one in error.errors()):
        return "原因太长，最多 500 个字。"
    where = {str(part) for one in error.errors() for part in one["loc"]}
    for name, sentence in (
        ("reason", "请写明原因。"),
        ("until", "请写明几小时。"),
        ("rule", "请选择规则。"),
        ("device", "请选择设备。"),
        ("alarm", "请选择报警。"),
        ("bus", "请选择总线。"),
        ("seconds", "请写明几秒，最多 3600 秒。"),
    ):
        if name in where:
            return sentence
    return "这个指令不完整，请重新选择。"
