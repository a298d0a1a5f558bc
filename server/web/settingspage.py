"""The pages of settings and access: the desk's look, and a style of their own for forms."""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from server.web.templating import render_page, stylesheet


def render_settings(
    request: Request, template: str, *, status_code: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page of settings; see `render_page`."""
    return render_page(
        request, template, status_code=status_code, sheet=stylesheet("src/settings.css"), **values
    )
