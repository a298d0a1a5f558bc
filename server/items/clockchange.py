"""The wall clock was set back: nothing that waits, anywhere, waits longer for it."""

from datetime import datetime, timedelta

from server.access import clockchange as access
from server.db.session import WriteSession
from server.db.shifting import bring_forward
from server.devices import service as devices
from server.escalation import service as dues
from server.items.tables import Item, ItemParty
from server.notify import service as notices


async def clock_set_back(session: WriteSession, by: timedelta, now: datetime) -> int:
    """Make everything that waits earlier; returns how many rows of time and notices that were.

    Args:
        session: the transaction in which the setting is noted, so that it is done once.
        by: by how much the clock was set back.
        now: the time as it is told now.
    """
    still_open = Item.closed_at.is_(None)
    waits = ("held_until", "shelved_until", "shelf_asked_until")
    await bring_forward(session, Item, waits, where=still_open, by=by)
    # What is said to have happened later than now did not: its age would be wrong everywhere.
    for name in ("opened_at", "accepted_at", "arrived_at", "done_at", "raises_since", "retold_at"):
        column = getattr(Item, name)
        await bring_forward(session, Item, (name,), where=still_open & (column > now), by=by, latest=now)
    await bring_forward(session, ItemParty, ("told_at",), where=ItemParty.told_at > now, by=by)
    await devices.clock_set_back(session, by, now=now)
    await access.clock_set_back(session, by, now=now)
    return await notices.clock_set_back(session, by, now=now) + await dues.clock_set_back(
        session, by, now=now
    )
