"""What alarms do to items: open one, join one, raise it again, say that it is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select

from server.alarms.machine import Change
from server.alarms.service import Applied
from server.alarms.tables import Alarm
from server.db.base import Base
from server.db.session import WriteSession
from server.escalation import service as dues
from server.escalation.plan import Policies, policy_for
from server.escalation.tables import DueKind
from server.items import budget, gathering, grouping, retelling
from server.items.ending import end_if_both_agree, lay_down
from server.items.itemless import makes_no_item
from server.items.machine import decide
from server.items.model import ActorKind, ItemState, Move, Outcome, is_graver
from server.items.queries import facts_of
from server.items.record import SYSTEM, Actor, note_untold, write_move
from server.items.responsible import Responsible, look_up_all, look_up_places, responsible_for, volunteers_of
from server.items.resuming import (
    chatter_of,
    follow_raise,
    lift_shelf,
    order_resets,
    waits_for_reset,
)
from server.items.sentences import GRAVER, NOBODY_REACHED
from server.items.starting import carry_out_start, plan_start, start_telling
from server.items.storms import Lot, lot_of
from server.items.tables import Item
from server.notify.render import Occasion
from wire.ids import new_uuid7
from wire.messages import AlarmState
from wire.vocabulary import AlarmClass

REOPEN_WITHIN: Final = timedelta(minutes=30)
"""An alarm that comes back this soon after its item was closed reopens it."""
NO_ITEM: Final = "keys_without_item"
"""In a session's info: keys of items that were looked for in bulk and are not there."""
_ENDED: Final = (ItemState.DONE, ItemState.VERIFIED)


async def follow(session: WriteSession, applied: Applied, *, now: datetime, policies: Policies) -> None:
    """Let an item follow what an alarm's newest state says.

    Args:
        session: the transaction in which the alarm was applied.
        applied: the alarm and what changed.
        now: the server's time.
        policies: the steps of escalation in force.
    """
    alarm = applied.alarm
    session.passing(f"alarm/{applied.change.value}")
    if await makes_no_item(session, applied, now=now):
        return
    match applied.change:
        case Change.RAISED | Change.RERAISED:
            await _raise(session, alarm, now=now, policies=policies)
            if alarm.cleared_at is not None:
                await _clear(session, alarm, Move.CLEAR, now=now)
        case Change.CHANGED if await _got_graver_unseen(session, alarm):
            await _raise(session, alarm, now=now, policies=policies)
        case Change.CHANGED | Change.WITHHELD:
            await _follow_change(session, alarm, now=now, policies=policies)
        case Change.CLEARED:
            await _clear(session, alarm, Move.CLEAR, now=now)
        case Change.SUPERSEDED:
            await _clear(session, alarm, Move.SUPERSEDE, now=now)
        case Change.REPEATED | Change.OLDER:
            pass


async def _raise(session: WriteSession, alarm: Alarm, *, now: datetime, policies: Policies) -> None:
    key = key_of(alarm.gateway, alarm)
    item = await _newest_of(session, key, now)
    if item is None:
        await _open(session, alarm, key, now=now, policies=policies)
    elif item.state is ItemState.CLOSED:
        await _reopen(session, item, alarm, now=now, policies=policies)
    else:
        alarm.item = item.id
        await _raise_again(session, item, alarm, now=now, policies=policies)


def key_of(gateway: str, alarm: Alarm | AlarmState) -> str:
    """Return what an alarm's item is about: one item for a device and kind."""
    return f"{gateway}/{alarm.device}/{alarm.kind.value}/{alarm.mode.value}"


async def look_ahead(
    session: WriteSession, stated: Sequence[tuple[str, AlarmState]], *, now: datetime
) -> list[Base]:
    """Read in bulk what opening the items of a batch asks for; hold what is returned meanwhile.

    Args:
        session: the transaction, reading as of one moment.
        stated: gateways and the alarms they state.
        now: the server's time.
    """
    keys = {key_of(gateway, state) for gateway, state in stated}
    found = await session.scalars(select(Item.key).where(Item.key.in_(keys), _recent(now)))
    absent = session.info[NO_ITEM] = keys - set(found)
    fresh = [(gateway, state) for gateway, state in stated if key_of(gateway, state) in absent]
    await look_up_all(session, {(gateway, state.device) for gateway, state in fresh}, now=now)
    can_wait = {(gateway, state.device) for gateway, state in fresh if state.class_ in budget.CAN_WAIT}
    if not can_wait:
        return []
    # Those are gathered by place, and counted.
    await budget.look_ahead(session, await volunteers_of(session, can_wait, now=now), now=now)
    return await look_up_places(session, can_wait, now=now)


def _recent(now: datetime) -> ColumnElement[bool]:
    return Item.closed_at.is_(None) | (Item.closed_at >= now - REOPEN_WITHIN)


async def _newest_of(session: WriteSession, key: str, now: datetime) -> Item | None:
    """Return the open item of a device and kind, else one that was closed a short while ago."""
    absent: set[str] = session.info.get(NO_ITEM, set())
    if key in absent:
        absent.discard(key)
        return None
    query = select(Item).where(Item.key == key, _recent(now))
    return await session.scalar(query.order_by(Item.closed_at.is_not(None), Item.closed_at.desc()).limit(1))


async def _open(session: WriteSession, alarm: Alarm, key: str, *, now: datetime, policies: Policies) -> None:
    found = await responsible_for(session, alarm.gateway, alarm.device, now=now, desk_only=not alarm.readable)
    item = _new_item(alarm, key, found, now)
    chatter_of(item, alarm, now)
    session.add(item)
    note_untold(session, item)
    if not session.is_last(alarm):
        await session.flush()
    alarm.item = item.id
    await _begin(session, item, alarm, found, Move.OPEN, now=now, policies=policies)


async def _reopen(
    session: WriteSession, item: Item, alarm: Alarm, *, now: datetime, policies: Policies
) -> None:
    """Take an item up again whose alarm came back shortly after it was closed."""
    found = await responsible_for(session, alarm.gateway, alarm.device, now=now, desk_only=not alarm.readable)
    alarm.item = item.id
    item.open_key = item.key
    item.closed_at = item.parent = None
    item.class_ = alarm.class_
    item.accepted = item.help_wanted = item.false_alarm_claimed = item.alarm_over = False
    item.accepted_at = item.arrived_at = item.done_at = None
    item.outcome = None
    chatter_of(item, alarm, now)
    await _begin(session, item, alarm, found, Move.REOPEN, now=now, policies=policies)


async def _begin(
    session: WriteSession,
    item: Item,
    alarm: Alarm,
    found: Responsible,
    move: Move,
    *,
    now: datetime,
    policies: Policies,
) -> None:
    """Write down that an item is open, and decide whether people hear of it now or with others."""
    session.say(
        "item_routed",
        item=item.id,
        alarm=alarm.alarm,
        community=found.community,
        grid=found.grid,
        building=found.building,
        people=[one.person for one in found.people],
    )
    lot = lot_of(item.kind, item.class_, item.device, readable=alarm.readable)
    start = None
    if lot is Lot.ALONE:
        start = await plan_start(session, item, found, now=now, policies=policies)
    nobody = NOBODY_REACHED if start is not None and not start.steps else ""
    by_gateway = move is Move.REOPEN
    await write_move(
        session,
        item,
        move,
        Actor(kind=ActorKind.GATEWAY, id=alarm.gateway) if by_gateway else SYSTEM,
        at=now,
        to=ItemState.NEW,
        came_from=ItemState.CLOSED if by_gateway else None,
        reason=f"{item.reason}{nobody}",
    )
    if start is not None:
        occasion = Occasion.RAISED if by_gateway else Occasion.OPENED
        await carry_out_start(session, item, start, now=now, occasion=occasion)
    elif lot is Lot.HELD:
        await gathering.hold(session, item, now=now, policies=policies)
    else:
        await gathering.join_visit(session, item, now=now, policies=policies)


def _new_item(alarm: Alarm, key: str, found: Responsible, now: datetime) -> Item:
    return Item(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        open_key=key,
        key=key,
        gateway=alarm.gateway,
        device=alarm.device,
        kind=alarm.kind,
        class_=alarm.class_,
        mode=alarm.mode,
        state=ItemState.NEW,
        community=found.community,
        grid=found.grid,
        building=found.building,
        where=found.where,
        device_name=found.device_name or alarm.label,
        chain=found.as_rows(),
        reason=found.reason,
        opened_at=now,
    )


async def _raise_again(
    session: WriteSession, item: Item, alarm: Alarm, *, now: datetime, policies: Policies
) -> None:
    graver = is_graver(alarm.class_, item.class_)
    parent = await grouping.parent_of(session, item)
    was_done = item.state in _ENDED
    came_from = item.state
    item.alarm_over = False
    may_tell = chatter_of(item, alarm, now)
    if graver:
        item.class_ = alarm.class_
        budget.forget_loads(session)
    if was_done:
        item.outcome = None
        item.done_at = None
        await dues.settle(session, item.id, (DueKind.RECHECK,), now=now)
    await write_move(
        session,
        item,
        Move.RAISE,
        Actor(kind=ActorKind.GATEWAY, id=alarm.gateway),
        at=now,
        to=_given_back(parent or item) if was_done else item.state,
        came_from=came_from,
        detail={"alarm": alarm.alarm, "rule": alarm.rule, "class": alarm.class_.value},
    )
    if parent is not None:
        await _raise_parent(session, item, parent, alarm, now=now, policies=policies)
        return
    if item.held_until is not None:
        if graver:
            await _stop_holding(session, item, now=now, policies=policies)
        return
    lifted = item.shelved_until is not None and (graver or alarm.class_ is AlarmClass.LIFE_SAFETY)
    if lifted:
        await lift_shelf(session, item, alarm.gateway, now=now)
    policy = policy_for(policies, item.class_, item.community)
    if was_done or graver or may_tell or lifted:
        item.retold_at = now
        await retelling.tell_again(session, item, policy, Occasion.RAISED, now=now)
    await follow_raise(session, item, policy, graver=graver, anew=was_done or lifted, now=now)


def _given_back(speaker: Item) -> ItemState:
    """Return where what was done goes: to whoever has it, if anybody took it before the desk ended it."""
    return ItemState.ACCEPTED if speaker.accepted else ItemState.NEW


async def _raise_parent(
    session: WriteSession, item: Item, parent: Item, alarm: Alarm, *, now: datetime, policies: Policies
) -> None:
    """Let the item that speaks for another follow its raise; what may hurt somebody leaves a group."""
    if is_graver(item.class_, parent.class_):
        if parent.grouping is not None:
            await grouping.part(session, item, now=now, reason=GRAVER)
            await start_telling(session, item, now=now, policies=policies, occasion=Occasion.RAISED)
        else:
            await _raise_again(session, parent, alarm, now=now, policies=policies)
        return
    parent.alarm_over = False
    if parent.grouping is None or parent.state in _ENDED:
        await _raise_again(session, parent, alarm, now=now, policies=policies)
    session.announce("item", parent.id)


async def _stop_holding(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    item.held_until = None
    await dues.settle(session, item.id, (DueKind.HOLD,), now=now)
    await start_telling(session, item, now=now, policies=policies)


async def _follow_change(session: WriteSession, alarm: Alarm, *, now: datetime, policies: Policies) -> None:
    item = await _open_item_of(session, alarm)
    if item is None:
        return
    if is_graver(alarm.class_, item.class_):
        await _raise_again(session, item, alarm, now=now, policies=policies)
        return
    if item.state is ItemState.DONE and waits_for_reset(alarm):
        await order_resets(session, item, issuer=SYSTEM.id, now=now)
    session.announce("item", item.id)


async def _got_graver_unseen(session: WriteSession, alarm: Alarm) -> bool:
    """Tell whether an alarm is graver now than the item that was closed while it stood."""
    item = await session.get(Item, alarm.item) if alarm.item is not None else None
    return item is not None and item.state is ItemState.CLOSED and is_graver(alarm.class_, item.class_)


async def _clear(session: WriteSession, alarm: Alarm, move: Move, *, now: datetime) -> None:
    item = await _open_item_of(session, alarm)
    if item is None:
        return
    await session.flush()
    was_over = item.alarm_over
    if await grouping.note_over(session, item) and was_over:
        return
    await write_move(
        session,
        item,
        move,
        Actor(kind=ActorKind.GATEWAY, id=alarm.gateway),
        at=now,
        to=item.state,
        came_from=item.state,
        detail={"alarm": alarm.alarm, "rule": alarm.rule},
    )
    if item.held_until is not None and item.alarm_over:
        await _lapse(session, item, now=now)
        return
    await end_if_both_agree(session, item, now=now)
    await grouping.follow_child(session, item, now=now)


async def _lapse(session: WriteSession, item: Item, *, now: datetime) -> None:
    """Close what was over before anybody was told of it."""
    facts = await facts_of(session, item, ActorKind.SYSTEM, SYSTEM.id, now=now)
    decision = decide(facts, Move.LAPSE, ActorKind.SYSTEM)
    if not decision.allowed:
        return
    item.outcome = Outcome.LAPSED
    await write_move(session, item, Move.LAPSE, SYSTEM, at=now, to=decision.to, came_from=item.state)
    await lay_down(session, item, now=now)


async def _open_item_of(session: WriteSession, alarm: Alarm) -> Item | None:
    if alarm.item is None:
        return None
    item = await session.get(Item, alarm.item)
    return item if item is not None and item.state is not ItemState.CLOSED else None
