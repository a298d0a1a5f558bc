"""Items of which no message got through to anybody: what the desk must see first."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from server.db.session import ReadSession
from server.items.model import URGENT, ItemState
from server.items.tables import Item
from server.notify.tables import Notice, NoticeState

_REACHED = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)
_ON_THEIR_WAY = timedelta(seconds=15)
"""How long the first messages have before their absence is shown."""


async def unreached_of(session: ReadSession, items: Sequence[Item], *, now: datetime) -> set[str]:
    """Return the ids of those items that nobody has accepted and nobody was reached for.

    It is asked of the notices themselves at every look, so that it is true whichever part failed.
    """
    waiting = [
        item.id
        for item in items
        if item.class_ in URGENT
        and not item.accepted
        and item.state is ItemState.NEW
        and item.opened_at <= now - _ON_THEIR_WAY
    ]
    if not waiting:
        return set()
    query = select(Notice.item).where(Notice.item.in_(waiting), Notice.state.in_(_REACHED)).distinct()
    return set(waiting) - set(await session.scalars(query))
