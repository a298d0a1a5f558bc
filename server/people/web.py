"""Duties, absences and swaps, for the desk's programs and pages."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.context import Context
from server.people import duties
from server.people.duties import Span
from server.people.model import DutyFacts, Role, Scope
from server.web.problems import PROBLEMS

_Code = Annotated[str, Field(max_length=40)]


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class DutyOut(_Row):
    """What somebody is for which place; `code` is empty for the street."""

    role: Role
    scope: Scope
    code: str


class DutyTimeOut(DutyOut):
    """When a duty is held; one without any is held always."""

    days: str
    from_time: str
    until_time: str
    cycle_weeks: int
    cycle_start: date | None


class AbsenceOut(_Row):
    """When somebody is away, and who stands in."""

    id: int
    from_at: datetime
    until_at: datetime
    stand_in: str | None


class SwapOut(DutyOut):
    """A duty that somebody takes over."""

    id: int
    person: str
    from_at: datetime
    until_at: datetime
    taken_by: str


class DutyBookOut(_Row):
    """Somebody's duties, and the absences and swaps that are not over."""

    duties: list[DutyOut]
    times: list[DutyTimeOut]
    absences: list[AbsenceOut]
    swaps: list[SwapOut]


class _SpanIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    from_at: datetime
    until_at: datetime

    @property
    def span(self) -> Span:
        return Span(begins=self.from_at, ends=self.until_at)


class AbsenceIn(_SpanIn):
    """Somebody is away from one moment to another."""

    stand_in: _Code | None = None


class SwapIn(_SpanIn):
    """Somebody else takes a duty over from one moment to another."""

    role: Role
    scope: Scope
    code: _Code = ""
    taken_by: _Code


def build_people_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/people."""
    router = APIRouter(prefix="/api/v1/people/{person}", tags=["people"], responses=PROBLEMS)

    @router.get("/duties", operation_id="getDuties", dependencies=[requires(Right.SEE_PEOPLE)])
    async def show(person: str) -> DutyBookOut:
        """Return somebody's duties, and the absences and swaps that are not over."""
        async with context.database.read() as session:
            book = await duties.duty_book(session, person, since=context.clock.now())
        return DutyBookOut.model_validate(book)

    _add_absences(router, context)
    _add_swaps(router, context)
    return router


def _add_absences(router: APIRouter, context: Context) -> None:
    @router.post("/absences", operation_id="addAbsence", status_code=201)
    async def add(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE)], person: str, wanted: AbsenceIn
    ) -> AbsenceOut:
        """Note that somebody is away: they are told nothing meanwhile."""
        async with context.database.write() as session:
            row = await duties.add_absence(
                session, person, wanted.span, wanted.stand_in, by=who.operator, now=context.clock.now()
            )
            return AbsenceOut.model_validate(row)

    @router.delete("/absences/{absence_id}", operation_id="endAbsence", status_code=204)
    async def end(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE, unscoped=("absence_id",))],
        person: str,
        absence_id: int,
    ) -> None:
        """End an absence now, or take one back that lies ahead."""
        async with context.database.write() as session:
            await duties.end_absence(session, person, absence_id, by=who.operator, now=context.clock.now())


def _add_swaps(router: APIRouter, context: Context) -> None:
    @router.post("/swaps", operation_id="addSwap", status_code=201)
    async def add(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE)], person: str, wanted: SwapIn
    ) -> SwapOut:
        """Let somebody else take a duty over for a time."""
        duty = DutyFacts(person=person, role=wanted.role, scope=wanted.scope, code=wanted.code)
        async with context.database.write() as session:
            row = await duties.add_swap(
                session, duty, wanted.span, wanted.taken_by, by=who.operator, now=context.clock.now()
            )
            return SwapOut.model_validate(row)

    @router.delete("/swaps/{swap_id}", operation_id="endSwap", status_code=204)
    async def end(
        who: Annotated[SignedIn, requires(Right.CHANGE_PEOPLE, unscoped=("swap_id",))],
        person: str,
        swap_id: int,
    ) -> None:
        """Give a duty back now, or leave it where it is if it was not taken over yet."""
        async with context.database.write() as session:
            await duties.end_swap(session, person, swap_id, by=who.operator, now=context.clock.now())
