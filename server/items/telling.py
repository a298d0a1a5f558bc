"""Telling people of an item: who, at which step of the escalation, and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from server.clock import STREET_ZONE
from server.db.session import ReadSession, WriteSession
from server.escalation import service as dues
from server.escalation.plan import (
    BY_HAND,
    WITH_SMS,
    Candidate,
    PlannedStep,
    Policy,
    Reach,
    plan,
    quiet_until,
)
from server.escalation.tables import DueKind
from server.items import budget
from server.items.model import URGENT, Move, ToldWay
from server.items.record import SYSTEM, is_untold, note_told, write_move
from server.items.responsible import responsible_for
from server.items.sentences import NOBODY_REACHED, NOT_YET_REACHED
from server.items.tables import Item, ItemParty
from server.notify import service as notices
from server.notify.render import Occasion
from server.people.tables import Role
from wire.vocabulary import AlarmClass, Kind

REACH_WITHIN = timedelta(seconds=45)
"""After this time the desk is told that nobody was reached."""
REACH_PATIENCE = timedelta(seconds=10)
"""How much longer it is waited for messages that have not left at all."""
SAID_BEFORE, POSTPONED = -1, -2
"""Steps of a REACH row that is not an item's first."""
_BEFORE_MORNING = timedelta(minutes=1)
"""How long before quiet hours end it is looked who has the duty when they do."""
QUIET_FOR = (Role.LEADER, Role.DEPUTY, Role.OFFICER, Role.SECRETARY)
"""Whom quiet hours are for; rooms that are staffed, the desk and maintainers have none."""


async def tell(
    session: WriteSession,
    item: Item,
    people: Sequence[Candidate],
    occasion: Occasion,
    *,
    step: int,
    now: datetime,
    reach: Reach | None = None,
    policy: Policy | None = None,
) -> None:
    """Note people as told and make their notices; who refused the item is left in peace.

    An item inside another, or laid aside, is silent.

    Args:
        session: the transaction.
        item: the item.
        people: whom to tell.
        occasion: why.
        step: at which step of the escalation.
        now: the server's time.
        reach: over which channels; by the item's class if not given.
        policy: the steps of the item's class, for its quiet hours; without it there are none.
    """
    if not people or is_silent(item):
        return
    told = []
    untold = is_untold(session, item)
    parties = {} if untold else {party.person: party for party in await parties_of(session, item.id)}
    note_told(session, item)
    for candidate in people:
        party = parties.get(candidate.person)
        if party is None:
            session.add_last(
                ItemParty(
                    item=item.id,
                    person=candidate.person,
                    step=step,
                    reason=candidate.reason,
                    told_at=now,
                )
            )
            budget.count_in(session, item, candidate.person, ToldWay.NOW, at=now)
        if party is None or not party.refused:
            told.append(candidate.person)
    await notices.create(
        session,
        item,
        told,
        occasion,
        step=step,
        now=now,
        reach=reach or reach_of(item),
        not_before=keep_quiet(session, item, policy, {one.person: one.role for one in people}, now=now),
        none_waits=untold,
    )


def reach_of(item: Item) -> Reach:
    """Return over which channels people are told of an item outside its steps."""
    return WITH_SMS if item.class_ is AlarmClass.LIFE_SAFETY else BY_HAND


def keep_quiet(
    session: WriteSession, item: Item, policy: Policy | None, roles: Mapping[str, Role], *, now: datetime
) -> dict[str, datetime]:
    """Return until when each volunteer is left in peace; loss of contact goes out at once.

    Just before that time it is looked who has the duty then.
    """
    if policy is None or item.kind is Kind.CONTACT:
        return {}
    until = quiet_until(policy, now.astimezone(STREET_ZONE))
    quiet = {} if until is None else {one: until for one, role in roles.items() if role in QUIET_FOR}
    if until is not None and quiet:
        dues.schedule(session, item.id, DueKind.MORNING, due_at=max(until - _BEFORE_MORNING, now))
    return quiet


async def tell_one(
    session: WriteSession, item: Item, person: str, occasion: Occasion, *, now: datetime
) -> int:
    """Make notices for one person who was told before; returns how many, 0 where they cannot be told."""
    if is_silent(item):
        return 0
    return await notices.create(
        session, item, [person], occasion, step=item.step, now=now, reach=reach_of(item)
    )


def is_silent(item: Item) -> bool:
    """Tell whether people hear nothing of an item: another speaks for it, or it is laid aside."""
    return item.parent is not None or item.shelved_until is not None


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
    await dues.settle(session, item.id, (DueKind.STEP, DueKind.REPEAT), now=now, settled_as=dues.SETTLED_DONE)
    schedule_after(session, item, policy, steps, now=now)
    if not steps:
        item.step = max(item.step, len(policy.steps) - 1)
        await _note(session, item, now=now, reason=NOBODY_REACHED)
        return ()
    taken = steps[0]
    item.step = max(item.step, taken.number)
    await tell(
        session,
        item,
        taken.people,
        occasion,
        step=taken.number,
        now=now,
        reach=taken.reach,
        policy=policy,
    )
    await _note(session, item, now=now, people=taken.people)
    return steps


def schedule_after(
    session: WriteSession, item: Item, policy: Policy, steps: Sequence[PlannedStep], *, now: datetime
) -> None:
    """Schedule what follows the first of these steps: the next one, or the last one once more.

    Nothing ends in silence: the last step is told again until somebody accepts.
    """
    if len(steps) > 1:
        dues.schedule(session, item.id, DueKind.STEP, due_at=steps[1].due_at, step=steps[1].number)
    elif policy.repeat is not None:
        dues.schedule(session, item.id, DueKind.REPEAT, due_at=now + policy.repeat, step=item.step)


def watch_reach(session: WriteSession, item: Item, *, now: datetime) -> None:
    """Have it looked at soon whether anybody was reached, where that matters within minutes."""
    if item.class_ in URGENT:
        dues.schedule(session, item.id, DueKind.REACH, due_at=now + REACH_WITHIN, step=item.step)


async def say_nobody_reached(
    session: WriteSession, item: Item, policy: Policy, *, now: datetime, first: bool
) -> None:
    """Tell the desk that nobody was reached, in the item's history and by its own notices."""
    if first:
        await _note(session, item, now=now, reason=NOT_YET_REACHED)
    await tell_last_step(session, item, policy, Occasion.UNREACHED, now=now)
    session.announce("item", item.id)


async def call_for_help(
    session: WriteSession, item: Item, policy: Policy, *, asked_by: str, now: datetime
) -> None:
    """Tell the people of every step that is left at once, and the last step's in any case once more.

    Whoever asks is not called back at once, in the middle of it: only with the last step's repeat, if until
    then nobody came.
    """
    await dues.settle(session, item.id, (DueKind.STEP, DueKind.REPEAT), now=now)
    candidates = [one for one in await candidates_of(session, item, now=now) if one.person != asked_by]
    first = min(item.step + 1, len(policy.steps) - 1)
    steps = plan(policy, candidates, now, first=first)
    for step in steps:
        item.step = max(item.step, step.number)
        await tell(session, item, step.people, Occasion.HELP, step=step.number, now=now, reach=step.reach)
    schedule_after(session, item, policy, (), now=now)
    people = [candidate for step in steps for candidate in step.people]
    await _note(session, item, now=now, people=people, reason="" if people else NOBODY_REACHED)


async def tell_last_step(
    session: WriteSession, item: Item, policy: Policy, occasion: Occasion, *, now: datetime
) -> None:
    """Tell the people of the last step, the desk, without moving the escalation on."""
    last = len(policy.steps) - 1
    people = await candidates_of(session, item, now=now)
    for step in plan(policy, people, now, first=last):
        await tell(session, item, step.people, occasion, step=step.number, now=now, reach=step.reach)


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
