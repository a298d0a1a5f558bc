"""The secret of a telephone: a cookie that says for whom it has pressed before."""

from typing import Final

from fastapi import Request
from starlette.responses import Response

from server.access.secrets import new_secret
from server.context import Context

_NAME: Final = "phone"
_YEAR_S: Final = 31_536_000


def phone_of(context: Context, request: Request) -> str | None:
    """Return the secret of the telephone that asks, if it has one."""
    return request.cookies.get(_cookie(context))


def phone_or_new(context: Context, request: Request) -> str:
    """Return the secret of the telephone that presses, a new one for the first press."""
    return phone_of(context, request) or new_secret()


def keep_phone(context: Context, answer: Response, phone: str) -> None:
    """Let a telephone keep its secret."""
    answer.set_cookie(
        _cookie(context),
        phone,
        max_age=_YEAR_S,
        httponly=True,
        secure=context.settings.cookies_are_secure,
        samesite="lax",
        path="/",
    )


def _cookie(context: Context) -> str:
    return f"__Host-{_NAME}" if context.settings.cookies_are_secure else _NAME
