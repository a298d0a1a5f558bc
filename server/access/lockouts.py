"""Who waits before they may try to sign in again, and lifting that. Pauses grow and end by themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select

from server.access.pauses import FREE_ATTEMPTS, WINDOW, pause_s
from server.access.tables import LoginFailure
from server.audit import service as audit
from server.db.session import ReadSession, WriteSession

_MOST: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout:
    """A name, or a source, that must wait.

    Attributes:
        name: how the account is called; empty where a source waits.
        source: where the attempts come from; empty where a name waits.
        failures: within the last quarter of an hour.
        until: when the next attempt is let through.
    """

    name: str = ""
    source: str = ""
    failures: int
    until: datetime


async def lockouts(session: ReadSession, *, now: datetime) -> list[Lockout]:
    """Return who waits, the longest first."""
    found = []
    for column, key in ((LoginFailure.name, "name"), (LoginFailure.source, "source")):
        query = (
            select(column, func.count(), func.max(LoginFailure.at))
            .where(LoginFailure.at > now - WINDOW)
            .group_by(column)
            .having(func.count() >= FREE_ATTEMPTS)
        )
        for value, count, last in await session.execute(query):
            until = last + timedelta(seconds=pause_s(count))
            if until > now and value.strip() == value:
                found.append(Lockout(**{key: value}, failures=count, until=until))
    return sorted(found, key=lambda one: one.until, reverse=True)[:_MOST]


async def lift(session: WriteSession, *, name: str = "", source: str = "", by: str, now: datetime) -> int:
    """Let a name or a source try again at once; returns how many failures were forgotten.

    Args:
        session: the transaction.
        name: of the account; empty for a source.
        source: where attempts come from; empty for a name.
        by: the account that lifts it.
        now: the server's time.
    """
    which = LoginFailure.name == name if name else LoginFailure.source == source
    ids = list(await session.scalars(select(LoginFailure.id).where(which, LoginFailure.at > now - WINDOW)))
    await session.execute(delete(LoginFailure).where(LoginFailure.id.in_(ids)))
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="lockout_lifted",
        subject_kind="operator" if name else "source",
        subject=name or source,
        detail={"failures": len(ids)},
    )
    return len(ids)
