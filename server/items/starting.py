"""Beginning to tell people of an item: the first step that reaches anybody, and the row for the next."""

from dataclasses import dataclass
from datetime import datetime

from server.db.session import WriteSession
from server.escalation.plan import Candidate, PlannedStep, Policies, Policy, plan, policy_for
from server.items import retelling, telling
from server.items.budget import Shares, shares_of
from server.items.model import Move, ToldWay
from server.items.record import SYSTEM, write_move
from server.items.responsible import Responsible, responsible_for
from server.items.sentences import SPARED
from server.items.tables import Item
from server.notify.render import Occasion
from server.people.tables import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Whom an item is first for."""

    policy: Policy
    steps: tuple[PlannedStep, ...]
    shares: Shares
    spared: tuple[str, ...]
    """Whose hour and digest are full."""


async def plan_start(
    session: WriteSession, item: Item, found: Responsible, *, now: datetime, policies: Policies
) -> Start:
    """Say whom an item is first for, and make that person its owner."""
    policy = policy_for(policies, item.class_, item.community)
    shares = await shares_of(session, item, found.people, now=now)
    free = tuple(one for one in found.people if shares.way(one) is not ToldWay.UPWARD)
    steps = plan(policy, free, now)
    first = steps[0].people[0] if steps else None
    item.owner, item.reason = None, found.reason
    if first is not None and first.role is not Role.DESK:
        item.owner = first.person
        item.reason = found.maintenance.get(first.person, found.reason)
    item.step = steps[0].number if steps else len(policy.steps) - 1
    spared = tuple(sorted({one.person for one in found.people} - {one.person for one in free}))
    return Start(policy=policy, steps=steps, shares=shares, spared=spared)


async def carry_out_start(
    session: WriteSession, item: Item, start: Start, *, now: datetime, occasion: Occasion
) -> None:
    """Tell the people of the first step and schedule the next."""
    steps = start.steps
    if start.spared:
        await write_move(
            session,
            item,
            Move.ESCALATE,
            SYSTEM,
            at=now,
            to=item.state,
            came_from=item.state,
            reason=SPARED,
            detail={"step": item.step, "spared": list(start.spared)},
        )
    telling.schedule_after(session, item, start.policy, steps, now=now)
    telling.watch_reach(session, item, now=now)
    if not steps:
        return
    at_once: list[Candidate] = []
    for one in steps[0].people:
        if start.shares.way(one) is ToldWay.DIGEST:
            due_at = start.shares.digest_at(one, now)
            await retelling.tell_later(session, item, one, step=item.step, due_at=due_at)
        else:
            at_once.append(one)
    await telling.tell(
        session,
        item,
        at_once,
        occasion,
        step=item.step,
        now=now,
        reach=steps[0].reach,
        policy=start.policy,
    )


async def start_telling(
    session: WriteSession,
    item: Item,
    *,
    now: datetime,
    policies: Policies,
    occasion: Occasion = Occasion.OPENED,
) -> None:
    """Tell people of an item as if it were opened now."""
    found = await responsible_for(session, item.gateway, item.device, now=now)
    start = await plan_start(session, item, found, now=now, policies=policies)
    await carry_out_start(session, item, start, now=now, occasion=occasion)
