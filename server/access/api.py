"""The interface to one's own account, and to accounts, keys and the audit for those who manage them."""

from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import Response

from server.access import accounts, outside, secondfactor
from server.access.bodies import (
    AccountIn,
    AccountOut,
    CodeIn,
    EndedOut,
    EnrolmentOut,
    GrantOut,
    GrantsIn,
    KeyIn,
    KeyOut,
    LoginIn,
    NewKeyOut,
    OwnOut,
    OwnPasswordIn,
    PasswordIn,
    RecoveryOut,
    SessionOut,
)
from server.access.guard import requires
from server.access.model import Right
from server.access.sealing import SecretBox
from server.access.secrets import hash_password
from server.access.service import SignedIn, grants_of_all, prove_password
from server.access.tables import Operator, OperatorSession
from server.context import Context
from server.web.problems import PROBLEMS

_Manager = Annotated[SignedIn, requires(Right.MANAGE_ACCESS, unscoped=("account", "key_id", "session_id"))]
_Own = Annotated[SignedIn, requires(Right.SIGNED_IN, unscoped=("session_id",))]


def build_access_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/me, /accounts and /keys."""
    router = APIRouter(prefix="/api/v1", tags=["access"], responses=PROBLEMS)
    _add_own(router, context)
    _add_own_sessions(router, context)
    _add_second_factor(router, context)
    _add_accounts(router, context)
    _add_account_changes(router, context)
    _add_account_sessions(router, context)
    _add_keys(router, context)
    return router


def _add_own(router: APIRouter, context: Context) -> None:
    @router.get("/me", operation_id="whoAmI")
    async def show_me(who: _Own) -> OwnOut:
        """Return one's account, roles and rights."""
        async with context.database.read() as session:
            row = await session.get_one(Operator, who.operator)
            left = await secondfactor.codes_left(session, who.operator)
        return OwnOut(
            account=who.operator,
            person=who.person,
            grants=[GrantOut.model_validate(one) for one in who.grants],
            rights=sorted(who.rights),
            second_factor=row.totp_since is not None,
            recovery_codes_left=left,
        )

    @router.post("/me/password", operation_id="changeMyPassword", status_code=204)
    async def change(who: _Own, wanted: OwnPasswordIn) -> Response:
        """Change one's password; every other log-in of the account ends."""
        new = await hash_password(wanted.new)
        async with context.database.read() as reading:
            proven = await prove_password(reading, who.operator, wanted.old)
        async with context.database.write() as session:
            await accounts.change_own_password(
                session,
                who.operator,
                proven,
                new,
                kept_session=who.token_hash,
                now=context.clock.now(),
            )
        return Response(status_code=204)


def _add_own_sessions(router: APIRouter, context: Context) -> None:
    @router.get("/me/sessions", operation_id="listMySessions")
    async def list_sessions(who: _Own) -> list[SessionOut]:
        """List one's log-ins that live."""
        async with context.database.read() as session:
            rows = await accounts.sessions_of(session, who.operator, now=context.clock.now())
        return [_session_out(row, who) for row in rows]

    @router.delete("/me/sessions/{session_id}", operation_id="endMySession", status_code=204)
    async def end(who: _Own, session_id: str) -> Response:
        """End one of one's log-ins."""
        async with context.database.write() as session:
            await accounts.end_session(
                session, who.operator, session_id, by=who.operator, now=context.clock.now()
            )
        return Response(status_code=204)

    @router.delete("/me/sessions", operation_id="signOutEverywhere")
    async def end_all(who: _Own, *, others_only: bool = False) -> EndedOut:
        """Sign out everywhere, or everywhere else."""
        kept = who.token_hash if others_only else None
        async with context.database.write() as session:
            ended = await accounts.end_sessions(
                session, who.operator, by=who.operator, now=context.clock.now(), but=kept
            )
        return EndedOut(ended=ended)


def _add_second_factor(router: APIRouter, context: Context) -> None:
    box = SecretBox(context.settings.signing_key(), purpose="second-factor")

    @router.post("/me/second-factor", operation_id="beginSecondFactor")
    async def begin(who: _Own) -> EnrolmentOut:
        """Begin with an authenticator application; it counts once its first code was confirmed."""
        async with context.database.write() as session:
            made = await secondfactor.begin(session, box, who.operator, now=context.clock.now())
        return EnrolmentOut(secret=made.secret, address=made.address, picture=made.picture())

    @router.post("/me/second-factor/confirmation", operation_id="confirmSecondFactor")
    async def confirm(who: _Own, wanted: CodeIn) -> RecoveryOut:
        """Switch the second factor on; returns the recovery codes, this once."""
        async with context.database.write() as session:
            codes = await secondfactor.confirm(
                session, box, who.operator, wanted.code, now=context.clock.now()
            )
        return RecoveryOut(recovery_codes=codes)

    @router.delete("/accounts/{account}/second-factor", operation_id="dropSecondFactor", status_code=204)
    async def drop(who: _Manager, account: str) -> Response:
        """Take an account's second factor away, for somebody who lost phone and recovery codes."""
        async with context.database.write() as session:
            await accounts.find_account(session, account)
            await secondfactor.switch_off(session, account, by=who.operator, now=context.clock.now())
        return Response(status_code=204)


def _add_accounts(router: APIRouter, context: Context) -> None:
    @router.get("/accounts", operation_id="listAccounts", dependencies=[requires(Right.MANAGE_ACCESS)])
    async def list_accounts() -> list[AccountOut]:
        """List every account with its roles."""
        async with context.database.read() as session:
            rows = list(await session.scalars(select(Operator).order_by(Operator.name)))
            grants = await grants_of_all(session, rows)
            return [
                AccountOut(
                    name=row.name,
                    person=row.person,
                    grants=[GrantOut.model_validate(one) for one in grants[row.name]],
                    second_factor=row.totp_since is not None,
                    has_password=row.password_hash is not None,
                    disabled=row.disabled_at is not None,
                    created_at=row.created_at,
                )
                for row in rows
            ]

    @router.post("/accounts", operation_id="makeAccount", status_code=201)
    async def make(who: _Manager, wanted: AccountIn) -> dict[str, Any]:
        """Make an account."""
        password = await hash_password(wanted.password) if wanted.password else None
        async with context.database.write() as session:
            row = await accounts.make_account(
                session,
                wanted.name,
                by=who.operator,
                now=context.clock.now(),
                password=password,
                person=wanted.person,
                grants=[one.grant() for one in wanted.grants],
            )
        return {"name": row.name}


def _add_account_changes(router: APIRouter, context: Context) -> None:
    @router.put("/accounts/{account}/grants", operation_id="setGrants", status_code=204)
    async def set_grants(who: _Manager, account: str, wanted: GrantsIn) -> Response:
        """Give an account these roles and no others; counts at once, in open pages too."""
        grants = [one.grant() for one in wanted.grants]
        async with context.database.write() as session:
            await accounts.set_grants(session, account, grants, by=who.operator, now=context.clock.now())
        return Response(status_code=204)

    @router.put("/accounts/{account}/password", operation_id="setPassword", status_code=204)
    async def set_password(who: _Manager, account: str, wanted: PasswordIn) -> Response:
        """Give an account a new password; its log-ins end."""
        password = await hash_password(wanted.password)
        async with context.database.write() as session:
            await accounts.set_password(session, account, password, by=who.operator, now=context.clock.now())
        return Response(status_code=204)

    @router.post("/accounts/{account}/logins", operation_id="tieLogin", status_code=204)
    async def tie(who: _Manager, account: str, wanted: LoginIn) -> Response:
        """Say who an account is in another system."""
        async with context.database.write() as session:
            await outside.tie(
                session, account, wanted.issuer, wanted.subject, by=who.operator, now=context.clock.now()
            )
        return Response(status_code=204)


def _add_account_sessions(router: APIRouter, context: Context) -> None:
    @router.post("/accounts/{account}/disabling", operation_id="disableAccount", status_code=204)
    async def disable(who: _Manager, account: str) -> Response:
        """Shut an account out; its log-ins and keys end at once."""
        async with context.database.write() as session:
            await accounts.disable(session, account, by=who.operator, now=context.clock.now())
        return Response(status_code=204)

    @router.delete("/accounts/{account}/disabling", operation_id="enableAccount", status_code=204)
    async def enable(who: _Manager, account: str) -> Response:
        """Let a disabled account in again."""
        async with context.database.write() as session:
            await accounts.enable(session, account, by=who.operator, now=context.clock.now())
        return Response(status_code=204)

    @router.get("/accounts/{account}/sessions", operation_id="listSessions")
    async def list_sessions(who: _Manager, account: str) -> list[SessionOut]:
        """List an account's log-ins that live."""
        async with context.database.read() as session:
            rows = await accounts.sessions_of(session, account, now=context.clock.now())
        return [_session_out(row, who) for row in rows]

    @router.delete("/accounts/{account}/sessions", operation_id="endSessions")
    async def end_all(who: _Manager, account: str) -> EndedOut:
        """End every log-in of an account."""
        async with context.database.write() as session:
            ended = await accounts.end_sessions(session, account, by=who.operator, now=context.clock.now())
        return EndedOut(ended=ended)


def _add_keys(router: APIRouter, context: Context) -> None:
    @router.get("/keys", operation_id="listKeys", dependencies=[requires(Right.MANAGE_ACCESS)])
    async def list_keys() -> list[KeyOut]:
        """List the keys of programs."""
        async with context.database.read() as session:
            return [KeyOut.model_validate(row) for row in await accounts.list_keys(session)]

    @router.post("/keys", operation_id="makeKey", status_code=201)
    async def make(who: _Manager, wanted: KeyIn) -> NewKeyOut:
        """Make a key that acts as an account: `Authorization: Bearer gwk_…`. It is shown this once."""
        async with context.database.write() as session:
            key = await accounts.make_key(
                session,
                wanted.account,
                wanted.title,
                days=wanted.days,
                by=who.operator,
                now=context.clock.now(),
            )
        return NewKeyOut(key=key)

    @router.delete("/keys/{key_id}", operation_id="revokeKey", status_code=204)
    async def revoke(who: _Manager, key_id: str) -> Response:
        """End a key."""
        async with context.database.write() as session:
            await accounts.revoke_key(session, key_id, by=who.operator, now=context.clock.now())
        return Response(status_code=204)


def _session_out(row: OperatorSession, who: SignedIn) -> SessionOut:
    return SessionOut(
        id=accounts.session_id_of(row),
        this_one=row.token_hash == who.token_hash,
        source=row.source,
        agent=row.agent,
        created_at=row.created_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
    )
