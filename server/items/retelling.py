"""Telling people of an item again or later: by then another may have the duty, and is told instead."""

from collections.abc import Collection, Sequence
from datetime import datetime

from server.db.session import WriteSession
from server.escalation import service as dues
from server.escalation.plan import Candidate, Policy
from server.escalation.tables import DueKind
from server.items import budget, telling
from server.items.model import ToldWay
from server.items.record import note_told
from server.items.responsible import Responsible, responsible_for
from server.items.tables import Item, ItemParty
from server.notify import service as notices
from server.notify.render import NoticeFacts, Occasion


async def tell_again(
    session: WriteSession, item: Item, policy: Policy, occasion: Occasion, *, now: datetime
) -> None:
    """Make notices for everyone who was told before and did not refuse."""
    if telling.is_silent(item):
        return
    before = [
        party.person
        for party in await telling.parties_of(session, item.id)
        if not party.refused and party.told_at <= now
    ]
    await _tell_who_is_on_duty(session, item, policy, before, occasion, now=now)


async def _tell_who_is_on_duty(
    session: WriteSession,
    item: Item,
    policy: Policy,
    before: Sequence[str],
    occasion: Occasion,
    *,
    now: datetime,
) -> None:
    """Tell those who know of an item, without whose duty is over since; who has theirs now is told instead.

    Whoever has the item hears of it, on duty or not. The quiet hours of its class are kept all the same.
    """
    found = await responsible_for(session, item.gateway, item.device, now=now)
    left_out = _left_out(item, found, before)
    people = [person for person in before if person not in left_out]
    roles = {**found.off_duty, **{one.person: one.role for one in found.people}}
    await notices.create(
        session,
        item,
        people,
        occasion,
        step=item.step,
        now=now,
        reach=telling.reach_of(item),
        not_before=telling.keep_quiet(
            session, item, policy, {one: roles[one] for one in people if one in roles}, now=now
        ),
    )
    instead = _instead(item, found, left_out, before)
    await telling.tell(session, item, instead, occasion, step=item.step, now=now, policy=policy)


def _left_out(item: Item, found: Responsible, before: Collection[str]) -> set[str]:
    """Return whose duty is over, of those who know of an item or are about to; its holder is none of them."""
    holder = item.owner if item.accepted else None
    return {person for person in before if person in found.off_duty and person != holder}


def _instead(
    item: Item, found: Responsible, left_out: Collection[str], before: Collection[str]
) -> list[Candidate]:
    """Return who has the duty of those who are left out; nobody where somebody has the item."""
    roles = {found.off_duty[person] for person in left_out} if not item.accepted else set()
    return [one for one in found.people if one.role in roles and one.person not in before]


async def look_at_duty(session: WriteSession, item: Item, policy: Policy, *, now: datetime) -> bool:
    """Before quiet hours end, hand what waits for then to whoever has the duty then.

    Returns:
        Whether anything was for somebody whose duty will be over.
    """
    waiting = [notice for notice in await notices.unsent_of(session, item.id) if not notice.attempts]
    if not waiting:
        return False
    ends = max(now, *(notice.send_at for notice in waiting))
    found = await responsible_for(session, item.gateway, item.device, now=ends)
    left_out = _left_out(item, found, {notice.person for notice in waiting})
    for person in left_out:
        await notices.withdraw(session, item.id, only_person=person)
    before = {party.person for party in await telling.parties_of(session, item.id)}
    occasion = NoticeFacts.from_row(waiting[0].content).occasion
    instead = _instead(item, found, left_out, before)
    await telling.tell(session, item, instead, occasion, step=item.step, now=now, policy=policy)
    if left_out and not instead and not await notices.has_hope(session, item.id):
        # Nobody has that duty then: a step that reaches nobody is not waited out.
        await dues.hurry(session, item.id, now=now)
    return bool(left_out)


async def tell_later(
    session: WriteSession, item: Item, one: Candidate, *, step: int, due_at: datetime
) -> None:
    """Note that a person is told with their digest."""
    note_told(session, item)
    party = await session.get(ItemParty, (item.id, one.person))
    if party is None:
        session.add_last(
            ItemParty(
                item=item.id,
                person=one.person,
                step=step,
                reason=one.reason,
                told_at=due_at,
                way=ToldWay.DIGEST,
            )
        )
        budget.count_in(session, item, one.person, ToldWay.DIGEST, at=due_at)
    dues.schedule(session, item.id, DueKind.DIGEST, due_at=due_at, step=step)


async def tell_digest(session: WriteSession, item: Item, policy: Policy, *, now: datetime) -> None:
    """Make the notices of those whose digest is due."""
    people = [
        party.person
        for party in await telling.parties_of(session, item.id)
        if party.way is ToldWay.DIGEST and party.told_at <= now and not party.refused
    ]
    if people and not telling.is_silent(item):
        await _tell_who_is_on_duty(session, item, policy, people, Occasion.OPENED, now=now)
