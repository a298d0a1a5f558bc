"""What becomes of a device's matters when the device itself is moved, replaced, retired or taken back.

Open items stay open, with their owner and the place they were raised for, and say in their history what
was done to the device: nothing that was raised vanishes with the device.
"""

from datetime import datetime

from sqlalchemy import select

from server.alarms.machine import Change
from server.alarms.service import Applied
from server.alarms.tables import Alarm, stands
from server.db.session import ReadSession, WriteSession
from server.escalation.plan import Policies
from server.items.model import URGENT, ActorKind, ItemState, Move
from server.items.opening import follow
from server.items.record import Actor, write_move
from server.items.tables import Item
from wire.vocabulary import Condition, Mode, Suppression


async def open_items(session: ReadSession, gateway: str, device: str) -> list[Item]:
    """Return the open items of a device, the oldest first; tests and drills are none."""
    query = select(Item).where(
        Item.gateway == gateway,
        Item.device == device,
        Item.mode == Mode.LIVE,
        Item.state != ItemState.CLOSED,
    )
    return list(await session.scalars(query.order_by(Item.opened_at)))


async def note_on_items(
    session: WriteSession, gateway: str, device: str, said: str, *, by: str, now: datetime
) -> int:
    """Write into the history of each open item of a device what was done to it; returns how many those are.

    Args:
        session: the transaction in which it is done.
        gateway: of the device.
        device: its id there.
        said: the sentence.
        by: the account that did it.
        now: the server's time.
    """
    items = await open_items(session, gateway, device)
    for item in items:
        await write_move(
            session,
            item,
            Move.NOTE,
            Actor(kind=ActorKind.OPERATOR, id=by),
            at=now,
            to=item.state,
            came_from=item.state,
            reason=said,
        )
    return len(items)


async def is_in_danger(session: ReadSession, gateway: str, device: str) -> bool:
    """Tell whether a device still measures danger: an open item about lives or damage is not over."""
    items = await open_items(session, gateway, device)
    return any(item.class_ in URGENT and not item.alarm_over for item in items)


async def raise_what_stands(
    session: WriteSession, gateway: str, device: str, *, now: datetime, policies: Policies
) -> None:
    """Open items for alarms that stand while nobody hears of them: their device was out of use until now."""
    query = select(Alarm).where(
        Alarm.gateway == gateway,
        Alarm.device == device,
        Alarm.item.is_(None),
        stands(),
        Alarm.mode == Mode.LIVE,
        Alarm.suppression == Suppression.NONE,
        Alarm.condition != Condition.PENDING,
    )
    for alarm in list(await session.scalars(query.order_by(Alarm.raised_at))):
        await follow(session, Applied(alarm=alarm, change=Change.RAISED), now=now, policies=policies)
