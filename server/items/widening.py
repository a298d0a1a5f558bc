"""Telling the people of the next step now, because the desk says so."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from server.db.session import WriteSession
from server.escalation.plan import Policies, policy_for
from server.items import telling
from server.items.model import Move
from server.items.queries import is_open
from server.items.record import Actor, write_move
from server.items.tables import Item
from server.notify.render import Occasion


class Widened(StrEnum):
    """What became of it."""

    TOLD = "told"
    """The next step's people are being told."""
    CLOSED = "closed"
    """The item is closed."""
    SILENT = "silent"
    """Another item speaks for it, it is laid aside, or held back: people hear nothing of it."""
    NOBODY_LEFT = "nobody_left"
    """Everybody of every step was told."""


SENTENCES: Final = {
    Widened.TOLD: "正在通知下一级的人。",
    Widened.CLOSED: "这件事项已经结束。",
    Widened.SILENT: "这件事项已并入别的事项、已搁置，或还在等待，现在不通知人。",
    Widened.NOBODY_LEFT: "各级人员都已通知，没有下一级了。",
}


async def widen(
    session: WriteSession, item: Item, actor: Actor, reason: str, *, now: datetime, policies: Policies
) -> Widened:
    """Tell the people of the next step at once, whoever has accepted, and note who wanted it and why.

    Args:
        session: the transaction.
        item: the item.
        actor: who widens the circle.
        reason: why, for the history.
        now: the server's time.
        policies: the steps in force.
    """
    if not is_open(item):
        return Widened.CLOSED
    if telling.is_silent(item) or item.held_until is not None:
        return Widened.SILENT
    policy = policy_for(policies, item.class_, item.community)
    if not await telling.steps_left(session, item, policy, due_at=now, now=now):
        return Widened.NOBODY_LEFT
    await write_move(
        session,
        item,
        Move.NOTE,
        actor,
        at=now,
        to=item.state,
        came_from=item.state,
        reason=reason,
        detail={"widened_from_step": item.step},
    )
    session.passing("item/widened")
    occasion = Occasion.HELP if item.accepted else Occasion.OPENED
    await telling.take_next_step(session, item, policy, due_at=now, now=now, occasion=occasion)
    return Widened.TOLD
