"""What alarms do to items: open one, join one, raise it again, say that it is over."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from server.alarms.service import Applied, Change
from server.alarms.tables import Alarm
from server.db.session import WriteSession
from server.devices import service as devices
from server.escalation import service as dues
from server.escalation.plan import RECHECK_AFTER, Policies, Policy, plan, policy_for
from server.escalation.tables import TELLING, DueKind
from server.items import telling
from server.items.ending import end_if_both_agree
from server.items.model import ActorKind, ItemState, Move
from server.items.record import SYSTEM, Actor, write_move
from server.items.responsible import Responsible, responsible_for
from server.items.tables import Item
from server.notify.render import Occasion
from server.people.tables import Role
from wire.ids import new_uuid7
from wire.vocabulary import AlarmClass, Condition

_RANK = {class_: rank for rank, class_ in enumerate(AlarmClass)}


async def follow(session: WriteSession, applied: Applied, *, now: datetime, policies: Policies) -> None:
    """Let an item follow what an alarm's newest state says.

    Args:
        session: the transaction in which the alarm was applied.
        applied: the alarm and what changed.
        now: the server's time.
        policies: the steps of escalation in force.
    """
    alarm = applied.alarm
    match applied.change:
        case Change.RAISED | Change.RERAISED:
            await _raise(session, alarm, now=now, policies=policies)
            if alarm.cleared_at is not None:
                await _clear(session, alarm, Move.CLEAR, now=now)
        case Change.CHANGED | Change.WITHHELD:
            await _follow_change(session, alarm, now=now, policies=policies)
        case Change.CLEARED:
            await _clear(session, alarm, Move.CLEAR, now=now)
        case Change.REPEATED | Change.OLDER:
            pass


async def follow_superseded(session: WriteSession, alarms: Iterable[Alarm], *, now: datetime) -> None:
    """Note on items that their gateway no longer knows alarms of theirs: those count as over."""
    for alarm in alarms:
        await _clear(session, alarm, Move.SUPERSEDE, now=now)


async def _raise(session: WriteSession, alarm: Alarm, *, now: datetime, policies: Policies) -> None:
    key = f"{alarm.gateway}/{alarm.device}/{alarm.kind.value}/{alarm.mode.value}"
    item = await session.scalar(select(Item).where(Item.open_key == key))
    if item is None:
        await _open(session, alarm, key, now=now, policies=policies)
        return
    alarm.item = item.id
    await _raise_again(session, item, alarm, now=now, policies=policies)


async def _open(session: WriteSession, alarm: Alarm, key: str, *, now: datetime, policies: Policies) -> None:
    found = await responsible_for(session, alarm.gateway, alarm.device, now=now, desk_only=not alarm.readable)
    policy = policy_for(policies, alarm.class_, found.community)
    steps = plan(policy, found.people, now)
    item = _new_item(alarm, key, found, now)
    first = steps[0].people[0] if steps else None
    if first is not None and first.role is not Role.DESK:
        item.owner = first.person
        item.reason = found.maintenance.get(first.person, found.reason)
    item.step = steps[0].number if steps else len(policy.steps) - 1
    session.add(item)
    await session.flush()
    alarm.item = item.id
    reason = item.reason if steps else f"{item.reason}{telling.NOBODY_REACHED}"
    await write_move(
        session, item, Move.OPEN, SYSTEM, at=now, to=ItemState.NEW, came_from=None, reason=reason
    )
    if steps:
        await telling.tell(
            session,
            item,
            steps[0].people,
            Occasion.OPENED,
            step=steps[0].number,
            now=now,
            reach=steps[0].reach,
            policy=policy,
        )
    telling.schedule_after(session, item, policy, steps, now=now)
    telling.watch_reach(session, item, now=now)


def _new_item(alarm: Alarm, key: str, found: Responsible, now: datetime) -> Item:
    return Item(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        open_key=key,
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
    graver = _RANK[alarm.class_] < _RANK[item.class_]
    was_done = item.state in (ItemState.DONE, ItemState.VERIFIED)
    came_from = item.state
    item.alarm_over = False
    if graver:
        item.class_ = alarm.class_
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
        to=ItemState.ACCEPTED if was_done else item.state,
        came_from=came_from,
        detail={"alarm": alarm.alarm, "rule": alarm.rule, "class": alarm.class_.value},
    )
    await telling.tell_again(session, item, Occasion.RAISED, now=now)
    policy = policy_for(policies, item.class_, item.community)
    if was_done or (graver and item.accepted):
        await restart_acceptance(session, item, policy, now=now)
    if graver:
        await _climb(session, item, policy, now=now)


async def _climb(session: WriteSession, item: Item, policy: Policy, *, now: datetime) -> None:
    """Begin the steps of a graver class: its first people at once, unless somebody has it."""
    await dues.settle(session, item.id, TELLING, now=now)
    telling.watch_reach(session, item, now=now)
    item.step = -1
    if item.accepted:
        steps = await telling.steps_left(session, item, policy, due_at=now, now=now)
        item.step = steps[0].number if steps else len(policy.steps) - 1
        if steps:
            await telling.tell(
                session,
                item,
                steps[0].people,
                Occasion.RAISED,
                step=item.step,
                now=now,
                reach=steps[0].reach,
            )
        return
    await telling.take_next_step(session, item, policy, due_at=now, now=now, occasion=Occasion.RAISED)


async def restart_acceptance(session: WriteSession, item: Item, policy: Policy, *, now: datetime) -> None:
    """Give whoever has an item the whole time of an acceptance, from now."""
    await dues.settle(session, item.id, (DueKind.ACCEPTANCE,), now=now)
    if policy.acceptance is not None and item.state is ItemState.ACCEPTED:
        dues.schedule(session, item.id, DueKind.ACCEPTANCE, due_at=now + policy.acceptance)


async def _follow_change(session: WriteSession, alarm: Alarm, *, now: datetime, policies: Policies) -> None:
    item = await _open_item_of(session, alarm)
    if item is None:
        return
    if _RANK[alarm.class_] < _RANK[item.class_]:
        await _raise_again(session, item, alarm, now=now, policies=policies)
        return
    if item.state is ItemState.DONE and _waits_for_reset(alarm):
        await order_resets(session, item, issuer=SYSTEM.id, now=now)
    session.announce("item", item.id)


def _waits_for_reset(alarm: Alarm) -> bool:
    return alarm.condition is Condition.NORMAL and alarm.latched


async def order_resets(session: WriteSession, item: Item, *, issuer: str, now: datetime) -> int:
    """Order the gateway to reset each latch of an item whose cause is gone; returns how many."""
    query = select(Alarm).where(
        Alarm.item == item.id, Alarm.cleared_at.is_(None), Alarm.superseded_at.is_(None)
    )
    waiting = [alarm for alarm in await session.scalars(query) if _waits_for_reset(alarm)]
    for alarm in waiting:
        await devices.order_reset(
            session,
            gateway=alarm.gateway,
            alarm=alarm.alarm,
            item=item.id,
            issuer=issuer,
            now=now,
            expires_in=RECHECK_AFTER,
        )
    return len(waiting)


async def _clear(session: WriteSession, alarm: Alarm, move: Move, *, now: datetime) -> None:
    item = await _open_item_of(session, alarm)
    if item is None:
        return
    await session.flush()
    query = (
        select(func.count())
        .select_from(Alarm)
        .where(Alarm.item == item.id, Alarm.cleared_at.is_(None), Alarm.superseded_at.is_(None))
    )
    was_over = item.alarm_over
    item.alarm_over = not await session.scalar(query)
    if was_over and item.alarm_over:
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
    await end_if_both_agree(session, item, now=now)


async def _open_item_of(session: WriteSession, alarm: Alarm) -> Item | None:
    if alarm.item is None:
        return None
    item = await session.get(Item, alarm.item)
    return item if item is not None and item.state is not ItemState.CLOSED else None
