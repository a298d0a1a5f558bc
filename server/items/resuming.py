"""An item that goes on: its acceptance, its steps, the latches of its alarms, the noise of its source."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy import select

from server.alarms.tables import Alarm
from server.db.session import WriteSession
from server.devices import service as devices
from server.escalation import service as dues
from server.escalation.plan import RECHECK_AFTER, Policies, Policy, policy_for
from server.escalation.tables import TELLING, DueKind
from server.items import chatter, telling
from server.items.grouping import with_inside
from server.items.model import ItemState
from server.items.tables import Item
from server.notify.render import Occasion
from wire.vocabulary import AlarmClass, Condition

SILENT_AFTER: Final[Mapping[AlarmClass, timedelta]] = MappingProxyType(
    {AlarmClass.LIFE_SAFETY: timedelta(minutes=15), AlarmClass.HAZARD: timedelta(minutes=45)}
)
"""How long somebody on site may be silent before they, then the desk, are asked; a visit takes its time."""


async def restart_acceptance(session: WriteSession, item: Item, policy: Policy, *, now: datetime) -> None:
    """Give whoever has an item, or is on site, the whole of their time, from now."""
    await dues.settle(session, item.id, (DueKind.ACCEPTANCE, DueKind.ATTEND), now=now)
    if policy.acceptance is not None and item.state is ItemState.ACCEPTED:
        dues.schedule(session, item.id, DueKind.ACCEPTANCE, due_at=now + policy.acceptance)
    if item.state is ItemState.ON_SITE:
        watch_site(session, item, asked=0, now=now)


def watch_site(session: WriteSession, item: Item, *, asked: int, now: datetime) -> None:
    """Have it looked at whether somebody on site was heard of.

    Args:
        session: the transaction.
        item: the item.
        asked: how often they were asked already.
        now: the server's time.
    """
    patience = SILENT_AFTER.get(item.class_)
    if patience is not None:
        dues.schedule(session, item.id, DueKind.ATTEND, due_at=now + patience, step=asked)


async def take_up_again(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Let an item that was laid aside go on: whoever has it has the whole time again."""
    item.shelved_until = None
    await dues.settle(session, item.id, (DueKind.UNSHELVE,), now=now)
    if item.accepted:
        await restart_acceptance(session, item, policy_for(policies, item.class_, item.community), now=now)
        await telling.tell_again(session, item, Occasion.RAISED, now=now)
        return
    await resume(session, item, now=now, policies=policies)


async def resume(session: WriteSession, item: Item, *, now: datetime, policies: Policies) -> None:
    """Let the escalation go on after an acceptance fell away: the next step, else all again."""
    policy = policy_for(policies, item.class_, item.community)
    steps = await telling.take_next_step(
        session, item, policy, due_at=now, now=now, occasion=Occasion.RELEASED
    )
    if not steps:
        await telling.tell_again(session, item, Occasion.RELEASED, now=now)


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


def waits_for_reset(alarm: Alarm) -> bool:
    """Tell whether an alarm is over but for its latch."""
    return alarm.condition is Condition.NORMAL and alarm.latched


async def order_resets(session: WriteSession, item: Item, *, issuer: str, now: datetime) -> int:
    """Order the gateway to reset each latch of an item whose cause is gone; returns how many."""
    query = select(Alarm).where(
        Alarm.item.in_(with_inside(item.id)), Alarm.cleared_at.is_(None), Alarm.superseded_at.is_(None)
    )
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
