"""One's own account: password, second factor, log-ins; and joining with a code of invitation."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access import accounts, invitations, secondfactor, service
from server.access.guard import open_to_all, requires, source_of
from server.access.model import Right
from server.access.sealing import SecretBox
from server.access.secondfactor import Enrolment
from server.access.secrets import hash_password
from server.access.service import SignedIn, prove_password
from server.access.tables import Operator
from server.context import Context
from server.errors import AnswerError, InvalidError
from server.web import deskwords
from server.web.pressing import press_form, show_refusal
from server.web.settingspage import render_settings

OWN: Final = "/desk/me"
_Own = Annotated[SignedIn, requires(Right.SIGNED_IN, unscoped=("session_id",))]
_ANYBODY = open_to_all("whoever was invited is not signed in yet; the code says whose account it is")
_Secret = Annotated[str, Form(max_length=200)]
_Code = Annotated[str, Form(max_length=40)]
_DONE: Final[Mapping[str, str]] = {
    "password": "密码已修改，别处的登录都已结束。",
    "ended": "那个登录已结束。",
    "others_ended": "别处的登录都已结束。",
    "factor_off": "动态验证码已停用。",
}


def build_own_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/me, and /join."""
    router = APIRouter(include_in_schema=False)
    box = SecretBox(context.settings.signing_key(), purpose="second-factor")
    _add_page(router, context)
    _add_sessions(router, context)
    _add_second_factor(router, context, box)
    _add_factor_changes(router, context, box)
    _add_joining(router, context)
    return router


async def _show(
    request: Request,
    context: Context,
    who: SignedIn,
    problem: str = "",
    status: int = 200,
    *,
    enrolment: Enrolment | None = None,
    codes: list[str] | None = None,
) -> Response:
    now = context.clock.now()
    async with context.database.read() as session:
        row = await session.get_one(Operator, who.operator)
        sessions = await accounts.sessions_of(session, who.operator, now=now)
        left = await secondfactor.codes_left(session, who.operator)
    return render_settings(
        request,
        "own_account.html",
        status_code=status,
        who=who,
        account=row,
        sessions=[(accounts.session_id_of(one), one, one.token_hash == who.token_hash) for one in sessions],
        codes_left=left,
        enrolment=enrolment,
        codes=codes,
        words=deskwords,
        least=service.LEAST_PASSWORD,
        done=_DONE.get(request.query_params.get("done", ""), ""),
        problem=problem,
    )


def _add_page(router: APIRouter, context: Context) -> None:
    @router.get(OWN)
    async def show(request: Request, who: _Own) -> Response:
        return await _show(request, context, who)

    @router.post(f"{OWN}/password")
    async def change_password(
        request: Request, who: _Own, old: _Secret, new: _Secret, again: _Secret
    ) -> Response:
        async def act() -> str:
            if new != again:
                raise InvalidError("两次输入的新密码不一样。")
            hashed = await hash_password(new)
            async with context.database.read() as reading:
                proven = await prove_password(reading, who.operator, old)
            async with context.database.write() as session:
                await accounts.change_own_password(
                    session,
                    who.operator,
                    proven,
                    hashed,
                    kept_session=who.token_hash,
                    now=context.clock.now(),
                )
            return f"{OWN}?done=password"

        return await press_form(act, lambda problem, status: _show(request, context, who, problem, status))


def _add_sessions(router: APIRouter, context: Context) -> None:
    @router.post(f"{OWN}/sessions/end-others")
    async def end_others(who: _Own) -> Response:
        async with context.database.write() as session:
            await accounts.end_sessions(
                session, who.operator, by=who.operator, now=context.clock.now(), but=who.token_hash
            )
        return RedirectResponse(f"{OWN}?done=others_ended", status_code=303)

    @router.post(f"{OWN}/sessions/{{session_id}}/end")
    async def end_one(request: Request, who: _Own, session_id: str) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await accounts.end_session(
                    session, who.operator, session_id, by=who.operator, now=context.clock.now()
                )
            return f"{OWN}?done=ended"

        return await press_form(act, lambda problem, status: _show(request, context, who, problem, status))


def _add_second_factor(router: APIRouter, context: Context, box: SecretBox) -> None:
    @router.post(f"{OWN}/second-factor")
    async def begin(request: Request, who: _Own) -> Response:
        try:
            async with context.database.write() as session:
                made = await secondfactor.begin(session, box, who.operator, now=context.clock.now())
        except AnswerError as error:
            return await show_refusal(
                error, lambda problem, status: _show(request, context, who, problem, status)
            )
        return await _show(request, context, who, enrolment=made)

    @router.post(f"{OWN}/second-factor/confirmation")
    async def confirm(request: Request, who: _Own, code: _Code) -> Response:
        try:
            async with context.database.write() as session:
                codes = await secondfactor.confirm(session, box, who.operator, code, now=context.clock.now())
        except AnswerError as error:
            detail, status = error.detail, error.status
            async with context.database.read() as session:
                begun = await secondfactor.begun(session, box, who.operator)
            return await _show(request, context, who, detail, status, enrolment=begun)
        return await _show(request, context, who, codes=codes)


def _add_factor_changes(router: APIRouter, context: Context, box: SecretBox) -> None:
    async def check(request: Request, who: SignedIn, code: str) -> None:
        """Ask for the factor itself before it is changed; a wrong code is counted like one at the gate."""
        now, source = context.clock.now(), source_of(request)
        async with context.database.write() as session:
            await service.check_pause(session, who.operator, source, now)
            fits = await secondfactor.check(session, box, who.operator, code, now=now)
            if not fits:
                await service.note_failure(session, who.operator, source, now)
        if not fits:
            raise InvalidError("验证码不对。")

    @router.post(f"{OWN}/second-factor/off")
    async def switch_off(request: Request, who: _Own, code: _Code) -> Response:
        async def act() -> str:
            await check(request, who, code)
            async with context.database.write() as session:
                await secondfactor.switch_off(session, who.operator, by=who.operator, now=context.clock.now())
            return f"{OWN}?done=factor_off"

        return await press_form(act, lambda problem, status: _show(request, context, who, problem, status))

    @router.post(f"{OWN}/second-factor/recovery-codes")
    async def renew(request: Request, who: _Own, code: _Code) -> Response:
        try:
            await check(request, who, code)
            async with context.database.write() as session:
                codes = await secondfactor.renew_codes(session, who.operator, now=context.clock.now())
        except AnswerError as error:
            return await show_refusal(
                error, lambda problem, status: _show(request, context, who, problem, status)
            )
        return await _show(request, context, who, codes=codes)


def _add_joining(router: APIRouter, context: Context) -> None:
    def page(request: Request, code: str, problem: str = "", status: int = 200) -> Response:
        return render_settings(
            request,
            "join.html",
            status_code=status,
            code=code,
            problem=problem,
            least=service.LEAST_PASSWORD,
        )

    @router.get("/join", dependencies=[_ANYBODY])
    async def show_join(request: Request, code: str = "") -> Response:
        return page(request, code[:40])

    @router.post("/join", dependencies=[_ANYBODY])
    async def join(request: Request, code: _Code, password: _Secret, again: _Secret) -> Response:
        async def act() -> str:
            if password != again:
                raise InvalidError("两次输入的密码不一样。")
            async with context.database.read() as reading:
                await invitations.check_joining(reading, source_of(request), now=context.clock.now())
            hashed = await hash_password(password)
            async with context.database.write() as session:
                name = await invitations.join(
                    session, code, hashed, source=source_of(request), now=context.clock.now()
                )
            if name is None:
                raise InvalidError("邀请码不对、已用过或已过期。请向管理员要一个新的。")
            return "/login?joined=yes"

        async def again_page(problem: str, status: int) -> Response:
            return page(request, code, problem, status)

        return await press_form(act, again_page)
