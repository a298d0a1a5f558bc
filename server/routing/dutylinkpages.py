"""The page behind a message about the roster: a swap to answer, or the way to one's own week."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from server.access import links
from server.access.dutylinks import DutyLinks, bind_message, is_of_another_phone
from server.access.guard import by_link
from server.access.phones import keep_phone, phone_of, phone_or_new
from server.context import Context
from server.db.session import ReadSession
from server.items.company import desk_phone
from server.items.refused import Refused, refuse_link
from server.people import proposals
from server.people.news import names_of
from server.people.proposals import by_person
from server.people.rostertables import RosterMessage, SwapProposal
from server.people.swapping import Answer
from server.people.tables import Person
from server.routing.dutypages import ask_again, look_at_proposal
from server.routing.ownweek import place_name
from server.routing.service import street_now
from server.web import words
from server.web.templating import render_page


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPage:
    """A proposal as it is shown to the one who was asked."""

    row: SwapProposal
    person: str
    """Whose duty it is, by name."""
    asked: str
    place: str


def build_duty_link_pages(context: Context) -> APIRouter:
    """Return the routes under /my/duty/links."""
    router = APIRouter(include_in_schema=False, prefix="/my/duty/links", dependencies=[by_link()])
    book = DutyLinks(context.settings.signing_key())
    _add_reading(router, context, book)
    _add_pressing(router, context, book)
    return router


def _add_reading(router: APIRouter, context: Context, book: DutyLinks) -> None:
    @router.get("/{token}")
    async def show(request: Request, token: str) -> Response:
        phone = phone_of(context, request)
        async with context.database.read() as session:
            message = await _message(session, book, token)
            if message is None:
                return await refuse_link(request, session, _lost(book, token), status_code=404)
            if is_of_another_phone(message, phone):
                return await refuse_link(request, session, Refused.OTHER_PHONE, status_code=403)
            known = message.person in await links.people_of_phone(session, phone)
            page = await _asked_page(session, message)
            if known and (page is None or page.row.asked != message.person):
                return RedirectResponse("/my/duty", status_code=303)
            owner = await session.get_one(Person, message.person)
            number = await desk_phone(session)
        return render_page(
            request,
            "duty_link.html",
            token=token,
            owner=owner.name,
            asked=page,
            desk_phone=number,
            words=words,
        )


def _add_pressing(router: APIRouter, context: Context, book: DutyLinks) -> None:
    @router.post("/{token}")
    async def press(
        request: Request,
        token: str,
        decision: Annotated[Answer | None, Form()] = None,
        sure: Annotated[str, Form()] = "",
    ) -> Response:
        phone, now = phone_or_new(context, request), context.clock.now()
        async with context.database.read() as session:
            message = await _message(session, book, token)
            if message is None:
                return await refuse_link(request, session, _lost(book, token), status_code=404)
            if is_of_another_phone(message, phone):
                return await refuse_link(request, session, Refused.OTHER_PHONE, status_code=403)
        if decision is Answer.AGREE and message.proposal is not None and not sure:
            gaps = await look_at_proposal(context, message.proposal)
            if gaps:
                here = f"/my/duty/links/{token}"
                return ask_again(request, gaps, {"decision": decision.value}, here, "仍然同意")
        async with context.database.write() as session:
            kept = await session.get_one(RosterMessage, message.id)
            await bind_message(session, kept, phone, now=now)
            if decision is not None and kept.proposal is not None:
                await proposals.answer(session, kept.proposal, decision, by=by_person(kept.person), now=now)
        said = decision.value if decision is not None else "known"
        answer = RedirectResponse(f"/my/duty?said={said}", status_code=303)
        keep_phone(context, answer, phone)
        return answer


async def _message(session: ReadSession, book: DutyLinks, token: str) -> RosterMessage | None:
    found = book.read(token)
    return await session.get(RosterMessage, found) if found is not None else None


def _lost(book: DutyLinks, token: str) -> Refused:
    return Refused.UNKNOWN if book.read(token) is None else Refused.EXPIRED


async def _asked_page(session: ReadSession, message: RosterMessage) -> AskedPage | None:
    row = await session.get(SwapProposal, message.proposal) if message.proposal else None
    if row is None:
        return None
    names = await names_of(session, {row.person, row.asked})
    street = await street_now(session)
    return AskedPage(
        row=row,
        person=names.get(row.person, row.person),
        asked=names.get(row.asked, row.asked),
        place=place_name(street, row.scope, row.code),
    )
