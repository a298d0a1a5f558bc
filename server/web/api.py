"""The JSON API of the desk: what the pages show, for other programs of the owner."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import devices_within, gateways_within, items_within
from server.access.service import SignedIn
from server.context import Context
from server.devices.tables import Device, Gateway
from server.errors import ConflictError, NotFoundError
from server.history import trends
from server.items.budget import read_loads
from server.items.cardfacts import card_for
from server.items.model import ActorKind, Grouping, ItemState, Move, Outcome
from server.items.queries import ItemFilter, chattering_since, count_items, item_story, list_items
from server.items.record import Actor
from server.items.service import PressVerdict, press
from server.items.tables import Item, ItemMove
from server.items.unreached import unreached_of
from server.routing.sentences import ENGLISH
from server.web.cardout import CardOut, note_numbers, viewer_of
from server.web.problems import PROBLEMS
from server.web.stored import told, told_of
from server.web.templating import language_of
from wire.vocabulary import AlarmClass, Condition, Kind, Measure, Mode, Presence, Quality, Suppression

_MOST: Final = 200


class Row(BaseModel):
    """Base: built from the rows of the database."""

    model_config = ConfigDict(from_attributes=True)


class ItemOut(Row):
    """An item."""

    id: str
    gateway: str
    device: str
    device_name: str
    kind: Kind
    class_: AlarmClass = Field(serialization_alias="class")
    mode: Mode
    state: ItemState
    owner: str | None
    accepted: bool
    community: str | None
    grid: str | None
    building: str | None
    where: str
    reason: str
    reason_en: str = ""
    """The same in English; what cannot be told in English as it is kept."""
    help_wanted: bool
    false_alarm_claimed: bool
    alarm_over: bool
    nobody_reached: bool = False
    """Open, not accepted, and no message got through to anybody."""
    outcome: Outcome | None
    opened_at: datetime
    accepted_at: datetime | None
    arrived_at: datetime | None
    done_at: datetime | None
    closed_at: datetime | None
    parent: str | None
    """The item that speaks for it: a visit, a storm, or the one it was merged into."""
    grouping: Grouping | None
    held_until: datetime | None
    shelved_until: datetime | None
    shelf_reason: str
    shelf_asked_by: str
    chattering_since: datetime | None


class AlarmOut(Row):
    """An alarm as its gateway last stated it."""

    gateway: str
    alarm: str
    device: str
    rule: str
    kind: Kind
    class_: AlarmClass = Field(serialization_alias="class")
    condition: Condition
    latched: bool
    mode: Mode
    point: str | None
    value: float | None
    unit: str
    limit: float | None
    measure: Measure
    window_ms: int
    stage: int
    voters: list[dict[str, Any]]
    votes_needed: int
    quality: Quality
    rule_hash: str
    sentence: str
    sentence_en: str
    suppression: Suppression
    suppressed_until: datetime | None
    suppressed_by: str
    suppressed_why: str
    explained_by: str | None
    raised_at: datetime
    changed_at: datetime
    received_at: datetime
    count: int
    actions: list[dict[str, Any]]
    cleared_at: datetime | None
    superseded_at: datetime | None
    readable: bool
    volatile: bool


class MoveOut(Row):
    """One thing that happened to an item."""

    at: datetime
    actor_kind: ActorKind
    actor: str
    move: Move
    from_state: ItemState | None
    to_state: ItemState
    reason: str
    reason_en: str = ""
    """The same in English, but for what a person typed."""
    undone: bool

    @classmethod
    def of(cls, move: ItemMove) -> Self:
        """Return a move with its reason in both languages."""
        return cls.model_validate(move).model_copy(update={"reason_en": told_of(move, ENGLISH)})


class NoticeOut(Row):
    """One message to one person."""

    id: str
    person: str
    channel: str
    step: int
    state: str
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    last_error: str
    bundle: str | None
    """The notice in whose message it went out; null where it was a message of its own."""


class ItemStoryOut(BaseModel):
    """An item with everything that belongs to it."""

    item: ItemOut
    card: CardOut
    children: list[ItemOut]
    """The matters of a visit, the devices of a storm, what was merged into it."""
    alarms: list[AlarmOut]
    moves: list[MoveOut]
    notices: list[NoticeOut]


class ItemPage(BaseModel):
    """A part of a list; `next` is the offset of the one after it."""

    items: list[ItemOut]
    total: int
    next: int | None


class PressIn(BaseModel):
    """A press of the desk."""

    model_config = ConfigDict(extra="forbid")

    move: Move
    press: Annotated[str, Field(min_length=8, max_length=64)]
    """Made by the caller; the same again counts once."""
    reason: Annotated[str, Field(max_length=1000)] = ""
    to: str | None = None
    """For `reassign`: the person's code; for `merge`: the id of the item."""
    until: AwareDatetime | None = None
    hours: Annotated[float | None, Field(ge=0, le=10_000, allow_inf_nan=False)] = None
    """For `shelve`: when it is taken up again, or after how long by the server's clock; that counts first."""


class PressOut(BaseModel):
    """What became of a press."""

    verdict: PressVerdict
    state: ItemState


class GatewayOut(Row):
    """A gateway."""

    id: str
    name: str
    building: str | None
    registered: bool
    presence: Presence | None
    heard_at: datetime | None
    status: dict[str, Any] | None


class DeviceOut(Row):
    """A device; one that is not adopted was only heard of."""

    gateway: str
    device: str
    name: str
    model: str
    kind: str
    building: str | None
    floor: str
    door: str
    adopted: bool


class ReadingOut(BaseModel):
    """One reading."""

    at: datetime
    value: float | None
    quality: Quality


def build_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", responses=PROBLEMS)
    _add_items(router, context)
    _add_presses(router, context)
    _add_load(router, context)
    _add_devices(router, context)
    _add_history(router, context)
    return router


def _add_items(router: APIRouter, context: Context) -> None:
    @router.get("/items", operation_id="listItems", tags=["items"])
    async def list_all(
        who: Annotated[SignedIn, requires(Right.SEE_ITEMS)],
        *,
        open: bool | None = True,  # noqa: A002 - the query's own word
        mode: Mode | None = None,
        owner: str | None = None,
        grid: str | None = None,
        community: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 50,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> ItemPage:
        """List items, the gravest first."""
        wanted = ItemFilter(
            open=open,
            mode=mode,
            owner=owner,
            grid=grid,
            community=community,
            within=items_within(who.reach),
        )
        async with context.database.read() as session:
            items = await list_items(session, wanted, limit=limit, offset=offset)
            total = await count_items(session, wanted)
            now = context.clock.now()
            unreached = await unreached_of(session, items, now=now)
        after = offset + len(items)
        return ItemPage(
            items=[_item_out(item, now, nobody_reached=item.id in unreached) for item in items],
            total=total,
            next=after if after < total else None,
        )

    @router.get("/items/{item_id}", operation_id="getItem", tags=["items"])
    async def show(
        who: Annotated[SignedIn, requires(Right.SEE_ITEMS)], request: Request, item_id: str
    ) -> ItemStoryOut:
        """Return an item with its card, alarms, history and notices; the card in the reader's language."""
        now = context.clock.now()
        async with context.database.read() as session:
            story = await item_story(session, item_id)
            if story is None:
                raise NotFoundError("没有这件事项。")
            unreached = await unreached_of(session, [story.item], now=now)
            language = language_of(request)
            viewer = await viewer_of(session, who, english=language == "en")
            card = await card_for(session, story, viewer, now=now)
        await note_numbers(context.database, card, who, now=now)
        return ItemStoryOut(
            item=_item_out(story.item, now, nobody_reached=bool(unreached)),
            card=CardOut.of(card, language),
            children=[_item_out(child, now) for child in story.children],
            alarms=[AlarmOut.model_validate(alarm) for alarm in story.alarms],
            moves=[MoveOut.of(move) for move in story.moves],
            notices=[NoticeOut.model_validate(notice) for notice in story.notices],
        )


def _item_out(item: Item, now: datetime, *, nobody_reached: bool = False) -> ItemOut:
    more = {
        "nobody_reached": nobody_reached,
        "chattering_since": chattering_since(item, now),
        "reason_en": told(item.reason, ENGLISH),
    }
    return ItemOut.model_validate(item).model_copy(update=more)


class LoadOut(BaseModel):
    """What one person was asked for that could wait."""

    person: str
    told: int
    """Within the last hour."""
    waiting: int
    """For their digest."""


def _add_load(router: APIRouter, context: Context) -> None:
    @router.get("/load", operation_id="listLoad", tags=["items"], dependencies=[requires(Right.ACT_AS_DESK)])
    async def list_load() -> list[LoadOut]:
        """List who was asked for things that can wait within this hour, the busiest first."""
        async with context.database.read() as session:
            loads = await read_loads(session, None, now=context.clock.now())
        rows = [LoadOut(person=one, told=load.told, waiting=load.waiting) for one, load in loads.items()]
        return sorted(rows, key=lambda row: (-row.waiting, -row.told, row.person))


def _add_presses(router: APIRouter, context: Context) -> None:
    @router.post("/items/{item_id}/moves", operation_id="pressItem", tags=["items"])
    async def move(
        who: Annotated[SignedIn, requires(Right.ACT_AS_DESK)], item_id: str, wanted: PressIn
    ) -> PressOut:
        """Press a button of the desk; 409 says why it is not possible now."""
        now, hours = context.clock.now(), wanted.hours
        async with context.database.write() as session:
            outcome = await press(
                session,
                item_id,
                Actor(kind=ActorKind.OPERATOR, id=who.operator),
                wanted.move,
                wanted.press,
                wanted.reason,
                now=now,
                to=wanted.to,
                until=wanted.until if hours is None else now + timedelta(hours=hours),
                policies=context.policies,
            )
        if outcome.state is None:
            raise NotFoundError("没有这件事项。")
        if outcome.verdict is PressVerdict.REFUSED:
            raise ConflictError(outcome.sentence)
        return PressOut(verdict=outcome.verdict, state=outcome.state)


def _add_devices(router: APIRouter, context: Context) -> None:
    @router.get("/gateways", operation_id="listGateways", tags=["devices"])
    async def list_gateways(who: Annotated[SignedIn, requires(Right.SEE_DEVICES)]) -> list[GatewayOut]:
        """List gateways with their newest status."""
        async with context.database.read() as session:
            rows = await session.scalars(
                select(Gateway).where(gateways_within(who.reach)).order_by(Gateway.id)
            )
            return [GatewayOut.model_validate(row) for row in rows]

    @router.get("/devices", operation_id="listDevices", tags=["devices"])
    async def list_devices(
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)], *, adopted: bool | None = None
    ) -> list[DeviceOut]:
        """List devices; `adopted=false` gives those that nobody registered."""
        query = select(Device).where(devices_within(who.reach)).order_by(Device.gateway, Device.device)
        if adopted is not None:
            query = query.where(Device.adopted.is_(adopted))
        async with context.database.read() as session:
            rows = await session.scalars(query)
            return [DeviceOut.model_validate(row) for row in rows]


def _add_history(router: APIRouter, context: Context) -> None:
    @router.get(
        "/readings",
        operation_id="listReadings",
        tags=["history"],
        dependencies=[requires(Right.SEE_DEVICES)],
    )
    async def list_readings(
        gateway: str, device: str, point: str, start: datetime, end: datetime
    ) -> list[ReadingOut]:
        """Return the readings of one point in a span of time, the oldest first."""
        found = await trends.read_range(
            context.readings, gateway=gateway, device=device, point=point, since=start, until=end
        )
        return [ReadingOut(at=one.at, value=one.value, quality=one.quality) for one in found]
