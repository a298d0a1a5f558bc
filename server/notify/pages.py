"""The page of channels: whether each works, what its quotas allow, the last receipts, a test, the canary."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.errors import InvalidError
from server.escalation.canarystanding import canary_standing
from server.notify.standing import Health, channel_standings, last_receipts
from server.notify.trying import newest_trials, try_person
from server.people.model import CHANNEL_ORDER, ChannelKind
from server.web import words
from server.web.pressing import press_form
from server.web.settingspage import render_settings

CHANNELS: Final = "/desk/channels"
_HEALTH: Final[Mapping[Health, tuple[str, str]]] = {
    Health.NOT_SET_UP: ("off", "没有设置"),
    Health.IDLE: ("off", "一天内没有发过"),
    Health.WORKING: ("advice", "工作正常"),
    Health.SHAKY: ("hazard", "时好时坏"),
    Health.FAILING: ("life_safety", "发不出去"),
}
_COUNTS: Final[Mapping[str, str]] = {
    "waiting": "待发",
    "sent": "已发出",
    "delivered": "已送达",
    "read": "已读",
    "failed": "失败",
    "unknown": "不确定",
}
_DONE: Final[Mapping[str, str]] = {"tried": "测试通知已交给通道，结果见下面。"}


def build_channel_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/channels."""
    router = APIRouter(include_in_schema=False, prefix=CHANNELS)

    async def show(request: Request, who: SignedIn, problem: str = "", status: int = 200) -> Response:
        now, every_s = context.clock.now(), context.settings.canary_every_s
        async with context.database.read() as session:
            standings = await channel_standings(session, now=now)
            receipts = await last_receipts(session)
            trials = await newest_trials(session)
            canary = await canary_standing(session, now=now)
        return render_settings(
            request,
            "channels.html",
            status_code=status,
            standings=standings,
            receipts=receipts,
            trials=trials,
            canary=canary,
            every_s=every_s,
            kinds=[kind for kind in CHANNEL_ORDER if kind.value in context.channels],
            may_write=Right.CHANGE_SETTINGS in who.rights,
            may_see_items=Right.SEE_ITEMS in who.rights,
            health=_HEALTH,
            counts=_COUNTS,
            words=words,
            now=now,
            done=_DONE.get(request.query_params.get("done", ""), ""),
            problem=problem,
        )

    @router.get("")
    async def show_channels(
        request: Request, who: Annotated[SignedIn, requires(Right.SEE_SETTINGS)]
    ) -> Response:
        return await show(request, who)

    @router.post("/test")
    async def try_out(
        request: Request,
        who: Annotated[SignedIn, requires(Right.CHANGE_SETTINGS)],
        channel: Annotated[ChannelKind, Form()],
        person: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        async def act() -> str:
            if not person.strip():
                raise InvalidError("请填写人员编号。")
            await try_person(
                context.database,
                context.channels,
                person.strip(),
                channel.value,
                by=who.operator,
                link=context.settings.address(),
                now=context.clock.now(),
            )
            return f"{CHANNELS}?done=tried"

        return await press_form(act, lambda problem, status: show(request, who, problem, status))

    return router
