"""Trying a device that was just adopted: its live reading, and a test alarm that comes back to the page."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.alarms.tables import Alarm
from server.context import Context
from server.db.session import ReadSession
from server.devices import walktests
from server.devices.devicefacts import device_sheet
from server.devices.labelcode import DEVICES, DeviceCode, page_of
from server.devices.placing import NOT_FOUND, check_device
from server.devices.tables import Command, CommandState, Device, WalkTest
from server.errors import ConflictError, NotFoundError
from server.history.newest import newest_readings
from server.web import words
from server.web.pressing import press_form
from server.web.settingspage import render_settings
from server.web.templating import render_page, stylesheet

_HERE: Final = f"{DEVICES}/{{gateway}}/{{device}}/check"
LOOKED_AT: Final = timedelta(minutes=10)
"""How long a page asks for the newest reading: whoever forgot it in a pocket spends no data."""
_DONE: Final = {
    "kept": "已登记。看看读数对不对，再测试一次。",
    "replaced": "已更换，旧设备的历史留着。看看读数对不对，再测试一次。",
}
_Reader = Annotated[SignedIn, requires(Right.SEE_DEVICES)]
_Tester = Annotated[SignedIn, requires(Right.ORDER_GATEWAYS)]


def build_check_pages(context: Context) -> APIRouter:
    """Return the routes of trying a device."""
    router = APIRouter(include_in_schema=False)

    @router.get(_HERE)
    async def show(
        request: Request,
        who: _Reader,
        gateway: str,
        device: str,
        done: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        return await _show(request, context, who, gateway, device, done=_DONE.get(done, ""))

    @router.get(f"{_HERE}/state")
    async def show_state(
        request: Request,
        who: _Reader,
        gateway: str,
        device: str,
        since: Annotated[int, Query(ge=0, le=2**40)] = 0,
    ) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            await _registered(session, who, gateway, device)
            state = await _state(context, session, who, gateway, device, now=now)
        return render_page(request, "_check_state.html", **state, **_asking(state, since, now=now))

    @router.post(_HERE)
    async def try_out(request: Request, who: _Tester, gateway: str, device: str) -> Response:
        now = context.clock.now()

        async def act() -> str:
            async with context.database.write() as session:
                row = await _registered(session, who, gateway, device)
                if row.retired_at is not None:
                    raise ConflictError("这个设备已停用。")
                await walktests.begin(session, gateway=gateway, device=device, by=who.operator, now=now)
            return f"{page_of(DeviceCode(gateway, device))}/check#state"

        async def again(problem: str, status: int) -> Response:
            return await _show(request, context, who, gateway, device, problem=problem, status=status)

        return await press_form(act, again)

    return router


async def _show(
    request: Request,
    context: Context,
    who: SignedIn,
    gateway: str,
    device: str,
    *,
    done: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    now = context.clock.now()
    async with context.database.read() as session:
        await _registered(session, who, gateway, device)
        state = await _state(context, session, who, gateway, device, now=now)
    return render_settings(
        request,
        "device_check.html",
        status_code=status,
        hand=stylesheet("src/hand.css"),
        may_test=Right.ORDER_GATEWAYS in who.rights,
        done=done,
        problem=problem,
        **state,
        **_asking(state, round(now.timestamp()), now=now),
    )


async def _registered(session: ReadSession, who: SignedIn, gateway: str, device: str) -> Device:
    row = await check_device(session, who, gateway, device)
    if row is None:
        raise NotFoundError(NOT_FOUND)
    return row


async def _state(
    context: Context, session: ReadSession, who: SignedIn, gateway: str, device: str, *, now: datetime
) -> dict[str, Any]:
    """Return what the part of the page shows that is asked for again and again."""
    sheet = await device_sheet(session, who, gateway, device, now=now)
    test = await walktests.newest_walk_test(session, gateway, device)
    fresh = test is not None and now - test.started_at < LOOKED_AT
    command = await session.get(Command, test.command) if test is not None and fresh else None
    alarm = await session.get(Alarm, (gateway, test.alarm)) if test is not None and test.alarm else None
    return {
        "device_sheet": sheet,
        "here": page_of(DeviceCode(gateway, device)),
        "readings": await newest_readings(context.readings, gateway=gateway, device=device, now=now),
        "test": test if fresh else None,
        "alarm": alarm if fresh else None,
        "command": command,
        "stands": _stands(test if fresh else None, command, now),
        "now": now,
        "words": words,
    }


def _stands(test: WalkTest | None, command: Command | None, now: datetime) -> str:
    """Return in one word how a walk test stands: what the page says follows from it."""
    if test is None or command is None:
        return "none"
    if test.heard_at is not None:
        return "heard"
    if command.state is CommandState.EXPIRED or test.until_at <= now:
        return "lost"
    if command.state is CommandState.ANSWERED and command.outcome is not None:
        return "coming" if command.outcome.value == "done" else "refused"
    return "asked"


def _asking(state: dict[str, Any], since: int, *, now: datetime) -> dict[str, Any]:
    """Tell whether the page goes on asking: until the test came back, and for ten minutes at most."""
    young = now.timestamp() - since < LOOKED_AT.total_seconds()
    return {"since": since, "asks_on": young and state["stands"] not in {"heard", "refused", "lost"}}
