"""Changes of the roster at the desk: what they would leave thin is shown before they are saved."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import all_within
from server.access.service import SignedIn
from server.audit import service as audit
from server.clock import STREET_ZONE
from server.context import Context
from server.db.session import ReadSession
from server.errors import AnswerError, NotFoundError
from server.people import duties, proposals
from server.people.duties import Span
from server.people.model import DutyFacts
from server.people.news import News, tell
from server.people.proposals import by_desk
from server.people.rostertables import SwapProposal
from server.people.shifts import check_times
from server.people.swapping import Answer
from server.people.tables import Person
from server.routing.changing import RosterChange
from server.routing.dutypages import look_at_proposal
from server.routing.proof import Gap
from server.routing.rosterchecks import AbsenceForm, look_at, read_duty, read_span, swap_change
from server.routing.rosterpages import show_week
from server.routing.timesform import MOST_ROWS, Typed, read_times
from server.web.rosterwords import WEEKDAYS
from server.web.templating import render_page, stylesheet

_LOOK_AHEAD: Final = timedelta(days=28)
"""How far new duty times are looked at."""
_Change = Annotated[SignedIn, requires(Right.CHANGE_PEOPLE)]
_Text = Annotated[str, Form(max_length=140)]


def build_roster_changes(context: Context) -> APIRouter:
    """Return the changing routes under /desk/roster."""
    router = APIRouter(include_in_schema=False, prefix="/desk/roster")
    _add_absences(router, context)
    _add_swaps(router, context)
    _add_proposals(router, context)
    _add_times(router, context)
    _add_links(router, context)
    return router


def _add_absences(router: APIRouter, context: Context) -> None:
    @router.post("/{place}/absences")
    async def add(
        request: Request, who: _Change, place: str, form: Annotated[AbsenceForm, Form()]
    ) -> Response:
        async def act() -> Response:
            span = read_span(form.begins, form.ends)
            await _must_reach(context, who, form.person)
            if gaps := await form.gaps(context):
                return _ask_again(request, place, gaps, "absences", list(form.answers().items()))
            async with context.database.write() as session:
                await duties.add_absence(
                    session,
                    form.person,
                    span,
                    form.stand_in or None,
                    by=who.operator,
                    now=context.clock.now(),
                )
            return _back(place, span)

        return await _or_show_week(request, context, who, place, "absences", act)

    @router.post("/{place}/absences/end")
    async def end(
        request: Request, who: _Change, place: str, person: _Text, absence: Annotated[int, Form()]
    ) -> Response:
        async def act() -> Response:
            await _must_reach(context, who, person)
            async with context.database.write() as session:
                await duties.end_absence(session, person, absence, by=who.operator, now=context.clock.now())
            return _back(place)

        return await _or_show_week(request, context, who, place, "", act)


def _add_swaps(router: APIRouter, context: Context) -> None:
    @router.post("/{place}/swaps")
    async def add(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Change,
        place: str,
        duty: _Text,
        begins: _Text = "",
        ends: _Text = "",
        taken_by: _Text = "",
        how: _Text = "",
        sure: _Text = "",
    ) -> Response:
        """Ask the other by message (`how` is `ask`), or note what both have agreed to."""

        async def act() -> Response:
            span, wanted = read_span(begins, ends), _whole_duty(duty)
            await _must_reach(context, who, wanted.person)
            gaps = () if sure else await look_at(context, swap_change(wanted, span, taken_by), span)
            if gaps:
                fields = [
                    ("duty", duty),
                    ("begins", begins),
                    ("ends", ends),
                    ("taken_by", taken_by),
                    ("how", how),
                ]
                return _ask_again(request, place, gaps, "swaps", fields)
            now = context.clock.now()
            async with context.database.write() as session:
                if how == "ask":
                    await proposals.propose(
                        session, wanted, span, taken_by, by=by_desk(who.operator), now=now
                    )
                else:
                    await duties.add_swap(session, wanted, span, taken_by, by=who.operator, now=now)
            return _back(place, span, "asked" if how == "ask" else "")

        return await _or_show_week(request, context, who, place, "swaps", act)

    @router.post("/{place}/swaps/end")
    async def end(
        request: Request, who: _Change, place: str, person: _Text, swap: Annotated[int, Form()]
    ) -> Response:
        async def act() -> Response:
            await _must_reach(context, who, person)
            async with context.database.write() as session:
                await duties.end_swap(session, person, swap, by=who.operator, now=context.clock.now())
            return _back(place)

        return await _or_show_week(request, context, who, place, "", act)


def _add_proposals(router: APIRouter, context: Context) -> None:
    @router.post("/{place}/proposals")
    async def answer(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: _Change,
        place: str,
        proposal: _Text,
        decision: Annotated[Answer, Form()],
        sure: _Text = "",
    ) -> Response:
        """Note what the one who was asked said on the telephone."""

        async def act() -> Response:
            async with context.database.read() as session:
                row = await session.get(SwapProposal, proposal)
                if row is None:
                    raise NotFoundError("没有这个换班请求。")
                await _reach(session, who, row.person)
            gaps = await look_at_proposal(context, proposal) if decision is Answer.AGREE and not sure else ()
            if gaps:
                fields = [("proposal", proposal), ("decision", decision.value)]
                return _ask_again(request, place, gaps, "proposals", fields)
            async with context.database.write() as session:
                await proposals.answer(
                    session, proposal, decision, by=by_desk(who.operator), now=context.clock.now()
                )
            return _back(place, said="answered")

        return await _or_show_week(request, context, who, place, "", act)


def _add_times(router: APIRouter, context: Context) -> None:
    @router.post("/{place}/times")
    async def change(request: Request, who: _Change, place: str) -> Response:
        """Say anew when a duty is held, row by row; no row means always."""

        async def act() -> Response:
            by_name = await _fields_of(request)
            wanted = _whole_duty((by_name.get("duty") or [""])[0])
            times = read_times(by_name)
            check_times(times)
            await _must_reach(context, who, wanted.person)
            now = context.clock.now()
            if "sure" not in by_name:
                change_ = RosterChange(duty=wanted, times=times)
                gaps = await look_at(context, change_, Span(begins=now, ends=now + _LOOK_AHEAD))
                if gaps:
                    fields = [(name, value) for name, values in by_name.items() for value in values]
                    return _ask_again(request, place, gaps, "times", fields)
            async with context.database.write() as session:
                await duties.set_times(session, wanted, times, by=who.operator, now=now)
            return _back(place, said="times")

        return await _or_show_week(request, context, who, place, "times", act)


def _add_links(router: APIRouter, context: Context) -> None:
    @router.post("/{place}/links")
    async def send(request: Request, who: _Change, place: str, person: _Text) -> Response:
        """Send somebody the link to the page of their own duty."""

        async def act() -> Response:
            await _must_reach(context, who, person)
            now = context.clock.now()
            async with context.database.write() as session:
                if await session.get(Person, person) is None:
                    raise NotFoundError("没有这个人。")
                await tell(session, News.OWN_WEEK, [person], now=now)
                await audit.record(
                    session,
                    at=now,
                    actor_kind="operator",
                    actor=who.operator,
                    action="duty_link_sent",
                    subject_kind="person",
                    subject=person,
                )
            return _back(place, said="sent")

        return await _or_show_week(request, context, who, place, "", act)


async def _or_show_week(  # noqa: PLR0917 - what a page of a form needs
    request: Request,
    context: Context,
    who: SignedIn,
    place: str,
    form: str,
    act: Callable[[], Awaitable[Response]],
) -> Response:
    """Do what was pressed; what cannot be is said on the week's page, where what was typed still stands."""
    try:
        return await act()
    except AnswerError as error:
        typed = Typed(form=form, fields=await _fields_of(request))
        week = typed.first.get("begins", "")[:10] if form else ""
        return await show_week(
            request, context, who, place, week=week, typed=typed, problem=error.detail, status=error.status
        )


async def _fields_of(request: Request) -> dict[str, list[str]]:
    """Return what a form sent, by name."""
    form = await request.form(max_fields=MOST_ROWS * 12 + 3)
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
    return fields


async def _must_reach(context: Context, who: SignedIn, person: str) -> None:
    async with context.database.read() as session:
        await _reach(session, who, person)


async def _reach(session: ReadSession, who: SignedIn, person: str) -> None:
    """Refuse somebody outside of the asker's places: the guard sees the place of the path alone."""
    if not await all_within(session, who.reach, {"person": person}):
        raise NotFoundError("没有这个人。")


def _ask_again(
    request: Request, place: str, gaps: Sequence[Gap], what: str, fields: Sequence[tuple[str, str]]
) -> Response:
    return render_page(
        request,
        "roster_check.html",
        places_style=stylesheet("src/places.css"),
        place=place,
        gaps=gaps,
        what=what,
        fields=fields,
        weekdays=WEEKDAYS,
    )


def _whole_duty(text: str) -> DutyFacts:
    person, _, duty = text.partition("|")
    return read_duty(person, duty)


def _back(place: str, span: Span | None = None, said: str = "") -> Response:
    week = f"{span.begins.astimezone(STREET_ZONE):%Y-%m-%d}" if span else ""
    query = urlencode({name: value for name, value in (("week", week), ("said", said)) if value})
    where = quote(place, safe=":")
    return RedirectResponse(f"/desk/roster/{where}{'?' if query else ''}{query}", status_code=303)
