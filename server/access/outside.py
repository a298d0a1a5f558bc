"""Signing in at another system: going out, coming back, and which account that is.

What goes out carries a secret that must come back in the same browser, once, within ten minutes. Who
somebody is in the other system names an account only where an administrator said so.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select

from server.access.oidc import Provider
from server.access.secrets import hash_secret, new_secret
from server.access.tables import LoginAttempt, Operator, OuterLogin
from server.access.wecom import Corporation
from server.audit import service as audit
from server.config import Settings
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, ForbiddenError, NotFoundError

ATTEMPT_LIFE: Final = timedelta(minutes=10)
OIDC: Final = "oidc"
WECOM: Final = "wecom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to sign in at another system, as a button."""

    path: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What goes out with a browser."""

    state: str
    nonce: str
    verifier: str


def ways_of(settings: Settings) -> list[Way]:
    """Return the ways that the settings open."""
    ways = []
    if settings.wecom_corp_id:
        ways.append(Way(path="/login/wecom", title="企业微信登录"))
    if settings.oidc_issuer:
        ways.append(Way(path="/login/oidc", title=settings.oidc_title))
    return ways


def issuers_of(settings: Settings) -> dict[str, str]:
    """Return what names each other system in a tie, with its title for people."""
    issuers = {}
    if settings.wecom_corp_id:
        issuers[f"wecom:{settings.wecom_corp_id}"] = "企业微信"
    if settings.oidc_issuer:
        issuers[settings.oidc_issuer] = settings.oidc_title
    return issuers


def provider_of(settings: Settings, address: str) -> Provider:
    """Return the OpenID provider of the settings.

    Raises:
        NotFoundError: there is none.
    """
    if not settings.oidc_issuer:
        raise NotFoundError("没有设置这种登录方式。")
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=_secret(settings.oidc_client_secret_file),
        back=f"{address}/login/oidc/back",
    )


def corporation_of(settings: Settings, address: str) -> Corporation:
    """Return WeCom as the settings have it.

    Raises:
        NotFoundError: they have none.
    """
    if not settings.wecom_corp_id:
        raise NotFoundError("没有设置这种登录方式。")
    return Corporation(
        corp_id=settings.wecom_corp_id,
        agent_id=settings.wecom_agent_id,
        secret=_secret(settings.wecom_secret_file),
        api=settings.wecom_api.rstrip("/"),
        login=settings.wecom_login,
        back=f"{address}/login/wecom/back",
    )


async def go_out(session: WriteSession, way: str, *, now: datetime) -> Outgoing:
    """Note that a browser goes out."""
    out = Outgoing(state=new_secret(), nonce=new_secret(), verifier=new_secret())
    session.add(
        LoginAttempt(
            state_hash=hash_secret(out.state), way=way, nonce=out.nonce, verifier=out.verifier, created_at=now
        )
    )
    return out


async def come_back(
    session: WriteSession, way: str, *, state: str, kept: str | None, now: datetime
) -> Outgoing:
    """Return what went out, once.

    Args:
        session: the transaction.
        way: of the other system.
        state: what came back in the address.
        kept: what the browser kept.
        now: the server's time.

    Raises:
        ForbiddenError: it did not go out from this browser, or too long ago, or came back already.
    """
    row = await session.get(LoginAttempt, hash_secret(state))
    fits = kept is not None and hmac.compare_digest(kept, state)
    if row is None or row.way != way or not fits or now - row.created_at > ATTEMPT_LIFE:
        raise ForbiddenError("登录没有成功，请重新登录。")
    await session.delete(row)
    return Outgoing(state=state, nonce=row.nonce, verifier=row.verifier)


async def account_of(session: ReadSession, issuer: str, subject: str) -> Operator:
    """Return the account of somebody of another system.

    Raises:
        ForbiddenError: nobody said which that is, or it is shut out.
    """
    row = await session.get(OuterLogin, (issuer, subject))
    operator = await session.get(Operator, row.operator) if row is not None else None
    if operator is None or operator.disabled_at is not None:
        raise ForbiddenError("您还没有账号，请联系管理员。")
    return operator


async def tie(
    session: WriteSession, account: str, issuer: str, subject: str, *, by: str, now: datetime
) -> None:
    """Say that somebody of another system is an account.

    Raises:
        ConflictError: they are another one already.
        NotFoundError: there is no such account.
    """
    if await session.get(Operator, account) is None:
        raise NotFoundError("没有这个账号。")
    row = await session.get(OuterLogin, (issuer, subject))
    if row is not None and row.operator != account:
        raise ConflictError("这个外部身份已经属于另一个账号。")
    if row is None:
        session.add(OuterLogin(issuer=issuer, subject=subject, operator=account))
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="login_tied",
        subject_kind="operator",
        subject=account,
        detail={"issuer": issuer},
    )


async def untie(
    session: WriteSession, account: str, issuer: str, subject: str, *, by: str, now: datetime
) -> None:
    """Say that somebody of another system is this account no more; open log-ins go on.

    Raises:
        NotFoundError: they were not.
    """
    row = await session.get(OuterLogin, (issuer, subject))
    if row is None or row.operator != account:
        raise NotFoundError("没有这个绑定。")
    await session.delete(row)
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="login_untied",
        subject_kind="operator",
        subject=account,
        detail={"issuer": issuer},
    )


async def ties_of(session: ReadSession, account: str) -> list[OuterLogin]:
    """Return who an account is elsewhere."""
    return list(await session.scalars(select(OuterLogin).where(OuterLogin.operator == account)))


def _secret(path: Path | None) -> str:
    return "" if path is None else path.read_text(encoding="utf-8").strip()
