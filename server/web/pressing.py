"""Forms of the desk: what was pressed is done and leads on, or comes back to its page with the reason.

So nobody loses what they typed to a bare page of errors, and a page that is loaded again presses nothing.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from starlette.responses import RedirectResponse, Response

from server.clock import STREET_ZONE, is_plausible
from server.errors import AnswerError, InvalidError, TooManyError

Act = Callable[[], Awaitable[str]]
"""Does it; returns the address of the page that follows."""
ShowAgain = Callable[[str, int], Awaitable[Response]]
"""Returns the page of the form with what stood in the way, and the status of the answer."""
_SEE_OTHER: Final = 303
_MOST_HOURS: Final = 10_000
"""More than anything is laid aside for, and still a date."""


async def press_form(act: Act, show_again: ShowAgain) -> Response:
    """Do what a form asks for.

    Args:
        act: does it, with a transaction of its own.
        show_again: builds the page once more if it could not be done.
    """
    try:
        to = await act()
    except AnswerError as error:
        return await show_refusal(error, show_again)
    return RedirectResponse(to, status_code=_SEE_OTHER)


async def show_refusal(error: AnswerError, show_again: ShowAgain) -> Response:
    """Return the page of a form that could not be carried out."""
    page = await show_again(error.detail, error.status)
    if isinstance(error, TooManyError):
        page.headers["Retry-After"] = str(error.retry_after_s)
    return page


def typed_moment(text: str) -> datetime | None:
    """Return the moment of a `datetime-local` field, by the street's time; nothing for an empty one.

    Raises:
        InvalidError: it is no moment.
    """
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidError("时间写成 2026-12-24T03:00 这样，或者留空。") from None
    if not is_plausible(at):
        raise InvalidError("请检查年份：要在 1900 到 2199 年之间。")
    return at.replace(tzinfo=STREET_ZONE) if at.tzinfo is None else at


def typed_hours(text: str) -> timedelta | None:
    """Return how many hours somebody typed; nothing for what is no length of time, or longer than any."""
    try:
        hours = float(text)
    except ValueError:
        return None
    return timedelta(hours=hours) if abs(hours) <= _MOST_HOURS else None  # what is no number is not less


def field_moment(at: datetime | None) -> str:
    """Return what a `datetime-local` field shows of a moment."""
    return at.astimezone(STREET_ZONE).strftime("%Y-%m-%dT%H:%M") if at else ""
