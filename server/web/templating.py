"""Rendering pages: templates, assets by their built names, the reader's language and time."""

import json
import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from server.clock import STREET_ZONE
from server.errors import ServerError
from server.places.spots import name_floor, name_nearby
from server.web.failures import tell_failure
from server.web.language import choose_language, translations
from server.web.navigation import navigation_for
from server.web.stored import place, told, told_of
from server.web.words import unit_of

STATIC: Final = Path(__file__).parent / "static"
ZONE: Final = STREET_ZONE
SIZES: Final = ("20", "24", "30")
_LARGE: Final = 1000
_UNDER_ITEM: Final = re.compile(r"(/i/[^/]+)/.")
"""What answers a press on a leader's page has no address of its own: this is the one to go back to."""
_TEMPLATES: Final = Path(__file__).parent / "templates"


class MissingAssetsError(ServerError):
    """The pages' scripts and styles were not built."""


@cache
def assets() -> tuple[str, str]:
    """Return the addresses of the script and the style of every page.

    Raises:
        MissingAssetsError: they were not built.
    """
    return entry("src/pages.ts")


def entry(source: str) -> tuple[str, str]:
    """Return the addresses of the script and the style that are built from one entry of the bundle.

    Raises:
        MissingAssetsError: they were not built.
    """
    built = _built(source)
    return f"/static/{built['file']}", f"/static/{built['css'][0]}"


def stylesheet(source: str) -> str:
    """Return the address of a style that is an entry of its own.

    Raises:
        MissingAssetsError: it was not built.
    """
    return f"/static/{_built(source)['file']}"


def script(source: str) -> str:
    """Return the address of a script that is an entry of its own, without a style.

    Raises:
        MissingAssetsError: it was not built.
    """
    return f"/static/{_built(source)['file']}"


@cache
def _built(source: str) -> dict[str, Any]:
    manifest = STATIC / "manifest.json"
    entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    if source not in entries:
        raise MissingAssetsError("the pages' assets are not built: run `make assets`")
    found: dict[str, Any] = entries[source]
    return found


def language_of(request: Request) -> str:
    """Return the language a request is answered in."""
    wanted = request.query_params.get("lang") or request.cookies.get("lang")
    return choose_language(wanted, request.headers.get("accept-language", ""))


def render_page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Return a page. To a reader who is signed in it says their name and what they may open.

    Args:
        request: for its language and text size.
        template: the file's name.
        status_code: of the answer.
        values: what the template shows.
    """
    language = language_of(request)
    script, style = assets()
    reader = getattr(request.state, "signed_in", None)
    if reader is not None:
        values = {
            "operator": reader.operator,
            "navigation": navigation_for(request.url.path, reader.rights),
        } | values
    size = request.cookies.get("size", "")
    under_item = _UNDER_ITEM.match(request.url.path)
    item_page = under_item[1] if under_item else ""
    body = (
        _environment(language)
        .get_template(template)
        .render(
            script=script,
            style=style,
            language="zh-CN" if language == "zh_CN" else "en",
            size=size if size in SIZES else SIZES[0],
            sizes=SIZES,
            # Another size of letters is asked for from here.
            path=request.url.path if request.method == "GET" else item_page or "/my",
            item_page=item_page,
            **values,
        )
    )
    response = HTMLResponse(body, status_code=status_code)
    if request.query_params.get("lang") == language:
        response.set_cookie("lang", language, max_age=31_536_000, samesite="lax", httponly=True)
    return response


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    gettext = translations(language).gettext

    def translate(text: str, **values: object) -> Markup:
        # Jinja's own extension takes every text for markup that is safe and for a pattern with
        # values. Texts also come from gateways and addresses, so that here none is either.
        shown = escape(gettext(text) if text else "")
        return shown % values if values else shown

    def show_unit(code: str) -> str:
        name = unit_of(code)
        return gettext(name) if name else ""  # the empty message is the catalogue's head

    environment.globals["_"] = translate
    environment.filters.update(
        unit=show_unit,
        clock=_show_clock,
        street_time=lambda at: at.astimezone(ZONE),
        soon=_show_soon,
        moment=_show_moment,
        moment_s=_show_moment_s,
        stored_moment=_show_stored_moment,
        number=_show_number,
        nearby=name_nearby,
        figure=_show_figure,
        floor=lambda floor: place(name_floor(floor), language),
        failure=lambda reason: tell_failure(reason, gettext),
        told=lambda sentence: told(sentence, language),
        told_of=lambda move: told_of(move, language),
        place=lambda spot: place(spot, language),
        lasting=_show_lasting,
        value=lambda word: word.value,
    )
    return environment


def _show_clock(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(ZONE).strftime("%H:%M:%S")


def _show_soon(at: datetime, now: datetime) -> str:
    """The clock's time, with the day when it is not today."""
    today = at.astimezone(ZONE).date() == now.astimezone(ZONE).date()
    return _show_clock(at) if today else _show_moment(at)


def _show_moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(ZONE).strftime("%m-%d %H:%M")


def _show_moment_s(at: datetime | None) -> str:
    """Day and time to the second: where it matters what came first."""
    return "" if at is None else at.astimezone(ZONE).strftime("%m-%d %H:%M:%S")


def _show_stored_moment(at: datetime | str | None) -> str:
    """The same of a time that is kept as text."""
    return _show_moment_s(datetime.fromisoformat(at) if isinstance(at, str) else at)


def _show_number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}".rstrip("0").rstrip(".")


def _show_figure(value: float | None) -> str:
    """Four digits that matter: a phosphorus of 0.02 is not 0.0, and a counter is not cut."""
    if value is None:
        return "–"
    return _show_number(value) if abs(value) >= _LARGE else f"{value:.4g}"


def _show_lasting(length: timedelta | None) -> str:
    """Hours, minutes and seconds, as many hours as there are."""
    if length is None:
        return "–"
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
