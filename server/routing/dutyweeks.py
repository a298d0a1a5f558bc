"""What the page of one's own duty shows, read from the roster."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from server.clock import STREET_ZONE
from server.db.session import ReadSession
from server.people.model import DutyFacts, PersonFacts
from server.people.news import names_of
from server.people.proposals import open_proposals
from server.people.rostertables import SwapProposal
from server.people.tables import Absence, Swap
from server.routing.ownweek import OwnDay, colleagues, duties_held, own_week, place_name
from server.routing.service import street_now
from server.routing.street import Street


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPage:
    """One person's part of the page.

    Attributes:
        person: who.
        days: the next seven.
        to_answer: swaps that others ask this person for.
        waiting: swaps this person asked for, without an answer.
        swaps: those that are agreed and not over, given and taken.
        absences: not over.
        duties: what the person is registered for, each with the name of its place.
        colleagues: whom they may ask.
        names: of the people in all this, by code.
    """

    person: PersonFacts
    days: Sequence[OwnDay]
    to_answer: Sequence[SwapProposal]
    waiting: Sequence[SwapProposal]
    swaps: Sequence[Swap]
    absences: Sequence[Absence]
    duties: Sequence[tuple[DutyFacts, str]]
    colleagues: Sequence[PersonFacts]
    names: dict[str, str]
    street: Street

    def place(self, row: SwapProposal | Swap) -> str:
        """Return the name of the place that a swap is about."""
        return place_name(self.street, row.scope, row.code)


async def own_pages(session: ReadSession, people: Sequence[str], *, now: datetime) -> list[OwnPage]:
    """Return the parts of everybody for whom a telephone has pressed."""
    if not people:
        return []
    street = await street_now(session)
    return [
        await _own_page(session, street, known, now=now)
        for code in people
        if (known := street.roster.person(code)) is not None and known.active
    ]


async def _own_page(session: ReadSession, street: Street, person: PersonFacts, *, now: datetime) -> OwnPage:
    code = person.code
    proposed = await open_proposals(session, [code])
    mine = or_(Swap.person == code, Swap.taken_by == code)
    swaps = list(await session.scalars(select(Swap).where(mine, Swap.until_at > now).order_by(Swap.from_at)))
    absences = list(
        await session.scalars(
            select(Absence).where(Absence.person == code, Absence.until_at > now).order_by(Absence.from_at)
        )
    )
    held = duties_held(street.roster, code)
    named = {one.person for one in proposed} | {one.asked for one in proposed}
    named |= {one.person for one in swaps} | {one.taken_by for one in swaps}
    named |= {one.stand_in for one in absences if one.stand_in}
    return OwnPage(
        person=person,
        days=own_week(street, code, now.astimezone(STREET_ZONE).date()),
        to_answer=[one for one in proposed if one.asked == code],
        waiting=[one for one in proposed if one.person == code],
        swaps=swaps,
        absences=absences,
        duties=[(duty, place_name(street, duty.scope, duty.code)) for duty in held],
        colleagues=colleagues(street, code, held),
        names=await names_of(session, named),
        street=street,
    )
