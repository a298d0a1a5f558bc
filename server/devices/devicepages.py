"""The register of devices as pages: find one, see what it was and is."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from sqlalchemy import Select, or_, select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Reach, Right
from server.access.scopes import devices_within
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.devices.devicefacts import device_sheet, shown_change
from server.devices.deviceforms import DATES, KINDS
from server.devices.labelcode import DEVICES, DeviceCode, page_of
from server.devices.placing import NOT_FOUND, check_device
from server.devices.register import Change
from server.devices.reported import device_report
from server.devices.tables import Device
from server.errors import NotFoundError
from server.places.tables import Building, Estate
from server.web import words
from server.web.settingspage import render_settings

_MOST_ROWS: Final = 100
_Reader = Annotated[SignedIn, requires(Right.SEE_DEVICES)]
_Done = Annotated[str, Query(max_length=20)]
_DONE: Final = {
    "moved": "已移动。之后的报警通知新位置的人。",
    "retired": "已停用。",
    "returned": "已恢复使用。",
}


def build_device_pages(context: Context) -> APIRouter:
    """Return the routes that show devices; what is done with them has pages of its own."""
    router = APIRouter(include_in_schema=False, prefix=DEVICES)
    _add_list(router, context)
    _add_one(router, context)
    return router


def _add_list(router: APIRouter, context: Context) -> None:
    @router.get("")
    async def show_all(
        request: Request,
        who: _Reader,
        q: Annotated[str, Query(max_length=60)] = "",
        show: Annotated[str, Query(max_length=20)] = "",
        page: Annotated[int, Query(ge=1, le=2_000)] = 1,
    ) -> Response:
        first = (page - 1) * _MOST_ROWS
        query = _listed(who.reach, q, retired=show == "retired", first=first)
        async with context.database.read() as session:
            rows = (await session.execute(query)).all()
        return render_settings(
            request,
            "devices.html",
            rows=rows[:_MOST_ROWS],
            more=len(rows) > _MOST_ROWS,
            page=page,
            q=q.strip(),
            show=show,
            kinds=KINDS,
            address=lambda row: page_of(DeviceCode(row.gateway, row.device)),
            may_change=Right.CHANGE_DEVICES in who.rights,
        )


def _listed(reach: Reach, q: str, *, retired: bool, first: int) -> Select[Device, str, str]:
    """Return the devices of one page with estate and building: those in use by name, the last retired first.

    Which they are is asked first, of narrow rows: a page far back passes over 100,000 of them.

    Args:
        reach: of whoever looks.
        q: words, each to be found in the device's code, name or model, or in the name of its place.
        retired: those, else those in use.
        first: how many to leave out at the beginning.
    """
    order = (Device.retired_at.desc(),) if retired else ()
    keys = select(Device.gateway, Device.device).where(devices_within(reach))
    keys = keys.where(Device.retired_at.is_not(None) if retired else Device.retired_at.is_(None))
    for word in q.split():
        named = or_(*(name.contains(word, autoescape=True) for name in (Building.name, Estate.name)))
        places = select(Building.code).outerjoin(Estate, Estate.code == Building.estate)
        places = places.where(or_(named, Building.code == word))
        fields = (Device.device, Device.gateway, Device.name, Device.model)
        own = (field.contains(word, autoescape=True) for field in fields)
        keys = keys.where(or_(*own, Device.building.in_(places)))
    page = keys.order_by(*order, Device.gateway, Device.device).offset(first).limit(_MOST_ROWS + 1).subquery()
    return (
        select(Device, Estate.name, Building.name)
        .join(page, (page.c.gateway == Device.gateway) & (page.c.device == Device.device))
        .outerjoin(Building, Building.code == Device.building)
        .outerjoin(Estate, Estate.code == Building.estate)
        .order_by(*order, Device.gateway, Device.device)
    )


def _add_one(router: APIRouter, context: Context) -> None:
    @router.get("/{gateway}/{device}")
    async def show(request: Request, who: _Reader, gateway: str, device: str, done: _Done = "") -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            if await check_device(session, who, gateway, device) is None:
                raise NotFoundError(NOT_FOUND)
            sheet = await device_sheet(session, who, gateway, device, now=now)
            report = await device_report(session, gateway, device)
        return render_settings(
            request,
            "device.html",
            sheet_of=sheet,
            report=report,
            here=page_of(DeviceCode(gateway, device)),
            kinds=KINDS,
            dates=DATES,
            may_change=Right.CHANGE_DEVICES in who.rights,
            shown_change=lambda one: shown_change(one, TITLES),
            change_words=CHANGES,
            words=words,
            done=_DONE.get(done, ""),
            today=now.astimezone(STREET_ZONE).date(),
            now=now,
        )


TITLES: Final = {
    "name": "名称",
    "kind": "类别",
    "model": "型号",
    "building": "楼栋",
    "unit": "单元",
    "floor": "楼层",
    "door": "门牌",
    "grid": "网格",
    "feeder": "供电线路",
    "responsible": "指定负责人",
    "longitude": "经度",
    "latitude": "纬度",
    **DATES,
    "replaced_by": "由谁接替",
}
"""What the history of a device calls the fields of the register."""
CHANGES: Final = {
    Change.REGISTERED.value: "预先登记设备",
    Change.ADOPTED.value: "登记设备",
    Change.CORRECTED.value: "修改设备",
    Change.MOVED.value: "移动设备",
    Change.REPLACED.value: "更换设备",
    Change.TOOK_OVER.value: "接替设备",
    Change.RETIRED.value: "停用设备",
    Change.RETURNED.value: "恢复设备",
}
