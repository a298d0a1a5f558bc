"""Rows that say what is due: made, settled, brought back, brought forward. They never act."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from server.db.session import ReadSession, WriteSession
from server.db.shifting import bring_forward
from server.escalation.tables import CanaryRun, Due, DueKind

SETTLED_DONE = "done"
SETTLED_NOT_NEEDED = "not_needed"
SETTLED_WITHDRAWN = "withdrawn"


def schedule(session: WriteSession, item_id: str, kind: DueKind, *, due_at: datetime, step: int = 0) -> None:
    """Add a row; the loop hears of it after the commit."""
    session.add_final(Due(item=item_id, kind=kind, step=step, due_at=due_at))
    session.announce("due", item_id)


async def open_dues(
    session: ReadSession, item_id: str, kinds: Collection[DueKind] = tuple(DueKind)
) -> list[Due]:
    """Return the rows of an item that still wait, the earliest first."""
    query = (
        select(Due)
        .where(Due.item == item_id, Due.settled_at.is_(None), Due.kind.in_(kinds))
        .order_by(Due.due_at, Due.id)
    )
    return list(await session.scalars(query))


async def settle(
    session: WriteSession,
    item_id: str,
    kinds: Collection[DueKind] = tuple(DueKind),
    *,
    now: datetime,
    settled_as: str = SETTLED_NOT_NEEDED,
) -> None:
    """Settle the waiting rows of an item."""
    for due in await open_dues(session, item_id, kinds):
        settle_one(due, now=now, settled_as=settled_as)


def settle_one(due: Due, *, now: datetime, settled_as: str) -> None:
    """Settle one row: it is history from now on."""
    due.settled_at = now
    due.settled_as = settled_as


async def restore(session: WriteSession, item_id: str, due_ids: Sequence[int], *, now: datetime) -> None:
    """Let exactly these rows of an item wait again, each for its original time.

    That what fell silent together is let go of again is the devices' doing: it waits whatever was pressed.
    """
    for due in await open_dues(session, item_id):
        if due.id not in due_ids and due.kind is not DueKind.SPLIT:
            settle_one(due, now=now, settled_as=SETTLED_WITHDRAWN)
    for due in await session.scalars(select(Due).where(Due.item == item_id, Due.id.in_(list(due_ids)))):
        due.settled_at = None
        due.settled_as = ""
    session.announce("due", item_id)


async def hurry(session: WriteSession, item_id: str, *, now: datetime) -> bool:
    """Make the next step of an item due at once; tells whether there is one."""
    steps = await open_dues(session, item_id, (DueKind.STEP,))
    for due in steps:
        due.due_at = min(due.due_at, now)
    if steps:
        session.announce("due", item_id)
    return bool(steps)


async def next_due_at(session: ReadSession) -> datetime | None:
    """Return when the next row is due, or nothing when none waits."""
    query = select(Due.due_at).where(Due.settled_at.is_(None)).order_by(Due.due_at)
    return await session.scalar(query.limit(1))


async def due_now(session: ReadSession, *, now: datetime, limit: int) -> list[int]:
    """Return the ids of rows whose time has come, the earliest first."""
    query = select(Due.id).where(Due.settled_at.is_(None), Due.due_at <= now)
    return list(await session.scalars(query.order_by(Due.due_at, Due.id).limit(limit)))


async def claim(session: WriteSession, due_ids: Collection[int], *, now: datetime) -> list[Due]:
    """Return those of these rows that are still due, the earliest first, held for this transaction.

    On PostgreSQL a row held by another process is passed over; SQLite has one writer at a time.
    """
    query = (
        select(Due)
        .where(Due.id.in_(due_ids), Due.settled_at.is_(None), Due.due_at <= now)
        .order_by(Due.due_at, Due.id)
        .with_for_update(skip_locked=True)
    )
    return list(await session.scalars(query))


async def clock_set_back(session: WriteSession, by: timedelta, *, now: datetime) -> int:
    """Let nothing wait longer because the clock was set back; returns how many rows waited."""
    await bring_forward(session, CanaryRun, ("sent_at",), where=CanaryRun.sent_at > now, by=by, latest=now)
    return await bring_forward(session, Due, ("due_at",), where=Due.settled_at.is_(None), by=by)
