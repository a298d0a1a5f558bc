"""What guards every request: its origin, its headers. One place, all routes."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.web.templating import render_page

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_BODY_BYTES: Final = 64 * 1024
_MOST_PHOTO_BYTES: Final = 8 * 1024 * 1024 + 4096
"""A photo with the form around it."""
MOST_UPLOAD_BYTES: Final = 64 * 1024 * 1024
"""The files of a street: 120,000 devices are some 20 MB of CSV."""
_UPLOADS: Final = frozenset({"/desk/import", "/api/v1/street/preview", "/api/v1/street/import"})
_TOO_LONG: Final = 413
_SCANS: Final = "/desk/adopt"
"""The one page that may ask for the camera: it reads the code of a label."""
PROBLEM: Final = "application/problem+json"
_REFUSALS: Final = {
    403: ("Forbidden", "这个请求来自别的网站，已拒绝。"),
    411: ("Length required", "没有说明内容有多长，已拒绝。"),
    413: ("Content too large", "内容太长。"),
}


def wants_page(path: str) -> bool:
    """Tell whether a path is for people; the others answer programs, with problem details."""
    return not path.startswith(("/api/", "/health/", "/metrics", "/openapi", "/static/"))


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
        refused = _judge(scope["method"], scope["path"], headers)
        answer = self._app if refused is None else _refuse(refused, Request(scope))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await answer(scope, receive, send_guarded)

    def _add_headers(self, headers: MutableHeaders, path: str) -> None:
        headers["Content-Security-Policy"] = self._policy
        headers["X-Content-Type-Options"] = "nosniff"
        # Not "no-referrer": a form then says `Origin: null`, and over plain HTTP nothing else tells
        # our own page's press from a foreign one. Other sites are told nothing either way.
        headers["Referrer-Policy"] = "same-origin"
        place = "self" if path.startswith("/i/") else ""  # a leader may offer how far away they are
        camera = "self" if path == _SCANS else ""
        headers["Permissions-Policy"] = f"camera=({camera}), geolocation=({place}), microphone=()"
        if self._secure:
            headers["Cross-Origin-Opener-Policy"] = "same-origin"  # over plain HTTP only a warning
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not path.startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")


def _judge(method: str, path: str, headers: Headers) -> int | None:
    """Return the status with which a request is refused, or None."""
    if method not in _SAFE and is_foreign(headers):
        return 403
    if "transfer-encoding" in headers:  # nobody can tell how long it gets; browsers' forms always can
        return 411
    return 413 if int(headers.get("content-length") or 0) > _most_bytes(path) else None


def _most_bytes(path: str) -> int:
    """Return how long a request's body may be."""
    if path in _UPLOADS:
        return MOST_UPLOAD_BYTES
    return _MOST_PHOTO_BYTES if path.startswith("/i/") and path.endswith("/photos") else _MOST_BODY_BYTES


def _refuse(status: int, request: Request) -> Response:
    title, detail = _REFUSALS[status]
    path = request.url.path
    if status == _TOO_LONG and path.endswith("/photos"):
        detail = "照片太大，最多 8 MB。不加照片也可以。"
    if wants_page(path):
        lines = ("返回上一页再试", "还是不行，就打电话给指挥中心")
        return render_page(
            request,
            "problem.html",
            status_code=status,
            title="不能这样做",
            detail=detail,
            lines=lines,
            desk_phone="",
        )
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, media_type=PROBLEM)


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
