"""Claiming notices and recording what became of them: each in a transaction of its own."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from server.db.session import Database, ReadSession, WriteSession
from server.escalation import service as dues
from server.items.tables import Item
from server.notify.channels import Message, Outcome, Verdict
from server.notify.quotas import free_at, longest_span
from server.notify.render import NoticeFacts, Occasion, render_together
from server.notify.retry import class_of, next_try_after
from server.notify.tables import Attempt, Notice, NoticeState, Spent
from server.people.addresses import addresses_of
from server.people.model import ChannelKind
from server.people.tables import Person

log = structlog.get_logger()

LinkMaker = Callable[[WriteSession, str, str, datetime], Awaitable[str]]
"""Makes the link for (item, person) at a time; returns its whole address."""

CLAIM: Final = timedelta(seconds=15)
"""How long a claim holds: longer than any attempt may take."""
_MOST_PER_PERSON: Final = 2
"""At once, so that one receiver that hangs holds up nobody else."""
_LOOK_AT: Final = 500
_MOST_TOGETHER: Final = 20
"""Items in one message."""
TOGETHER: Final = timedelta(minutes=1)
"""What reaches one person over one channel within it is one message; life safety never waits."""
QUOTA_SPENT: Final = "quota spent"
_MOST_WAIT: Final = (timedelta(seconds=60), timedelta(hours=2))
"""How long life safety, and the rest, wait for a quota before another channel or person must do."""
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
    """Claim what is to be sent now, the gravest first; what one person has waiting goes as one message.

    Args:
        database: the main database.
        now: the server's time.
        most: how many senders are free.
        busy: the person of every attempt that is under way.
        make_link: makes the link each message carries.
    """
    async with database.read() as session:
        waiting = (await session.execute(_waiting(now))).all()
    heads = {(row.person, row.channel): row.id for row in reversed(waiting)}
    ordered = [(row.id, row.person) for row in waiting if heads[row.person, row.channel] == row.id]
    chosen = choose(ordered, most=most, busy=busy)
    if not chosen:
        return []
    claimed: list[Claimed] = []
    async with database.write() as session:
        query = select(Notice).where(Notice.id.in_(chosen), _is_waiting(now))
        query = query.order_by(Notice.urgency, Notice.send_at, Notice.id)
        for notice in list(await session.scalars(query.with_for_update(skip_locked=True))):
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
    """Write down an attempt and what follows from it; returns the notice's new state.

    What went out in the same message shares its outcome.
    """
    async with database.write() as session:
        head = await session.get(Notice, notice_id)
        if head is None:
            return None
        query = select(Notice).where(Notice.bundle == notice_id, Notice.id != notice_id)
        for notice in (head, *await session.scalars(query)):
            await _record_one(session, notice, outcome, now=now)
        head.receipt = outcome.receipt or head.receipt
        head.update_code = outcome.update_code
        return head.state


async def _record_one(session: WriteSession, notice: Notice, outcome: Outcome, *, now: datetime) -> None:
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
        await try_again_or_give_up(session, notice, now=now)
    else:
        await give_up(session, notice, now=now)
    session.add(Attempt(notice=notice.id, at=now, outcome=notice.state, detail=outcome.reason))


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


def _waiting(now: datetime) -> Select[Any, Any, Any]:
    return (
        select(Notice.id, Notice.person, Notice.channel)
        .where(_is_waiting(now))
        .order_by(Notice.urgency, Notice.send_at, Notice.id)
        .limit(_LOOK_AT)
    )


async def _claim_one(
    session: WriteSession, notice: Notice, *, now: datetime, make_link: LinkMaker
) -> Claimed | None:
    if not await _is_wanted(session, notice):
        return None
    person = await session.get(Person, notice.person)
    addresses = await addresses_of(session, [person]) if person is not None else {}
    address = addresses.get(notice.person, {}).get(notice.channel)
    if address is None:
        notice.last_error = "no address"
        await give_up(session, notice, now=now)
        return None
    if not await _spend(session, notice, address, now=now) or await _is_held(session, notice, now=now):
        return None
    together = [notice, *await _companions(session, notice, now=now)]
    for one in together:
        one.state = NoticeState.SENDING
        one.claimed_until = now + CLAIM
        one.bundle = notice.id if len(together) > 1 else None
    facts = [NoticeFacts.from_row(one.content) for one in together]
    return Claimed(
        channel=notice.channel,
        message=Message(
            id=notice.id,
            person=notice.person,
            address=address,
            item=notice.item,
            rendered=render_together(facts),
            kind=facts[0].kind,
            class_=facts[0].class_,
            mode=facts[0].mode,
            where=facts[0].where,
            link=await make_link(session, notice.item, notice.person, now),
            step=notice.step,
            sent_at=now,
            items=len(together),
            attempt=notice.attempts + 1,
        ),
    )


async def _is_wanted(session: WriteSession, notice: Notice) -> bool:
    """Tell whether an item still needs its notice; withdraws it if not."""
    item = await session.get(Item, notice.item)
    if item is None or item.closed_at is not None:
        notice.state = NoticeState.WITHDRAWN
        return False
    return True


async def _spend(session: WriteSession, notice: Notice, address: str, *, now: datetime) -> bool:
    """Take one message out of the address's quota; without any left it waits, or another must do."""
    span = longest_span(notice.channel)
    if span is None:
        return True
    key = hashlib.sha256(address.encode()).hexdigest()
    query = select(Spent.at).where(
        Spent.channel == notice.channel, Spent.address_hash == key, Spent.at > now - span
    )
    used = list(await session.scalars(query))
    free = free_at(notice.channel, used, now, urgent=notice.urgency == 0)
    if free is None:
        session.add(Spent(channel=notice.channel, address_hash=key, at=now, urgency=notice.urgency))
        return True
    notice.last_error = QUOTA_SPENT
    if free - now > _MOST_WAIT[min(notice.urgency, 1)]:
        log.warning("quota_spent", channel=notice.channel, notice=notice.id)
        await give_up(session, notice, now=now)
    else:
        notice.state = NoticeState.PENDING
        notice.send_at = free
    return False


async def _is_held(session: WriteSession, notice: Notice, *, now: datetime) -> bool:
    """Put off what is not life safety while its person heard of another item less than a minute ago."""
    if notice.urgency == 0 or notice.attempts or notice.content["occasion"] != Occasion.OPENED:
        return False
    query = select(func.max(Notice.sent_at)).where(
        Notice.person == notice.person,
        Notice.channel == notice.channel,
        Notice.item != notice.item,
        Notice.sent_at > now - TOGETHER,
    )
    last = await session.scalar(query)
    if last is None:
        return False
    notice.send_at = last + TOGETHER
    return True


async def _companions(session: WriteSession, notice: Notice, *, now: datetime) -> list[Notice]:
    """Return what else waits for the same person and channel and goes out in the same message.

    A message that was tried before keeps what it held: its receiver drops a repeat by its id.
    """
    query = select(Notice).where(
        Notice.person == notice.person,
        Notice.channel == notice.channel,
        Notice.id != notice.id,
        _is_waiting(now),
    )
    if notice.attempts or notice.bundle:
        query = query.where(Notice.bundle == notice.id)
    else:
        query = query.where(Notice.attempts == 0, Notice.bundle.is_(None))
    query = query.order_by(Notice.urgency, Notice.send_at, Notice.id).limit(_MOST_TOGETHER)
    found = list(await session.scalars(query.with_for_update(skip_locked=True)))
    same = [one for one in found if one.content["mode"] == notice.content["mode"]]
    return [one for one in same if await _is_wanted(session, one)]


async def try_again_or_give_up(session: WriteSession, notice: Notice, *, now: datetime) -> None:
    """Put a notice off until its next attempt, or give it up after the last."""
    delay = next_try_after(class_of(notice.urgency), notice.attempts, notice.channel)
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
    """Make an item's next step due unless another notice of this step got through or still may."""
    await session.flush()
    hopeful = select(Notice.id).where(
        Notice.item == notice.item,
        or_(Notice.step == notice.step, Notice.person == notice.person),
        Notice.id != notice.id,
        Notice.state.not_in((NoticeState.FAILED_PERMANENT, NoticeState.WITHDRAWN, NoticeState.UNKNOWN)),
    )
    if await session.scalar(hopeful.limit(1)) is None:
        hurried = await dues.hurry(session, notice.item, now=now)
        log.warning("nobody_reached", item=notice.item, step=notice.step, next_step=hurried)


async def expire_receipts(database: Database, *, now: datetime) -> int:
    """Stop believing in messages whose provider said nothing in time; returns how many."""
    due = (Notice.state == NoticeState.SENT, Notice.receipt_due_at <= now)
    async with database.read() as session:
        if await session.scalar(select(Notice.id).where(*due).limit(1)) is None:
            return 0
    async with database.write() as session:
        found = list(await session.scalars(select(Notice).where(*due).limit(_LOOK_AT)))
        for notice in found:
            notice.state = NoticeState.UNKNOWN
            notice.receipt_due_at = None
            session.announce("item", notice.item)
            await hurry_if_hopeless(session, notice, now=now)
    return len(found)
