"""Reading items: lists, one item with its history, and which presses are open to somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from server.alarms.tables import Alarm, stands
from server.db.session import ReadSession
from server.escalation.tables import Due
from server.items import chatter
from server.items.grouping import with_inside
from server.items.machine import Facts, Refusal, decide
from server.items.model import ActorKind, ItemState, Move
from server.items.tables import Item, ItemMove, ItemParty
from server.items.undo import find_undoable
from server.notify.tables import Notice
from wire.vocabulary import AlarmClass, Condition, Mode

PERSON_MOVES = (
    Move.ACCEPT,
    Move.ARRIVE,
    Move.FINISH,
    Move.NEED_HELP,
    Move.NOT_MINE,
    Move.FALSE_ALARM,
    Move.UNDO,
)
"""What a person who was told can press."""
DESK_MOVES = (
    Move.ACCEPT,
    Move.FINISH,
    Move.UNDO,
    Move.REASSIGN,
    Move.CONFIRM_FALSE_ALARM,
    Move.REJECT_FALSE_ALARM,
    Move.CLOSE_EXCEPTION,
    Move.NOTE,
    Move.MERGE,
    Move.UNMERGE,
    Move.SHELVE,
    Move.CONFIRM_SHELF,
    Move.UNSHELVE,
)
"""What the desk can press."""

_URGENCY = {class_: rank for rank, class_ in enumerate(AlarmClass)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStory:
    """One item with everything that belongs to it, oldest first."""

    item: Item
    parent: Item | None
    """The item that speaks for it."""
    children: Sequence[Item]
    """What is inside it: the matters of a visit, the devices of a storm, what was merged."""
    alarms: Sequence[Alarm]
    moves: Sequence[ItemMove]
    parties: Sequence[ItemParty]
    notices: Sequence[Notice]
    dues: Sequence[Due]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Which items a list shows; every field narrows it."""

    open: bool | None = True
    """Only open ones, only closed ones, or both (null)."""
    mode: Mode | None = None
    community: str | None = None
    grid: str | None = None
    owner: str | None = None
    at_desk: bool = False
    """Only those whose owner is the desk itself."""
    within: ColumnElement[bool] | None = None
    """Only what the asker may see: `server.access.scopes.items_within`."""
    inside: bool = False
    """Also those inside a visit, a storm or the item they were merged into."""
    untold: bool = True
    """Also those that are held for a moment because others may have fallen silent with them."""
    shelved: bool | None = None
    """Only those laid aside, only the others, or both (null)."""


async def find_item(session: ReadSession, item_id: str) -> Item | None:
    """Return an item, or nothing."""
    return await session.get(Item, item_id)


async def list_items(
    session: ReadSession, wanted: ItemFilter, *, limit: int = 100, offset: int = 0
) -> list[Item]:
    """Return items, the gravest first, among equals the untaken and then the newest; drills after all else.

    Of closed ones alone the last closed come first: there are ever more of them.
    """
    query = select(Item).where(*_conditions(wanted))
    rank = case(_URGENCY, value=Item.class_, else_=len(_URGENCY))
    if wanted.open is False:
        query = query.order_by(Item.closed_at.desc())
    else:
        query = query.order_by(
            Item.closed_at.is_not(None), Item.mode != Mode.LIVE, rank, Item.accepted, Item.opened_at.desc()
        )
    return list(await session.scalars(query.limit(limit).offset(offset)))


async def count_items(session: ReadSession, wanted: ItemFilter) -> int:
    """Return how many items a filter lets through."""
    count = await session.scalar(select(func.count()).select_from(Item).where(*_conditions(wanted)))
    return count or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many open items there are, however many a list shows; tests and drills count apart."""

    open: int
    exercised: int
    """Open tests and drills; in none of the other figures."""
    untaken: int
    help: int
    claimed: int
    at_desk: int


async def tally_open(session: ReadSession, within: ColumnElement[bool] | None = None) -> Tally:
    """Return the figures of all open items that stand for themselves and that the asker may see."""
    real = Item.mode == Mode.LIVE

    def number(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((and_(*conditions), 1), else_=0)), 0)

    query = select(
        number(real),
        number(~real),
        number(real, Item.accepted.is_(False)),
        number(real, Item.help_wanted.is_(True)),
        number(real, Item.false_alarm_claimed.is_(True)),
        number(real, Item.owner.is_(None)),
    ).where(*_conditions(ItemFilter(within=within)))
    row = (await session.execute(query)).one()
    names = ("open", "exercised", "untaken", "help", "claimed", "at_desk")
    return Tally(**dict(zip(names, row, strict=True)))


async def items_of_person(
    session: ReadSession, person: str, *, closed_since: datetime | None = None
) -> list[Item]:
    """Return the items a person was told of and did not refuse, the gravest first.

    Args:
        session: where to read.
        person: the person's code.
        closed_since: closed items are included when they closed after this; null leaves all out.
    """
    still = Item.closed_at.is_(None)
    wanted = still if closed_since is None else or_(still, Item.closed_at >= closed_since)
    rank = case(_URGENCY, value=Item.class_, else_=len(_URGENCY))
    query = (
        select(Item)
        .join(ItemParty, ItemParty.item == Item.id)
        .where(
            ItemParty.person == person,
            ItemParty.refused.is_(False),
            Item.parent.is_(None),
            Item.shelved_until.is_(None),
            wanted,
        )
        .order_by(Item.closed_at.is_not(None), rank, Item.opened_at.desc())
    )
    return list(await session.scalars(query))


async def item_story(session: ReadSession, item_id: str) -> ItemStory | None:
    """Return an item with its alarms, history, people, notices and due rows, or nothing."""
    item = await session.get(Item, item_id)
    if item is None:
        return None
    return ItemStory(
        item=item,
        parent=await session.get(Item, item.parent) if item.parent is not None else None,
        children=list(
            await session.scalars(
                select(Item).where(Item.parent == item_id).order_by(Item.opened_at, Item.id)
            )
        ),
        alarms=await alarms_of(session, item_id),
        moves=await moves_of(session, item_id),
        parties=list(
            await session.scalars(
                select(ItemParty)
                .where(ItemParty.item == item_id)
                .order_by(ItemParty.told_at, ItemParty.step, ItemParty.person)
            )
        ),
        notices=list(
            await session.scalars(
                select(Notice).where(Notice.item == item_id).order_by(Notice.created_at, Notice.id)
            )
        ),
        dues=list(await session.scalars(select(Due).where(Due.item == item_id).order_by(Due.due_at, Due.id))),
    )


async def alarms_of(session: ReadSession, item_id: str) -> list[Alarm]:
    """Return the alarms of an item and of those inside it, the first raised first."""
    query = select(Alarm).where(Alarm.item.in_(with_inside(item_id)))
    query = query.order_by(Alarm.raised_at, Alarm.alarm)
    return list(await session.scalars(query))


async def moves_of(session: ReadSession, item_id: str) -> list[ItemMove]:
    """Return everything that happened to an item, oldest first."""
    query = select(ItemMove).where(ItemMove.item == item_id).order_by(ItemMove.id)
    return list(await session.scalars(query))


async def was_told(session: ReadSession, item_id: str, person: str) -> bool:
    """Tell whether a person was told of an item and did not refuse it."""
    party = await session.get(ItemParty, (item_id, person))
    return party is not None and not party.refused


def shelf_asked_by(item: Item, now: datetime) -> str:
    """Return who asks to lay an item aside; empty once the time that was asked for is over."""
    asked_until = item.shelf_asked_until
    return item.shelf_asked_by if asked_until is None or asked_until > now else ""


async def facts_of(
    session: ReadSession, item: Item, by: ActorKind, actor: str, reason: str = "", *, now: datetime
) -> Facts:
    """Return what the machine of items needs to know for one actor at a moment."""
    parent = await session.get(Item, item.parent) if item.parent is not None else None
    speaker = parent or item
    told = by is ActorKind.PERSON and await was_told(session, speaker.id, actor)
    return Facts(
        state=item.state,
        class_=item.class_,
        owner=speaker.owner,
        accepted=speaker.accepted,
        alarm_over=item.alarm_over,
        cause_present=await cause_present(session, item.id),
        help_wanted=speaker.help_wanted,
        false_alarm_claimed=item.false_alarm_claimed,
        actor=actor,
        told=told,
        reason=reason,
        merged=parent is not None,
        matter=parent is not None and parent.grouping is not None,
        group=item.grouping is not None or await _has_children(session, item.id),
        shelved=item.shelved_until is not None,
        shelf_asked_by=shelf_asked_by(item, now),
        anybody_told=by is not ActorKind.SYSTEM or await _anybody_told(session, item.id),
    )


async def open_moves(
    session: ReadSession, item: Item, by: ActorKind, actor: str, *, now: datetime
) -> Mapping[Move, Refusal | None]:
    """Return for each move of people or the desk whether it would be refused now, and why.

    The reason that some moves need is taken as given: the page asks for it.
    """
    facts = await facts_of(session, item, by, actor, reason="-", now=now)
    moves = PERSON_MOVES if by is ActorKind.PERSON else DESK_MOVES
    refusals = {move: decide(facts, move, by).refusal for move in moves}
    if refusals[Move.UNDO] is None:
        found = find_undoable(await moves_of(session, item.id), by, actor)
        refusals[Move.UNDO] = found if isinstance(found, Refusal) else None
    return refusals


async def cause_present(session: ReadSession, item_id: str) -> bool:
    """Tell whether the measured cause of some alarm of an item is present, whatever its latch."""
    query = select(Alarm.alarm).where(
        Alarm.item.in_(with_inside(item_id)),
        stands(),
        Alarm.condition != Condition.NORMAL,
    )
    return await session.scalar(query.limit(1)) is not None


async def _has_children(session: ReadSession, item_id: str) -> bool:
    return await session.scalar(select(Item.id).where(Item.parent == item_id).limit(1)) is not None


async def _anybody_told(session: ReadSession, item_id: str) -> bool:
    query = select(ItemParty.person).where(ItemParty.item == item_id)
    return await session.scalar(query.limit(1)) is not None


def chattering_since(item: Item, now: datetime) -> datetime | None:
    """Return since when the source of an item chatters; nothing once it has been calm for long enough."""
    record = chatter.Record(
        raises=item.raises, since=item.raises_since, chattering_since=item.chattering_since
    )
    return item.chattering_since if chatter.is_chattering(record, now) else None


def is_open(item: Item) -> bool:
    """Tell whether an item still waits for something."""
    return item.state is not ItemState.CLOSED


def _conditions(wanted: ItemFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not wanted.inside:
        conditions.append(Item.parent.is_(None))
    if not wanted.untold:
        conditions.append(Item.held_until.is_(None))
    if wanted.shelved is not None:
        shelved = Item.shelved_until.is_not(None)
        conditions.append(shelved if wanted.shelved else ~shelved)
    if wanted.open is not None:
        conditions.append(Item.closed_at.is_(None) if wanted.open else Item.closed_at.is_not(None))
    columns = {
        Item.mode: wanted.mode,
        Item.community: wanted.community,
        Item.grid: wanted.grid,
        Item.owner: wanted.owner,
    }
    conditions += [column == value for column, value in columns.items() if value is not None]
    if wanted.at_desk:
        conditions.append(Item.owner.is_(None))
    if wanted.within is not None:
        conditions.append(wanted.within)
    return conditions
