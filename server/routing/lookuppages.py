"""The page that says who is responsible for a building or door, now and at a given time, and why."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Request
from sqlalchemy import or_, select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import buildings_within
from server.access.service import SignedIn
from server.context import Context
from server.errors import InvalidError, NotFoundError
from server.places.tables import Building, Estate, Unit
from server.routing.explain import explain
from server.routing.model import Chain
from server.routing.resolve import resolve
from server.routing.sentences import CHINESE, ENGLISH, Language
from server.routing.service import street_now
from server.routing.street import DeviceFacts
from server.web.pressing import typed_moment
from server.web.templating import language_of, render_page, stylesheet

_MOST: Final = 30


def build_lookup_page(context: Context) -> APIRouter:
    """Return the route /desk/responsible."""
    router = APIRouter(include_in_schema=False)

    @router.get("/desk/responsible")
    async def show(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        who: Annotated[SignedIn, requires(Right.SEE_PEOPLE)],
        q: str = "",
        building: str = "",
        unit: str = "",
        door: str = "",
        at: str = "",
    ) -> Response:
        now = context.clock.now()
        moment, problem = _moment(at)
        language: Language = CHINESE if language_of(request) == CHINESE else ENGLISH
        found: list[tuple[str, str, str | None]] = []
        units: list[Unit] = []
        named = ""
        told: list[tuple[datetime, str, list[str]]] = []
        async with context.database.read() as session:
            if q.strip():
                like = f"%{q.strip()}%"
                query = (
                    select(Building.code, Building.name, Estate.name)
                    .outerjoin(Estate, Estate.code == Building.estate)
                    .where(
                        buildings_within(who.reach),
                        or_(Building.name.like(like), Building.code.like(like), Estate.name.like(like)),
                    )
                    .order_by(Estate.name, Building.name, Building.code)
                    .limit(_MOST)
                )
                found = [(code, name, estate) for code, name, estate in await session.execute(query)]
            if building:
                row = await session.get(Building, building)
                if row is None:
                    raise NotFoundError("没有这栋楼。")
                named = row.name
                units = list(await session.scalars(select(Unit).where(Unit.building == building)))
                street = await street_now(session)
                facts = DeviceFacts(building=building, unit=unit or None, door=door.strip())
                moments = (now, *([moment] if moment else []))
                told = [(when, *_told(resolve(street, facts, when), language)) for when in moments]
        return render_page(
            request,
            "responsible.html",
            status_code=422 if problem else 200,
            problem=problem,
            places_style=stylesheet("src/places.css"),
            q=q,
            building=building,
            named=named,
            unit=unit,
            units=units,
            door=door,
            at=at,
            found=found,
            told=told,
        )

    return router


def _moment(text: str) -> tuple[datetime | None, str]:
    """Return the moment that is asked about, or else what is wrong with it."""
    try:
        return typed_moment(text), ""
    except InvalidError as error:
        return None, error.detail


def _told(chain: Chain, language: Language) -> tuple[str, list[str]]:
    where, reason, *links = explain(chain, language)
    return f"{where} · {reason}", links
