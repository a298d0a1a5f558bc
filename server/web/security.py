"""What guards every request: its origin, its headers. One place, all routes."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_BODY_BYTES: Final = 64 * 1024


def content_security_policy(frame_ancestors: str) -> str:
    """Return the policy of every page: everything from here, nothing inline."""
    return (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        f"form-action 'self'; frame-ancestors {frame_ancestors}"
    )


class Guard:
    """ASGI middleware: refuses foreign presses, caps bodies, adds headers."""

    def __init__(self, app: ASGIApp, *, frame_ancestors: str, secure: bool) -> None:
        """Wrap an application."""
        self._app = app
        self._secure = secure
        self._policy = content_security_policy(frame_ancestors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = None
        if scope["method"] not in _SAFE and is_foreign(headers):
            refusal = PlainTextResponse("这个请求来自别的网站，已拒绝。", status_code=403)
        elif int(headers.get("content-length") or 0) > _MOST_BODY_BYTES:
            refusal = PlainTextResponse("内容太长。", status_code=413)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await (refusal or self._app)(scope, receive, send_guarded)

    def _add_headers(self, headers: MutableHeaders, path: str) -> None:
        headers["Content-Security-Policy"] = self._policy
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if self._secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not path.startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")


def is_foreign(headers: Headers) -> bool:
    """Tell whether an unsafe request comes from another site.

    Browsers say where a request comes from in Sec-Fetch-Site or Origin; one that says neither is no
    browser, and carries no cookie that somebody else's page could ride on.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc != headers.get("host")
