"""The pages of grids: street, community, grid; each with its map, and a list that says the same."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from starlette.responses import Response

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import communities_within, grids_within
from server.access.service import SignedIn
from server.context import Context
from server.db.session import ReadSession
from server.devices.tables import Device
from server.errors import NotFoundError
from server.people.model import Role, Scope
from server.people.roster import Standing
from server.places.gridmap import draw_community, draw_grid, draw_street
from server.places.tables import Building, Community, Door, Grid, GridKind, Unit
from server.places.titles import GRID_KINDS
from server.routing.boundaries import Finding, Trouble, inspect_boundaries
from server.routing.explain import explain
from server.routing.proof import Gap, prove
from server.routing.proving import newest_proof
from server.routing.resolve import resolve
from server.routing.service import street_now
from server.routing.street import DeviceFacts, GridFacts, Street
from server.web import words
from server.web.templating import entry, language_of, render_page, stylesheet

TROUBLES: Final[Mapping[Trouble, str]] = {
    Trouble.OVERLAP: "边界重叠",
    Trouble.HOLE: "没有网格的空隙",
    Trouble.OUTSIDE: "超出社区边界",
    Trouble.NO_BOUNDARY: "还没有画边界",
}
_See = Annotated[SignedIn, requires(Right.SEE_PEOPLE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityRow:
    """A community in the street's list."""

    code: str
    name: str
    grids: int
    buildings: int
    leaderless: int
    """Grids for which nobody is registered as leader."""
    thin_hours: int
    troubles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """A grid in its community's list."""

    grid: GridFacts
    leaders: Sequence[Standing]
    buildings: int
    gaps: Sequence[Gap]
    findings: Sequence[Finding]

    @property
    def thin_hours(self) -> int:
        """Hours of the next seven days in which fewer than two people can be told."""
        return round(sum((gap.ends_at - gap.begins_at).total_seconds() for gap in self.gaps) / 3600)


class BoundaryBook:
    """What does not fit of the owner's polygons, made once for each state of the street."""

    def __init__(self) -> None:
        """Begin with nothing inspected."""
        self._street: Street | None = None
        self._found: list[Finding] = []
        self._inspecting = asyncio.Lock()

    async def findings(self, street: Street) -> list[Finding]:
        """Return them."""
        async with self._inspecting:
            if self._street is not street:
                grids = list(street.grids.values())
                # A street's polygons are a second of arithmetic: not on the loop that takes alarms.
                self._found = await asyncio.to_thread(inspect_boundaries, grids, street.communities)
                self._street = street
            return self._found


def build_grid_pages(context: Context) -> APIRouter:
    """Return the routes under /desk/grids."""
    router = APIRouter(include_in_schema=False, prefix="/desk/grids")
    book = BoundaryBook()
    _add_street(router, context, book)
    _add_community(router, context, book)
    _add_grid(router, context, book)
    return router


def _add_street(router: APIRouter, context: Context, book: BoundaryBook) -> None:
    @router.get("")
    async def show(request: Request, who: _See) -> Response:
        async with context.database.read() as session:
            street, grids = await _of(session, who)
            found = await book.findings(street)
            rows = await _community_rows(session, who, grids, street, found)
            proof = await newest_proof(session)
        mine = {grid.code for grid in grids}
        return _page(
            request,
            "grids.html",
            now=context.clock.now(),
            rows=rows,
            proof=proof,
            kinds={kind: sum(grid.kind is kind for grid in grids) for kind in GridKind},
            findings=[one for one in found if _is_mine(one, mine, {row.code for row in rows})],
            street=street,
            map_address="/desk/grids/map",
        )

    @router.get("/map")
    async def draw(who: _See) -> Response:
        async with context.database.read() as session:
            street, grids = await _of(session, who)
            found = await book.findings(street)
            proof = await newest_proof(session)
            codes = set(await session.scalars(select(Community.code).where(communities_within(who.reach))))
        thin = {gap["grid"] for gap in proof.gaps} if proof else set()
        mine = {grid.code for grid in grids}
        wanted = [one for one in found if _is_mine(one, mine, codes)]
        return _drawn(await asyncio.to_thread(draw_street, street, grids, wanted, thin))


def _add_community(router: APIRouter, context: Context, book: BoundaryBook) -> None:
    @router.get("/communities/{community}")
    async def show(request: Request, who: _See, community: str) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            street, grids = await _of(session, who, community)
            found = await book.findings(street)
            counts = await _building_counts(session)
        rows = await _grid_rows(street, grids, found, counts, now)
        return _page(
            request,
            "grids_community.html",
            now=now,
            community=street.communities[community],
            rows=rows,
            findings=[one for one in found if one.community == community],
            street=street,
            map_address=f"/desk/grids/communities/{quote(community)}/map",
        )

    @router.get("/communities/{community}/map")
    async def draw(who: _See, community: str) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            street, grids = await _of(session, who, community)
            found = await book.findings(street)
        rows = await _grid_rows(street, grids, found, {}, now)
        thin = {row.grid.code for row in rows if row.gaps}
        own = [one for one in found if one.community == community]
        return _drawn(await asyncio.to_thread(draw_community, street, community, grids, own, thin))


def _add_grid(router: APIRouter, context: Context, book: BoundaryBook) -> None:
    @router.get("/{grid}", dependencies=[requires(Right.SEE_PEOPLE)])
    async def show(request: Request, grid: str) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            street = await street_now(session)
            facts = _known(street, grid)
            found = await book.findings(street)
            buildings = await _buildings(session, grid)
            units = list(await session.scalars(select(Unit).where(Unit.grid == grid).order_by(Unit.code)))
            doors = list(await session.scalars(select(Door).where(Door.grid == grid).order_by(Door.door)))
            below = list(await session.scalars(select(Grid).where(Grid.parent == grid).order_by(Grid.code)))
        chain = resolve(street, DeviceFacts(grid=grid), now)
        (row,) = await _grid_rows(street, [facts], found, {}, now)
        language = language_of(request)
        return _page(
            request,
            "grid.html",
            now=now,
            grid=facts,
            row=row,
            chain=chain,
            reason=chain.reason_in("zh_CN" if language == "zh_CN" else "en"),
            lines=list(explain(chain, "zh_CN" if language == "zh_CN" else "en"))[2:],
            buildings=buildings,
            units=units,
            doors=doors,
            below=below,
            findings=row.findings,
            street=street,
            map_address=f"/desk/grids/{quote(grid)}/map",
        )

    @router.get("/{grid}/map", dependencies=[requires(Right.SEE_PEOPLE)])
    async def draw(grid: str) -> Response:
        now = context.clock.now()
        async with context.database.read() as session:
            street = await street_now(session)
            facts = _known(street, grid)
            found = [one for one in await book.findings(street) if grid in one.grids]
            buildings = await _buildings(session, grid)
        proof = await asyncio.to_thread(prove, replace(street, grids={grid: facts}), now)
        return _drawn(
            await asyncio.to_thread(
                draw_grid, street, facts, found, [one for one, _ in buildings], bool(proof.gaps)
            )
        )


# --- what the pages show -----------------------------------------------------------------------


async def _of(
    session: ReadSession, who: SignedIn, community: str | None = None
) -> tuple[Street, list[GridFacts]]:
    """Return the street and those grids that the reader may see, all or of one community."""
    street = await street_now(session)
    if community is not None and community not in street.communities:
        raise NotFoundError("没有这个社区。")
    mine = set(await session.scalars(select(Grid.code).where(grids_within(who.reach))))
    return street, [
        grid
        for grid in sorted(street.grids.values(), key=lambda one: one.code)
        if grid.code in mine and community in (None, grid.community)
    ]


def _known(street: Street, grid: str) -> GridFacts:
    facts = street.grids.get(grid)
    if facts is None:
        raise NotFoundError("没有这个网格。")
    return facts


def _is_mine(finding: Finding, grids: set[str], communities: set[str]) -> bool:
    return finding.community in communities and set(finding.grids) <= grids


async def _community_rows(
    session: ReadSession,
    who: SignedIn,
    grids: Sequence[GridFacts],
    street: Street,
    found: Sequence[Finding],
) -> list[CommunityRow]:
    counts = await _building_counts(session)
    proof = await newest_proof(session)
    gaps = proof.gaps if proof else []
    query = select(Community).where(communities_within(who.reach)).order_by(Community.code)
    rows = []
    for community in await session.scalars(query):
        own = [grid for grid in grids if grid.community == community.code]
        hours = [
            datetime.fromisoformat(gap["ends_at"]) - datetime.fromisoformat(gap["begins_at"])
            for gap in gaps
            if gap["community"] == community.code
        ]
        rows.append(
            CommunityRow(
                code=community.code,
                name=community.name,
                grids=len(own),
                buildings=sum(counts.get(grid.code, 0) for grid in own),
                leaderless=sum(not _duties(street, grid) for grid in own),
                thin_hours=round(sum(one.total_seconds() for one in hours) / 3600),
                troubles=sum(one.community == community.code for one in found),
            )
        )
    return rows


async def _grid_rows(
    street: Street,
    grids: Sequence[GridFacts],
    found: Sequence[Finding],
    counts: Mapping[str, int],
    now: datetime,
) -> list[GridRow]:
    some = replace(street, grids={grid.code: grid for grid in grids})
    proof = await asyncio.to_thread(prove, some, now)
    return [
        GridRow(
            grid=grid,
            leaders=list(street.roster.standings((Role.LEADER, Scope.GRID, grid.code), now)),
            buildings=counts.get(grid.code, 0),
            gaps=[gap for gap in proof.gaps if gap.grid == grid.code],
            findings=[one for one in found if grid.code in one.grids],
        )
        for grid in grids
    ]


def _duties(street: Street, grid: GridFacts) -> bool:
    return bool(street.roster.duties_of((Role.LEADER, Scope.GRID, grid.code)))


async def _building_counts(session: ReadSession) -> dict[str, int]:
    query = select(Building.grid, func.count()).where(Building.grid.is_not(None)).group_by(Building.grid)
    return {grid: count for grid, count in await session.execute(query) if grid is not None}


async def _buildings(session: ReadSession, grid: str) -> list[tuple[Building, int]]:
    """Return a grid's buildings with the number of their devices, by estate and name."""
    count = (
        select(func.count())
        .where(Device.building == Building.code, Device.adopted, Device.retired_at.is_(None))
        .correlate(Building)
        .scalar_subquery()
    )
    query = select(Building, count).where(Building.grid == grid)
    rows = await session.execute(query.order_by(Building.estate, Building.name, Building.code))
    return [(building, devices) for building, devices in rows]


def _page(request: Request, template: str, **values: Any) -> Response:
    script, style = entry("src/grids.ts")
    return render_page(
        request,
        template,
        places_style=stylesheet("src/places.css"),
        map_script=script,
        map_style=style,
        words=words,
        troubles=TROUBLES,
        grid_kinds=GRID_KINDS,
        **values,
    )


def _drawn(shapes: dict[str, Any]) -> Response:
    return Response(json.dumps(shapes, ensure_ascii=False), media_type="application/geo+json")
