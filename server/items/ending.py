"""How an item ends: the person's word and the sensor's, or a signed exception."""

from datetime import datetime

from sqlalchemy import select

from server.db.session import WriteSession
from server.escalation import service as dues
from server.items.model import WORKING, ItemState, Move, Outcome
from server.items.record import SYSTEM, write_move
from server.items.sentences import WITH_THE_OTHER
from server.items.tables import Item
from server.notify import service as notices


async def end_if_both_agree(session: WriteSession, item: Item, *, now: datetime) -> bool:
    """Verify and close a done item whose alarms are all over; tells whether it did."""
    if item.state is not ItemState.DONE or not item.alarm_over:
        return False
    if item.outcome is None:
        item.outcome = Outcome.HANDLED
    for move, to in ((Move.VERIFY, ItemState.VERIFIED), (Move.CLOSE, ItemState.CLOSED)):
        await write_move(session, item, move, SYSTEM, at=now, to=to, came_from=item.state)
    await lay_down(session, item, now=now)
    return True


async def lay_down(session: WriteSession, item: Item, *, now: datetime) -> None:
    """Let go of everything a closed item still held: its key, what is due, what is unsent."""
    item.closed_at = now
    item.open_key = None
    item.held_until = item.shelved_until = item.shelf_asked_until = None
    item.shelf_asked_by = ""
    await dues.settle(session, item.id, now=now)
    await notices.withdraw(session, item.id)
    await _end_children(session, item, now=now)


async def _end_children(session: WriteSession, parent: Item, *, now: datetime) -> None:
    """What was inside a closed item is closed with it, each with its own history."""
    query = select(Item).where(Item.parent == parent.id, Item.closed_at.is_(None))
    for child in await session.scalars(query):
        if child.outcome is None:
            child.outcome = parent.outcome
        over = child.alarm_over
        if over and child.state in WORKING:
            await write_move(
                session, child, Move.FINISH, SYSTEM, at=now, to=ItemState.DONE, came_from=child.state
            )
        if over:
            await end_if_both_agree(session, child, now=now)
            continue
        await write_move(
            session,
            child,
            Move.CLOSE_EXCEPTION,
            SYSTEM,
            at=now,
            to=ItemState.CLOSED,
            came_from=child.state,
            reason=WITH_THE_OTHER,
        )
        await lay_down(session, child, now=now)
