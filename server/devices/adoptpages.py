"""The installer's pages: scan a label, say where the device hangs, see it live, press test, see it come back.

Made for a phone on a bad line in a stairwell: each page is a plain form, and the camera is only a quicker
way to type the code of the label.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from server.access.allowances import Door
from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import devices_within
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.devices import register
from server.devices.devicefacts import device_sheet
from server.devices.deviceforms import DATES, KINDS, read_entry, read_reason
from server.devices.labelcode import ADOPT, DEVICES, DeviceCode, page_of, read_code
from server.devices.placing import buildings_near, check_device, check_placing, units_of
from server.devices.register import ON_SITE, Act
from server.devices.reported import device_report
from server.devices.tables import Device
from server.web.pressing import press_form
from server.web.settingspage import render_settings
from server.web.templating import script, stylesheet
from wire.vocabulary import Kind

_MOST_STRANGERS: Final = 30
_INSTALLER: Final = requires(Right.CHANGE_DEVICES)
_Installer = Annotated[SignedIn, _INSTALLER]
_Adopter = Annotated[SignedIn, requires(Right.CHANGE_DEVICES, unscoped=("device",))]
"""The device may be one that nobody heard of: `check_device` judges it."""
_UNREADABLE: Final = "这个码不是设备标签。标签上写的是“网关编号/设备编号”。"


def build_adopt_pages(context: Context) -> APIRouter:
    """Return the routes of scanning and adopting."""
    router = APIRouter(include_in_schema=False)
    _add_scan(router, context)
    _add_form(router, context)
    return router


def _add_scan(router: APIRouter, context: Context) -> None:
    @router.get(ADOPT)
    async def scan(
        request: Request, who: _Installer, code: Annotated[str, Query(max_length=2000)] = ""
    ) -> Response:
        named = read_code(code) if code.strip() else None
        async with context.database.read() as session:
            if named is not None:
                await check_device(session, who, named.gateway, named.device)
                return RedirectResponse(f"{page_of(named)}/adopt", status_code=303)
            strangers = list(
                await session.scalars(
                    select(Device)
                    .where(Device.adopted.is_(False), Device.retired_at.is_(None), devices_within(who.reach))
                    .order_by(Device.first_heard_at.desc(), Device.gateway, Device.device)
                    .limit(_MOST_STRANGERS)
                )
            )
        return render_settings(
            request,
            "adopt_scan.html",
            status_code=422 if code.strip() else 200,
            hand=stylesheet("src/hand.css"),
            scanner=script("src/scan.ts"),
            strangers=strangers,
            address=page_of,
            code_of=DeviceCode,
            typed=code.strip()[:200],
            problem=_UNREADABLE if code.strip() else "",
        )


def _add_form(router: APIRouter, context: Context) -> None:
    @router.get(f"{DEVICES}/{{gateway}}/{{device}}/adopt")
    async def show(
        request: Request,
        who: _Adopter,
        gateway: str,
        device: str,
        q: Annotated[str, Query(max_length=60)] = "",
    ) -> Response:
        return await _show_form(request, context, who, gateway, device, asked=q)

    @router.post(f"{DEVICES}/{{gateway}}/{{device}}/adopt")
    async def adopt(request: Request, who: _Adopter, gateway: str, device: str) -> Response:
        form = await request.form()

        async def act() -> str:
            context.allowances.take(Door.ADOPTION, who.operator, now=context.clock.now())
            values = read_entry(form)
            async with context.database.write() as session:
                known = await check_device(session, who, gateway, device)
                await check_placing(session, who, values)
                await register.put_device(
                    session,
                    gateway,
                    device,
                    values,
                    act=Act(
                        by=who.operator,
                        reason=read_reason(form, otherwise="" if known and known.adopted else ON_SITE),
                        now=context.clock.now(),
                    ),
                )
            return f"{page_of(DeviceCode(gateway, device))}/check?done=kept"

        async def again(problem: str, status: int) -> Response:
            typed = {name: str(value) for name, value in form.items()}
            return await _show_form(
                request, context, who, gateway, device, typed=typed, problem=problem, status=status
            )

        return await press_form(act, again)


async def _show_form(
    request: Request,
    context: Context,
    who: SignedIn,
    gateway: str,
    device: str,
    *,
    asked: str = "",
    typed: Mapping[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    now = context.clock.now()
    async with context.database.read() as session:
        row = await check_device(session, who, gateway, device)
        sheet = await device_sheet(session, who, gateway, device, now=now)
        report = await device_report(session, gateway, device)
        chosen = (typed or {}).get("building") or (row.building if row else None)
        buildings = await buildings_near(
            session, who.reach, sheet.gateway, asked=asked.strip(), chosen=chosen or None
        )
        units = await units_of(session, [one.code for one in buildings])
    shown = _shown(row if sheet.registered else None) | dict(typed or {})
    if not sheet.registered and not typed:
        today = now.astimezone(STREET_ZONE).date().isoformat()
        shown |= {"name": sheet.label, "kind": sheet.kind, "installed_on": today}
        if report is not None and report.configured is not None:
            about = (rule.kind.value for rule in report.rules if rule.kind is not Kind.CONTACT)
            shown["name"] = sheet.label or report.configured.label
            shown["kind"] = sheet.kind or next(about, "")
            shown["model"] = report.configured.model
        shown["building"] = sheet.gateway.building or ""
    return render_settings(
        request,
        "adopt.html",
        status_code=status,
        hand=stylesheet("src/hand.css"),
        sheet_of=sheet,
        configured=report.configured if report is not None else None,
        here=page_of(DeviceCode(gateway, device)),
        buildings=buildings,
        units=units,
        shown=shown,
        kinds=KINDS,
        dates=DATES,
        asked=asked.strip(),
        problem=problem,
    )


def _shown(row: Device | None) -> dict[str, Any]:
    """Return what stands in the fields of the form."""
    names = ("name", "kind", "model", "building", "unit", "floor", "door", *DATES)
    found = {name: getattr(row, name) if row is not None else None for name in names}
    return {name: "" if value is None else str(value) for name, value in found.items()}
