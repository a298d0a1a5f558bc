"""Labels to print: which devices, and the sheets themselves, for paper of 3 × 8 labels on A4.

A label carries the code of its device as letters and as a QR code, and the place as people say it. Spare
ones, for devices that nobody has registered yet, leave the place to be written by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from sqlalchemy import ColumnElement, case, func, select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import all_within, devices_within, estates_within, gateways_within
from server.access.service import SignedIn
from server.context import Context
from server.db.session import ReadSession
from server.devices.labelcode import DeviceCode, address_of, is_device_id, read_code
from server.devices.placing import NOT_FOUND, where_of
from server.devices.register import note_labels
from server.devices.tables import Device, Gateway
from server.errors import InvalidError, NotFoundError
from server.items.storms import GATEWAY_ITSELF
from server.places.tables import Building, Estate
from server.qrpicture import inline_svg
from server.web.pressing import press_form
from server.web.settingspage import render_settings
from server.web.templating import render_page, stylesheet

LABELS: Final = "/desk/labels"
ON_A_SHEET: Final = 24
MOST_LABELS: Final = 20 * ON_A_SHEET
"""More than a printer's tray of label paper is good for at once."""
_NEW_ONLY: Final = "new"
_SPARE_ONLY: Final = "none"
_MOST_CHOICES: Final = 500
_Installer = Annotated[SignedIn, requires(Right.CHANGE_DEVICES)]
_Text = Annotated[str, Query(max_length=128)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label: its code, the QR picture, and what is written on it; empty where it is left to the hand."""

    code: str
    picture: Markup
    name: str
    where: str


def build_label_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/labels."""
    router = APIRouter(include_in_schema=False, prefix=LABELS)

    @router.get("")
    async def choose(
        request: Request, who: _Installer, done: _Text = "", estate: _Text = "", only: _Text = _NEW_ONLY
    ) -> Response:
        said = "已记下：这些设备有标签了。" if done else ""
        return await _show_choice(request, context, who, done=said, estate=estate, only=only)

    @router.get("/sheet")
    async def show_sheet(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Installer,
        estate: _Text = "",
        building: _Text = "",
        gateway: _Text = "",
        code: Annotated[str, Query(max_length=200)] = "",
        only: _Text = "",
        spare: Annotated[str, Query(max_length=8_000)] = "",
    ) -> Response:
        async with context.database.read() as session:
            where = await _chosen(session, who, estate, building, gateway, code)
            wanted = where is not None and only != _SPARE_ONLY
            rows = await _devices(session, who, where, unlabelled=only == _NEW_ONLY) if wanted else []
            labels = [await _label_of(session, context, row) for row in rows[:MOST_LABELS]]
        spares = _read_spares(gateway, spare)
        labels += [_spare_label(context, one) for one in spares[: MOST_LABELS - len(labels)]]
        if not labels:
            return await _show_choice(
                request,
                context,
                who,
                problem="这里没有要打印的设备。",
                status=422,
                spare=spare,
                estate=estate,
                only=only,
            )
        return render_page(
            request,
            "label_sheet.html",
            print_style=stylesheet("src/labels.css"),
            sheets=[labels[first : first + ON_A_SHEET] for first in range(0, len(labels), ON_A_SHEET)],
            count=len(labels),
            left=len(rows) + len(spares) - MOST_LABELS,
            printed=[f"{row.gateway}/{row.device}" for row in rows[:MOST_LABELS]],
        )

    @router.post("/printed")
    async def note(request: Request, who: _Installer) -> Response:
        form = await request.form()
        codes = [code for text in form.getlist("code") if (code := read_code(str(text))) is not None]

        async def act() -> str:
            async with context.database.write() as session:
                for code in codes[:MOST_LABELS]:
                    named = {"gateway": code.gateway, "device": code.device}
                    if not await all_within(session, who.reach, named):
                        raise NotFoundError(NOT_FOUND)
                await note_labels(
                    session,
                    [(code.gateway, code.device) for code in codes[:MOST_LABELS]],
                    by=who.operator,
                    now=context.clock.now(),
                )
            return f"{LABELS}?done=printed"

        async def again(problem: str, status: int) -> Response:
            return await _show_choice(request, context, who, problem=problem, status=status)

        return await press_form(act, again)

    return router


async def _show_choice(
    request: Request,
    context: Context,
    who: SignedIn,
    *,
    status: int = 200,
    spare: str = "",
    estate: str = "",
    only: str = _NEW_ONLY,
    **said: Any,
) -> Response:
    async with context.database.read() as session:
        estates = await _counted(session, who, Estate.code, Estate.name, estates_within(who.reach))
        inside = Building.estate == estate
        buildings = await _counted(session, who, Building.code, Building.name, inside) if estate else ()
        gateways = await _counted(session, who, Gateway.id, Gateway.name, gateways_within(who.reach))
    return render_settings(
        request,
        "labels.html",
        status_code=status,
        estates=estates,
        estate=estate,
        buildings=buildings,
        only=only,
        gateways=gateways,
        most=MOST_LABELS,
        spare=spare,
        **{"done": "", "problem": "", **said},
    )


async def _counted(
    session: ReadSession, who: SignedIn, code: Any, name: Any, within: ColumnElement[bool]
) -> Sequence[tuple[str, str, int, int]]:
    """Return places with how many devices are in use there, and how many of those have no label."""
    without = func.sum(case((Device.labelled_at.is_(None), 1), else_=0))
    joined = select(code, name, func.count(Device.device), without)
    if code is Estate.code:
        joined = joined.join(Building, Building.estate == Estate.code)
    own = Device.gateway == Gateway.id if code is Gateway.id else Device.building == Building.code
    joined = joined.join(Device, own)
    query = (
        joined.where(within, devices_within(who.reach), *_IN_USE).group_by(code, name).order_by(name, code)
    )
    return [
        (one, title or one, total, new or 0)
        for one, title, total, new in await session.execute(query.limit(_MOST_CHOICES))
    ]


_IN_USE: Final = (Device.retired_at.is_(None), Device.device != GATEWAY_ITSELF)
"""The gateway itself stands in the register too, for its silence; its label is its own affair."""


async def _chosen(  # noqa: PLR0917 - the fields of the form, one by one
    session: ReadSession, who: SignedIn, estate: str, building: str, gateway: str, typed: str
) -> ColumnElement[bool] | None:
    """Return the condition on `Device` of what was chosen; None where only spare labels are wanted.

    The guard has judged estate, building and gateway; a device's code it cannot.
    """
    if typed:
        code = read_code(typed)
        named = {"gateway": code.gateway, "device": code.device} if code else {}
        if code is None or not await all_within(session, who.reach, named):
            raise NotFoundError(NOT_FOUND)
        return (Device.gateway == code.gateway) & (Device.device == code.device)
    if building or estate:
        inside = select(Building.code)
        if building:
            inside = inside.where(Building.code == building)
        if estate:  # of one estate even where a building was chosen, and then another estate
            inside = inside.where(Building.estate == estate)
        return Device.building.in_(inside)
    return Device.gateway == gateway if gateway else None


async def _devices(
    session: ReadSession, who: SignedIn, where: ColumnElement[bool] | None, *, unlabelled: bool
) -> list[Device]:
    assert where is not None, "something was chosen"
    query = select(Device).where(where, devices_within(who.reach), *_IN_USE)
    if unlabelled:
        query = query.where(Device.labelled_at.is_(None))
    order = (Device.building, Device.floor, Device.door, Device.gateway, Device.device)
    return list(await session.scalars(query.order_by(*order)))


async def _label_of(session: ReadSession, context: Context, row: Device) -> Label:
    code = DeviceCode(row.gateway, row.device)
    return Label(
        code=str(code),
        picture=inline_svg(address_of(context.settings.address(), code)),
        name=row.name,
        where=await where_of(session, row),
    )


def _read_spares(gateway: str, spare: str) -> list[DeviceCode]:
    """Return the codes of devices of a gateway that are yet to come, by the ids somebody wrote down.

    Raises:
        InvalidError: one of them can be no device's id, or it is not said of which gateway.
    """
    ids = [
        text for part in spare.replace(",", "\n").replace("，", "\n").splitlines() if (text := part.strip())
    ]
    if ids and not gateway:
        raise InvalidError("备用标签要选网关：标签上写的是“网关编号/设备编号”。")
    if not all(is_device_id(one) for one in ids):
        raise InvalidError("备用编号不能有斜杠，最多 128 个字。")
    return [DeviceCode(gateway, one) for one in dict.fromkeys(ids)]


def _spare_label(context: Context, code: DeviceCode) -> Label:
    picture = inline_svg(address_of(context.settings.address(), code))
    return Label(code=str(code), picture=picture, name="", where="")
