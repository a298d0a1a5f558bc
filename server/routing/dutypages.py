"""A leader's own duty on the telephone: the week in plain words, days off, swaps asked for and answered."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access import links
from server.access.guard import open_to_all
from server.access.phones import phone_of
from server.context import Context
from server.db.session import ReadSession
from server.errors import ForbiddenError, NotFoundError
from server.items.company import desk_phone
from server.people import duties, proposals
from server.people.proposals import by_person
from server.people.rostertables import SwapProposal
from server.people.swapping import Answer
from server.routing.dutyweeks import own_pages
from server.routing.proof import Gap
from server.routing.rosterchecks import AbsenceForm, look_at, proposal_span, read_duty, read_span, swap_change
from server.web import words
from server.web.rosterwords import PRESENCES, WEEKDAYS
from server.web.templating import render_page

_PHONE: Final = "the phone's own secret says whose duty it is"
_HERE: Final = "/my/duty"
_Text = Annotated[str, Form(max_length=140)]
SAID: Final[Mapping[str, str]] = {
    "away": "请假记下了。这段时间不会通知您。",
    "back": "请假取消了。",
    "asked": "已经发消息去问了。对方同意以前，这一班还是您的。",
    "agree": "说定了。这段时间的通知发给替班的人。",
    "decline": "记下了：这次不替。已经告诉对方。",
    "withdraw": "撤回了，已经告诉对方。",
    "ended": "换班取消了，已经告诉对方。",
    "known": "好了，以后用这部手机就能看到您的值班。",
}


def build_duty_pages(context: Context) -> APIRouter:
    """Return the routes under /my/duty."""
    router = APIRouter(include_in_schema=False, prefix=_HERE, dependencies=[open_to_all(_PHONE)])

    @router.get("")
    async def show(request: Request, said: str = "") -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            known = await links.people_of_phone(session, phone_of(context, request))
            pages = await own_pages(session, known, now=now)
            phone = await desk_phone(session)
        return render_page(
            request,
            "duty.html",
            pages=pages,
            known=bool(known),
            said=SAID.get(said, ""),
            desk_phone=phone,
            now=now,
            words=words,
            presences=PRESENCES,
            weekdays=WEEKDAYS,
        )

    _add_absences(router, context)
    _add_swaps(router, context)
    _add_answers(router, context)
    return router


def _add_absences(router: APIRouter, context: Context) -> None:
    @router.post("/absences")
    async def add(request: Request, form: Annotated[AbsenceForm, Form()]) -> Response:
        span = read_span(form.begins, form.ends)
        await _must_be_known(context, request, form.person)
        if gaps := await form.gaps(context):
            return ask_again(request, gaps, form.answers(), f"{_HERE}/absences", "仍要请假")
        async with context.database.write() as session:
            await _known(session, context, request, form.person)
            await duties.add_absence(
                session,
                form.person,
                span,
                form.stand_in or None,
                by=form.person,
                by_kind="person",
                now=context.clock.now(),
            )
        return _back("away")

    @router.post("/absences/end")
    async def end(request: Request, person: _Text, absence: Annotated[int, Form()]) -> Response:
        async with context.database.write() as session:
            await _known(session, context, request, person)
            await duties.end_absence(
                session, person, absence, by=person, by_kind="person", now=context.clock.now()
            )
        return _back("back")


def _add_swaps(router: APIRouter, context: Context) -> None:
    @router.post("/swaps")
    async def ask(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        person: _Text,
        duty: _Text,
        begins: _Text,
        ends: _Text,
        asked: _Text,
        sure: _Text = "",
    ) -> Response:
        span, wanted = read_span(begins, ends), read_duty(person, duty)
        await _must_be_known(context, request, person)
        gaps = () if sure else await look_at(context, swap_change(wanted, span, asked), span)
        if gaps:
            fields = {"person": person, "duty": duty, "begins": begins, "ends": ends, "asked": asked}
            return ask_again(request, gaps, fields, f"{_HERE}/swaps", "仍要请他替")
        async with context.database.write() as session:
            await _known(session, context, request, person)
            await proposals.propose(
                session, wanted, span, asked, by=by_person(person), now=context.clock.now()
            )
        return _back("asked")

    @router.post("/swaps/end")
    async def end(request: Request, person: _Text, swap: Annotated[int, Form()]) -> Response:
        async with context.database.write() as session:
            await _known(session, context, request, person)
            await duties.end_swap(session, person, swap, by=person, by_kind="person", now=context.clock.now())
        return _back("ended")


def _add_answers(router: APIRouter, context: Context) -> None:
    @router.post("/proposals")
    async def answer(
        request: Request,
        person: _Text,
        proposal: _Text,
        decision: Annotated[Answer, Form()],
        sure: _Text = "",
    ) -> Response:
        await _must_be_known(context, request, person)
        if decision is Answer.AGREE and not sure:
            gaps = await look_at_proposal(context, proposal)
            if gaps:
                fields = {"person": person, "proposal": proposal, "decision": decision.value}
                return ask_again(request, gaps, fields, f"{_HERE}/proposals", "仍然同意")
        async with context.database.write() as session:
            await _known(session, context, request, person)
            await proposals.answer(session, proposal, decision, by=by_person(person), now=context.clock.now())
        return _back(decision.value)


async def look_at_proposal(context: Context, proposal: str) -> tuple[Gap, ...]:
    """Return what agreeing to a proposal would leave thin."""
    async with context.database.read() as session:
        row = await session.get(SwapProposal, proposal)
    if row is None:
        raise NotFoundError("没有这个换班请求。")
    span = proposal_span(row)
    return await look_at(context, swap_change(proposals.duty_of(row), span, row.asked), span)


def ask_again(
    request: Request, gaps: Sequence[Gap], fields: Mapping[str, str], action: str, button: str
) -> Response:
    """Return the page that says what would be thin, before anything is saved."""
    return render_page(
        request, "duty_check.html", gaps=gaps, fields=fields, action=action, button=button, weekdays=WEEKDAYS
    )


async def _must_be_known(context: Context, request: Request, person: str) -> None:
    async with context.database.read() as session:
        await _known(session, context, request, person)


async def _known(session: ReadSession, context: Context, request: Request, person: str) -> None:
    """Refuse a telephone that never pressed for somebody."""
    if person not in await links.people_of_phone(session, phone_of(context, request)):
        raise ForbiddenError("这部手机还没有在消息里按过按钮。请从收到的消息里点开链接，再来这里。")


def _back(said: str) -> Response:
    return RedirectResponse(f"{_HERE}?said={said}", status_code=303)
