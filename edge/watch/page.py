"""The gateway's own page, for whoever stands beside it: works with the network down.

Off by default and in an extra of its own. It listens on this machine only unless the site file says
otherwise, and shows nothing without the code. It only shows; nothing can be changed here. The only file
that imports starlette and uvicorn.
"""

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge.ports import Clock
from edge.watch.answers import Answers
from edge.watch.pagetext import Language, render_login, render_page

COOKIE: Final = "gridwarden_page"
_MOST_BODY: Final = 1_000
_PAUSE_S: Final = 1.0
"""After a wrong code, so that nobody tries them all."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

log = structlog.get_logger(__name__)


class LocalPage:
    """Serves the page and the metrics."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        code_file: Path,
        answers: Answers,
        metrics: Callable[[], bytes],
        clock: Clock,
    ) -> None:
        """Know where to listen and what to show.

        Args:
            host: where to listen.
            port: 0 takes any free one, which the log names.
            code_file: a file with the code alone.
            answers: what is shown.
            metrics: writes the measurements.
            clock: the machine's clocks.
        """
        self._host = host
        self._port = port
        self._code_file = code_file
        self._answers = answers
        self._metrics = metrics
        self._clock = clock
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Serve until cancelled; a page that cannot be opened is said and does not stop the gateway."""
        try:
            sock = socket.create_server((self._host, self._port))
        except OSError as error:
            log.error("page_not_opened", host=self._host, port=self._port, error=str(error))
            await asyncio.Event().wait()
            return
        config = uvicorn.Config(
            self.application(), log_config=None, access_log=False, lifespan="off", server_header=False
        )
        server = _QuietServer(config)
        log.info("page_opened", host=self._host, port=sock.getsockname()[1])
        serving = asyncio.create_task(server.serve(sockets=[sock]), name="page-server")
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = server.force_exit = True
            await asyncio.wait((serving,), timeout=1)
            sock.close()

    def application(self) -> Starlette:
        """Return the application, for the server and for tests."""
        return Starlette(
            routes=[
                Route("/", self._show),
                Route("/code", self._enter, methods=["POST"]),
                Route("/metrics", self._measure),
                Route("/api/{question}", self._answer),
            ]
        )

    async def _show(self, request: Request) -> Response:
        language = _language(request)
        if not self._is_known(request):
            return HTMLResponse(render_login(language), status_code=401, headers=_HEADERS)
        text = render_page(self._answers, self._clock.moment(), language)
        return HTMLResponse(text, headers=_HEADERS)

    async def _enter(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BODY:
                return Response(status_code=413, headers=_HEADERS)
        said = bytes(body).partition(b"code=")[2].decode("ascii", "replace")
        async with self._turn:  # one at a time: many callers try no faster than one
            if not self._matches(said):
                await asyncio.sleep(self._clock.pause_s(_PAUSE_S))
                log.warning("page_code_wrong", peer=request.client.host if request.client else "")
                return HTMLResponse(
                    render_login(_language(request), wrong=True), status_code=401, headers=_HEADERS
                )
        answer = RedirectResponse("/", status_code=303, headers=_HEADERS)
        answer.set_cookie(COOKIE, _token(said), httponly=True, samesite="strict", max_age=8 * 3600)
        return answer

    async def _measure(self, request: Request) -> Response:
        if not self._is_known(request):
            return Response("code needed\n", status_code=401, headers=_HEADERS)
        return Response(self._metrics(), media_type="text/plain; version=0.0.4", headers=_HEADERS)

    async def _answer(self, request: Request) -> Response:
        if not self._is_known(request):
            return Response(status_code=401, headers=_HEADERS)
        asked = self._answers.questions.get(request.path_params["question"])
        if asked is None:
            return Response(status_code=404, headers=_HEADERS)
        return Response(msgspec.json.encode(asked()), media_type="application/json", headers=_HEADERS)

    def _is_known(self, request: Request) -> bool:
        """Tell whether a request carries the code: the page's cookie, or `Authorization: Bearer`."""
        code = self._code()
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        cookie = request.cookies.get(COOKIE, "")
        return bool(code) and (_equal(cookie, _token(code)) or _equal(bearer, code))

    def _matches(self, said: str) -> bool:
        code = self._code()
        return bool(code) and _equal(said, code)

    def _code(self) -> str:
        """Return the code; without a file that can be read nobody gets in."""
        try:
            return self._code_file.read_text().strip()
        except OSError as error:
            log.error("page_code_unreadable", error=str(error))
            return ""


class _QuietServer(uvicorn.Server):
    """Leaves the process's signals alone: they are the gateway's."""

    def install_signal_handlers(self) -> None:
        """Install none."""

    def capture_signals(self) -> Any:
        """Capture none."""
        return contextlib.nullcontext()


def _token(code: str) -> str:
    return hmac.new(code.encode(), b"gridwarden local page", "sha256").hexdigest()


def _equal(said: str, wanted: str) -> bool:
    return hmac.compare_digest(said.encode(), wanted.encode())


def _language(request: Request) -> Language:
    wanted = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return Language.ENGLISH if wanted.lower().startswith("en") else Language.CHINESE
