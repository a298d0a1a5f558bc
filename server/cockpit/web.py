"""The cockpit: its page, one snapshot, one stream, the map, and what dispatch adds to the desk's buttons."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.responses import Response, StreamingResponse

from server.access import service
from server.access.guard import requires
from server.access.model import Right
from server.access.service import SignedIn
from server.audit.views import note_view
from server.cockpit.board import BEAT_S, Board
from server.cockpit.figures import PANELS
from server.cockpit.model import Concern
from server.cockpit.places import MapBook, read_buildings
from server.cockpit.words import PANEL_NAMES, TEXTS
from server.context import Context
from server.errors import ConflictError, NotFoundError
from server.items.model import ActorKind
from server.items.receivers import receivers_of
from server.items.record import Actor
from server.items.tables import Item, ItemParty
from server.items.widening import SENTENCES, Widened, widen
from server.live import STREAM_HEADERS
from server.notify.render import title_of
from server.people.model import Role
from server.people.tables import Person
from server.web import words
from server.web.language import translations
from server.web.names import names_within
from server.web.problems import PROBLEMS
from server.web.stored import place_patterns
from server.web.templating import entry, language_of, render_page
from wire.vocabulary import AlarmClass, Kind

_Seat = Annotated[SignedIn, requires(Right.ACT_AS_DESK)]
"""The cockpit is the command centre's: it shows the whole street, and acts."""


class SnapshotOut(BaseModel):
    """Everything that the cockpit shows, and the number from which to follow the stream."""

    epoch: str
    """Another one means that the server began anew."""
    seq: int
    now: str
    up_ms: int
    """A running time of the server, as every event has it: by it a viewer sees how late that comes."""
    items: list[dict[str, Any]]
    panels: dict[str, dict[str, Any]]
    """By name, each with `at`: when it was computed."""


class BuildingOut(BaseModel):
    """A building of a grid."""

    code: str
    name: str
    longitude: float | None
    latitude: float | None
    devices: int


class WidenIn(BaseModel):
    """The next step's people are told at once."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class WidenOut(BaseModel):
    """What became of it."""

    outcome: Widened
    sentence: str


class CalleeOut(BaseModel):
    """Somebody who was told of an item, to be called."""

    code: str
    name: str
    phone: str | None
    owner: bool


class ReceiverOut(BaseModel):
    """Somebody to whom an item can be given."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    role: Role | None
    """As what they answer for the item's place; null for everybody else."""
    on_duty: bool
    """They can be told now and answer for the place."""
    namesake: bool
    """Somebody else is called the same: show the code."""


class DispatchOut(BaseModel):
    """What the desk needs beside an item: whom to call, and to whom it may be given."""

    gateway: str
    device: str
    told: list[CalleeOut]
    people: list[ReceiverOut]
    """First who answers for the item's place and is on duty, then who does off duty, then everybody else."""


def build_cockpit(context: Context, board: Board) -> APIRouter:
    """Return the routes of the cockpit."""
    router = APIRouter(responses=PROBLEMS)
    _add_page(router)
    _add_board(router, context, board)
    _add_places(router, context)
    _add_dispatch(router, context)
    return router


def _add_page(router: APIRouter) -> None:
    @router.get("/cockpit", include_in_schema=False)
    async def show_cockpit(request: Request, who: _Seat) -> Response:
        script, style = entry("src/cockpit.ts")
        return render_page(
            request,
            "cockpit.html",
            operator=who.operator,
            cockpit_script=script,
            cockpit_style=style,
            words=words,
            texts=TEXTS,
            told=place_patterns(language_of(request)),
            panels=PANEL_NAMES,
            order=list(PANELS),
            concerns=list(Concern),
            titles={
                f"{kind.value}/{class_.value}": title_of(kind, class_)
                for kind in Kind
                for class_ in AlarmClass
            },
        )


def _add_board(router: APIRouter, context: Context, board: Board) -> None:
    sessions = _Sessions(context)

    @router.get("/api/v1/cockpit", operation_id="getCockpit", tags=["cockpit"])
    async def snapshot(who: _Seat) -> SnapshotOut:
        """Return the state of the street."""
        del who
        return SnapshotOut.model_validate(await board.snapshot())

    @router.get("/api/v1/cockpit/stream", operation_id="followCockpit", tags=["cockpit"])
    async def follow(request: Request, who: _Seat, after: str = "") -> StreamingResponse:
        """Follow it: server-sent events `items`, `panels`, `beat`, `resync`, `gone`."""
        newest = request.headers.get("last-event-id") or after
        return StreamingResponse(
            board.follow(newest, sessions.still(who)),
            media_type="text/event-stream",
            headers=STREAM_HEADERS,
        )


class _Sessions:
    """Whether viewers may still watch: asked of the database once a beat for each session, not each page."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, tuple[float, bool]] = {}
        self._asking: dict[str, asyncio.Task[bool]] = {}

    def still(self, who: SignedIn) -> Callable[[], Awaitable[bool]]:
        async def ask() -> bool:
            return await self._lives(who)

        return ask

    async def _lives(self, who: SignedIn) -> bool:
        known = self._fresh(who)
        if known is not None:
            return known
        # At a beat all pages ask at once: one question to the database, and all wake with its answer.
        asking = self._asking.get(who.token_hash)
        if asking is None:
            asking = asyncio.create_task(self._ask(who), name="cockpit-session")
            self._asking[who.token_hash] = asking
            asking.add_done_callback(lambda _: self._asking.pop(who.token_hash, None))
        return await asyncio.shield(asking)  # a page that leaves does not end the others' question

    async def _ask(self, who: SignedIn) -> bool:
        clock = self._context.clock
        async with self._context.database.read() as session:
            found = await service.find_session_by_hash(session, who.token_hash, now=clock.now())
        lives = found is not None and Right.ACT_AS_DESK in found.rights
        boot_s = clock.boot_s()
        self._known = {one: kept for one, kept in self._known.items() if boot_s - kept[0] < BEAT_S}
        self._known[who.token_hash] = (boot_s, lives)
        return lives

    def _fresh(self, who: SignedIn) -> bool | None:
        known = self._known.get(who.token_hash)
        if known is None or self._context.clock.boot_s() - known[0] >= BEAT_S / 2:
            return None
        return known[1]


def _add_places(router: APIRouter, context: Context) -> None:
    book = MapBook(context.database)

    @router.get("/api/v1/cockpit/map", operation_id="getCockpitMap", tags=["cockpit"])
    async def show_map(who: _Seat) -> Response:
        """Return the grids with their boundaries as GeoJSON (RFC 7946), and the communities."""
        del who
        _, body = await book.read()
        return Response(body, media_type="application/geo+json")

    @router.get("/api/v1/cockpit/grids/{grid}/buildings", operation_id="listGridBuildings", tags=["cockpit"])
    async def list_buildings(who: _Seat, grid: str) -> list[BuildingOut]:
        """List the buildings of a grid."""
        del who
        async with context.database.read() as session:
            return [BuildingOut.model_validate(one) for one in await read_buildings(session, grid)]


def _add_dispatch(router: APIRouter, context: Context) -> None:
    @router.get("/api/v1/cockpit/items/{item_id}", operation_id="getDispatch", tags=["cockpit"])
    async def show(who: _Seat, item_id: str) -> DispatchOut:
        """Return whom the desk can call about an item, and to whom it can give it."""
        async with context.database.read() as session:
            item = await session.get(Item, item_id)
            if item is None:
                raise NotFoundError("没有这件事项。")
            told = await session.scalars(
                select(Person)
                .join(ItemParty, ItemParty.person == Person.code)
                .where(ItemParty.item == item_id, ItemParty.refused.is_(False))
                .order_by(ItemParty.told_at, ItemParty.step, Person.code)
            )
            callees = [
                CalleeOut(code=one.code, name=one.name, phone=one.phone, owner=one.code == item.owner)
                for one in told
            ]
            now = context.clock.now()
            people = await receivers_of(session, item, await names_within(session, who), now=now)
        await note_view(
            context.database,
            [one.code for one in callees if one.phone],
            by=who.operator,
            now=now,
            urgent=True,
        )
        return DispatchOut(
            gateway=item.gateway,
            device=item.device,
            told=callees,
            people=[ReceiverOut.model_validate(one) for one in people],
        )

    @router.post("/api/v1/cockpit/items/{item_id}/widen", operation_id="widenCircle", tags=["cockpit"])
    async def widen_circle(request: Request, who: _Seat, item_id: str, wanted: WidenIn) -> WidenOut:
        """Tell the people of the next step now; 409 says why there is nobody to tell."""
        async with context.database.write() as session:
            item = await session.get(Item, item_id)
            if item is None:
                raise NotFoundError("没有这件事项。")
            outcome = await widen(
                session,
                item,
                Actor(kind=ActorKind.OPERATOR, id=who.operator),
                wanted.reason,
                now=context.clock.now(),
                policies=context.policies,
            )
        if outcome is not Widened.TOLD:
            raise ConflictError(SENTENCES[outcome])
        say = translations(language_of(request)).gettext
        return WidenOut(outcome=outcome, sentence=say(SENTENCES[outcome]))
