"""Items inside others: going in, coming out, and what the one that speaks for them learns from it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Select, func, or_, select

from server.alarms.tables import Alarm, stands
from server.db.session import ReadSession, WriteSession
from server.escalation import service as dues
from server.escalation.plan import RECHECK_AFTER
from server.escalation.tables import TELLING, Due, DueKind
from server.items.budget import forget_loads
from server.items.ending import end_if_both_agree
from server.items.model import WORKING, Grouping, ItemState, Move, Outcome, is_graver
from server.items.record import SYSTEM, Actor, is_untold, write_move
from server.items.sentences import EMPTIED, MATTERS
from server.items.storms import SPLIT_AFTER, contact_came_back
from server.items.tables import Item, ItemParty
from server.notify import service as notices
from wire.vocabulary import AlarmClass

_MOST_TARGETS: Final = 50
"""Of a list to choose from."""


async def parent_of(session: ReadSession, item: Item) -> Item | None:
    """Return the item that speaks for another, or nothing."""
    return await session.get(Item, item.parent) if item.parent is not None else None


async def children_of(session: ReadSession, item_id: str) -> list[Item]:
    """Return the items inside another, the oldest first."""
    query = select(Item).where(Item.parent == item_id).order_by(Item.opened_at, Item.id)
    return list(await session.scalars(query))


def may_go_into(child: Item, parent: Item | None) -> bool:
    """Tell whether the desk may merge an item into another: nothing is hidden under something lesser."""
    return (
        parent is not None
        and parent.id != child.id
        and parent.parent is None
        and parent.state in WORKING
        and parent.shelved_until is None
        and parent.mode is child.mode
        and not is_graver(child.class_, parent.class_)
        and not (child.class_ is AlarmClass.LIFE_SAFETY and parent.grouping is not None)
    )


async def mergeable_into(session: ReadSession, child: Item) -> list[Item]:
    """Return the open items into which the desk may merge one: of its building, its grid or its gateway.

    Those of the same building come first, among equals the newest.
    """
    same = [
        column == value
        for column, value in ((Item.building, child.building), (Item.grid, child.grid))
        if value is not None
    ]
    near = or_(Item.gateway == child.gateway, *same)
    query = (
        select(Item)
        .where(near, Item.closed_at.is_(None), Item.parent.is_(None), Item.mode == child.mode)
        .order_by(Item.opened_at.desc(), Item.id)
    )
    found = [one for one in await session.scalars(query) if may_go_into(child, one)]
    found.sort(key=lambda one: one.building is None or one.building != child.building)
    return found[:_MOST_TARGETS]


async def merge(
    session: WriteSession, children: Sequence[Item], parent: Item, *, now: datetime, reason: str = ""
) -> list[str]:
    """Let the server put items into another; returns who had been told of them."""
    for child in children:
        await write_move(
            session,
            child,
            Move.MERGE,
            SYSTEM,
            at=now,
            to=child.state,
            came_from=child.state,
            reason=reason,
            detail={"into": parent.id},
        )
    return await attach(session, children, parent, now=now)


async def attach(
    session: WriteSession, children: Sequence[Item], parent: Item, *, now: datetime
) -> list[str]:
    """Silence items and let another speak for them; returns who had been told of them.

    Whoever was told keeps the right to see and to act: they are told of the other now.
    """
    ids = [child.id for child in children]
    old = {child.parent for child in children} - {None, parent.id}
    fresh = all(child.held_until is None and is_untold(session, child) for child in children)
    parties: list[ItemParty] = []
    if not fresh:
        for due in await session.scalars(select(Due).where(Due.item.in_(ids), Due.settled_at.is_(None))):
            dues.settle_one(due, now=now, settled_as=dues.SETTLED_WITHDRAWN)
        parties = list(await session.scalars(select(ItemParty).where(ItemParty.item.in_(ids))))
    for item_id in {party.item for party in parties}:
        await notices.withdraw(session, item_id)
    for child in children:
        child.parent = parent.id
        child.held_until = child.shelved_until = child.shelf_asked_until = None
        child.shelf_asked_by = ""
        child.accepted = child.help_wanted = False
        if is_graver(child.class_, parent.class_):
            parent.class_ = child.class_
            forget_loads(session)
    if fresh:
        # Just raised; what is over already is noted when its clearing is followed.
        parent.alarm_over = False
    else:
        await session.flush()
        await note_over(session, parent)
    for other in old:
        left = await session.get(Item, other)
        if left is not None:
            await note_over(session, left)
            await end_if_both_agree(session, left, now=now)
    session.announce("item", parent.id)
    return sorted({party.person for party in parties if not party.refused})


async def detach(session: WriteSession, child: Item, *, now: datetime) -> None:
    """Let an item stand for itself again; the other may end by it. Telling people is the caller's."""
    parent = await parent_of(session, child)
    child.parent = None
    child.accepted = False
    child.accepted_at = child.arrived_at = child.done_at = None
    child.outcome = None
    await session.flush()
    await dues.settle(session, child.id, now=now, settled_as=dues.SETTLED_WITHDRAWN)
    if parent is not None and parent.state is not ItemState.CLOSED:
        if parent.grouping is Grouping.VISIT:
            parent.device_name = MATTERS % {"n": len(await children_of(session, parent.id))}
        await _follow_inside(session, parent, now=now)


async def part(session: WriteSession, child: Item, *, now: datetime, reason: str = "") -> None:
    """Let the server take an item out of another."""
    await write_move(
        session,
        child,
        Move.UNMERGE,
        SYSTEM,
        at=now,
        to=ItemState.NEW,
        came_from=child.state,
        reason=reason,
        detail={"from": child.parent},
    )
    await detach(session, child, now=now)


def with_inside(item_id: str) -> Select[str]:
    """Return the ids of an item and of all that is inside it, as a query."""
    return select(Item.id).where((Item.id == item_id) | (Item.parent == item_id))


async def note_over(session: WriteSession, item: Item) -> bool:
    """Note whether every alarm of an item, and of those inside it, is over; returns it."""
    query = select(func.count()).select_from(Alarm).where(Alarm.item.in_(with_inside(item.id)), stands())
    item.alarm_over = not await session.scalar(query)
    return item.alarm_over


async def follow_child(session: WriteSession, child: Item, *, now: datetime) -> None:
    """Let the item that speaks for another follow what happened to it."""
    parent = await parent_of(session, child)
    if parent is not None and parent.state is not ItemState.CLOSED:
        await _follow_inside(session, parent, now=now)


async def _follow_inside(session: WriteSession, parent: Item, *, now: datetime) -> None:
    """Let an item follow what became of all that is inside it, or that nothing is any more."""
    await session.flush()
    await note_over(session, parent)
    children = await children_of(session, parent.id)
    if parent.grouping is Grouping.STORM:
        await _plan_split(session, parent, children, now=now)
    if parent.grouping and parent.state in WORKING and all(one.state not in WORKING for one in children):
        await write_move(
            session,
            parent,
            Move.FINISH,
            SYSTEM,
            at=now,
            to=ItemState.DONE,
            came_from=parent.state,
            reason="" if children else EMPTIED,
        )
        parent.outcome = Outcome.HANDLED if children else Outcome.LAPSED
        parent.done_at = now
        await dues.settle(session, parent.id, now=now)
        await notices.withdraw(session, parent.id)
        if not await end_if_both_agree(session, parent, now=now):
            dues.schedule(session, parent.id, DueKind.RECHECK, due_at=now + RECHECK_AFTER)
        return
    await end_if_both_agree(session, parent, now=now)
    session.announce("item", parent.id)


async def take_parent(
    session: WriteSession, child: Item, actor: Actor, person: str | None, *, at: datetime
) -> Item | None:
    """Give whoever ticks off a matter the visit, unless somebody took it; returns the visit if so.

    What their time is now is the caller's to say.
    """
    parent = await parent_of(session, child)
    if parent is None or parent.accepted or parent.state is not ItemState.NEW:
        return None
    await write_move(
        session, parent, Move.ACCEPT, actor, at=at, to=ItemState.ACCEPTED, came_from=parent.state
    )
    parent.owner, parent.accepted, parent.accepted_at = person, True, at
    await dues.settle(session, parent.id, TELLING, now=at)
    await notices.withdraw(session, parent.id, keep_person=person)
    return parent


async def finish_children(session: WriteSession, parent: Item, actor: Actor, *, at: datetime) -> list[str]:
    """What is done for an item is done for all that is inside it; returns what was not done before."""
    finished = []
    for child in await children_of(session, parent.id):
        if child.state in WORKING:
            finished.append(child.id)
            await write_move(
                session, child, Move.FINISH, actor, at=at, to=ItemState.DONE, came_from=child.state
            )
            child.outcome, child.done_at = parent.outcome, at
        await end_if_both_agree(session, child, now=at)
    return finished


async def return_children(session: WriteSession, parent: Item, *, now: datetime) -> None:
    """Give back what is inside an item and not over, as the item itself was given back."""
    for child in await children_of(session, parent.id):
        if child.state is ItemState.DONE and not child.alarm_over:
            child.outcome, child.done_at = None, None
            await write_move(
                session, child, Move.RETURN, SYSTEM, at=now, to=ItemState.ACCEPTED, came_from=child.state
            )


async def follow_undo(
    session: WriteSession, item: Item, finished: Collection[str], *, now: datetime
) -> Item | None:
    """A press was undone: what it finished besides is open again; what was ticked off before stays so.

    Args:
        session: the transaction.
        item: what was pressed.
        finished: the items inside it that the press finished.
        now: the server's time.

    Returns:
        What speaks for the item, where that was done and is not any more: its time is the caller's to say.
    """
    for child in await children_of(session, item.id):
        if child.state is ItemState.DONE and child.id in finished:
            child.outcome, child.done_at = None, None
            await write_move(
                session, child, Move.UNDO, SYSTEM, at=now, to=ItemState.NEW, came_from=child.state
            )
    parent = await parent_of(session, item)
    if parent is None or parent.state is not ItemState.DONE or item.state not in WORKING:
        return None
    parent.outcome, parent.done_at = None, None
    to = ItemState.ACCEPTED if parent.accepted else ItemState.NEW
    await dues.settle(session, parent.id, (DueKind.RECHECK,), now=now)
    await write_move(session, parent, Move.UNDO, SYSTEM, at=now, to=to, came_from=parent.state)
    return parent


async def _plan_split(session: WriteSession, storm: Item, children: Sequence[Item], *, now: datetime) -> None:
    silent = sum(not child.alarm_over for child in children)
    if not contact_came_back(silent, len(children)):
        return
    if not await dues.open_dues(session, storm.id, (DueKind.SPLIT,)):
        dues.schedule(session, storm.id, DueKind.SPLIT, due_at=now + SPLIT_AFTER)
