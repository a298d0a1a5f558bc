"""The page of loads: how much each volunteer was asked for lately; the desk sees whose hour is full."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import people_within
from server.access.service import SignedIn
from server.context import Context
from server.items.budget import DIGEST_MOST, NOW_AN_HOUR, VOLUNTEERS, digest_at, read_loads, way_of
from server.items.model import ToldWay
from server.people.tables import Duty, Person
from server.web import words
from server.web.settingspage import render_settings

LOAD: Final = "/desk/load"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """One volunteer who was asked for something within the hour, or has something waiting.

    Attributes:
        code, name: who.
        told: of how many matters that can wait they were told within the hour.
        waiting: how many wait for their digest.
        digest_at: when that is due; None where nothing waits.
        way: how they would be told of one more.
    """

    code: str
    name: str
    told: int
    waiting: int
    digest_at: datetime | None
    way: ToldWay


_WAYS: Final = {
    ToldWay.NOW: ("advice", "还能马上通知"),
    ToldWay.DIGEST: ("hazard", "再有就汇总，稍后一起说"),
    ToldWay.UPWARD: ("life_safety", "已满，再有就转上一级"),
}


def build_load_pages(context: Context) -> APIRouter:
    """Return the route /desk/load."""
    router = APIRouter(include_in_schema=False)

    @router.get(LOAD)
    async def show(request: Request, who: Annotated[SignedIn, requires(Right.SEE_PEOPLE)]) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            loads = await read_loads(session, None, now=now)
            volunteers = select(Duty.person).where(Duty.role.in_(VOLUNTEERS))
            query = select(Person.code, Person.name).where(
                Person.code.in_(volunteers), people_within(who.reach)
            )
            people = {row.code: row.name for row in await session.execute(query.order_by(Person.name))}
        rows = [
            LoadRow(
                code=code,
                name=name,
                told=load.told,
                waiting=load.waiting,
                digest_at=digest_at(load, now) if load.waiting else None,
                way=way_of(load),
            )
            for code, name in people.items()
            if (load := loads.get(code)) is not None
        ]
        return render_settings(
            request,
            "load.html",
            rows=sorted(rows, key=lambda row: (-row.waiting, -row.told, row.name)),
            people=len(people),
            full=sum(row.way is not ToldWay.NOW for row in rows),
            ways=_WAYS,
            most=NOW_AN_HOUR,
            digest_most=DIGEST_MOST,
            words=words,
            now=now,
        )

    return router
