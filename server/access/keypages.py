"""The page of programs' keys: made once, shown once, ended at once."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from sqlalchemy import select
from starlette.responses import Response

from server.access import accounts
from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.access.tables import Operator
from server.context import Context
from server.errors import AnswerError
from server.web.pressing import press_form, show_refusal
from server.web.settingspage import render_settings

KEYS: Final = "/desk/keys"
_Manager = Annotated[SignedIn, requires(Right.MANAGE_ACCESS, unscoped=("key_id",))]
_DONE: Final[Mapping[str, str]] = {"revoked": "密钥已作废，马上失效。"}


def build_key_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/keys."""
    router = APIRouter(include_in_schema=False, prefix=KEYS)

    async def show(request: Request, problem: str = "", status: int = 200, **typed: str) -> Response:
        async with context.database.read() as session:
            rows = await accounts.list_keys(session)
            query = select(Operator.name).where(Operator.disabled_at.is_(None)).order_by(Operator.name)
            names = list(await session.scalars(query))
        return render_settings(
            request,
            "keys.html",
            status_code=status,
            rows=rows,
            names=names,
            done=_DONE.get(request.query_params.get("done", ""), ""),
            problem=problem,
            typed=typed,
            now=context.clock.now(),
        )

    @router.get("", dependencies=[requires(Right.MANAGE_ACCESS)])
    async def list_keys(request: Request) -> Response:
        return await show(request)

    @router.post("")
    async def make(
        request: Request,
        who: _Manager,
        account: Annotated[str, Form(max_length=60)],
        title: Annotated[str, Form(max_length=100)] = "",
        days: Annotated[str, Form(max_length=20)] = "90",
    ) -> Response:
        try:
            whole_days = int(days) if days.strip().isdecimal() else 0
            async with context.database.write() as session:
                key = await accounts.make_key(
                    session, account, title, days=whole_days, by=who.operator, now=context.clock.now()
                )
        except AnswerError as error:
            return await show_refusal(
                error,
                lambda problem, status: show(
                    request, problem, status, account=account, title=title, days=days
                ),
            )
        return render_settings(request, "key_made.html", key=key, account=account, title=title)

    @router.post("/{key_id}/revoke")
    async def revoke(request: Request, who: _Manager, key_id: str) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await accounts.revoke_key(session, key_id, by=who.operator, now=context.clock.now())
            return f"{KEYS}?done=revoked"

        return await press_form(act, lambda problem, status: show(request, problem, status))

    return router
