"""Signing in at the desk, and making the first operator."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access import secondfactor, service
from server.access.allowances import Door, source_key
from server.access.guard import cookie_name, guessed, open_to_all, requires, source_of
from server.access.model import Right
from server.access.outside import ways_of
from server.access.sealing import SecretBox
from server.access.secrets import hash_password
from server.access.service import NewSession, SignedIn
from server.context import Context
from server.errors import AnswerError, ForbiddenError, TooManyError
from server.web.comingback import COOKIE, page_to_return_to
from server.web.templating import render_page

_ANYBODY = open_to_all("whoever signs in is not signed in yet")


def build_gate(context: Context) -> APIRouter:
    """Return the routes of signing in and out."""
    router = APIRouter(include_in_schema=False)
    _add_login(router, context)
    _add_code(router, context)
    _add_setup(router, context)
    _add_logout(router, context)
    return router


def _add_login(router: APIRouter, context: Context) -> None:
    @router.get("/login", dependencies=[_ANYBODY])
    async def show_login(request: Request) -> Response:
        async with context.database.read() as session:
            if not await service.has_operator(session):
                return RedirectResponse("/setup", status_code=303)
        return _login_page(request, context, "", "")

    @router.post("/login", dependencies=[_ANYBODY])
    async def sign_in(
        request: Request, name: Annotated[str, Form()], password: Annotated[str, Form()]
    ) -> Response:
        try:
            source = source_of(request)
            async with context.database.read() as reading:
                await service.check_pause(reading, name.strip(), source, context.clock.now())
                proven = await service.prove_password(reading, name.strip(), password)
            async with context.database.write() as session:
                made = await service.sign_in(
                    session,
                    name=name.strip(),
                    proven=proven,
                    source=source,
                    agent=request.headers.get("user-agent", ""),
                    now=context.clock.now(),
                )
        except TooManyError as error:
            page = _login_page(request, context, error.detail, name, status=429)
            page.headers["Retry-After"] = str(error.retry_after_s)
            return page
        if made is None:
            return _login_page(request, context, "姓名或密码不对。", name, status=403)
        return enter(context, request, made)


def enter(context: Context, request: Request, made: NewSession) -> Response:
    """Return the answer that gives a browser its session, and leads to the page it had asked for."""
    secure = context.settings.cookies_are_secure
    to = "/login/code" if made.needs_code else page_to_return_to(request)
    answer = RedirectResponse(to, status_code=303)
    if not made.needs_code:
        answer.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="lax")
    answer.set_cookie(
        cookie_name(secure=secure),
        made.token,
        httponly=True,
        secure=secure,
        samesite="lax",
        path="/",
        max_age=round(service.LEADER_LONGEST_LIFE.total_seconds()),
    )
    return answer


def _login_page(
    request: Request, context: Context, problem: str, name: str, *, status: int = 200
) -> Response:
    return render_page(
        request,
        "login.html",
        status_code=status,
        problem=problem,
        name=name,
        ways=ways_of(context.settings),
        joined=not problem and request.query_params.get("joined") == "yes",
    )


def _add_code(router: APIRouter, context: Context) -> None:
    cookie = cookie_name(secure=context.settings.cookies_are_secure)
    box = SecretBox(context.settings.signing_key(), purpose="second-factor")

    @router.get("/login/code", dependencies=[_ANYBODY])
    async def ask_code(request: Request) -> Response:
        async with context.database.read() as session:
            token = request.cookies.get(cookie)
            if await service.waiting_for_code(session, token, now=context.clock.now()) is None:
                return RedirectResponse("/login", status_code=303)
        return render_page(request, "login_code.html", problem="")

    @router.post("/login/code", dependencies=[_ANYBODY])
    async def take_code(request: Request, code: Annotated[str, Form(max_length=40)]) -> Response:
        now, source, token = context.clock.now(), source_of(request), request.cookies.get(cookie)
        try:
            async with context.database.write() as session:
                name = await service.waiting_for_code(session, token, now=now)
                if name is None or token is None:
                    return RedirectResponse("/login", status_code=303)
                await service.check_pause(session, name, source, now)
                if await secondfactor.check(session, box, name, code, now=now):
                    confirmed = await service.confirm_session(session, token, now=now, source=source)
                    return enter(context, request, confirmed)
                await service.note_failure(session, name, source, now)
        except TooManyError as error:
            page = render_page(request, "login_code.html", status_code=429, problem=error.detail)
            page.headers["Retry-After"] = str(error.retry_after_s)
            return page
        return render_page(request, "login_code.html", status_code=403, problem="验证码不对。")


def _add_setup(router: APIRouter, context: Context) -> None:
    @router.get("/setup", dependencies=[_ANYBODY])
    async def show_setup(request: Request) -> Response:
        async with context.database.read() as session:
            if await service.has_operator(session):
                return RedirectResponse("/login", status_code=303)
        return render_page(request, "setup.html", problem="", name="")

    @router.post("/setup", dependencies=[_ANYBODY])
    async def set_up(
        request: Request,
        code: Annotated[str, Form()],
        name: Annotated[str, Form()],
        password: Annotated[str, Form()],
    ) -> Response:
        try:
            await _check_code(request, context, code)
            hashed = await hash_password(password)
            async with context.database.write() as session:
                await service.set_up_first_operator(
                    session, code=code, name=name, password=hashed, now=context.clock.now()
                )
        except AnswerError as error:
            page = render_page(
                request,
                "setup.html",
                status_code=error.status,
                problem=error.detail,
                name=name,
            )
            if isinstance(error, TooManyError):
                page.headers["Retry-After"] = str(error.retry_after_s)
            return page
        return RedirectResponse("/login", status_code=303)


async def _check_code(request: Request, context: Context, code: str) -> None:
    """Let the holder of the first-run code on to the work that takes long; a wrong one is counted."""
    now = context.clock.now()
    context.allowances.check(Door.SETUP, source_key(source_of(request)), now=now)
    try:
        async with context.database.read() as session:
            await service.check_first_run_code(session, code, now=now)
    except ForbiddenError:
        await guessed(context, request, Door.SETUP)
        raise


def _add_logout(router: APIRouter, context: Context) -> None:
    secure = context.settings.cookies_are_secure
    cookie = cookie_name(secure=secure)

    @router.post("/logout")
    async def sign_out(signed_in: Annotated[SignedIn, requires(Right.SIGNED_IN)]) -> Response:
        async with context.database.write() as session:
            await service.sign_out(session, signed_in, now=context.clock.now())
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(cookie, path="/", secure=secure, httponly=True, samesite="lax")
        return answer
