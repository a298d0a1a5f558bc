"""Who is responsible, with the reason, and the proof that somebody always is: for the desk's programs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import grids_within
from server.access.service import SignedIn
from server.audit import service as audit
from server.context import Context
from server.errors import InvalidError, NotFoundError
from server.items.tables import Item
from server.people.model import Role
from server.people.roster import Presence
from server.places.tables import Grid
from server.routing.explain import explain
from server.routing.model import Chain
from server.routing.proving import newest_proof, prove_now
from server.routing.sentences import CHINESE, ENGLISH
from server.routing.service import chain_for, grid_chain
from server.routing.tables import RouteProof
from server.web.problems import PROBLEMS


class LinkOut(BaseModel):
    """One person of a chain; `presence` says whether they are told anything now, `until` when it changes."""

    person: str
    name: str
    role: Role
    reachable: bool
    presence: Presence
    until: datetime | None
    reason: str
    reason_en: str


class ChainOut(BaseModel):
    """Everybody responsible at a moment, the nearest first, the desk last; `lines` tell it to people."""

    at: datetime
    owner: str
    reason: str
    reason_en: str
    community: str | None
    grid: str | None
    building: str | None
    neighbours: list[str]
    links: list[LinkOut]
    lines: list[str]
    lines_en: list[str]


class GapOut(BaseModel):
    """A grid and hours in which fewer than two people can be told; `least` is 0 or 1."""

    grid: str
    name: str
    community: str
    begins_at: datetime
    ends_at: datetime
    least: int


class ProofOut(BaseModel):
    """One proof over a span of time; nothing in `gaps` means that it holds for what the asker may see."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    begins_at: datetime
    hours: int
    grids: int
    thin_hours: int
    gaps: list[GapOut]


def build_routing_api(context: Context) -> APIRouter:
    """Return the routes that say who is responsible."""
    router = APIRouter(prefix="/api/v1", tags=["responsibility"], responses=PROBLEMS)
    _add_chains(router, context)
    _add_proofs(router, context)
    return router


def _add_chains(router: APIRouter, context: Context) -> None:
    @router.get(
        "/items/{item_id}/responsible",
        operation_id="explainItem",
        dependencies=[requires(Right.SEE_ITEMS)],
    )
    async def of_item(item_id: str, at: datetime | None = None) -> ChainOut:
        """Say who is responsible for an item's device now, or at a moment, and why."""
        moment = _moment(context, at)
        async with context.database.read() as session:
            item = await session.get(Item, item_id)
            if item is None:
                raise NotFoundError("没有这件事项。")
            return _chain_out(await chain_for(session, item.gateway, item.device, moment), moment)

    @router.get(
        "/devices/{gateway}/{device}/responsible",
        operation_id="explainDevice",
        dependencies=[requires(Right.SEE_DEVICES)],
    )
    async def of_device(gateway: str, device: str, at: datetime | None = None) -> ChainOut:
        """Say who is responsible for a device now, or at a moment, and why."""
        moment = _moment(context, at)
        async with context.database.read() as session:
            return _chain_out(await chain_for(session, gateway, device, moment), moment)

    @router.get(
        "/grids/{grid}/responsible",
        operation_id="explainGrid",
        dependencies=[requires(Right.SEE_PEOPLE)],
    )
    async def of_grid(grid: str, at: datetime | None = None) -> ChainOut:
        """Say who is on duty for a grid now, or at a moment."""
        moment = _moment(context, at)
        async with context.database.read() as session:
            if await session.get(Grid, grid) is None:
                raise NotFoundError("没有这个网格。")
            return _chain_out(await grid_chain(session, grid, moment), moment)


def _add_proofs(router: APIRouter, context: Context) -> None:
    @router.get("/routing/proof", operation_id="getRouteProof")
    async def newest(who: Annotated[SignedIn, requires(Right.SEE_PEOPLE)]) -> ProofOut | None:
        """Return the newest proof, with what it lists of the asker's grids."""
        async with context.database.read() as session:
            proof = await newest_proof(session)
            if proof is None:
                return None
            mine = await session.scalars(select(Grid.code).where(grids_within(who.reach)))
            return _proof_out(proof, dict.fromkeys(mine, True))

    @router.post("/routing/proof", operation_id="proveRoutes", status_code=201)
    async def prove_again(who: Annotated[SignedIn, requires(Right.CHANGE_PLACES)]) -> ProofOut:
        """Prove the next seven days anew."""
        now = context.clock.now()
        proof = await prove_now(context.database, now=now)
        async with context.database.write() as session:
            await audit.record(
                session,
                at=now,
                actor_kind="operator",
                actor=who.operator,
                action="routes_proved",
                subject_kind="street",
                subject="",
                detail={"gaps": len(proof.gaps)},
            )
        return ProofOut.model_validate(proof)


def _moment(context: Context, at: datetime | None) -> datetime:
    if at is not None and at.tzinfo is None:
        raise InvalidError("at: needs an offset, e.g. 2026-12-24T03:00:00+08:00")
    return at or context.clock.now()


def _chain_out(chain: Chain, at: datetime) -> ChainOut:
    return ChainOut(
        at=at,
        owner=chain.owner.person,
        reason=chain.reason,
        reason_en=chain.reason_in(ENGLISH),
        community=chain.community,
        grid=chain.grid,
        building=chain.building,
        neighbours=list(chain.neighbours),
        links=[
            LinkOut(
                person=link.person,
                name=link.name,
                role=link.role,
                reachable=link.reachable,
                presence=link.presence,
                until=link.until,
                reason=link.reason,
                reason_en=link.reason_in(ENGLISH),
            )
            for link in chain.links
        ],
        lines=list(explain(chain, CHINESE)),
        lines_en=list(explain(chain, ENGLISH)),
    )


def _proof_out(proof: RouteProof, mine: Mapping[str, Any]) -> ProofOut:
    gaps = [GapOut.model_validate(gap) for gap in proof.gaps if gap["grid"] in mine]
    hours = [(gap.ends_at - gap.begins_at).total_seconds() / 3600 for gap in gaps]
    return ProofOut(
        at=proof.at,
        begins_at=proof.begins_at,
        hours=proof.hours,
        grids=len(mine),
        thin_hours=round(sum(hours)),
        gaps=gaps,
    )
