"""What is done with a device in the register: moved, replaced, retired, taken back; a page for each.

Each page says what becomes of the open items of the device, and asks for a tick where there are any.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.db.session import ReadSession, WriteSession
from server.devices import register
from server.devices.devicefacts import device_sheet
from server.devices.deviceforms import DATES, MOVED, read_entry, read_reason, read_successor
from server.devices.labelcode import DEVICES, DeviceCode, page_of
from server.devices.placing import NOT_FOUND, buildings_near, check_device, check_placing, units_of, where_of
from server.devices.register import Act
from server.devices.tables import Device
from server.errors import ConflictError, NotFoundError
from server.items.handover import is_in_danger, note_on_items, open_items, raise_what_stands
from server.items.sentences import DEVICE_MOVED, DEVICE_REPLACED, DEVICE_RETIRED
from server.web import words
from server.web.pressing import press_form
from server.web.settingspage import render_settings
from server.web.templating import stylesheet

_Changer = Annotated[SignedIn, requires(Right.CHANGE_DEVICES)]
_OF_THE_OLD_PLACE: Final = ("grid", "longitude", "latitude", "feeder")
"""What was said of the building a device leaves: kept, it would lead its alarms to people far away."""
_MEANT: Final = "yes"

Do = Callable[[WriteSession, FormData, Act], Awaitable[str]]
"""Carries out what a form asks for; returns the address of the page that follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Who asks to do what with which device."""

    request: Request
    context: Context
    who: SignedIn
    gateway: str
    device: str
    act: str

    async def known(self, session: ReadSession) -> Device:
        """Return the device.

        Raises:
            NotFoundError: it is not there, or not within the asker's reach.
        """
        row = await check_device(session, self.who, self.gateway, self.device)
        if row is None:
            raise NotFoundError(NOT_FOUND)
        return row


def build_device_acts(context: Context) -> APIRouter:
    """Return the routes under /desk/devices/…/… that change the register."""
    router = APIRouter(include_in_schema=False, prefix=f"{DEVICES}/{{gateway}}/{{device}}")
    for act in ("move", "replace", "retire"):
        _add_form(router, context, act)
    _add_move(router, context)
    _add_replace(router, context)
    _add_retire(router, context)
    return router


def _add_form(router: APIRouter, context: Context, act: str) -> None:
    @router.get(f"/{act}")
    async def ask(
        request: Request,
        who: _Changer,
        gateway: str,
        device: str,
        q: Annotated[str, Query(max_length=60)] = "",
    ) -> Response:
        asked = _Asked(request=request, context=context, who=who, gateway=gateway, device=device, act=act)
        return await _show(asked, search=q)


def _add_move(router: APIRouter, context: Context) -> None:
    @router.post("/move")
    async def move(request: Request, who: _Changer, gateway: str, device: str) -> Response:
        async def do(session: WriteSession, form: FormData, act: Act) -> str:
            values = read_entry({name: form[name] for name in MOVED if name in form})
            await check_placing(session, who, values)
            if await is_in_danger(session, gateway, device):
                raise ConflictError("这台设备正在报警。先把事项处理完，再移动设备。")
            row = await session.get_one(Device, (gateway, device))
            if values.get("building", row.building) != row.building:
                values |= dict.fromkeys(_OF_THE_OLD_PLACE)
            before = await where_of(session, row)
            await register.put_device(session, gateway, device, values, act=act)
            after = await where_of(session, row)
            said = DEVICE_MOVED % {"before": before, "after": after, "why": act.reason}
            await note_on_items(session, gateway, device, said, by=act.by, now=act.now)
            return f"{page_of(DeviceCode(gateway, device))}?done=moved"

        asked = _Asked(request=request, context=context, who=who, gateway=gateway, device=device, act="move")
        return await _carry_out(asked, do)


def _add_replace(router: APIRouter, context: Context) -> None:
    @router.post("/replace")
    async def replace(request: Request, who: _Changer, gateway: str, device: str) -> Response:
        async def do(session: WriteSession, form: FormData, act: Act) -> str:
            new = read_successor(form, gateway, device)
            await check_device(session, who, new.gateway, new.device)
            values = read_entry({name: form[name] for name in ("model", *DATES) if name in form})
            await register.replace_device(
                session, gateway, device, (new.gateway, new.device), values, act=act
            )
            said = DEVICE_REPLACED % {"new": new, "why": act.reason}
            await note_on_items(session, gateway, device, said, by=act.by, now=act.now)
            return f"{page_of(new)}/check?done=replaced"

        asked = _Asked(
            request=request, context=context, who=who, gateway=gateway, device=device, act="replace"
        )
        return await _carry_out(asked, do)


def _add_retire(router: APIRouter, context: Context) -> None:
    @router.post("/retire")
    async def retire(request: Request, who: _Changer, gateway: str, device: str) -> Response:
        async def do(session: WriteSession, _form: FormData, act: Act) -> str:
            await register.retire_device(session, gateway, device, act=act)
            said = DEVICE_RETIRED % {"why": act.reason}
            await note_on_items(session, gateway, device, said, by=act.by, now=act.now)
            return f"{page_of(DeviceCode(gateway, device))}?done=retired"

        asked = _Asked(
            request=request, context=context, who=who, gateway=gateway, device=device, act="retire"
        )
        return await _carry_out(asked, do)

    @router.post("/return")
    async def take_back(request: Request, who: _Changer, gateway: str, device: str) -> Response:
        async def do(session: WriteSession, _form: FormData, act: Act) -> str:
            await register.return_device(session, gateway, device, act=act)
            await raise_what_stands(session, gateway, device, now=act.now, policies=context.policies)
            return f"{page_of(DeviceCode(gateway, device))}?done=returned"

        asked = _Asked(
            request=request, context=context, who=who, gateway=gateway, device=device, act="retire"
        )
        return await _carry_out(asked, do)


async def _carry_out(asked: _Asked, do: Do) -> Response:
    """Do what a form asks for, or show it again with what stood in the way and what was typed."""
    form = await asked.request.form()
    now = asked.context.clock.now()

    async def act() -> str:
        async with asked.context.database.write() as session:
            row = await asked.known(session)
            there_are = await open_items(session, asked.gateway, asked.device)
            if there_are and row.retired_at is None and form.get("meant") != _MEANT:
                raise ConflictError("这台设备有未结束的事项。请看清下面的说明，打上勾再做。")
            return await do(session, form, Act(by=asked.who.operator, reason=read_reason(form), now=now))

    async def again(problem: str, status: int) -> Response:
        typed = {name: str(value) for name, value in form.items()}
        return await _show(asked, typed=typed, problem=problem, status=status)

    return await press_form(act, again)


async def _show(
    asked: _Asked,
    *,
    search: str = "",
    typed: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    """Show the form of an act, with what it will mean for what is open about the device."""
    now = asked.context.clock.now()
    async with asked.context.database.read() as session:
        row = await asked.known(session)
        sheet = await device_sheet(session, asked.who, asked.gateway, asked.device, now=now)
        buildings = await buildings_near(
            session,
            asked.who.reach,
            sheet.gateway,
            asked=search.strip(),
            chosen=(typed or {}).get("building") or row.building,
        )
        units = await units_of(session, [one.code for one in buildings])
    shown: dict[str, Any] = {name: getattr(row, name) or "" for name in MOVED}
    if asked.act == "replace":
        today = now.astimezone(STREET_ZONE).date().isoformat()
        shown |= {"new_device": row.device, "model": row.model}
        shown |= {**dict.fromkeys(DATES, ""), "installed_on": today}
    return render_settings(
        asked.request,
        f"device_{asked.act}.html",
        status_code=status,
        hand=stylesheet("src/hand.css"),
        sheet_of=sheet,
        here=page_of(DeviceCode(asked.gateway, asked.device)),
        buildings=buildings,
        units=units,
        asked=search.strip(),
        shown={"reason": "", "meant": "", **shown, **(typed or {})},
        dates=DATES,
        words=words,
        problem=problem,
    )
