"""Operators: the first one by a code that is shown once, the rest by password.

Passwords are kept as argon2id hashes, sessions as hashes of 256-bit tokens. Failed attempts are
counted per name and per source in the database, so that a restart forgets none; the pause grows and
never locks a person out for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self

from sqlalchemy import delete, func, select

from server.access.model import NOT_FOR_KEYS, ROLE_OF_DUTY, AccessRole, Grant, Reach, Right, rights_of
from server.access.pauses import WINDOW, pause_s
from server.access.secrets import HashedPassword, fits_password, hash_secret, new_code, new_secret
from server.access.tables import ApiKey, FirstRunCode, LoginFailure, Operator, OperatorGrant, OperatorSession
from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, ForbiddenError, InvalidError, TooManyError
from server.people.model import Scope
from server.people.tables import Duty, Person

CODE_LIFE: Final = timedelta(hours=1)
IDLE_LIFE: Final = timedelta(hours=12)
LONGEST_LIFE: Final = timedelta(days=7)
LEADER_IDLE_LIFE: Final = timedelta(days=30)
LEADER_LONGEST_LIFE: Final = timedelta(days=180)
CODE_WAIT: Final = timedelta(minutes=5)
"""How long a log-in waits for its second factor."""
LEAST_PASSWORD: Final = 12
_LONGEST_NAME: Final = 60
_TOUCH_AFTER: Final = timedelta(minutes=1)
UNKNOWN_NAME: Final = "?"
"""Stands in the audit for a name that no account has."""
_FIRST_ROLES: Final = (AccessRole.ADMINISTRATOR, AccessRole.DESK)
"""Of the first operator, who gives the others theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody with a session.

    Attributes:
        operator: the account's name.
        token_hash: of the session.
        person: who they are in the register, by code, if the account says so.
        grants: the account's roles and, for its person, those of the register's duties.
        right: what the route asked for.
        key: the id of the key that was shown instead of a session.
    """

    operator: str
    token_hash: str
    person: str | None = None
    grants: tuple[Grant, ...] = ()
    right: Right = Right.SIGNED_IN
    key: str | None = None

    @property
    def rights(self) -> frozenset[Right]:
        """Every right that is held for at least one place; a program's key manages no access."""
        held = rights_of(self.grants)
        return held if self.key is None else held - NOT_FOR_KEYS

    @property
    def reach(self) -> Reach:
        """The places for which the right is held that the route asked for."""
        return self.reach_of(self.right)

    def reach_of(self, right: Right) -> Reach:
        """Return the places for which a right is held."""
        return Reach.of(right, self.grants, self.person)

    def asking(self, right: Right) -> Self:
        """Return the same, asking for a right."""
        return replace(self, right=right)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session just made: its token, and whether its second factor is still to be given."""

    token: str
    needs_code: bool


async def has_operator(session: ReadSession) -> bool:
    """Tell whether anybody can sign in."""
    return await session.scalar(select(func.count()).select_from(Operator)) != 0


async def issue_first_run_code(session: WriteSession, *, now: datetime, code: str = "") -> str | None:
    """Make the code that makes the first operator; None when there is an operator already.

    Args:
        session: the transaction.
        now: the server's time.
        code: the code to use, or empty to make one.
    """
    if await has_operator(session):
        return None
    made = code or new_code()
    await session.execute(delete(FirstRunCode))
    session.add(FirstRunCode(code_hash=hash_secret(made), created_at=now))
    return made


def is_usable_name(name: str) -> bool:
    """Tell whether an account may be called so: it fits its column, and the address of its page."""
    fits = bool(name) and len(name) <= _LONGEST_NAME and name.isprintable()
    return fits and not set(name) & set("/\\?#%") and name not in (".", "..")


async def check_first_run_code(session: ReadSession, code: str, *, now: datetime) -> FirstRunCode:
    """Return the row of a code that can make the first operator.

    Raises:
        ConflictError: there is an operator already.
        ForbiddenError: the code is not the one that was shown, or its hour is over.
    """
    if await has_operator(session):
        raise ConflictError("已经有值班员账号，请直接登录。")
    row = await session.get(FirstRunCode, hash_secret(code.strip().upper()))
    if row is None or row.used_at is not None or now - row.created_at > CODE_LIFE:
        raise ForbiddenError("首次启动码不对或已过期。请在服务器上运行 gridwarden-server first-run-code。")
    return row


async def set_up_first_operator(
    session: WriteSession, *, code: str, name: str, password: HashedPassword, now: datetime
) -> None:
    """Make the first operator with the first-run code; it works once, for an hour.

    Raises:
        ConflictError: there is an operator already.
        ForbiddenError: the code is not the one that was shown, or its hour is over.
        InvalidError: the name or password cannot be used.
    """
    row = await check_first_run_code(session, code, now=now)
    if not is_usable_name(name.strip()):
        raise InvalidError("请填写姓名，最多 60 个字，不含斜杠。")
    if password.length < LEAST_PASSWORD:
        raise InvalidError("密码至少 12 个字符。")
    row.used_at = now
    session.add(Operator(name=name.strip(), password_hash=password.hash, created_at=now))
    await session.flush()
    for role in _FIRST_ROLES:
        session.add(OperatorGrant(operator=name.strip(), role=role, scope=Scope.STREET, granted_at=now))
    await _record(session, now, name.strip(), "operator_made")


async def prove_password(session: ReadSession, name: str, password: str) -> str | None:
    """Return the hash that an account keeps if the password fits it, else nothing.

    It takes tens of milliseconds: so it is done while nothing is written, and whoever acts on it asks in the
    transaction whether the account still keeps that hash.
    """
    operator = await session.get(Operator, name)
    known = operator.password_hash if operator and operator.disabled_at is None else None
    return known if await fits_password(password, known) else None


async def sign_in(
    session: WriteSession, *, name: str, proven: str | None, source: str, now: datetime, agent: str = ""
) -> NewSession | None:
    """Let somebody in who has shown their password; returns a new session, None when they have not.

    A failure is a row of its own: the caller commits in either case.

    Args:
        session: the transaction.
        name: the account.
        proven: what `prove_password` returned.
        source: where they come from.
        now: the server's time.
        agent: what their browser calls itself.

    Raises:
        TooManyError: too many failures from there or for that name; how long to wait.
    """
    await check_pause(session, name, source, now)
    operator = await session.get(Operator, name)
    if (
        operator is None
        or operator.disabled_at is not None
        or proven is None
        or proven != operator.password_hash
    ):
        await note_failure(session, name, source, now)
        return None
    needs_code = operator.totp_since is not None
    return await open_session(
        session, operator.name, source=source, agent=agent, now=now, confirmed=not needs_code
    )


async def open_session(
    session: WriteSession,
    operator: str,
    *,
    source: str,
    now: datetime,
    agent: str = "",
    confirmed: bool = True,
    idle: timedelta = IDLE_LIFE,
    longest: timedelta = LONGEST_LIFE,
) -> NewSession:
    """Open a session for somebody who has shown who they are.

    Args:
        session: the transaction.
        operator: the account.
        source: where they come from.
        now: the server's time.
        agent: what their browser calls itself.
        confirmed: false while a second factor is still to be given; such a session opens nothing.
        idle: how long it lives unused.
        longest: how long it lives at all.
    """
    token = new_secret()
    session.add(
        OperatorSession(
            token_hash=hash_secret(token),
            operator=operator,
            created_at=now,
            used_at=now,
            expires_at=now + (idle if confirmed else CODE_WAIT),
            ends_at=now + longest,
            idle_s=round(idle.total_seconds()),
            confirmed=confirmed,
            source=source[:64],
            agent=agent[:200],
        )
    )
    if confirmed:
        await _record(session, now, operator, "signed_in", {"source": source})
    return NewSession(token=token, needs_code=not confirmed)


async def waiting_for_code(session: ReadSession, token: str | None, *, now: datetime) -> str | None:
    """Return the account whose session waits for its second factor."""
    row = await session.get(OperatorSession, hash_secret(token)) if token else None
    return row.operator if row is not None and not row.confirmed and row.expires_at > now else None


async def confirm_session(session: WriteSession, token: str, *, now: datetime, source: str) -> NewSession:
    """Open a session in place of the one that waited, so that no token from before opens anything."""
    row = await session.get_one(OperatorSession, hash_secret(token))
    operator, agent = row.operator, row.agent
    await session.delete(row)
    return await open_session(session, operator, source=source, agent=agent, now=now)


async def note_failure(session: WriteSession, name: str, source: str, now: datetime) -> None:
    """Count a failed attempt against the name and the source.

    A name that no account has may be a password in the wrong field: it is counted as a digest, and the audit
    only says that somebody tried.
    """
    known = await session.get(Operator, name[:60]) is not None
    session.add(LoginFailure(name=name[:60] if known else _digest(name), source=source[:64], at=now))
    await _record(session, now, name[:60] if known else UNKNOWN_NAME, "sign_in_failed", {"source": source})


def _digest(name: str) -> str:
    return f"#{hash_secret(name)[:32]}"


async def find_key(session: ReadSession, secret: str, *, now: datetime) -> SignedIn | None:
    """Return who a key acts as, or None when it is not good any more."""
    row = await session.scalar(select(ApiKey).where(ApiKey.key_hash == hash_secret(secret)))
    return await find_key_by_id(session, row.id, now=now) if row is not None else None


async def find_key_by_id(session: ReadSession, key: str, *, now: datetime) -> SignedIn | None:
    """Return who the key with an id acts as, or None when it is not good any more."""
    row = await session.get(ApiKey, key)
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    operator = await session.get(Operator, row.operator)
    if operator is None or operator.disabled_at is not None:
        return None
    return SignedIn(
        operator=operator.name,
        token_hash="",
        key=row.id,
        person=operator.person,
        grants=await grants_of(session, operator),
    )


async def touch_key(session: WriteSession, key: str, *, now: datetime) -> None:
    """Note that a key is in use."""
    row = await session.get(ApiKey, key)
    if row is not None and (row.used_at is None or now - row.used_at > _TOUCH_AFTER):
        row.used_at = now


async def find_session(session: ReadSession, token: str | None, *, now: datetime) -> SignedIn | None:
    """Return who holds a token, or None when nobody does any more."""
    return await find_session_by_hash(session, hash_secret(token), now=now) if token else None


async def find_session_by_hash(session: ReadSession, token_hash: str, *, now: datetime) -> SignedIn | None:
    """Return whose session it is, with the roles they hold now; None when it has ended."""
    row = await session.get(OperatorSession, token_hash)
    if row is None or not row.confirmed or min(row.expires_at, row.ends_at or row.expires_at) <= now:
        return None
    operator = await session.get(Operator, row.operator)
    if operator is None or operator.disabled_at is not None:
        return None
    return SignedIn(
        operator=row.operator,
        token_hash=row.token_hash,
        person=operator.person,
        grants=await grants_of(session, operator),
    )


async def grants_of(session: ReadSession, operator: Operator) -> tuple[Grant, ...]:
    """Return an account's roles, and those that its person's duties open; asked anew by every request."""
    return (await grants_of_all(session, [operator]))[operator.name]


async def grants_of_all(session: ReadSession, operators: Sequence[Operator]) -> dict[str, tuple[Grant, ...]]:
    """Return the same for several accounts, by name."""
    grants: dict[str, list[Grant]] = {one.name: [] for one in operators}
    given = select(OperatorGrant).where(OperatorGrant.operator.in_(list(grants)))
    for row in await session.scalars(given.order_by(OperatorGrant.id)):
        grants[row.operator].append(Grant(role=row.role, scope=row.scope, code=row.code))
    names = {one.person: one.name for one in operators if one.person is not None}
    if names:
        duties = select(Duty).join(Person).where(Duty.person.in_(list(names)), Person.active)
        for duty in await session.scalars(duties.order_by(Duty.id)):
            role = ROLE_OF_DUTY.get((duty.role, duty.scope))
            if role is not None:
                grants[names[duty.person]].append(Grant(role=role, scope=duty.scope, code=duty.code))
    return {name: tuple(held) for name, held in grants.items()}


async def touch_session(session: WriteSession, token_hash: str, *, now: datetime) -> None:
    """Note that a session is in use: its idle time begins anew, its longest life does not."""
    row = await session.get(OperatorSession, token_hash)
    if row is not None and now - row.used_at > _TOUCH_AFTER:
        row.used_at = now
        row.expires_at = now + timedelta(seconds=row.idle_s)


async def sign_out(session: WriteSession, signed_in: SignedIn, *, now: datetime) -> None:
    """End a session."""
    row = await session.get(OperatorSession, signed_in.token_hash)
    if row is not None:
        await session.delete(row)
    await _record(session, now, signed_in.operator, "signed_out")


async def check_pause(session: ReadSession, name: str, source: str, now: datetime) -> None:
    """Refuse an attempt that comes too soon after failures of that name, or from that source.

    Raises:
        TooManyError: how long to wait.
    """
    counted = (
        LoginFailure.name.in_((name[:60], _digest(name))),
        LoginFailure.source == source[:64],
    )
    for which in counted:
        query = select(func.count(), func.max(LoginFailure.at)).where(which, LoginFailure.at > now - WINDOW)
        count, last = (await session.execute(query)).one()
        if last is None:
            continue
        left_s = pause_s(count) - (now - last).total_seconds()
        if left_s > 0:
            raise TooManyError("尝试次数太多，请稍后再试。", retry_after_s=int(left_s) + 1)


async def _record(
    session: WriteSession,
    now: datetime,
    operator: str,
    action: str,
    detail: dict[str, str] | None = None,
) -> None:
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=operator,
        action=action,
        subject_kind="operator",
        subject=operator,
        detail=dict(detail or {}),
    )
