"""Who an account is in another system (WeCom, OpenID), tied and untied on the page of the account."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from server.access import outside
from server.access.accountpages import ACCOUNTS, account_page_again
from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.errors import InvalidError
from server.web.pressing import press_form

_Manager = Annotated[SignedIn, requires(Right.MANAGE_ACCESS, unscoped=("account",))]
_Text = Annotated[str, Form(max_length=200)]


def build_tie_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/accounts/…/logins."""
    router = APIRouter(include_in_schema=False, prefix=ACCOUNTS)

    @router.post("/{account}/logins/tie")
    async def tie(request: Request, who: _Manager, account: str, issuer: _Text, subject: _Text) -> Response:
        async def act() -> str:
            if issuer not in outside.issuers_of(context.settings) or not subject.strip():
                raise InvalidError("请选择系统，并填写在那里的账号。")
            async with context.database.write() as session:
                await outside.tie(
                    session, account, issuer, subject.strip(), by=who.operator, now=context.clock.now()
                )
            return f"{ACCOUNTS}/{quote(account, safe='')}?done=tied"

        return await press_form(act, account_page_again(request, context, account))

    @router.post("/{account}/logins/untie")
    async def untie(request: Request, who: _Manager, account: str, issuer: _Text, subject: _Text) -> Response:
        async def act() -> str:
            async with context.database.write() as session:
                await outside.untie(
                    session, account, issuer, subject, by=who.operator, now=context.clock.now()
                )
            return f"{ACCOUNTS}/{quote(account, safe='')}?done=untied"

        return await press_form(act, account_page_again(request, context, account))

    return router
