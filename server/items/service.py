"""What is done with items from outside: the presses of people and of the desk.

Reading is in `server.items.queries`; what alarms do to items in `server.items.opening`; what time
does to them in `server.items.timed`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from server.db.session import WriteSession
from server.escalation.plan import DEFAULT_POLICIES, Policies, policy_for
from server.items.effects import Act, apply_effects
from server.items.grouping import follow_undo, may_go_into
from server.items.machine import Facts, Refusal, decide, needs_desk
from server.items.model import ItemState, Move
from server.items.queries import facts_of, moves_of
from server.items.record import Actor, write_move
from server.items.resuming import go_on, start_over
from server.items.sentences import REFUSALS
from server.items.tables import Item, ItemMove
from server.items.undo import begins_anew, find_undoable, restore, snapshot
from server.people.tables import Person

__all__ = ["Actor", "PressOutcome", "PressVerdict", "press"]


class PressVerdict(StrEnum):
    """What became of a press."""

    APPLIED = "applied"
    """It changed the item."""
    REPEATED = "repeated"
    """The same press came before and counts once; nothing changed."""
    REFUSED = "refused"
    """Nothing changed; the refusal says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PressOutcome:
    """The answer to a press."""

    verdict: PressVerdict
    state: ItemState | None
    """Where the item stands afterwards; null when there is no such item."""
    refusal: Refusal | None = None
    waits_for_desk: bool = False
    """A false alarm was claimed while the sensor still measures danger: the desk must confirm."""

    @property
    def sentence(self) -> str:
        """Why it was refused, in Chinese; empty when it was not."""
        return REFUSALS[self.refusal] if self.refusal else ""


async def press(  # noqa: PLR0917 - who, what, which press, why, when: one sentence of the pages
    session: WriteSession,
    item_id: str,
    actor: Actor,
    move: Move,
    press_id: str,
    reason: str = "",
    at: datetime | None = None,
    *,
    now: datetime,
    to: str | None = None,
    until: datetime | None = None,
    policies: Policies = DEFAULT_POLICIES,
) -> PressOutcome:
    """Carry out a press in the caller's transaction.

    Args:
        session: the transaction; the caller commits by leaving its block.
        item_id: the item.
        actor: who presses. That they may see the item is the caller's to check.
        move: one of the moves of people or of the desk.
        press_id: id of this press, made on the phone; the same again counts once.
        reason: free text; obligatory for `close_exception` and `note`.
        at: when it was pressed by the phone's clock; clamped to between the item's opening and now.
        now: the server's time.
        to: for `reassign`, the code of the person it goes to; for `merge`, the id of the item.
        until: for `shelve`, when it is to be taken up again.
        policies: the steps of escalation in force.

    Raises:
        sqlalchemy.orm.exc.StaleDataError: another process changed the item at the same moment;
            press again in a new transaction.
    """
    item = await session.get(Item, item_id)
    if item is None:
        return _refuse(None, Refusal.UNKNOWN_ITEM)
    if await _came_before(session, item_id, press_id):
        return PressOutcome(verdict=PressVerdict.REPEATED, state=item.state)
    facts = await facts_of(session, item, actor.kind, actor.id, reason, now=now)
    if move is Move.SHELVE:
        facts = replace(facts, shelf_s=(until - now).total_seconds() if until else 0.0)
    decision = decide(facts, move, actor.kind)
    if decision.refusal is not None:
        return _refuse(item, decision.refusal)
    session.passing(f"press/{move.value}")
    attempt = _Attempt(
        item=item,
        actor=actor,
        move=move,
        press_id=press_id,
        reason=reason,
        at=clamp(at, earliest=item.opened_at, latest=now),
        now=now,
    )
    if move is Move.UNDO:
        return await _undo(session, attempt, policies)
    wrong = await _judge_target(session, item, move, to)
    if wrong is not None:
        return _refuse(item, wrong)
    return await _carry_out(session, attempt, facts, decision.to, to=to, until=until, policies=policies)


def clamp(at: datetime | None, *, earliest: datetime, latest: datetime) -> datetime:
    """Return a phone's time as far as it is credible; without one, the latest moment."""
    return latest if at is None else max(earliest, min(at, latest))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    item: Item
    actor: Actor
    move: Move
    press_id: str
    reason: str
    at: datetime
    now: datetime


async def _carry_out(
    session: WriteSession,
    attempt: _Attempt,
    facts: Facts,
    state: ItemState,
    *,
    to: str | None,
    until: datetime | None,
    policies: Policies,
) -> PressOutcome:
    item = attempt.item
    waits = attempt.move is Move.FALSE_ALARM and needs_desk(facts)
    before = await snapshot(session, item)
    row = await _write(session, attempt, state, before=before, detail={"to": to} if to else {})
    await session.flush()
    await apply_effects(
        Act(
            session=session,
            item=item,
            actor=attempt.actor,
            move=attempt.move,
            at=attempt.at,
            now=attempt.now,
            policy=policy_for(policies, item.class_, item.community),
            reason=attempt.reason,
            waits_for_desk=waits,
            to=to,
            until=until,
            policies=policies,
            before=before,
        )
    )
    row.before = dict(before)
    await session.flush()
    return PressOutcome(verdict=PressVerdict.APPLIED, state=item.state, waits_for_desk=waits)


async def _undo(session: WriteSession, attempt: _Attempt, policies: Policies) -> PressOutcome:
    item, now = attempt.item, attempt.now
    moves = await moves_of(session, item.id)
    found = find_undoable(moves, attempt.actor.kind, attempt.actor.id)
    if isinstance(found, Refusal):
        return _refuse(item, found)
    anew = begins_anew(item, found, moves)
    state = await restore(session, item, found, now=now)
    await _write(session, attempt, state, detail={"undone": found.move.value})
    if anew:
        await start_over(session, item, now=now, policies=policies)
    finished = (found.before or {}).get("finished", [])
    reopened = await follow_undo(session, item, finished, now=now)
    if reopened is not None:
        await go_on(session, reopened, now=now, policies=policies)
    await session.flush()
    return PressOutcome(verdict=PressVerdict.APPLIED, state=state)


async def _write(
    session: WriteSession,
    attempt: _Attempt,
    state: ItemState,
    *,
    before: dict[str, Any] | None = None,
    detail: dict[str, Any] | None = None,
) -> ItemMove:
    return await write_move(
        session,
        attempt.item,
        attempt.move,
        attempt.actor,
        at=attempt.at,
        to=state,
        came_from=attempt.item.state,
        reason=attempt.reason,
        press_id=attempt.press_id,
        before=dict(before) if before else None,
        detail=detail,
    )


async def _came_before(session: WriteSession, item_id: str, press_id: str) -> bool:
    query = select(ItemMove.id).where(ItemMove.item == item_id, ItemMove.press == press_id)
    return await session.scalar(query) is not None


async def _judge_target(session: WriteSession, item: Item, move: Move, to: str | None) -> Refusal | None:
    """Say why an item cannot be given to a person, or go into another item."""
    if move is Move.REASSIGN and not await _is_active(session, to):
        return Refusal.UNKNOWN_PERSON
    if move is Move.MERGE and not may_go_into(item, await session.get(Item, to) if to else None):
        return Refusal.WRONG_TARGET
    return None


async def _is_active(session: WriteSession, person: str | None) -> bool:
    found = await session.get(Person, person) if person else None
    return found is not None and found.active


def _refuse(item: Item | None, refusal: Refusal) -> PressOutcome:
    return PressOutcome(verdict=PressVerdict.REFUSED, state=item.state if item else None, refusal=refusal)
