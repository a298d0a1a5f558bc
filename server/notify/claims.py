"""Claiming notices and recording what became of them: each in a transaction of its own."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Select, and_, or_, select

from server.db.session import Database, ReadSession, WriteSession
from server.escalation import service as dues
from server.items.tables import Item
from server.notify.channels import Message, Outcome, Verdict
from server.notify.render import NoticeFacts, render
from server.notify.retry import class_of, next_try_after
from server.notify.tables import Attempt, Notice, NoticeState
from server.people.tables import Person

log = structlog.get_logger()

LinkMaker = Callable[[WriteSession, str, str, datetime], Awaitable[str]]
"""Makes the link for (item, person) at a time; returns its whole address."""

CLAIM: Final = timedelta(seconds=15)
"""How long a claim holds: longer than any attempt may take."""
_MOST_PER_PERSON: Final = 2
"""At once, so that one receiver that hangs holds up nobody else."""
_LOOK_AT: Final = 500

_STATES: Final = {
    Verdict.SENT: NoticeState.SENT,
    Verdict.TEMPORARY: NoticeState.FAILED_TEMPORARY,
    Verdict.PERMANENT: NoticeState.FAILED_PERMANENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A notice that one sender holds."""

    channel: str
    message: Message


async def claim(
    database: Database,
    *,
    now: datetime,
    most: int,
    busy: Sequence[str],
    make_link: LinkMaker,
) -> list[Claimed]:
    """Claim what is to be sent now, the gravest first.

    Args:
        database: the main database.
        now: the server's time.
        most: how many senders are free.
        busy: the person of every attempt that is under way.
        make_link: makes the link each message carries.
    """
    async with database.read() as session:
        waiting = (await session.execute(_waiting(now))).all()
    chosen = choose([(row.id, row.person) for row in waiting], most=most, busy=busy)
    if not chosen:
        return []
    claimed: list[Claimed] = []
    async with database.write() as session:
        query = select(Notice).where(Notice.id.in_(chosen), _is_waiting(now))
        query = query.order_by(Notice.urgency, Notice.send_at, Notice.id)
        for notice in await session.scalars(query.with_for_update(skip_locked=True)):
            one = await _claim_one(session, notice, now=now, make_link=make_link)
            if one is not None:
                claimed.append(one)
    return claimed


def choose(waiting: Sequence[tuple[str, str]], *, most: int, busy: Sequence[str]) -> Collection[str]:
    """Choose notices in order, few at once for the same person.

    Args:
        waiting: (notice, person), the most urgent first.
        most: how many senders are free.
        busy: the person of every attempt that is under way.
    """
    load = Counter(busy)
    chosen: list[str] = []
    for notice, person in waiting:
        if len(chosen) == most:
            break
        if load[person] < _MOST_PER_PERSON:
            load[person] += 1
            chosen.append(notice)
    return chosen


async def record(
    database: Database, notice_id: str, outcome: Outcome, *, now: datetime
) -> NoticeState | None:
    """Write down an attempt and what follows from it; returns the notice's new state."""
    async with database.write() as session:
        notice = await session.get(Notice, notice_id)
        if notice is None:
            return None
        notice.attempts += 1
        notice.claimed_until = None
        notice.state = _STATES[outcome.verdict]
        notice.last_error = "" if outcome.verdict is Verdict.SENT else outcome.reason
        if outcome.verdict is Verdict.SENT:
            notice.sent_at = now
        elif outcome.verdict is Verdict.TEMPORARY:
            await _try_again_or_give_up(session, notice, now=now)
        else:
            await _give_up(session, notice, now=now)
        session.add(Attempt(notice=notice.id, at=now, outcome=notice.state, detail=outcome.reason))
        session.announce("item", notice.item)
        return notice.state


async def next_send_at(session: ReadSession) -> datetime | None:
    """Return when the next notice is to be sent or its claim runs out; nothing if none waits."""
    pending = select(Notice.send_at).where(Notice.state.in_(_UNSENT)).order_by(Notice.send_at)
    claims = (
        select(Notice.claimed_until).where(Notice.state == NoticeState.SENDING).order_by(Notice.claimed_until)
    )
    times = [await session.scalar(pending.limit(1)), await session.scalar(claims.limit(1))]
    return min((time for time in times if time is not None), default=None)


_UNSENT = (NoticeState.PENDING, NoticeState.FAILED_TEMPORARY)


def _is_waiting(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(Notice.state.in_(_UNSENT), Notice.send_at <= now),
        and_(Notice.state == NoticeState.SENDING, Notice.claimed_until <= now),
    )


def _waiting(now: datetime) -> Select[str, str]:
    return (
        select(Notice.id, Notice.person)
        .where(_is_waiting(now))
        .order_by(Notice.urgency, Notice.send_at, Notice.id)
        .limit(_LOOK_AT)
    )


async def _claim_one(
    session: WriteSession, notice: Notice, *, now: datetime, make_link: LinkMaker
) -> Claimed | None:
    person = await session.get(Person, notice.person)
    item = await session.get(Item, notice.item)
    if item is None or item.closed_at is not None:
        notice.state = NoticeState.WITHDRAWN
        return None
    if person is None or not person.active or not person.webhook_url:
        notice.state = NoticeState.FAILED_PERMANENT
        notice.last_error = "no address"
        await dues.hurry(session, notice.item, now=now)
        return None
    facts = NoticeFacts.from_row(notice.content)
    notice.state = NoticeState.SENDING
    notice.claimed_until = now + CLAIM
    return Claimed(
        channel=notice.channel,
        message=Message(
            id=notice.id,
            person=notice.person,
            address=person.webhook_url,
            item=notice.item,
            rendered=render(facts),
            kind=facts.kind,
            class_=facts.class_,
            mode=facts.mode,
            where=facts.where,
            link=await make_link(session, notice.item, notice.person, now),
            step=notice.step,
            sent_at=now,
        ),
    )


async def _try_again_or_give_up(session: WriteSession, notice: Notice, *, now: datetime) -> None:
    delay = next_try_after(class_of(notice.urgency), notice.attempts)
    if delay is None:
        await _give_up(session, notice, now=now)
    else:
        notice.send_at = now + delay


async def _give_up(session: WriteSession, notice: Notice, *, now: datetime) -> None:
    """Nobody will be told by this notice: unless another of its step may, the next step is due."""
    notice.state = NoticeState.FAILED_PERMANENT
    await session.flush()
    hopeful = select(Notice.id).where(
        Notice.item == notice.item,
        Notice.step == notice.step,
        Notice.id != notice.id,
        Notice.state.not_in((NoticeState.FAILED_PERMANENT, NoticeState.WITHDRAWN)),
    )
    if await session.scalar(hopeful.limit(1)) is None:
        hurried = await dues.hurry(session, notice.item, now=now)
        log.warning("nobody_reached", item=notice.item, step=notice.step, next_step=hurried)
