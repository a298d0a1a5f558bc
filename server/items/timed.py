"""What time does to items: the next step, an acceptance taken back, a done item given back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import select

from server.db.base import Base
from server.db.session import WriteSession
from server.devices.service import registered
from server.escalation import service as dues
from server.escalation.plan import Policies, policy_for
from server.escalation.tables import Due, DueKind
from server.items import gathering, grouping, retelling, telling
from server.items.machine import decide
from server.items.model import ActorKind, ItemState, Move
from server.items.queries import facts_of, is_open
from server.items.record import SYSTEM, write_move
from server.items.responsible import look_up_all
from server.items.resuming import (
    HELD,
    order_resets,
    restart_acceptance,
    resume,
    take_up_again,
    watch_holder,
)
from server.items.tables import Item
from server.notify import service as notices
from server.notify.render import Occasion


async def carry_out(session: WriteSession, due: Due, *, now: datetime, policies: Policies) -> str:
    """Do what a due row says, if it still makes sense, and settle the row.

    Returns:
        How the row was settled: `done` or `not_needed`.
    """
    item = await session.get(Item, due.item)
    if item is None or not is_open(item):
        dues.settle_one(due, now=now, settled_as=dues.SETTLED_NOT_NEEDED)
        return due.settled_as
    settled_as = await _HANDLERS[due.kind](session, item, due, now, policies)
    dues.settle_one(due, now=now, settled_as=settled_as)
    return settled_as


async def look_ahead(session: WriteSession, rows: Sequence[Due], *, now: datetime) -> list[Base]:
    """Read in bulk what carrying out rows asks for; hold what is returned meanwhile.

    Args:
        session: the transaction, reading as of one moment.
        rows: what is due.
        now: the server's time.
    """
    wanted = {due.item for due in rows}
    items = list(await session.scalars(select(Item).where(Item.id.in_(wanted))))
    telling_now = {due.item for due in rows if due.kind in _TELLING}
    places = [(item.gateway, item.device) for item in items if item.id in telling_now]
    held = await registered(session, places)
    await look_up_all(session, places, now=now)
    return [*items, *held]


_TELLING = frozenset({DueKind.STEP, DueKind.REPEAT, DueKind.HOLD})


async def _step(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    if item.accepted or not await _allows(session, item, Move.ESCALATE, now):
        return dues.SETTLED_NOT_NEEDED
    await telling.take_next_step(
        session, item, policy_for(policies, item.class_, item.community), due_at=due.due_at, now=now
    )
    return dues.SETTLED_DONE


async def _repeat(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    """Tell the last step again, as often as it takes, that nobody has it, or that help is wanted."""
    del due
    if (item.accepted and not item.help_wanted) or not await _allows(session, item, Move.ESCALATE, now):
        return dues.SETTLED_NOT_NEEDED
    policy = policy_for(policies, item.class_, item.community)
    occasion = Occasion.HELP if item.help_wanted else Occasion.UNANSWERED
    await telling.tell_last_step(session, item, policy, occasion, now=now)
    telling.schedule_after(session, item, policy, (), now=now)
    return dues.SETTLED_DONE


async def _reach(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    """Say so if nobody was reached, and look again, until somebody is."""
    if item.accepted or await notices.reached(session, item.id):
        return dues.SETTLED_NOT_NEEDED
    if not await _allows(session, item, Move.ESCALATE, now):
        return dues.SETTLED_NOT_NEEDED
    if due.step >= 0 and await notices.unattempted(session, item.id):
        # The server itself was held up: its messages are about to leave.
        later = now + telling.REACH_PATIENCE
        dues.schedule(session, item.id, DueKind.REACH, due_at=later, step=telling.POSTPONED)
        return dues.SETTLED_DONE
    policy = policy_for(policies, item.class_, item.community)
    first = due.step != telling.SAID_BEFORE
    await telling.say_nobody_reached(session, item, policy, now=now, first=first)
    again = now + telling.REACH_WITHIN
    dues.schedule(session, item.id, DueKind.REACH, due_at=again, step=telling.SAID_BEFORE)
    return dues.SETTLED_DONE


async def _acceptance(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    del due
    if not await _allows(session, item, Move.RELEASE, now):
        return dues.SETTLED_NOT_NEEDED
    item.accepted = False
    item.accepted_at = None
    await _move(session, item, Move.RELEASE, now)
    await resume(session, item, now=now, policies=policies)
    return dues.SETTLED_DONE


async def _recheck(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    if not await _allows(session, item, Move.RETURN, now):
        return dues.SETTLED_NOT_NEEDED
    item.outcome = None
    item.done_at = None
    await _move(session, item, Move.RETURN, now)
    await grouping.return_children(session, item, now=now)
    parent = await grouping.parent_of(session, item)
    if parent is not None:
        if parent.state is ItemState.DONE:
            await dues.settle(session, parent.id, (DueKind.RECHECK,), now=now)
            await _recheck(session, parent, due, now, policies)
        return dues.SETTLED_DONE
    policy = policy_for(policies, item.class_, item.community)
    await order_resets(session, item, issuer=SYSTEM.id, now=now)
    if not item.accepted:
        # The desk confirmed a false alarm before anybody took it: it waits for somebody to take it.
        await _move(session, item, Move.RELEASE, now)
        returned = Occasion.RETURNED
        await telling.take_next_step(session, item, policy, due_at=now, now=now, occasion=returned)
        await retelling.tell_again(session, item, policy, returned, now=now)
        return dues.SETTLED_DONE
    await restart_acceptance(session, item, policy, now=now)
    if item.owner is not None:
        await telling.tell_one(session, item, item.owner, Occasion.RETURNED, now=now)
    return dues.SETTLED_DONE


async def _hold(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    dues.settle_one(due, now=now, settled_as=dues.SETTLED_DONE)
    ended = await gathering.end_hold(session, item, now=now, policies=policies)
    return dues.SETTLED_DONE if ended else dues.SETTLED_NOT_NEEDED


async def _split(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    dues.settle_one(due, now=now, settled_as=dues.SETTLED_DONE)
    done = await gathering.split(session, item, now=now, policies=policies)
    return dues.SETTLED_DONE if done else dues.SETTLED_NOT_NEEDED


async def _unshelve(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    del due
    if not await _allows(session, item, Move.UNSHELVE, now):
        return dues.SETTLED_NOT_NEEDED
    await _move(session, item, Move.UNSHELVE, now)
    await take_up_again(session, item, now=now, policies=policies)
    return dues.SETTLED_DONE


async def _digest(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    del due
    if item.accepted or item.state is not ItemState.NEW:
        return dues.SETTLED_NOT_NEEDED
    policy = policy_for(policies, item.class_, item.community)
    await retelling.tell_digest(session, item, policy, now=now)
    return dues.SETTLED_DONE


async def _morning(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    del due
    policy = policy_for(policies, item.class_, item.community)
    handed_over = await retelling.look_at_duty(session, item, policy, now=now)
    return dues.SETTLED_DONE if handed_over else dues.SETTLED_NOT_NEEDED


async def _attend(session: WriteSession, item: Item, due: Due, now: datetime, policies: Policies) -> str:
    """Ask whoever has it and was not heard of; then, or if they cannot be, the desk as well."""
    if item.state not in HELD or telling.is_silent(item):
        return dues.SETTLED_NOT_NEEDED
    occasion = Occasion.SILENT_ON_SITE if item.state is ItemState.ON_SITE else Occasion.LEFT_LYING
    policy = policy_for(policies, item.class_, item.community)
    asked = 0
    if item.owner is not None:
        asked = await telling.tell_one(session, item, item.owner, occasion, now=now)
    if due.step > 0 or not asked:
        await telling.tell_last_step(session, item, policy, occasion, now=now)
    watch_holder(session, item, policy, asked=due.step + 1, now=now)
    return dues.SETTLED_DONE


async def _allows(session: WriteSession, item: Item, move: Move, now: datetime) -> bool:
    facts = await facts_of(session, item, ActorKind.SYSTEM, SYSTEM.id, now=now)
    return decide(facts, move, ActorKind.SYSTEM).allowed


async def _move(session: WriteSession, item: Item, move: Move, now: datetime) -> None:
    facts = await facts_of(session, item, ActorKind.SYSTEM, SYSTEM.id, now=now)
    to = decide(facts, move, ActorKind.SYSTEM).to
    await write_move(session, item, move, SYSTEM, at=now, to=to, came_from=item.state)


_Handler = Callable[[WriteSession, Item, Due, datetime, Policies], Awaitable[str]]

_HANDLERS: Final[Mapping[DueKind, _Handler]] = MappingProxyType(
    {
        DueKind.STEP: _step,
        DueKind.ACCEPTANCE: _acceptance,
        DueKind.RECHECK: _recheck,
        DueKind.REPEAT: _repeat,
        DueKind.REACH: _reach,
        DueKind.HOLD: _hold,
        DueKind.SPLIT: _split,
        DueKind.UNSHELVE: _unshelve,
        DueKind.DIGEST: _digest,
        DueKind.MORNING: _morning,
        DueKind.ATTEND: _attend,
    }
)
