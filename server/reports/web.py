"""A month of a place as a page to be printed for its rotating meeting (轮值会), and for programs."""

from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.errors import InvalidError
from server.history.model import month_of
from server.history.pages import places_within
from server.history.web import known_place
from server.items.model import Outcome
from server.notify.render import title_of
from server.places.within import STREET
from server.reports.service import report_of
from server.web import words
from server.web.problems import PROBLEMS
from server.web.templating import render_page, stylesheet
from wire.vocabulary import AlarmClass, Kind

KINDS: Final = {
    Kind.GAS: "燃气",
    Kind.FIRE: "消防",
    Kind.ELECTRIC: "用电",
    Kind.WATER: "水",
    Kind.CONTACT: "失联",
}


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RaisedOut(_Out):
    """How often one kind and class came up."""

    kind: Kind
    class_: AlarmClass = Field(serialization_alias="class")
    count: int
    before: int
    outcomes: dict[Outcome, int]


class PaceOut(_Out):
    """How fast the work of one class was accepted and closed."""

    class_: AlarmClass = Field(serialization_alias="class")
    count: int
    accepted: int
    accept_median: timedelta | None
    accept_p90: timedelta | None
    closed: int
    close_median: timedelta | None
    close_p90: timedelta | None


class ReturningOut(_Out):
    """A device that keeps coming back."""

    device_name: str
    where: str
    kind: Kind
    count: int
    before: int


class AgeingOut(_Out):
    """A device that wants attention."""

    device_name: str
    where: str
    model: str
    installed_on: date | None
    ends_on: date | None
    test_due_on: date | None
    faults: int


class OpenOut(_Out):
    """What is still open."""

    item: str
    kind: Kind
    class_: AlarmClass = Field(serialization_alias="class")
    device_name: str
    where: str
    opened_at: datetime
    accepted_at: datetime | None


class ReportOut(_Out):
    """A month of a place."""

    count: int
    before: int
    raised: list[RaisedOut]
    paces: list[PaceOut]
    returning: list[ReturningOut]
    ageing: list[AgeingOut]
    open: list[OpenOut]


def build_reports(context: Context) -> APIRouter:
    """Return the routes of reports."""
    router = APIRouter()
    _add_pages(router, context)
    _add_api(router, context)
    return router


def _add_pages(router: APIRouter, context: Context) -> None:
    @router.get("/desk/reports", include_in_schema=False)
    async def show_places(
        request: Request, signed_in: Annotated[SignedIn, requires(Right.SEE_STATISTICS)]
    ) -> Response:
        if signed_in.reach.street:
            return RedirectResponse(f"/desk/reports/{STREET}", status_code=303)
        async with context.database.read() as session:
            parts = await places_within(session, signed_in.reach)
        return render_page(request, "report_places.html", now=context.clock.now(), parts=parts)

    @router.get("/desk/reports/{place}", include_in_schema=False)
    async def show_report(
        request: Request,
        signed_in: Annotated[SignedIn, requires(Right.SEE_STATISTICS)],
        place: str,
        month: str = "",
    ) -> Response:
        now = context.clock.now()
        first = _month(month, now)
        async with context.database.read() as session:
            where, name = await known_place(session, place)
            report = await report_of(session, where, first)
            parts = await places_within(session, signed_in.reach)
        return render_page(
            request,
            "report.html",
            now=now,
            place=where,
            name=name,
            month=first,
            unfinished=first == month_of("", now=now, zone=STREET_ZONE),
            report=report,
            parts=[part for part in parts if part[0] != where],
            kinds=KINDS,
            outcomes=list(Outcome),
            words=words,
            title_of=title_of,
            report_style=stylesheet("src/report.css"),
        )


def _add_api(router: APIRouter, context: Context) -> None:
    @router.get(
        "/api/v1/reports/{place}",
        operation_id="readReport",
        tags=["history"],
        responses=PROBLEMS,
        dependencies=[requires(Right.SEE_STATISTICS)],
    )
    async def read_report(place: str, month: str = "") -> ReportOut:
        """Return a month (`2026-03`) of a place: what was raised, how fast, what comes back, what is open."""
        first = _month(month, context.clock.now())
        async with context.database.read() as session:
            where, _ = await known_place(session, place)
            return ReportOut.model_validate(await report_of(session, where, first))


def _month(text: str, now: datetime) -> date:
    first = month_of(text, now=now, zone=STREET_ZONE)
    if first is None:
        raise InvalidError("月份要写成 2026-03 这样。")
    return first
