"""What became of attempts, and what follows: written down, tried again, given up, no longer believed in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import structlog
from sqlalchemy import and_, or_, select

from server.db.session import Database, WriteSession
from server.escalation import service as dues
from server.items.tables import Item
from server.notify.channels import Outcome, Verdict
from server.notify.retry import class_of, next_try_after
from server.notify.tables import HOPELESS, Attempt, Notice, NoticeState
from server.people.model import ChannelKind

log = structlog.get_logger()

RECEIPT_WITHIN: Final[Mapping[str, timedelta]] = MappingProxyType(
    {ChannelKind.SMS: timedelta(minutes=3), ChannelKind.VOICE: timedelta(minutes=3)}
)
"""How long providers that send receipts have for them."""
ARRIVED: Final = (NoticeState.DELIVERED, NoticeState.READ)

_STATES: Final = {
    Verdict.SENT: NoticeState.SENT,
    Verdict.TEMPORARY: NoticeState.FAILED_TEMPORARY,
    Verdict.PERMANENT: NoticeState.FAILED_PERMANENT,
}


_EXPIRED_AT_ONCE: Final = 500


async def record(
    database: Database, outcomes: Mapping[str, Outcome], *, now: datetime
) -> dict[str, NoticeState | None]:
    """Write down attempts and what follows from them, all in one transaction.

    What went out in the same message shares its outcome.

    Args:
        database: the main database.
        outcomes: of each attempt, by its notice.
        now: the server's time.

    Returns:
        The new state by notice; nothing for one that is gone.
    """
    ids = list(outcomes)
    # What was in an earlier message alone, and waits or was withdrawn since, went out with none of these.
    went_along = and_(Notice.bundle.in_(ids), Notice.claimed_until.is_not(None))
    async with database.write() as session:
        query = select(Notice).where(or_(Notice.id.in_(ids), went_along)).order_by(Notice.id)
        found = list(await session.scalars(query))
        heads = {notice.id: notice for notice in found if notice.id in outcomes}
        for notice in found:
            head = notice.id if notice.id in outcomes else notice.bundle
            assert head is not None, "found by its bundle"
            whole = heads.get(head, notice)
            outcome = _as_received(outcomes[head], whole)
            await _record_one(session, notice, outcome, urgency=whole.urgency, now=now)
        for notice_id, head_row in heads.items():
            head_row.receipt = outcomes[notice_id].receipt or head_row.receipt
            head_row.update_code = outcomes[notice_id].update_code
        session.passing("notice/recorded")
    return {one: heads[one].state if one in heads else None for one in ids}


def _as_received(outcome: Outcome, notice: Notice) -> Outcome:
    """Return what became of an attempt, where the word that it did not arrive was faster than the answer."""
    if outcome.receipt is None or outcome.receipt != notice.receipt:
        return outcome
    return replace(outcome, verdict=Verdict.TEMPORARY, reason=notice.last_error)


async def _record_one(
    session: WriteSession, notice: Notice, outcome: Outcome, *, urgency: int, now: datetime
) -> None:
    notice.attempts += 1
    notice.claimed_until = None
    notice.provider = outcome.provider
    session.announce("item", notice.item)
    if notice.state in ARRIVED:
        # Its receipt was faster than the answer.
        notice.sent_at = notice.sent_at or now
        return
    notice.state = _STATES[outcome.verdict]
    notice.last_error = "" if outcome.verdict is Verdict.SENT else outcome.reason
    if outcome.verdict is Verdict.SENT:
        notice.sent_at = now
        patience = RECEIPT_WITHIN.get(notice.channel)
        notice.receipt_due_at = now + patience if patience else None
    elif outcome.verdict is Verdict.TEMPORARY:
        await try_again_or_give_up(session, notice, urgency=urgency, now=now)
    else:
        await give_up(session, notice, now=now)
    session.add_final(Attempt(notice=notice.id, at=now, outcome=notice.state, detail=outcome.reason))


async def try_again_or_give_up(session: WriteSession, notice: Notice, *, urgency: int, now: datetime) -> None:
    """Put a notice off until its next attempt, or give it up after the last.

    Args:
        session: the transaction.
        notice: what did not arrive.
        urgency: of the message it went out with: what was in one is tried again as one.
        now: the server's time.
    """
    delay = next_try_after(class_of(urgency), notice.attempts, notice.channel)
    if delay is None:
        await give_up(session, notice, now=now)
    else:
        notice.state = NoticeState.FAILED_TEMPORARY
        notice.send_at = now + delay


async def give_up(session: WriteSession, notice: Notice, *, now: datetime) -> None:
    """Nobody will be told by this notice: unless another of its step may, the next step is due."""
    notice.state = NoticeState.FAILED_PERMANENT
    await hurry_if_hopeless(session, notice, now=now)


async def hurry_if_hopeless(session: WriteSession, notice: Notice, *, now: datetime) -> None:
    """Make an item's next step due unless somebody of its step was reached or still may be."""
    await session.flush()
    step = select(Item.step).where(Item.id == notice.item).scalar_subquery()
    people = select(Notice.person).where(Notice.item == notice.item, Notice.step == step)
    hopeful = select(Notice.id).where(
        Notice.item == notice.item,
        Notice.person.in_(people),
        Notice.state.not_in(HOPELESS),
    )
    if await session.scalar(hopeful.limit(1)) is None:
        hurried = await dues.hurry(session, notice.item, now=now)
        log.warning("nobody_reached", item=notice.item, step=notice.step, next_step=hurried)


async def expire_receipts(database: Database, *, now: datetime) -> int:
    """Stop believing in messages whose provider said nothing in time; returns how many."""
    # Most of all notices ever made were sent: those are not to be searched by their state.
    due = Notice.receipt_due_at <= now
    async with database.read() as session:
        if await session.scalar(select(Notice.id).where(due).limit(1)) is None:
            return 0
    async with database.write() as session:
        overdue = await session.scalars(select(Notice).where(due).limit(_EXPIRED_AT_ONCE))
        found = []
        for notice in list(overdue):
            notice.receipt_due_at = None
            if notice.state is not NoticeState.SENT:
                continue
            found.append(notice)
            notice.state = NoticeState.UNKNOWN
            session.announce("item", notice.item)
            await hurry_if_hopeless(session, notice, now=now)
        session.passing("notice/doubted")
    return len(found)
