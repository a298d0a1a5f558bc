"""The roster: a week of a grid or community with its gaps, absences, swaps and duty times."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import communities_within, grids_within, people_within
from server.access.service import SignedIn
from server.clock import STREET_ZONE, is_plausible
from server.context import Context
from server.db.session import ReadSession
from server.errors import InvalidError, NotFoundError
from server.people import news, proposals
from server.people.model import Role, Scope
from server.people.roster import Post
from server.people.tables import Absence, DutyTime, Person, Swap
from server.people.week import monday_of, week_of
from server.places.tables import Community, Grid
from server.places.within import Place, PlaceKind, parse_place
from server.routing.proof import Gap, prove
from server.routing.proving import newest_proof
from server.routing.resolve import Placed, posts_of
from server.routing.service import street_now
from server.routing.street import GridFacts, Street
from server.routing.timesform import Typed, rows_of, typed_rows
from server.web import words
from server.web.rosterwords import PRESENCES, SAID, WEEKDAYS
from server.web.templating import render_page, stylesheet

_PLACES: Final = (PlaceKind.GRID, PlaceKind.COMMUNITY)
_NOTHING_TYPED: Final = Typed()
_See = Annotated[SignedIn, requires(Right.SEE_PEOPLE)]


def build_roster_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/roster."""
    router = APIRouter(include_in_schema=False, prefix="/desk/roster")
    _add_overview(router, context)
    _add_week(router, context)
    return router


def _add_overview(router: APIRouter, context: Context) -> None:
    @router.get("")
    async def show(request: Request, who: _See) -> Response:
        async with context.database.read() as session:
            proof = await newest_proof(session)
            mine = set(await session.scalars(select(Grid.code).where(grids_within(who.reach))))
            query = select(Community).where(communities_within(who.reach)).order_by(Community.code)
            communities = list(await session.scalars(query))
        gaps = [gap for gap in proof.gaps if gap["grid"] in mine] if proof else []
        return render_page(
            request,
            "roster.html",
            places_style=stylesheet("src/places.css"),
            proof=proof,
            gaps=[
                {**gap, **{name: datetime.fromisoformat(gap[name]) for name in ("begins_at", "ends_at")}}
                for gap in gaps
            ],
            communities=communities,
        )


def _add_week(router: APIRouter, context: Context) -> None:
    @router.get("/{place}")
    async def show(request: Request, who: _See, place: str, week: str = "", said: str = "") -> Response:
        return await show_week(request, context, who, place, week=week, said=said)


async def show_week(
    request: Request,
    context: Context,
    who: SignedIn,
    place: str,
    *,
    week: str = "",
    said: str = "",
    typed: Typed = _NOTHING_TYPED,
    problem: str = "",
    status: int = 200,
) -> Response:
    """Return the page of a week, after a press with what stood in its way and what was typed."""
    now = context.clock.now()
    try:
        monday = monday_of(_day(week, now))
    except InvalidError as error:
        monday, problem, status = monday_of(_day("", now)), problem or error.detail, max(status, error.status)
    begins = datetime.combine(monday, time(0), STREET_ZONE)
    async with context.database.read() as session:
        street = await street_now(session)
        where = _place(street, place)
        posts = _posts(street, where)
        grids = _grids(street, where)
        rows = week_of(street.roster, posts, monday)
        people = {row.person.code: row.person.name for row in rows}
        absences, swaps = await _suspended(session, list(people), begins)
        waiting = await proposals.open_proposals(session, list(people))
        unsent = await news.not_delivered(session, list(people))
        times = await _times(session, posts)
        query = select(Person.code, Person.name).where(Person.active, people_within(who.reach))
        named = await session.execute(query.order_by(Person.name))
        everybody = {row.code: row.name for row in named}
    some = replace(street, grids={grid.code: grid for grid in grids})
    proof = await asyncio.to_thread(prove, some, begins)
    return render_page(
        request,
        "roster_week.html",
        status_code=status,
        places_style=stylesheet("src/places.css"),
        words=words,
        place=where,
        name=_name(street, where),
        grids=grids,
        days=[monday + timedelta(days=number) for number in range(7)],
        weekdays=WEEKDAYS,
        before=monday - timedelta(days=7),
        after=monday + timedelta(days=7),
        rows=rows,
        presences=PRESENCES,
        gaps=proof.gaps,
        gaps_of=lambda day: _on_day(proof.gaps, day),
        absences=absences,
        swaps=swaps,
        waiting=waiting,
        unsent=unsent,
        times=times,
        rows_of=lambda duty: rows_of(times, duty),
        form_of=lambda duty: typed_rows(typed, duty) or rows_of(times, duty),
        is_open=lambda duty: bool(typed_rows(typed, duty)),
        typed_for=lambda form: typed.first if typed.form == form else {},
        said=SAID.get(said, ""),
        problem=problem,
        people=people,
        everybody=everybody,
        duties=[(post, one) for post in posts for one in street.roster.duties_of(post)],
        may_change=Right.CHANGE_PEOPLE in who.rights,
    )


# --- what the pages show -----------------------------------------------------------------------


def _place(street: Street, text: str) -> Place:
    place = parse_place(text)
    known = {PlaceKind.GRID: street.grids, PlaceKind.COMMUNITY: street.communities}
    if place is None or place.kind not in _PLACES or place.code not in known[place.kind]:
        raise NotFoundError("没有这个网格或社区。")
    return place


def _name(street: Street, place: Place) -> str:
    if place.kind is PlaceKind.GRID:
        return street.grids[place.code].name
    return street.communities[place.code].name


def _grids(street: Street, place: Place) -> list[GridFacts]:
    if place.kind is PlaceKind.GRID:
        return [street.grids[place.code]]
    return sorted(
        (grid for grid in street.grids.values() if grid.community == place.code), key=lambda one: one.code
    )


def _posts(street: Street, place: Place) -> list[Post]:
    """Return the posts that answer for a place, the nearest first, the desk last."""
    grid = street.grids[place.code] if place.kind is PlaceKind.GRID else None
    community = grid.community if grid else place.code
    asked = posts_of(street, Placed(why=(), grid=grid, community=community))
    return [*((one.role, one.scope, one.code) for one in asked), (Role.DESK, Scope.STREET, "")]


async def _suspended(
    session: ReadSession, people: Sequence[str], since: datetime
) -> tuple[list[Absence], list[Swap]]:
    absences = select(Absence).where(Absence.person.in_(people), Absence.until_at > since)
    swaps = select(Swap).where(Swap.person.in_(people), Swap.until_at > since)
    return (
        list(await session.scalars(absences.order_by(Absence.from_at))),
        list(await session.scalars(swaps.order_by(Swap.from_at))),
    )


async def _times(session: ReadSession, posts: Sequence[Post]) -> list[DutyTime]:
    codes = {code for _, _, code in posts}
    found = await session.scalars(select(DutyTime).where(DutyTime.code.in_(codes)).order_by(DutyTime.id))
    return [one for one in found if (one.role, one.scope, one.code) in posts]


def _on_day(gaps: Sequence[Gap], day: date) -> list[Gap]:
    """Return the gaps that reach into a day of the street."""
    begins = datetime.combine(day, time(0), STREET_ZONE)
    return [gap for gap in gaps if gap.begins_at < begins + timedelta(days=1) and gap.ends_at > begins]


def _day(text: str, now: datetime) -> date:
    try:
        found = date.fromisoformat(text) if text else now.astimezone(STREET_ZONE).date()
    except ValueError as error:
        raise InvalidError("日期要写成 2026-03-02 这样。") from error
    if not is_plausible(found):
        raise InvalidError("请检查年份：要在 1900 到 2199 年之间。")
    return found
