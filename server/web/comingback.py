"""Whoever has to sign in first comes back to the page they asked for, whichever way they sign in.

The address is kept in the browser, for some minutes: it is nothing secret, and so no way of signing in,
ours or another system's, has to carry it along.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE: Final = "back"
KEPT: Final = timedelta(minutes=15)
FRONT: Final = "/desk"
_MOST: Final = 1_000
_OURS: Final = ("/desk/", "/desk?", "/cockpit")
"""Pages of the desk alone: no address leads out of the house."""


def remember_page(request: Request, answer: Response, *, secure: bool) -> None:
    """Keep the address of a page that somebody asked for without being signed in.

    What a page fetches for itself, a live stream or a part of it, is no page to come back to.
    """
    if request.headers.get("hx-request") or "text/html" not in request.headers.get("accept", ""):
        return
    if request.headers.get("sec-fetch-dest", "document") != "document":
        return
    query = f"?{request.url.query}" if request.url.query else ""
    address = f"{request.url.path}{query}"
    if not is_ours(address):
        return
    answer.set_cookie(
        COOKIE,
        quote(address, safe=""),
        max_age=round(KEPT.total_seconds()),
        httponly=True,
        secure=secure,
        samesite="lax",
        path="/",
    )


def page_to_return_to(request: Request) -> str:
    """Return the address to lead to after signing in: the one that was kept, else the desk's first page."""
    kept = unquote(request.cookies.get(COOKIE, ""))
    return kept if is_ours(kept) else FRONT


def is_ours(address: str) -> bool:
    """Tell whether an address is one of the desk's pages; a browser's cookie may hold anything."""
    if len(address) > _MOST or not address.startswith(_OURS) or not address.isprintable() or "\\" in address:
        return False
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc
