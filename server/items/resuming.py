"""An item that goes on: its acceptance, its steps, the latches of its alarms, the noise of its source."""

from datetime import datetime
from typing import Final

from sqlalchemy import select

from server.alarms.tables import Alarm, stands
from server.clock import STREET_ZONE
from server.db.session import WriteSession
from server.devices import service as devices
from server.escalation import service as dues
from server.escalation.plan import ATTEND_AFTER, RECHECK_AFTER, Policies, Policy, policy_for, quiet_until
from server.escalation.tables import TELLING, DueKind
from server.items import chatter, retelling, telling
from server.items.grouping import with_inside
from server.items.model import ActorKind, ItemState, Move
from server.items.record import Actor, write_move
from server.items.tables import Item
from server.notify.render import Occasion
from wire.vocabulary import Condition

HELD: Final = (ItemState.ACCEPTED, ItemState.ON_SITE)
"""Somebody has it, and it is not done."""


async def restart_acceptance(session: WriteSession, item: Item, policy: Policy, *, now: datetime) -> None:
    """Give whoever has an item, or is on site, the whole of their time, from now.

    Either the acceptance is taken back then, or they are reminded: none lies for ever.
    """
    await dues.settle(session, item.id, (DueKind.ACCEPTANCE, DueKind.ATTEND), now=now)
    if policy.acceptance is not None and item.state is ItemState.ACCEPTED:
        dues.schedule(session, item.id, DueKind.ACCEPTANCE, due_at=now + policy.acceptance)
    elif item.state in HELD:
        watch_holder(session, item, policy, asked=0, now=now)


def watch_holder(session: WriteSession, item: Item, policy: Policy, *, asked: int, now: datetime) -> None:
    """Have it looked at whether whoever has an item was heard of, outside the quiet hours of its class.

    Args:
        session: the transaction.
        item: the item.
        policy: the steps of its class.
        asked: how often they were asked already.
        now: the server's time.
    """
    due_at = now + (policy.attend or ATTEND_AFTER[item.class_])
    due_at = quiet_until(policy, due_at.astimezone(STREET_ZONE)) or due_at
    dues.schedule(session, item.id, DueKind.ATTEND, due_at=due_at, step=asked)


async def take_up_again(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Let an item that was laid aside go on: whoever has it has the whole time again."""
    item.shelved_until = None
    await dues.settle(session, item.id, (DueKind.UNSHELVE,), now=now)
    await go_on(session, item, now=now, policies=policies)
    if item.accepted:
        policy = policy_for(policies, item.class_, item.community)
        await retelling.tell_again(session, item, policy, Occasion.RAISED, now=now)


async def go_on(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Let an item that is not done after all wait again: for whoever has it, else for its steps."""
    if item.accepted:
        await restart_acceptance(session, item, policy_for(policies, item.class_, item.community), now=now)
    else:
        await resume(session, item, now=now, policies=policies)


async def start_over(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Let nothing wait, or be silent, as it was once settled: from now on the item waits as it is now."""
    item.shelved_until = item.shelf_asked_until = None
    item.shelf_asked_by = ""
    await dues.settle(session, item.id, (*TELLING, DueKind.UNSHELVE), now=now)
    telling.watch_reach(session, item, now=now)
    await go_on(session, item, now=now, policies=policies)


async def resume(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Let the escalation go on after an acceptance fell away: the next step, else all again."""
    policy = policy_for(policies, item.class_, item.community)
    steps = await telling.take_next_step(
        session, item, policy, due_at=now, now=now, occasion=Occasion.RELEASED
    )
    if not steps:
        await retelling.tell_again(session, item, policy, Occasion.RELEASED, now=now)


async def follow_raise(
    session: WriteSession, item: Item, policy: Policy, *, graver: bool, anew: bool, now: datetime
) -> None:
    """Give whoever has an item their time from now; where nobody has it, the steps go on.

    Args:
        session: the transaction.
        item: the item, which may have been taken for done, or been laid aside.
        policy: the steps of its class.
        graver: its class has risen.
        anew: it was taken for done, or was laid aside, until now: nothing waits.
        now: the server's time.
    """
    if item.accepted and (graver or anew):
        await restart_acceptance(session, item, policy, now=now)
    if graver:
        await climb(session, item, policy, now=now)
    elif anew and not item.accepted:
        await telling.take_next_step(session, item, policy, due_at=now, now=now, occasion=Occasion.RAISED)


async def climb(session: WriteSession, item: Item, policy: Policy, *, now: datetime) -> None:
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


async def lift_shelf(session: WriteSession, item: Item, gateway: str, *, now: datetime) -> None:
    """What got worse, or may hurt somebody once more, does not stay laid aside."""
    item.shelved_until = None
    await dues.settle(session, item.id, (DueKind.UNSHELVE,), now=now)
    await write_move(
        session,
        item,
        Move.UNSHELVE,
        Actor(kind=ActorKind.GATEWAY, id=gateway),
        at=now,
        to=item.state,
        came_from=item.state,
    )


def waits_for_reset(alarm: Alarm) -> bool:
    """Tell whether an alarm is over but for its latch."""
    return alarm.condition is Condition.NORMAL and alarm.latched


async def order_resets(session: WriteSession, item: Item, *, issuer: str, now: datetime) -> int:
    """Order the gateway to reset each latch of an item whose cause is gone; returns how many."""
    query = select(Alarm).where(Alarm.item.in_(with_inside(item.id)), stands())
    waiting = [alarm for alarm in await session.scalars(query) if waits_for_reset(alarm)]
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


def chatter_of(item: Item, alarm: Alarm, now: datetime) -> bool:
    """Count a raise of an item's source; tells whether people hear of it."""
    before = chatter.Record(
        raises=item.raises or 0,
        since=item.raises_since,
        chattering_since=item.chattering_since,
        last_at=item.retold_at,
    )
    record = chatter.note_raise(before, times=1, now=now)
    item.raises, item.raises_since = record.raises, record.since
    item.chattering_since = record.chattering_since
    return chatter.may_tell_again(record, alarm.class_, now)
