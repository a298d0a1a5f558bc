"""Accounts, their roles, sessions and keys, as an administrator and their owner manage them.

Roles are read anew by every request and before every event of a stream, so that a change here counts
at once. The street never loses its last administrator.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_, select

from server.access.model import PLACES_OF, AccessRole, Grant
from server.access.secrets import HashedPassword, hash_secret, new_secret
from server.access.service import LEAST_PASSWORD, is_usable_name
from server.access.tables import ApiKey, Operator, OperatorGrant, OperatorSession, OuterLogin
from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, InvalidError, NotFoundError
from server.people.model import Scope
from server.people.tables import Person
from server.places.tables import Block, Community, Estate, Grid

_KEY_PREFIX: Final = "gwk_"
LONGEST_KEY: Final = timedelta(days=366)
_PLACES: Final = {
    Scope.COMMUNITY: Community,
    Scope.GRID: Grid,
    Scope.ESTATE: Estate,
    Scope.BLOCK: Block,
}


async def make_account(
    session: WriteSession,
    name: str,
    *,
    by: str,
    now: datetime,
    password: HashedPassword | None = None,
    person: str | None = None,
    grants: Sequence[Grant] = (),
) -> Operator:
    """Make an account.

    Args:
        session: the transaction.
        name: how it signs in; shown beside what it does.
        by: the account that makes it.
        now: the server's time.
        password: its first one; none for an account that signs in through another system, or by key.
        person: who it is in the register; their duties open their places.
        grants: its roles.

    Raises:
        ConflictError: the name or the person has an account.
        InvalidError: name, password or a role's place cannot be used.
        NotFoundError: nobody in the register has this code.
    """
    name = name.strip()
    if not is_usable_name(name):
        raise InvalidError("请填写姓名，最多 60 个字，不含斜杠。")
    if await session.get(Operator, name) is not None:
        raise ConflictError("已经有这个名字的账号。")
    if person is not None:
        if await session.get(Person, person) is None:
            raise NotFoundError("人员登记里没有这个人。")
        if await session.scalar(select(Operator).where(Operator.person == person)) is not None:
            raise ConflictError("这个人已经有账号。")
    row = Operator(name=name, person=person, created_at=now)
    if password is not None:
        row.password_hash = _checked(password)
    session.add(row)
    await session.flush()
    detail: dict[str, object] = {"person": person or "", "grants": [_text(one) for one in grants]}
    await _put_grants(session, name, grants, now)
    await _record(session, now, by, "account_made", name, detail)
    return row


async def set_grants(
    session: WriteSession, name: str, grants: Sequence[Grant], *, by: str, now: datetime
) -> None:
    """Give an account these roles and no others.

    Raises:
        ConflictError: nobody would be left who may manage access.
        InvalidError: a role cannot be held for such a place.
        NotFoundError: there is no such account or place.
    """
    row = await find_account(session, name)
    before = await session.scalars(select(OperatorGrant).where(OperatorGrant.operator == name))
    had = [Grant(role=one.role, scope=one.scope, code=one.code) for one in before]
    await session.execute(delete(OperatorGrant).where(OperatorGrant.operator == name))
    await _put_grants(session, row.name, grants, now)
    await _keep_an_administrator(session)
    detail: dict[str, object] = {
        "before": [_text(one) for one in had],
        "after": [_text(one) for one in grants],
    }
    await _record(session, now, by, "roles_changed", name, detail)


async def disable(session: WriteSession, name: str, *, by: str, now: datetime) -> None:
    """Shut an account out: its sessions and keys end at once.

    Raises:
        ConflictError: nobody would be left who may manage access.
        NotFoundError: there is no such account.
    """
    row = await find_account(session, name)
    row.disabled_at = row.disabled_at or now
    await session.flush()
    await _keep_an_administrator(session)
    await session.execute(delete(OperatorSession).where(OperatorSession.operator == name))
    await _record(session, now, by, "account_disabled", name)


async def enable(session: WriteSession, name: str, *, by: str, now: datetime) -> None:
    """Let a disabled account in again.

    Raises:
        NotFoundError: there is no such account.
    """
    (await find_account(session, name)).disabled_at = None
    await _record(session, now, by, "account_enabled", name)


async def set_password(
    session: WriteSession, name: str, password: HashedPassword, *, by: str, now: datetime
) -> None:
    """Give an account a new password; its sessions end.

    Raises:
        InvalidError: too short.
        NotFoundError: there is no such account.
    """
    (await find_account(session, name)).password_hash = _checked(password)
    await session.execute(delete(OperatorSession).where(OperatorSession.operator == name))
    await _record(session, now, by, "password_set", name)


async def change_own_password(
    session: WriteSession,
    name: str,
    proven: str | None,
    new: HashedPassword,
    *,
    kept_session: str,
    now: datetime,
) -> None:
    """Change one's own password; every other session of the account ends.

    Args:
        session: the transaction.
        name: the account.
        proven: what `service.prove_password` returned for the old password.
        new: the new one.
        kept_session: the hash of the session that stays.
        now: the server's time.

    Raises:
        InvalidError: the old one does not fit, or the new one is too short.
    """
    row = await find_account(session, name)
    if proven is None or proven != row.password_hash:
        raise InvalidError("原密码不对。")
    row.password_hash = _checked(new)
    await end_sessions(session, name, by=name, now=now, but=kept_session)
    await _record(session, now, name, "password_changed", name)


async def sessions_of(session: ReadSession, name: str, *, now: datetime) -> list[OperatorSession]:
    """Return an account's living sessions, the newest first."""
    query = select(OperatorSession).where(
        OperatorSession.operator == name, OperatorSession.expires_at > now, OperatorSession.confirmed
    )
    return list(await session.scalars(query.order_by(OperatorSession.used_at.desc())))


async def end_session(session: WriteSession, name: str, session_id: str, *, by: str, now: datetime) -> None:
    """End one session of an account, by the id that `session_id_of` gives.

    Raises:
        NotFoundError: the account has no such session.
    """
    for row in await session.scalars(select(OperatorSession).where(OperatorSession.operator == name)):
        if session_id_of(row) == session_id:
            await session.delete(row)
            await _record(session, now, by, "session_ended", name)
            return
    raise NotFoundError("没有这个登录。")


async def end_sessions(
    session: WriteSession, name: str, *, by: str, now: datetime, but: str | None = None
) -> int:
    """End every session of an account, but the one with this token's hash; returns how many."""
    query = select(OperatorSession).where(
        OperatorSession.operator == name, OperatorSession.token_hash != (but or "")
    )
    rows = list(await session.scalars(query))
    for row in rows:
        await session.delete(row)
    await _record(session, now, by, "sessions_ended", name, {"count": len(rows)})
    return len(rows)


def session_id_of(row: OperatorSession) -> str:
    """Return what names a session to people: it opens nothing."""
    return row.token_hash[:16]


async def make_key(
    session: WriteSession, account: str, title: str, *, days: int, by: str, now: datetime
) -> str:
    """Make a key that acts as an account; returned this once, kept as a hash.

    Args:
        session: the transaction.
        account: whose roles it has.
        title: what it is for.
        days: how long it is good.
        by: who makes it.
        now: the server's time.

    Raises:
        ConflictError: the account is shut out.
        InvalidError: nobody could tell what it is for, or it would be good for too long.
        NotFoundError: there is no such account.
    """
    row = await find_account(session, account)
    if row.disabled_at is not None:
        raise ConflictError("这个账号已停用，请先恢复。")
    title = title.strip()
    if not title:
        raise InvalidError("请写明密钥的用途。")
    if not 0 < days <= LONGEST_KEY.days:
        raise InvalidError("密钥的有效期是 1 到 366 天。")
    life = timedelta(days=days)
    secret = new_secret()
    key = ApiKey(
        id=hash_secret(secret)[:12],
        operator=account,
        key_hash=hash_secret(secret),
        title=title,
        created_at=now,
        expires_at=now + life,
    )
    session.add(key)
    await _record(session, now, by, "key_made", account, {"key": key.id, "title": title})
    return f"{_KEY_PREFIX}{secret}"


async def list_keys(session: ReadSession) -> list[ApiKey]:
    """Return every key that was not revoked, the newest first."""
    query = select(ApiKey).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.created_at.desc())
    return list(await session.scalars(query))


async def revoke_key(session: WriteSession, key_id: str, *, by: str, now: datetime) -> None:
    """End a key.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = await session.get(ApiKey, key_id)
    if row is None or row.revoked_at is not None:
        raise NotFoundError("没有这个密钥。")
    row.revoked_at = now
    await _record(session, now, by, "key_revoked", row.operator, {"key": key_id})


def secret_of_key(key: str) -> str | None:
    """Return the secret in a key, or None when it is no key of ours."""
    return key.removeprefix(_KEY_PREFIX) if key.startswith(_KEY_PREFIX) else None


async def _put_grants(session: WriteSession, name: str, grants: Sequence[Grant], now: datetime) -> None:
    for grant in dict.fromkeys(grants):
        await _check_place(session, grant)
        session.add(
            OperatorGrant(operator=name, role=grant.role, scope=grant.scope, code=grant.code, granted_at=now)
        )
    await session.flush()


async def _check_place(session: ReadSession, grant: Grant) -> None:
    if grant.scope not in PLACES_OF[grant.role]:
        raise InvalidError("这个角色不能用于这类地方。")
    if grant.scope is Scope.STREET:
        if grant.code:
            raise InvalidError("街道没有编号。")
        return
    if await session.get(_PLACES[grant.scope], grant.code) is None:
        raise NotFoundError("没有这个地方。")


async def _keep_an_administrator(session: ReadSession) -> None:
    """Refuse what would leave no administrator, or none who can sign in: an invitation may be lost."""
    administrators = (
        select(Operator)
        .join(OperatorGrant, Operator.name == OperatorGrant.operator)
        .where(OperatorGrant.role == AccessRole.ADMINISTRATOR, Operator.disabled_at.is_(None))
    )
    tied = select(OuterLogin.operator).where(OuterLogin.operator == Operator.name).exists()
    can_sign_in = administrators.where(or_(Operator.password_hash.is_not(None), tied))
    if await session.scalar(can_sign_in.limit(1)) is not None:
        return
    if await session.scalar(administrators.limit(1)) is None:
        raise ConflictError("至少要留一个管理员。")
    raise ConflictError("至少要留一个能登录的管理员。接替的人要先用邀请码设好密码。")


async def find_account(session: ReadSession, name: str) -> Operator:
    """Return an account.

    Raises:
        NotFoundError: there is none of this name.
    """
    row = await session.get(Operator, name)
    if row is None:
        raise NotFoundError("没有这个账号。")
    return row


def _checked(password: HashedPassword) -> str:
    if password.length < LEAST_PASSWORD:
        raise InvalidError("密码至少 12 个字符。")
    return password.hash


def _text(grant: Grant) -> str:
    return f"{grant.role.value}@{grant.scope.value}:{grant.code}"


async def _record(  # noqa: PLR0917 - one line at each of its many callers
    session: WriteSession,
    now: datetime,
    by: str,
    action: str,
    name: str,
    detail: dict[str, object] | None = None,
) -> None:
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action=action,
        subject_kind="operator",
        subject=name,
        detail=detail,
    )
