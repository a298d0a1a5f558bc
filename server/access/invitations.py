"""Invitations: a code with which the owner of an account chooses its password, themselves and alone.

So nobody ever knows somebody else's password, and no account has one that came with it. A new code ends
the ones before it. Opening the page of a code neither uses nor shows anything.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from server.access.accounts import find_account
from server.access.secrets import HashedPassword, hash_secret, new_code
from server.access.service import LEAST_PASSWORD, check_pause
from server.access.tables import Invitation, LoginFailure, Operator, OperatorSession
from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, InvalidError

INVITATION_LIFE: Final = timedelta(hours=24)
_COUNTED_AS: Final = "invitation"
"""Under which name wrong codes are counted, with the source: no account has a name with a space first."""


async def invite(session: WriteSession, name: str, *, by: str, now: datetime) -> str:
    """Make a code for an account; returned this once, kept as a hash. Earlier ones end.

    What the account can sign in with now goes on until the code is used.

    Raises:
        ConflictError: the account is shut out.
        NotFoundError: there is no such account.
    """
    row = await find_account(session, name)
    if row.disabled_at is not None:
        raise ConflictError("这个账号已停用，请先恢复。")
    await _drop_unused(session, name)
    await session.execute(delete(Invitation).where(Invitation.expires_at < now - INVITATION_LIFE))
    code = new_code()
    session.add(
        Invitation(
            code_hash=hash_secret(code),
            operator=name,
            made_by=by,
            made_at=now,
            expires_at=now + INVITATION_LIFE,
        )
    )
    await _record(session, now, by, "invitation_made", name)
    return code


async def waiting_invitations(session: ReadSession, *, now: datetime) -> dict[str, datetime]:
    """Return by account until when its code can be used; accounts without one are left out."""
    query = select(Invitation).where(Invitation.used_at.is_(None), Invitation.expires_at > now)
    return {row.operator: row.expires_at for row in await session.scalars(query)}


async def withdraw_invitation(session: WriteSession, name: str, *, by: str, now: datetime) -> None:
    """End the code of an account, so that nobody can use it any more."""
    await find_account(session, name)
    await _drop_unused(session, name)
    await _record(session, now, by, "invitation_withdrawn", name)


async def check_joining(session: ReadSession, source: str, *, now: datetime) -> None:
    """Refuse a code that comes too soon after wrong ones from the same source; before its password is hashed.

    Raises:
        TooManyError: how long to wait.
    """
    await check_pause(session, _counted_as(source), source, now)


async def join(
    session: WriteSession, code: str, password: HashedPassword, *, source: str, now: datetime
) -> str | None:
    """Let the holder of a code choose the password; every log-in of the account ends.

    A wrong code is counted, so that the transaction must be kept.

    Args:
        session: the transaction.
        code: as it was typed.
        password: the new one.
        source: where the request comes from.
        now: the server's time.

    Returns:
        The account's name; None when the code is not good (any more).

    Raises:
        InvalidError: the password is too short; the code is not used up by that.
        TooManyError: too many wrong codes from there; how long to wait.
    """
    await check_joining(session, source, now=now)
    row = await session.get(Invitation, hash_secret("".join(code.split()).upper()))
    operator = await session.get(Operator, row.operator) if row is not None else None
    if row is None or operator is None or row.used_at is not None or row.expires_at <= now:
        session.add(LoginFailure(name=_counted_as(source), source=source[:64], at=now))
        return None
    if operator.disabled_at is not None:
        return None
    if password.length < LEAST_PASSWORD:
        raise InvalidError("密码至少 12 个字符。")
    row.used_at = now
    operator.password_hash = password.hash
    await session.execute(delete(OperatorSession).where(OperatorSession.operator == operator.name))
    await _record(session, now, operator.name, "invitation_used", operator.name)
    return operator.name


def _counted_as(source: str) -> str:
    return f" {_COUNTED_AS} {source}"[:60]


async def _drop_unused(session: WriteSession, name: str) -> None:
    await session.execute(delete(Invitation).where(Invitation.operator == name, Invitation.used_at.is_(None)))


async def _record(session: WriteSession, now: datetime, by: str, action: str, name: str) -> None:
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action=action,
        subject_kind="operator",
        subject=name,
    )
