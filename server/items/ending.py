"""How an item ends: the person's word and the sensor's, or a signed exception."""

from datetime import datetime

from server.db.session import WriteSession
from server.escalation import service as dues
from server.items.model import ItemState, Move, Outcome
from server.items.record import SYSTEM, write_move
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
    await dues.settle(session, item.id, now=now)
    await notices.withdraw(session, item.id)
