"""How the JSON API says that something was not carried out: problem details (RFC 9457)."""

from typing import Any, Final

from pydantic import BaseModel

from server.web.security import PROBLEM


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []
    """For 422: where in the request, and what is wrong there."""


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "Not carried out: not signed in, not found, not possible now, or not understood.",
        "content": {PROBLEM: {"schema": Problem.model_json_schema()}},
    }
}
"""For the description of every route."""
