"""Signing in at the desk, and making the first operator."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access import service
from server.access.service import SignedIn
from server.context import Context
from server.errors import AnswerError, NotSignedInError, TooManyError
from server.web.templating import render_page

SESSION_COOKIE: Final = "session"

Door = Callable[[Request], Awaitable[SignedIn]]
"""Returns who asks; raises NotSignedInError when nobody is signed in."""


def build_door(context: Context) -> Door:
    """Return what every route of the desk asks first."""
    cookie = cookie_name(secure=context.settings.cookies_are_secure)

    async def require_operator(request: Request) -> SignedIn:
        now = context.clock.now()
        async with context.database.read() as session:
            found = await service.find_session(session, request.cookies.get(cookie), now=now)
        if found is None:
            raise NotSignedInError("请先登录。")
        if request.method not in ("GET", "HEAD"):
            async with context.database.write() as session:
                await service.touch_session(session, found.token_hash, now=now)
        return found

    return require_operator


def cookie_name(*, secure: bool) -> str:
    """Return the name of the session's cookie; the prefix ties it to this host over HTTPS."""
    return f"__Host-{SESSION_COOKIE}" if secure else SESSION_COOKIE


def build_gate(context: Context, door: Door) -> APIRouter:
    """Return the routes of signing in and out."""
    router = APIRouter(include_in_schema=False)
    _add_login(router, context)
    _add_setup(router, context)
    _add_logout(router, context, door)
    return router


def _add_login(router: APIRouter, context: Context) -> None:
    secure = context.settings.cookies_are_secure
    cookie = cookie_name(secure=secure)

    @router.get("/login")
    async def show_login(request: Request) -> Response:
        async with context.database.read() as session:
            if not await service.has_operator(session):
                return RedirectResponse("/setup", status_code=303)
        return render_page(request, "login.html", problem="", name="")

    @router.post("/login")
    async def sign_in(
        request: Request, name: Annotated[str, Form()], password: Annotated[str, Form()]
    ) -> Response:
        source = request.client.host if request.client else ""
        try:
            async with context.database.write() as session:
                token = await service.sign_in(
                    session,
                    name=name.strip(),
                    password=password,
                    source=source,
                    now=context.clock.now(),
                )
        except TooManyError as error:
            page = render_page(request, "login.html", status_code=429, problem=error.detail, name=name)
            page.headers["Retry-After"] = str(error.retry_after_s)
            return page
        if token is None:
            problem = "姓名或密码不对。"
            return render_page(request, "login.html", status_code=403, problem=problem, name=name)
        answer = RedirectResponse("/desk", status_code=303)
        answer.set_cookie(
            cookie, token, httponly=True, secure=secure, samesite="lax", path="/", max_age=2_592_000
        )
        return answer


def _add_setup(router: APIRouter, context: Context) -> None:
    @router.get("/setup")
    async def show_setup(request: Request) -> Response:
        async with context.database.read() as session:
            if await service.has_operator(session):
                return RedirectResponse("/login", status_code=303)
        return render_page(request, "setup.html", problem="", name="")

    @router.post("/setup")
    async def set_up(
        request: Request,
        code: Annotated[str, Form()],
        name: Annotated[str, Form()],
        password: Annotated[str, Form()],
    ) -> Response:
        try:
            async with context.database.write() as session:
                await service.set_up_first_operator(
                    session, code=code, name=name, password=password, now=context.clock.now()
                )
        except AnswerError as error:
            return render_page(
                request,
                "setup.html",
                status_code=error.status,
                problem=error.detail,
                name=name,
            )
        return RedirectResponse("/login", status_code=303)


def _add_logout(router: APIRouter, context: Context, door: Door) -> None:
    secure = context.settings.cookies_are_secure
    cookie = cookie_name(secure=secure)

    @router.post("/logout")
    async def sign_out(request: Request) -> Response:
        signed_in = await door(request)
        async with context.database.write() as session:
            await service.sign_out(session, signed_in, now=context.clock.now())
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(cookie, path="/", secure=secure, httponly=True, samesite="lax")
        return answer
