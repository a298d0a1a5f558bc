"""Claiming notices: many at once, in one transaction, before any of them is sent."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from server.db.session import Database, ReadSession, WriteSession
from server.items.budget import CAN_WAIT
from server.items.tables import Item
from server.notify.channels import Message
from server.notify.outcomes import give_up
from server.notify.quotas import free_at, longest_span
from server.notify.render import NoticeFacts, Occasion, render_together
from server.notify.retry import class_of
from server.notify.tables import Notice, NoticeState, Spent
from server.people.addresses import addresses_of
from server.people.tables import Person

log = structlog.get_logger()

Pair = tuple[str, str]
"""An item and a person."""
LinkMaker = Callable[[WriteSession, Collection[Pair], datetime], Awaitable[Mapping[Pair, str]]]
"""Makes the links for (item, person) at a time; returns their whole addresses."""

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
        make_link: makes the links that the messages carry.
    """
    async with database.read() as session:
        waiting = (await session.execute(_waiting(now))).all()
    first = {(row.person, row.channel): row.id for row in reversed(waiting)}
    ordered = [(row.id, row.person) for row in waiting if first[row.person, row.channel] == row.id]
    chosen = choose(ordered, most=most, busy=busy)
    if not chosen:
        return []
    async with database.write() as session:
        query = select(Notice).where(Notice.id.in_(chosen), _is_waiting(now))
        query = query.order_by(Notice.urgency, Notice.send_at, Notice.id)
        heads = list(await session.scalars(query.with_for_update(skip_locked=True)))
        if not heads:
            return []
        held = await _look_up(session, heads, now=now)
        taken = [one for notice in heads if (one := await _take(session, notice, held, now=now)) is not None]
        session.passing("notice/claimed")
        links = await make_link(session, [(one.notice.item, one.notice.person) for one in taken], now)
        return [_claimed(one, links[one.notice.item, one.notice.person], now=now) for one in taken]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What is needed of the database for all that is claimed together.

    Attributes:
        items: by id, of the notices and of whatever may go out with them.
        addresses: channel to address, by person.
        used: when an address's quota was used, by channel and hash.
        companions: what else waits, by person and channel, the most urgent first.
    """

    items: Mapping[str, Item]
    addresses: Mapping[str, Mapping[str, str]]
    used: dict[tuple[str, str], list[datetime]]
    companions: Mapping[tuple[str, str], Sequence[Notice]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A notice that is sent now, and everything that goes out in its message, itself first."""

    notice: Notice
    together: Sequence[Notice]
    address: str


async def _look_up(session: WriteSession, heads: Sequence[Notice], *, now: datetime) -> _Held:
    """Read in a few queries what would be several for each notice."""
    codes = {notice.person for notice in heads}
    waiting = select(Notice).where(
        Notice.person.in_(codes), Notice.id.not_in([notice.id for notice in heads]), _is_waiting(now)
    )
    waiting = waiting.order_by(Notice.urgency, Notice.send_at, Notice.id).limit(_MOST_TOGETHER * len(heads))
    others = list(await session.scalars(waiting.with_for_update(skip_locked=True)))
    companions: dict[tuple[str, str], list[Notice]] = {}
    for notice in others:
        companions.setdefault((notice.person, notice.channel), []).append(notice)
    wanted = {notice.item for notice in (*heads, *others)}
    items = await session.scalars(select(Item).where(Item.id.in_(wanted)))
    people = list(await session.scalars(select(Person).where(Person.code.in_(codes))))
    addresses = await addresses_of(session, people)
    counted = {
        (notice.channel, _hash(address))
        for notice in heads
        if longest_span(notice.channel) is not None
        and (address := addresses.get(notice.person, {}).get(notice.channel)) is not None
    }
    return _Held(
        items={item.id: item for item in items},
        addresses=addresses,
        used=await _used(session, counted, now=now),
        companions=companions,
    )


async def _used(
    session: ReadSession, counted: Collection[tuple[str, str]], *, now: datetime
) -> dict[tuple[str, str], list[datetime]]:
    """Return when each address was used, as far back as its channel counts."""
    used: dict[tuple[str, str], list[datetime]] = {key: [] for key in counted}
    for channel in {channel for channel, _ in counted}:
        span = longest_span(channel)
        assert span is not None, "or it is not counted"
        hashes = [key for counted_on, key in counted if counted_on == channel]
        query = select(Spent.address_hash, Spent.at).where(
            Spent.channel == channel, Spent.address_hash.in_(hashes), Spent.at > now - span
        )
        for key, at in await session.execute(query):
            used[channel, key].append(at)
    return used


def _hash(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


async def _take(session: WriteSession, notice: Notice, held: _Held, *, now: datetime) -> _Taken | None:
    if not _is_wanted(notice, held):
        return None
    address = held.addresses.get(notice.person, {}).get(notice.channel)
    if address is None:
        notice.last_error = "no address"
        await give_up(session, notice, now=now)
        return None
    if await _is_held(session, notice, now=now):
        return None
    if not await _spend(session, notice, address, held, now=now):
        return None
    together = [notice, *_companions(notice, held)]
    for one in together:
        one.state = NoticeState.SENDING
        one.claimed_until = now + CLAIM
        one.bundle = notice.id if len(together) > 1 else None
    return _Taken(notice=notice, together=together, address=address)


def _claimed(taken: _Taken, link: str, *, now: datetime) -> Claimed:
    notice = taken.notice
    facts = [NoticeFacts.from_row(one.content) for one in taken.together]
    return Claimed(
        channel=notice.channel,
        message=Message(
            id=notice.id,
            person=notice.person,
            address=taken.address,
            item=notice.item,
            rendered=render_together(facts),
            kind=facts[0].kind,
            class_=facts[0].class_,
            mode=facts[0].mode,
            where=facts[0].where,
            link=link,
            step=notice.step,
            sent_at=now,
            items=len(taken.together),
            attempt=notice.attempts + 1,
        ),
    )


def _is_wanted(notice: Notice, held: _Held) -> bool:
    """Tell whether an item still needs its notice; withdraws it if not."""
    item = held.items.get(notice.item)
    if item is None or item.closed_at is not None:
        notice.state = NoticeState.WITHDRAWN
        return False
    return True


async def _spend(session: WriteSession, notice: Notice, address: str, held: _Held, *, now: datetime) -> bool:
    """Take one message out of the address's quota; without any left it waits, or another must do."""
    if longest_span(notice.channel) is None:
        return True
    key = _hash(address)
    used = held.used[notice.channel, key]
    free = free_at(notice.channel, used, now, urgent=notice.urgency == 0)
    if free is None:
        session.add(Spent(channel=notice.channel, address_hash=key, at=now, urgency=notice.urgency))
        used.append(now)
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
    """Put off what is not life safety while its person heard of another item less than a minute ago.

    In a storm they hear of something all the time: what is urgent is put off by a minute at the most.
    """
    if notice.urgency == 0 or notice.attempts or notice.content["occasion"] != Occasion.OPENED:
        return False
    latest = None if class_of(notice.urgency) in CAN_WAIT else notice.created_at + TOGETHER
    if latest is not None and latest <= now:
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
    notice.send_at = min(last + TOGETHER, latest or last + TOGETHER)
    return True


def _companions(notice: Notice, held: _Held) -> list[Notice]:
    """Return what else waits for the same person and channel and goes out in the same message.

    A message that was tried before keeps what it held: its receiver drops a repeat by its id.
    """
    tried = bool(notice.attempts or notice.bundle)
    found = [
        one
        for one in held.companions.get((notice.person, notice.channel), ())
        if (one.bundle == notice.id if tried else not one.attempts and one.bundle is None)
    ]
    same = [one for one in found[:_MOST_TOGETHER] if one.content["mode"] == notice.content["mode"]]
    return [one for one in same if _is_wanted(one, held)]
