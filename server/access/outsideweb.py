"""The routes on which a browser goes out to another system to sign in, and comes back."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from server.access import oidc, outside, service, wecom
from server.access.allowances import Door, source_key
from server.access.guard import open_to_all, source_of
from server.access.web import enter
from server.context import Context
from server.errors import ForbiddenError

_ANYBODY = open_to_all("whoever signs in is not signed in yet")
_COOKIE = "login_state"
_MOST = 2_000


def build_outside_gate(context: Context) -> APIRouter:
    """Return the routes of signing in elsewhere."""
    router = APIRouter(include_in_schema=False)
    _add_oidc(router, context)
    _add_wecom(router, context)
    return router


def _add_oidc(router: APIRouter, context: Context) -> None:
    @router.get("/login/oidc", dependencies=[_ANYBODY])
    async def go_out(request: Request) -> Response:
        provider = outside.provider_of(context.settings, _address(context, request))
        out = await _go_out(context, request, outside.OIDC)
        address = await oidc.address_of_login(
            provider, state=out.state, nonce=out.nonce, verifier=out.verifier
        )
        return _leave(context, address, out.state)

    @router.get("/login/oidc/back", dependencies=[_ANYBODY])
    async def come_back(request: Request, code: str = "", state: str = "") -> Response:
        provider = outside.provider_of(context.settings, _address(context, request))
        out = await _returned(context, request, outside.OIDC, code, state)
        subject = await oidc.subject_of(provider, code=code, nonce=out.nonce, verifier=out.verifier)
        return await _let_in(context, request, provider.issuer, subject)


def _add_wecom(router: APIRouter, context: Context) -> None:
    @router.get("/login/wecom", dependencies=[_ANYBODY])
    async def go_out(request: Request) -> Response:
        corporation = outside.corporation_of(context.settings, _address(context, request))
        out = await _go_out(context, request, outside.WECOM)
        return _leave(context, wecom.address_of_login(corporation, state=out.state), out.state)

    @router.get("/login/wecom/back", dependencies=[_ANYBODY])
    async def come_back(request: Request, code: str = "", state: str = "") -> Response:
        corporation = outside.corporation_of(context.settings, _address(context, request))
        await _returned(context, request, outside.WECOM, code, state)
        user = await wecom.user_of(corporation, code=code)
        return await _let_in(context, request, corporation.issuer, user, leader=True)


async def _go_out(context: Context, request: Request, way: str) -> outside.Outgoing:
    now = context.clock.now()
    context.allowances.take(Door.OUTSIDE, source_key(source_of(request)), now=now)
    async with context.database.write() as session:
        return await outside.go_out(session, way, now=now)


def _address(context: Context, request: Request) -> str:
    """Return this server's address as the other system must know it."""
    return context.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")


def _leave(context: Context, address: str, state: str) -> Response:
    answer = RedirectResponse(address, status_code=303)
    answer.set_cookie(
        _COOKIE,
        state,
        max_age=round(outside.ATTEMPT_LIFE.total_seconds()),
        httponly=True,
        secure=context.settings.cookies_are_secure,
        samesite="lax",
        path="/login",
    )
    return answer


async def _returned(context: Context, request: Request, way: str, code: str, state: str) -> outside.Outgoing:
    if not code or len(code) > _MOST or not state:
        raise ForbiddenError("登录没有成功，请重新登录。")
    async with context.database.write() as session:
        return await outside.come_back(
            session, way, state=state, kept=request.cookies.get(_COOKIE), now=context.clock.now()
        )


async def _let_in(
    context: Context, request: Request, issuer: str, subject: str, *, leader: bool = False
) -> Response:
    async with context.database.write() as session:
        account = await outside.account_of(session, issuer, subject)
        made = await service.open_session(
            session,
            account.name,
            source=source_of(request),
            agent=request.headers.get("user-agent", ""),
            now=context.clock.now(),
            idle=service.LEADER_IDLE_LIFE if leader else service.IDLE_LIFE,
            longest=service.LEADER_LONGEST_LIFE if leader else service.LONGEST_LIFE,
        )
    answer = enter(context, request, made)
    answer.delete_cookie(_COOKIE, path="/login")
    return answer
