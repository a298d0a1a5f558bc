"""Signing in at the desk, and making the first operator."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access import service
from server.access.guard import cookie_name, open_to_all, requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.errors import AnswerError, TooManyError
from server.web.templating import render_page

_ANYBODY = open_to_all("whoever signs in is not signed in yet")


def build_gate(context: Context) -> APIRouter:
    """Return the routes of signing in and out."""
    router = APIRouter(include_in_schema=False)
    _add_login(router, context)
    _add_setup(router, context)
    _add_logout(router, context)
    return router


def _add_login(router: APIRouter, context: Context) -> None:
    secure = context.settings.cookies_are_secure
    cookie = cookie_name(secure=secure)

    @router.get("/login", dependencies=[_ANYBODY])
    async def show_login(request: Request) -> Response:
        async with context.database.read() as session:
            if not await service.has_operator(session):
                return RedirectResponse("/setup", status_code=303)
        return render_page(request, "login.html", problem="", name="")

    @router.post("/login", dependencies=[_ANYBODY])
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
