"""The phones' web server: takes signed webhooks, shows a wall of phones."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, select_autoescape
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from firmware_sim.phone.inbox import Inbox, PhoneMode

_HANG_S: Final = 60.0
_KEEPALIVE_S: Final = 5.0
_ZONE: Final = ZoneInfo("Asia/Shanghai")


def build_phones(inbox: Inbox, *, secret: str) -> Starlette:
    """Return the application.

    Args:
        inbox: where messages are kept.
        secret: of the webhook signatures, `whsec_…`.
    """
    webhook = Webhook(secret)
    pages = Environment(loader=PackageLoader("firmware_sim.phone"), autoescape=select_autoescape(["html"]))

    async def take(request: Request) -> Response:
        person = request.path_params["person"]
        match inbox.modes.get(person, PhoneMode.OK):
            case PhoneMode.FAIL:
                return JSONResponse({"error": "out of service"}, status_code=503)
            case PhoneMode.HANG:
                await asyncio.sleep(_HANG_S)
                return JSONResponse({"error": "too late"}, status_code=504)
            case _:
                pass
        try:
            payload = webhook.verify(await request.body(), dict(request.headers))
        except (WebhookVerificationError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=401)
        inbox.receive(person, request.headers["webhook-id"], payload)
        return JSONResponse({"taken": True})

    async def show_wall(_request: Request) -> HTMLResponse:
        phones = [(person, inbox.of(person)) for person in inbox.people()]
        return HTMLResponse(pages.get_template("wall.html").render(phones=phones))

    async def show_phone(request: Request) -> HTMLResponse:
        person = request.path_params["person"]
        messages = list(reversed(inbox.of(person)))
        page = pages.get_template("phone.html").render(person=person, messages=messages, zone=_ZONE)
        return HTMLResponse(page)

    async def list_messages(request: Request) -> JSONResponse:
        found = inbox.of(request.query_params.get("person"))
        return JSONResponse([message.as_json() for message in found])

    async def set_mode(request: Request) -> JSONResponse:
        body = await request.json()
        inbox.modes[str(body["person"])] = PhoneMode(body["mode"])
        return JSONResponse({})

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(_events(inbox), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/", show_wall),
            Route("/p/{person}", show_phone),
            Route("/hook/{person}", take, methods=["POST"]),
            Route("/live", stream),
            Route("/api/messages", list_messages),
            Route("/api/faults", set_mode, methods=["POST"]),
            Mount("/files", StaticFiles(directory=Path(__file__).parent / "files")),
        ]
    )


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
