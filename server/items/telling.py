"""Telling people of an item: who, at which step of the escalation, and why."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from server.db.session import ReadSession, WriteSession
from server.escalation import service as dues
from server.escalation.plan import Candidate, PlannedStep, Policy, plan
from server.escalation.tables import DueKind
from server.items.model import Move
from server.items.record import SYSTEM, write_move
from server.items.responsible import responsible_for
from server.items.tables import Item, ItemParty
from server.notify import service as notices
from server.notify.render import Occasion

NOBODY_REACHED = "没有可以通知到的人，由指挥中心处理。"


async def tell(
    session: WriteSession,
    item: Item,
    people: Sequence[Candidate],
    occasion: Occasion,
    *,
    step: int,
    now: datetime,
) -> None:
    """Note people as told and make their notices; who refused the item is left in peace."""
    told = []
    parties = {party.person: party for party in await parties_of(session, item.id)}
    for candidate in people:
        party = parties.get(candidate.person)
        if party is None:
            session.add(
                ItemParty(
                    item=item.id,
                    person=candidate.person,
                    step=step,
                    reason=candidate.reason,
                    told_at=now,
                )
            )
        if party is None or not party.refused:
            told.append(candidate.person)
    await session.flush()
    await notices.create(session, item, told, occasion, step=step, now=now)


async def tell_again(session: WriteSession, item: Item, occasion: Occasion, *, now: datetime) -> None:
    """Make notices for everyone who was told before and did not refuse."""
    people = [party.person for party in await parties_of(session, item.id) if not party.refused]
    await notices.create(session, item, people, occasion, step=item.step, now=now)


async def tell_one(
    session: WriteSession, item: Item, person: str, occasion: Occasion, *, now: datetime
) -> None:
    """Make notices for one person who was told before."""
    await notices.create(session, item, [person], occasion, step=item.step, now=now)


async def take_next_step(
    session: WriteSession,
    item: Item,
    policy: Policy,
    *,
    due_at: datetime,
    now: datetime,
    occasion: Occasion = Occasion.OPENED,
) -> tuple[PlannedStep, ...]:
    """Tell the people of the next step that reaches anybody and schedule the one after.

    Args:
        session: the transaction.
        item: the item; its `step` moves on.
        policy: the steps of its class.
        due_at: when this step was due; the next is counted from it, however late this one is.
        now: the server's time.
        occasion: what the people are told.

    Returns:
        The steps that were left, the taken one first; empty when nobody was left to tell.
    """
    steps = await steps_left(session, item, policy, due_at=due_at, now=now)
    await dues.settle(session, item.id, (DueKind.STEP,), now=now, settled_as=dues.SETTLED_DONE)
    if not steps:
        item.step = max(item.step, len(policy.steps) - 1)
        await _note(session, item, now=now, reason=NOBODY_REACHED)
        return ()
    taken = steps[0]
    item.step = max(item.step, taken.number)
    await tell(session, item, taken.people, occasion, step=taken.number, now=now)
    await _note(session, item, now=now, people=taken.people)
    if len(steps) > 1:
        dues.schedule(session, item.id, DueKind.STEP, due_at=steps[1].due_at, step=steps[1].number)
    return steps


async def take_all_steps(
    session: WriteSession, item: Item, policy: Policy, occasion: Occasion, *, now: datetime
) -> None:
    """Tell the people of every step that is left at once."""
    await dues.settle(session, item.id, (DueKind.STEP,), now=now)
    steps = await steps_left(session, item, policy, due_at=now, now=now)
    for step in steps:
        item.step = max(item.step, step.number)
        await tell(session, item, step.people, occasion, step=step.number, now=now)
    people = [candidate for step in steps for candidate in step.people]
    await _note(session, item, now=now, people=people, reason="" if people else NOBODY_REACHED)


async def tell_last_step(
    session: WriteSession, item: Item, policy: Policy, occasion: Occasion, *, now: datetime
) -> None:
    """Tell the people of the last step, the desk, without moving the escalation on."""
    last = len(policy.steps) - 1
    people = await candidates_of(session, item, now=now)
    for step in plan(policy, people, now, first=last):
        await tell(session, item, step.people, occasion, step=step.number, now=now)


async def steps_left(
    session: WriteSession, item: Item, policy: Policy, *, due_at: datetime, now: datetime
) -> tuple[PlannedStep, ...]:
    """Return the steps after the item's that reach somebody who did not refuse."""
    people = await candidates_of(session, item, now=now)
    return plan(policy, people, due_at, first=item.step + 1)


async def candidates_of(session: ReadSession, item: Item, *, now: datetime) -> tuple[Candidate, ...]:
    """Return whom the chain of an item's device reaches now, without those who refused."""
    refused = {party.person for party in await parties_of(session, item.id) if party.refused}
    found = await responsible_for(session, item.gateway, item.device, now=now)
    return tuple(candidate for candidate in found.people if candidate.person not in refused)


async def parties_of(session: ReadSession, item_id: str) -> list[ItemParty]:
    """Return everyone who was told of an item, the first told first."""
    query = select(ItemParty).where(ItemParty.item == item_id)
    return list(await session.scalars(query.order_by(ItemParty.told_at, ItemParty.step)))


async def _note(
    session: WriteSession,
    item: Item,
    *,
    now: datetime,
    people: Sequence[Candidate] = (),
    reason: str = "",
) -> None:
    await write_move(
        session,
        item,
        Move.ESCALATE,
        SYSTEM,
        at=now,
        to=item.state,
        came_from=item.state,
        reason=reason,
        detail={"step": item.step, "people": [candidate.person for candidate in people]},
    )
