"""The wall clock was set back: no log-in, code or lock-out lasts longer for it.

Links need nothing, because they end with their item; keys of programs end on a day of the calendar.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import true

from server.access.tables import FirstRunCode, Invitation, LoginAttempt, LoginFailure, OperatorSession
from server.db.base import Base
from server.db.session import WriteSession
from server.db.shifting import bring_forward

_Times = tuple[tuple[type[Base], tuple[str, ...]], ...]

_AHEAD: Final[_Times] = (
    (OperatorSession, ("expires_at", "ends_at", "used_at")),
    (Invitation, ("expires_at",)),
)
"""What ends then."""
_BEHIND: Final[_Times] = (
    (FirstRunCode, ("created_at",)),
    (LoginAttempt, ("created_at",)),
    (LoginFailure, ("at",)),
)
"""What lasts from then."""


async def clock_set_back(session: WriteSession, by: timedelta, *, now: datetime) -> None:
    """Make what ends, and what lasts from when it began, as much earlier.

    Args:
        session: the transaction.
        by: by how much the clock was set back.
        now: the time as it is told now.
    """
    for table, names in _AHEAD:
        await bring_forward(session, table, names, where=true(), by=by)
    for table, names in _BEHIND:
        await bring_forward(session, table, names, where=true(), by=by, latest=now)
