"""The page 投诉建议, open to everybody, and the desk's list of what was written there."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access.allowances import Door, source_key
from server.access.guard import open_to_all, requires, source_of
from server.access.model import Right
from server.access.secrets import new_secret
from server.access.service import SignedIn
from server.audit.views import note_view
from server.context import Context
from server.feedback.service import MOST_CHARACTERS, list_feedback, mark_read, take_in
from server.items.company import desk_phone
from server.web.templating import render_page

_ANYBODY: Final = "anybody may complain, without a name"


def build_feedback_pages(context: Context) -> APIRouter:
    """Return the routes of complaints and suggestions."""
    router = APIRouter(include_in_schema=False)

    @router.get("/feedback", dependencies=[open_to_all(_ANYBODY)])
    async def show_form(request: Request, said: str = "") -> Response:
        async with context.database.read() as session:
            phone = await desk_phone(session)
        return render_page(
            request,
            "feedback.html",
            kept=said == "kept",
            desk_phone=phone,
            most=MOST_CHARACTERS,
            new_press=new_secret,
        )

    @router.post("/feedback", dependencies=[open_to_all(_ANYBODY)])
    async def write(
        request: Request,
        press: Annotated[str, Form()],
        text: Annotated[str, Form()] = "",
        contact: Annotated[str, Form()] = "",
    ) -> Response:
        context.allowances.take(Door.FEEDBACK, source_key(source_of(request)), now=context.clock.now())
        async with context.database.write() as session:
            await take_in(session, press=press, text=text, contact=contact, now=context.clock.now())
        return RedirectResponse("/feedback?said=kept", status_code=303)

    _add_desk(router, context)
    return router


def _add_desk(router: APIRouter, context: Context) -> None:
    @router.get("/desk/feedback")
    async def show_all(
        request: Request, signed_in: Annotated[SignedIn, requires(Right.ACT_AS_DESK)]
    ) -> Response:
        async with context.database.read() as session:
            rows = await list_feedback(session)
        await note_view(
            context.database,
            [""] if rows else [],
            by=signed_in.operator,
            now=context.clock.now(),
            subject_kind="feedback",
        )
        return render_page(request, "desk_feedback.html", rows=rows)

    @router.post("/desk/feedback/{feedback}/read")
    async def note_read(
        feedback: str,
        signed_in: Annotated[SignedIn, requires(Right.ACT_AS_DESK, unscoped=("feedback",))],
    ) -> Response:
        async with context.database.write() as session:
            await mark_read(session, feedback, by=signed_in.operator, now=context.clock.now())
        return RedirectResponse("/desk/feedback", status_code=303)
