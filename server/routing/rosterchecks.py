"""Changes of the roster, looked at before they are saved: on the desk's page and on the phone alike."""

import asyncio
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from server.context import Context
from server.errors import InvalidError
from server.people.duties import Span
from server.people.model import DutyFacts, Role, Scope
from server.people.rostertables import SwapProposal
from server.people.shifts import AbsenceFacts, SwapFacts
from server.routing.changing import RosterChange, worse_gaps
from server.routing.proof import Gap
from server.routing.service import street_now
from server.web.pressing import typed_moment

RosterText = Annotated[str, StringConstraints(max_length=140)]
"""A field of a form."""


class AbsenceForm(BaseModel):
    """The form of an absence, as it is filled in; `sure` says that the gaps it makes were seen."""

    person: RosterText
    begins: RosterText = ""
    ends: RosterText = ""
    stand_in: RosterText = ""
    sure: RosterText = ""

    async def gaps(self, context: Context) -> tuple[Gap, ...]:
        """Return what it would leave thin and nobody has seen yet."""
        if self.sure:
            return ()
        span = read_span(self.begins, self.ends)
        absence = AbsenceFacts(
            person=self.person, begins=span.begins, ends=span.ends, stand_in=self.stand_in or None
        )
        return await look_at(context, RosterChange(absence=absence), span)

    def answers(self) -> dict[str, str]:
        """Return the fields, to be sent once more."""
        return self.model_dump(exclude={"sure"})


async def look_at(context: Context, change: RosterChange, span: Span) -> tuple[Gap, ...]:
    """Return what a change would leave thin; seconds of arithmetic for the desk of a whole street."""
    async with context.database.read() as session:
        street = await street_now(session)
    begins = max(span.begins, context.clock.now())
    return await asyncio.to_thread(worse_gaps, street, change, begins, span.ends)


def swap_change(duty: DutyFacts, span: Span, taken_by: str) -> RosterChange:
    """Return a swap that is about to be asked for, noted or agreed to."""
    return RosterChange(swap=SwapFacts(duty=duty, begins=span.begins, ends=span.ends, taken_by=taken_by))


def proposal_span(row: SwapProposal) -> Span:
    """Return the time that a proposal is about."""
    return Span(begins=row.from_at, ends=row.until_at)


def read_span(begins: str, ends: str) -> Span:
    """Read the two fields of a form.

    Raises:
        InvalidError: one is missing or no moment, or the end is not after the beginning.
    """
    since, until = typed_moment(begins), typed_moment(ends)
    if since is None or until is None:
        raise InvalidError("请填写从什么时候到什么时候。")
    if until <= since:
        raise InvalidError("结束必须晚于开始。")
    return Span(begins=since, ends=until)


def read_duty(person: str, text: str) -> DutyFacts:
    """Read which duty of somebody a form names: role, kind of place and code.

    Raises:
        InvalidError: there is no such duty.
    """
    parts = text.split("|")
    try:
        role, scope, code = parts
        return DutyFacts(person=person, role=Role(role), scope=Scope(scope), code=code)
    except ValueError as error:
        raise InvalidError("没有这个值班。") from error
