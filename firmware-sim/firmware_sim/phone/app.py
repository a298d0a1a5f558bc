"""The network's web server: providers for senders, a wall of phones for visitors."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from firmware_sim.phone.api import EXPLAINED, Interface, explain
from firmware_sim.phone.behaviour import Provider
from firmware_sim.phone.inbox import Inbox
from firmware_sim.phone.network import PhoneNetwork, ProviderDownError
from firmware_sim.phone.providers import Providers

MOST_PHONES: Final = 200
"""How many hang on one wall, those with messages first; each other is at /p/PERSON."""
_KEEPALIVE_S: Final = 5.0
_ZONE: Final = ZoneInfo("Asia/Shanghai")
CHANNEL_NAMES: Final = {
    Provider.WECOM: "企业微信",
    Provider.WECOM_ROBOT: "企业微信群机器人",
    Provider.DINGTALK: "钉钉群机器人",
    Provider.FEISHU: "飞书群机器人",
    Provider.SMS: "短信",
    Provider.VOICE: "电话",
    Provider.WEBHOOK: "消息",
}


def build_phones(network: PhoneNetwork, *, secret: str) -> Starlette:
    """Return the application.

    Args:
        network: the phones and what lies behind them.
        secret: of the webhook signatures, `whsec_…`.
    """
    providers = Providers(network, secret)
    pages = Environment(loader=PackageLoader("firmware_sim.phone"), autoescape=select_autoescape(["html"]))
    pages.globals |= {"zone": _ZONE, "channels": CHANNEL_NAMES, "name_of": network.directory.name_of}

    async def show_wall(request: Request) -> Response:
        if request.method == "POST" or "Action" in request.query_params:
            return await providers.door.enter(request)
        known = [*dict.fromkeys((*network.inbox.people(), *network.directory.people))]
        phones = [(person, network.inbox.of(person)) for person in known[:MOST_PHONES]]
        return HTMLResponse(pages.get_template("wall.html").render(phones=phones))

    async def show_phone(request: Request) -> HTMLResponse:
        person = request.path_params["person"]
        messages = list(reversed(network.inbox.of(person)))
        return HTMLResponse(pages.get_template("phone.html").render(person=person, messages=messages))

    async def press(request: Request) -> Response:
        person = request.path_params["person"]
        async with request.form() as form:
            await network.press(str(form["message"]), str(form.get("key", "")), person=person)
        return RedirectResponse(f"/p/{person}", status_code=303)

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(_events(network.inbox), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/", show_wall, methods=["GET", "POST"]),
            Route("/p/{person}", show_phone),
            Route("/p/{person}/press", press, methods=["POST"]),
            Route("/live", stream),
            *providers.wecom.routes(),
            *providers.robots.routes(),
            *providers.webhooks.routes(),
            *Interface(providers).routes(),
            Mount("/files", StaticFiles(directory=Path(__file__).parent / "files")),
        ],
        exception_handlers={ProviderDownError: _show_down, **dict.fromkeys(EXPLAINED, explain)},
    )


async def _show_down(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProviderDownError), "registered for nothing else"
    return Response(error.body, status_code=error.status, media_type=error.content_type)


async def _events(inbox: Inbox) -> AsyncIterator[str]:
    messages = inbox.follow()
    waiting = asyncio.ensure_future(anext(messages))
    try:
        yield "retry: 1000\n\n"
        while True:
            done, _ = await asyncio.wait((waiting,), timeout=_KEEPALIVE_S)
            if not done:
                yield ": still here\n\n"
                continue
            message = waiting.result()
            yield f"event: message\ndata: {json.dumps({'person': message.person})}\n\n"
            waiting = asyncio.ensure_future(anext(messages))
    finally:
        waiting.cancel()
