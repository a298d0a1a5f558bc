"""The pages of accounts: who there is, what they may do, inviting them, and letting them in again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from sqlalchemy import func, or_, select
from starlette.responses import RedirectResponse, Response

from server.access import accounts, invitations, lockouts, secondfactor
from server.access.guard import requires
from server.access.invitations import INVITATION_LIFE, waiting_invitations
from server.access.model import PLACES_OF, AccessRole, Grant, Right
from server.access.outside import issuers_of, ties_of
from server.access.service import SignedIn, grants_of, grants_of_all
from server.access.tables import Operator, OperatorGrant, OperatorSession
from server.context import Context
from server.db.session import ReadSession
from server.errors import AnswerError, InvalidError
from server.people.model import Scope
from server.people.tables import Person
from server.places.tables import Block, Community, Estate, Grid
from server.web import deskwords
from server.web.pressing import ShowAgain, press_form, show_refusal
from server.web.settingspage import render_settings

ACCOUNTS: Final = "/desk/accounts"
_Manager = Annotated[SignedIn, requires(Right.MANAGE_ACCESS, unscoped=("account",))]
_Text = Annotated[str, Form(max_length=200)]
_PLACES: Final[Mapping[Scope, Any]] = {
    Scope.COMMUNITY: Community,
    Scope.GRID: Grid,
    Scope.ESTATE: Estate,
    Scope.BLOCK: Block,
}
_MOST_ROWS: Final = 200
_CHOICES: Final = tuple((role, scope) for role, scopes in PLACES_OF.items() for scope in scopes)
"""Each role with each kind of place, as a form offers them."""
_DONE: Final[Mapping[str, str]] = {
    "made": "账号已建立。",
    "given": "角色已给予，马上生效。",
    "taken": "角色已收回，马上生效，打开着的页面也一样。",
    "disabled": "账号已停用，登录和密钥马上失效。",
    "enabled": "账号已恢复。",
    "ended": "这个账号的登录都已结束。",
    "lifted": "可以马上再试登录。",
    "withdrawn": "邀请码已作废。",
    "tied": "已绑定，可以用那边的账号登录。",
    "untied": "已解除绑定。",
    "factor_off": "动态验证码已停用。请让本人登录后重新启用。",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account as the list shows it."""

    name: str
    person: str
    grants: tuple[Grant, ...]
    second_factor: bool
    disabled: bool
    has_password: bool
    invited_until: datetime | None
    waits_until: datetime | None
    sessions: int
    seen_at: datetime | None


def build_account_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/accounts."""
    router = APIRouter(include_in_schema=False, prefix=ACCOUNTS)
    _add_list(router, context)
    _add_one(router, context)
    _add_roles(router, context)
    _add_inviting(router, context)
    _add_locking(router, context)
    return router


def _add_list(router: APIRouter, context: Context) -> None:
    async def show_all(request: Request, problem: str = "", status: int = 200, **typed: str) -> Response:
        now, asked = context.clock.now(), request.query_params.get("q", "").strip()[:60]
        async with context.database.read() as session:
            waiting = await lockouts.lockouts(session, now=now)
            found, total = await _found(session, asked)
            rows = await _rows(session, found, {one.name: one.until for one in waiting if one.name}, now)
            names = [one.name for one in waiting if one.name]
            known = set(await session.scalars(select(Operator.name).where(Operator.name.in_(names))))
            # A name nobody has may be a password that was typed in the wrong field: it is not shown.
            waiting = [one for one in waiting if one.source or one.name in known]
            places = await _place_names(session, [one for row in rows for one in row.grants])
        return render_settings(
            request,
            "accounts.html",
            status_code=status,
            rows=rows,
            places=places,
            waiting=waiting,
            q=asked,
            total=total,
            most=_MOST_ROWS,
            choices=_CHOICES,
            words=deskwords,
            done=_DONE.get(request.query_params.get("done", ""), ""),
            problem=problem,
            typed=typed,
            now=now,
        )

    @router.get("", dependencies=[requires(Right.MANAGE_ACCESS)])
    async def list_accounts(request: Request) -> Response:
        return await show_all(request)

    @router.post("")
    async def make(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Manager,
        name: _Text,
        role: _Text,
        place: _Text = "",
        person: _Text = "",
    ) -> Response:
        now = context.clock.now()
        try:
            async with context.database.write() as session:
                row = await accounts.make_account(
                    session,
                    name,
                    by=who.operator,
                    now=now,
                    person=await _person_code(session, person.strip()),
                    grants=[await _grant_at(session, role, place)] if role else [],
                )
                code = await invitations.invite(session, row.name, by=who.operator, now=now)
        except AnswerError as error:
            return await show_refusal(
                error,
                lambda problem, status: show_all(
                    request, problem, status, name=name, role=role, place=place, person=person
                ),
            )
        return _show_code(request, context, row.name, code)

    @router.post("/lockouts")
    async def lift(who: _Manager, name: _Text = "", source: _Text = "") -> Response:
        if bool(name) is bool(source):
            raise InvalidError("请说明是哪个账号，或者哪个来源。")
        async with context.database.write() as session:
            await lockouts.lift(session, name=name, source=source, by=who.operator, now=context.clock.now())
        return RedirectResponse(f"{ACCOUNTS}?done=lifted", status_code=303)


def _add_one(router: APIRouter, context: Context) -> None:
    @router.get("/{account}", dependencies=[requires(Right.MANAGE_ACCESS, unscoped=("account",))])
    async def show_account(request: Request, account: str) -> Response:
        return await _show_one(request, context, account)

    @router.post("/{account}/sessions/end")
    async def end_sessions(request: Request, who: _Manager, account: str) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await accounts.find_account(session, account)
                await accounts.end_sessions(session, account, by=who.operator, now=context.clock.now())
            return _address(account, "ended")

        return await press_form(act, account_page_again(request, context, account))


async def _show_one(
    request: Request, context: Context, account: str, problem: str = "", status: int = 200
) -> Response:
    now = context.clock.now()
    async with context.database.read() as session:
        row = await accounts.find_account(session, account)
        given = [
            Grant(role=one.role, scope=one.scope, code=one.code)
            for one in await session.scalars(
                select(OperatorGrant).where(OperatorGrant.operator == account).order_by(OperatorGrant.id)
            )
        ]
        every = await grants_of(session, row)
        person = await session.get(Person, row.person) if row.person else None
        waiting = [one for one in await lockouts.lockouts(session, now=now) if one.name == account]
        values: dict[str, Any] = {
            "account": row,
            "person": person,
            "given": given,
            "of_duty": [one for one in every if one not in given],
            "places": await _place_names(session, every),
            "sessions": await accounts.sessions_of(session, account, now=now),
            "keys": [one for one in await accounts.list_keys(session) if one.operator == account],
            "invited_until": (await waiting_invitations(session, now=now)).get(account),
            "waiting": waiting,
            "ties": await ties_of(session, account),
            "issuers": issuers_of(context.settings),
        }
    return render_settings(
        request,
        "account.html",
        status_code=status,
        choices=_CHOICES,
        field=deskwords.grant_field,
        words=deskwords,
        done=_DONE.get(request.query_params.get("done", ""), ""),
        problem=problem,
        now=now,
        **values,
    )


def _add_roles(router: APIRouter, context: Context) -> None:
    async def change(who: SignedIn, account: str, role: str, place: str, *, give: bool) -> str:
        async with context.database.write() as session:
            grant = await _grant_at(session, role, place) if give else _grant(role, place)
            query = select(OperatorGrant).where(OperatorGrant.operator == account)
            held = [
                Grant(role=one.role, scope=one.scope, code=one.code) for one in await session.scalars(query)
            ]
            wanted = [*held, grant] if give else [one for one in held if one != grant]
            await accounts.set_grants(session, account, wanted, by=who.operator, now=context.clock.now())
        return _address(account, "given" if give else "taken")

    @router.post("/{account}/roles/give")
    async def give(request: Request, who: _Manager, account: str, role: _Text, place: _Text = "") -> Response:
        async def act() -> str:
            return await change(who, account, role, place, give=True)

        return await press_form(act, account_page_again(request, context, account))

    @router.post("/{account}/roles/take")
    async def take(request: Request, who: _Manager, account: str, grant: _Text) -> Response:
        async def act() -> str:
            role, _, code = grant.partition(":")
            return await change(who, account, role, code, give=False)

        return await press_form(act, account_page_again(request, context, account))


def _add_inviting(router: APIRouter, context: Context) -> None:
    @router.post("/{account}/invitation")
    async def invite(request: Request, who: _Manager, account: str) -> Response:
        try:
            async with context.database.write() as session:
                code = await invitations.invite(session, account, by=who.operator, now=context.clock.now())
        except AnswerError as error:
            return await show_refusal(error, account_page_again(request, context, account))
        return _show_code(request, context, account, code)

    @router.post("/{account}/invitation/withdraw")
    async def withdraw(request: Request, who: _Manager, account: str) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await invitations.withdraw_invitation(
                    session, account, by=who.operator, now=context.clock.now()
                )
            return _address(account, "withdrawn")

        return await press_form(act, account_page_again(request, context, account))


def _add_locking(router: APIRouter, context: Context) -> None:
    @router.post("/{account}/disable")
    async def disable(request: Request, who: _Manager, account: str) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await accounts.disable(session, account, by=who.operator, now=context.clock.now())
            return _address(account, "disabled")

        return await press_form(act, account_page_again(request, context, account))

    @router.post("/{account}/enable")
    async def enable(request: Request, who: _Manager, account: str) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await accounts.enable(session, account, by=who.operator, now=context.clock.now())
            return _address(account, "enabled")

        return await press_form(act, account_page_again(request, context, account))

    @router.post("/{account}/second-factor/drop")
    async def drop(request: Request, who: _Manager, account: str) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await accounts.find_account(session, account)
                await secondfactor.switch_off(session, account, by=who.operator, now=context.clock.now())
            return _address(account, "factor_off")

        return await press_form(act, account_page_again(request, context, account))


def account_page_again(request: Request, context: Context, account: str) -> ShowAgain:
    """Return what builds the page of an account once more, with what stood in the way."""

    async def show(problem: str, status: int) -> Response:
        return await _show_one(request, context, account, problem, status)

    return show


def _show_code(request: Request, context: Context, account: str, code: str) -> Response:
    """Show an invitation, this once: it is kept as a hash."""
    return render_settings(
        request,
        "invited.html",
        account=account,
        code=f"{code[:4]} {code[4:8]} {code[8:]}",
        link=f"{context.settings.address()}/join?code={code}",
        until=context.clock.now() + INVITATION_LIFE,
    )


def _address(account: str, done: str) -> str:
    return f"{ACCOUNTS}/{quote(account, safe='')}?done={done}"


def _grant(role: str, code: str) -> Grant:
    """Return the role that a form names as `role@scope`, for the place with this code."""
    name, _, scope = role.partition("@")
    try:
        return Grant(role=AccessRole(name), scope=Scope(scope), code=code.strip())
    except ValueError:
        raise InvalidError("没有这个角色。") from None


async def _grant_at(session: ReadSession, role: str, place: str) -> Grant:
    """Return the role that a form names; its place may be called by its code or by its whole name."""
    grant = _grant(role, place)
    table = _PLACES.get(grant.scope)
    if table is None or await session.get(table, grant.code) is not None:
        return grant
    named = list(await session.scalars(select(table.code).where(table.name == grant.code).limit(2)))
    if len(named) > 1:
        raise InvalidError("有几个地方都叫这个名字，请填编号。")
    return replace(grant, code=named[0]) if named else grant


async def _person_code(session: ReadSession, text: str) -> str | None:
    """Return the code of the person that a form names by code or by their whole name; none for nobody."""
    if not text or await session.get(Person, text) is not None:
        return text or None
    named = list(await session.scalars(select(Person.code).where(Person.name == text).limit(2)))
    if len(named) > 1:
        raise InvalidError("有几个人都叫这个名字，请填编号。")
    return named[0] if named else text


async def _found(session: ReadSession, text: str) -> tuple[list[Operator], int]:
    """Return the accounts whose name, or whose person, a text is part of; at most a page, and how many."""
    query = select(Operator).outerjoin(Person, Person.code == Operator.person).order_by(Operator.name)
    if text:
        like = f"%{text}%"
        query = query.where(or_(Operator.name.like(like), Person.name.like(like), Person.code == text))
    found = list(await session.scalars(query))
    return found[:_MOST_ROWS], len(found)


async def _rows(
    session: ReadSession, accounts_: Sequence[Operator], waiting: Mapping[str, datetime], now: datetime
) -> list[AccountRow]:
    names = [row.name for row in accounts_]
    invited = await waiting_invitations(session, now=now)
    grants = await grants_of_all(session, accounts_)
    named = select(Person.code, Person.name).where(Person.code.in_([row.person for row in accounts_]))
    people = {row.code: row.name for row in await session.execute(named)}
    living = select(OperatorSession.operator, func.count(), func.max(OperatorSession.used_at)).where(
        OperatorSession.operator.in_(names), OperatorSession.confirmed, OperatorSession.expires_at > now
    )
    living = living.group_by(OperatorSession.operator)
    seen = {name: (count, at) for name, count, at in await session.execute(living)}
    return [
        AccountRow(
            name=row.name,
            person=people.get(row.person or "", ""),
            grants=tuple(dict.fromkeys(grants[row.name])),
            second_factor=row.totp_since is not None,
            disabled=row.disabled_at is not None,
            has_password=row.password_hash is not None,
            invited_until=invited.get(row.name),
            waits_until=waiting.get(row.name),
            sessions=seen.get(row.name, (0, None))[0],
            seen_at=seen.get(row.name, (0, None))[1],
        )
        for row in accounts_
    ]


async def _place_names(session: ReadSession, grants: Any) -> dict[tuple[Scope, str], str]:
    """Return the names of the places that roles are held for."""
    names: dict[tuple[Scope, str], str] = {}
    for scope, table in _PLACES.items():
        codes = {one.code for one in grants if one.scope is scope}
        rows = await session.execute(select(table.code, table.name).where(table.code.in_(codes)))
        names |= {(scope, row.code): row.name for row in rows}
    return names
