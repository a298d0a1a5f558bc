"""What each move of people and of the desk does besides changing the state."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from server.access import links
from server.db.session import WriteSession
from server.escalation import service as dues
from server.escalation.plan import RECHECK_AFTER, Candidate, Policies, Policy, policy_for
from server.escalation.tables import TELLING, DueKind
from server.items import grouping, retelling, telling
from server.items.ending import end_if_both_agree, lay_down
from server.items.matters import end_matters
from server.items.model import ActorKind, Move, Outcome
from server.items.record import Actor
from server.items.responsible import responsible_for
from server.items.resuming import order_resets, restart_acceptance, take_up_again
from server.items.sentences import HANDED_OVER, MERGED
from server.items.starting import start_telling
from server.items.tables import Item, ItemParty
from server.notify import service as notices
from server.notify.render import Occasion
from server.people.service import channels_of
from server.people.tables import Role
from wire.vocabulary import AlarmClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One move being carried out. The item already stands where the move took it."""

    session: WriteSession
    item: Item
    actor: Actor
    move: Move
    at: datetime
    """When it was done, by the phone's clock as far as that is credible."""
    now: datetime
    policy: Policy
    reason: str
    waits_for_desk: bool
    """A false alarm was claimed that only the desk can confirm."""
    policies: Policies
    to: str | None = None
    until: datetime | None = None
    before: dict[str, Any] = field(default_factory=dict)
    """The snapshot an undo restores; effects add what they withdrew."""


async def apply_effects(act: Act) -> None:
    """Do what belongs to a move."""
    effect = _EFFECTS.get(act.move)
    if effect is not None:
        await effect(act)


async def _accept(act: Act) -> None:
    await _take(act)
    act.item.accepted_at = act.at
    await restart_acceptance(act.session, act.item, act.policy, now=act.now)


async def _arrive(act: Act) -> None:
    await _take(act)
    act.item.arrived_at = act.at
    await restart_acceptance(act.session, act.item, act.policy, now=act.now)


async def _finish(act: Act) -> None:
    await _take(act)
    act.item.outcome = Outcome.HANDLED
    await _done(act)


async def _false_alarm(act: Act) -> None:
    if act.waits_for_desk:
        act.item.false_alarm_claimed = True
        await telling.tell_last_step(act.session, act.item, act.policy, Occasion.CLAIMED_FALSE, now=act.now)
        return
    await _take(act)
    act.item.outcome = Outcome.FALSE_ALARM
    await _done(act)


async def _confirm_false_alarm(act: Act) -> None:
    act.item.false_alarm_claimed = False
    act.item.outcome = Outcome.FALSE_ALARM
    await _stop_telling(act)
    await _done(act)


async def _reject_false_alarm(act: Act) -> None:
    act.item.false_alarm_claimed = False
    await retelling.tell_again(act.session, act.item, act.policy, Occasion.REJECTED_FALSE, now=act.now)
    waiting = await dues.open_dues(act.session, act.item.id)
    if not act.item.accepted and not waiting:
        await telling.take_next_step(act.session, act.item, act.policy, due_at=act.now, now=act.now)


async def _need_help(act: Act) -> None:
    act.item.help_wanted = True
    if act.item.shelved_until is not None:
        await _take_from_shelf(act)
        if act.item.accepted:
            await restart_acceptance(act.session, act.item, act.policy, now=act.now)
    await telling.call_for_help(act.session, act.item, act.policy, asked_by=act.actor.id, now=act.now)


async def _not_mine(act: Act) -> None:
    item = act.item
    if await _refuse(act, act.actor.id):
        act.before["refused"] = act.actor.id
    act.before["notices"] = await notices.withdraw(act.session, item.id, only_person=act.actor.id)
    await dues.settle(act.session, item.id, (DueKind.ACCEPTANCE, DueKind.ATTEND), now=act.now)
    item.accepted = False
    item.accepted_at = None
    item.help_wanted = False
    await act.session.flush()
    # While it is laid aside nobody is told: no step is used up, the next is taken when it is taken up again.
    on = telling.steps_left if telling.is_silent(item) else telling.take_next_step
    steps = await on(act.session, item, act.policy, due_at=act.now, now=act.now)
    if item.owner == act.actor.id:
        item.owner = _first_owner(steps[0].people if steps else ())


async def _refuse(act: Act, person: str) -> bool:
    """Note that an item is not a person's; the desk stays the last resort, whatever was pressed there."""
    people = await responsible_for(act.session, act.item.gateway, act.item.device, now=act.now)
    if any(one.person == person and one.role is Role.DESK for one in people.people):
        return False
    party = await act.session.get(ItemParty, (act.item.id, person))
    if party is not None:
        party.refused = True
    return party is not None


async def _reassign(act: Act) -> None:
    item, person = act.item, act.to
    if person is None:
        raise ValueError("to whom an item is given must be checked before it is given")
    if item.owner is not None and item.owner != person:
        await links.revoke(act.session, item.id, item.owner, now=act.now)
        await _refuse(act, item.owner)
    await dues.settle(act.session, item.id, now=act.now)
    await notices.withdraw(act.session, item.id, keep_person=person)
    item.owner = person
    item.accepted = False
    item.accepted_at = item.arrived_at = item.done_at = None
    item.outcome = None
    item.help_wanted = item.false_alarm_claimed = False
    item.shelved_until = item.shelf_asked_until = None
    item.shelf_asked_by = ""
    new = await act.session.get(ItemParty, (item.id, person))
    if new is not None:
        new.refused = False
    await act.session.flush()
    given = Candidate(person=person, role=Role.LEADER, reason=HANDED_OVER % {"who": act.actor.id})
    await telling.tell(act.session, item, (given,), Occasion.ASSIGNED, step=item.step, now=act.now)
    await _schedule_next(act, hears=bool((await channels_of(act.session, [person])).get(person)))


async def _close_exception(act: Act) -> None:
    act.item.outcome = Outcome.EXCEPTION
    await end_matters(act.session, act.item, now=act.now)
    await lay_down(act.session, act.item, now=act.now)
    await grouping.follow_child(act.session, act.item, now=act.now)


async def _merge(act: Act) -> None:
    parent = await act.session.get(Item, act.to)
    assert parent is not None, "checked before"
    told = await grouping.attach(act.session, [act.item], parent, now=act.now)
    people = [Candidate(person=one, role=Role.LEADER, reason=MERGED) for one in told]
    known = {party.person for party in await telling.parties_of(act.session, parent.id)}
    more = [one for one in people if one.person not in known]
    await telling.tell(act.session, parent, more, Occasion.OPENED, step=parent.step, now=act.now)


async def _unmerge(act: Act) -> None:
    await grouping.detach(act.session, act.item, now=act.now)
    await start_telling(act.session, act.item, now=act.now, policies=act.policies)


async def _shelve(act: Act) -> None:
    item = act.item
    if item.class_ is AlarmClass.LIFE_SAFETY:
        item.shelf_asked_by, item.shelf_asked_until = act.actor.id, act.until
        item.shelf_reason = act.reason
        return
    item.shelf_reason = act.reason
    await _lay_aside(act, act.until)


async def _confirm_shelf(act: Act) -> None:
    until = act.item.shelf_asked_until
    act.item.shelf_asked_by, act.item.shelf_asked_until = "", None
    await _lay_aside(act, until)


async def _lay_aside(act: Act, until: datetime | None) -> None:
    """Silence an item until a moment; what was due waits, and begins anew then."""
    item = act.item
    item.shelved_until = max(until or act.now, act.now)
    await dues.settle(act.session, item.id, (*TELLING, DueKind.ACCEPTANCE, DueKind.ATTEND), now=act.now)
    act.before["notices"] = await notices.withdraw(act.session, item.id)
    dues.schedule(act.session, item.id, DueKind.UNSHELVE, due_at=item.shelved_until)


async def _unshelve(act: Act) -> None:
    await take_up_again(act.session, act.item, now=act.now, policies=act.policies)


async def _take_from_shelf(act: Act) -> None:
    """Whoever has to do with an item that was laid aside takes it up: it is not silent any more."""
    act.item.shelved_until = act.item.shelf_asked_until = None
    act.item.shelf_asked_by = ""
    await dues.settle(act.session, act.item.id, (DueKind.UNSHELVE,), now=act.now)


async def _take(act: Act) -> None:
    """Make the actor the owner; the escalation stops, notices to others are withdrawn."""
    item = act.item
    person = act.actor.id if act.actor.kind is ActorKind.PERSON else None
    await _take_from_shelf(act)
    await _take_visit(act, person)
    if item.owner != person or not item.accepted:
        item.help_wanted = False
    item.owner = person
    item.accepted = True
    if item.accepted_at is None:
        item.accepted_at = act.at
    await _stop_telling(act, keep_person=person)


async def _take_visit(act: Act, person: str | None) -> None:
    """Whoever ticks off a matter has what it is on the list of, with the whole of their time."""
    parent = await grouping.take_parent(act.session, act.item, act.actor, person, at=act.now)
    if parent is not None:
        policy = policy_for(act.policies, parent.class_, parent.community)
        await restart_acceptance(act.session, parent, policy, now=act.now)


async def _stop_telling(act: Act, keep_person: str | None = None) -> None:
    await dues.settle(act.session, act.item.id, TELLING, now=act.now)
    act.before["notices"] = await notices.withdraw(act.session, act.item.id, keep_person=keep_person)


async def _done(act: Act) -> None:
    item = act.item
    item.done_at = act.at
    item.help_wanted = item.false_alarm_claimed = False
    for_working = (DueKind.ACCEPTANCE, DueKind.ATTEND, DueKind.RECHECK)
    await dues.settle(act.session, item.id, for_working, now=act.now)
    await end_matters(act.session, item, now=act.now)
    act.before["finished"] = await grouping.finish_children(act.session, item, act.actor, at=act.now)
    ended = await end_if_both_agree(act.session, item, now=act.now)
    await grouping.follow_child(act.session, item, now=act.now)
    if ended:
        return
    await order_resets(act.session, item, issuer=act.actor.id, now=act.now)
    dues.schedule(act.session, item.id, DueKind.RECHECK, due_at=act.now + RECHECK_AFTER)


async def _schedule_next(act: Act, *, hears: bool) -> None:
    """Give whoever has it now the time of the current step before the next is told, or the last once more.

    Whoever cannot be told has no time: the next, or the last once more, is told at once.
    """
    item = act.item
    number = min(item.step, len(act.policy.steps) - 1)
    due_at = act.now + (act.policy.steps[number].window if hears else timedelta())
    steps = await telling.steps_left(act.session, item, act.policy, due_at=due_at, now=act.now)
    if steps:
        dues.schedule(act.session, item.id, DueKind.STEP, due_at=steps[0].due_at, step=steps[0].number)
    elif hears:
        telling.schedule_after(act.session, item, act.policy, (), now=act.now)
    else:
        dues.schedule(act.session, item.id, DueKind.REPEAT, due_at=act.now, step=item.step)


def _first_owner(people: tuple[Candidate, ...]) -> str | None:
    first = people[0] if people else None
    return first.person if first is not None and first.role is not Role.DESK else None


_EFFECTS: Final[Mapping[Move, Callable[[Act], Awaitable[None]]]] = MappingProxyType(
    {
        Move.ACCEPT: _accept,
        Move.ARRIVE: _arrive,
        Move.FINISH: _finish,
        Move.NEED_HELP: _need_help,
        Move.NOT_MINE: _not_mine,
        Move.FALSE_ALARM: _false_alarm,
        Move.REASSIGN: _reassign,
        Move.CONFIRM_FALSE_ALARM: _confirm_false_alarm,
        Move.REJECT_FALSE_ALARM: _reject_false_alarm,
        Move.CLOSE_EXCEPTION: _close_exception,
        Move.MERGE: _merge,
        Move.UNMERGE: _unmerge,
        Move.SHELVE: _shelve,
        Move.CONFIRM_SHELF: _confirm_shelf,
        Move.UNSHELVE: _unshelve,
    }
)
