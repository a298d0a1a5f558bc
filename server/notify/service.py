"""Notice rows: made in the transaction of what they tell of, withdrawn when no longer needed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from server.alarms.tables import Alarm
from server.db.session import ReadSession, WriteSession
from server.db.shifting import bring_forward
from server.escalation.plan import BY_HAND, Reach
from server.items.budget import CAN_WAIT
from server.items.tables import Item
from server.notify.render import NoticeFacts, Occasion
from server.notify.retry import class_of, urgency_of
from server.notify.tables import HOPELESS, Notice, NoticeState, Spent
from server.people.model import ChannelKind
from server.people.service import channels_of
from wire.ids import new_uuid7
from wire.vocabulary import Kind

UNSENT = (NoticeState.PENDING, NoticeState.FAILED_TEMPORARY)
"""States from which a notice can still be withdrawn."""

WEBHOOK = ChannelKind.WEBHOOK.value
_REACHED = (NoticeState.SENT, NoticeState.DELIVERED, NoticeState.READ)


async def reached(session: ReadSession, item_id: str) -> bool:
    """Tell whether any notice of an item got through, as far as anybody can say."""
    query = select(Notice.id).where(Notice.item == item_id, Notice.state.in_(_REACHED)).limit(1)
    return await session.scalar(query) is not None


async def unattempted(session: ReadSession, item_id: str) -> bool:
    """Tell whether some notice of an item has yet to leave for the first time."""
    query = select(Notice.id).where(
        Notice.item == item_id, Notice.state == NoticeState.PENDING, Notice.attempts == 0
    )
    return await session.scalar(query.limit(1)) is not None


async def has_hope(session: ReadSession, item_id: str) -> bool:
    """Tell whether any notice of an item got through, is on its way, or is still to be sent."""
    query = select(Notice.id).where(Notice.item == item_id, Notice.state.not_in(HOPELESS)).limit(1)
    return await session.scalar(query) is not None


async def create(
    session: WriteSession,
    item: Item,
    people: Iterable[str],
    occasion: Occasion,
    *,
    step: int,
    now: datetime,
    reach: Reach = BY_HAND,
    not_before: Mapping[str, datetime] | None = None,
    none_waits: bool = False,
) -> int:
    """Make notices for people over the channels of a step.

    One that still waits for the same person, item and channel is not doubled: it takes the new
    occasion on.

    Args:
        session: the transaction.
        item: what they tell of.
        people: codes.
        occasion: why.
        step: at which step of the escalation.
        now: the server's time.
        reach: over which channels.
        not_before: until when somebody is left in peace.
        none_waits: the item is new, so that none needs to be looked for.

    Returns:
        How many notices now wait; 0 means that nobody can be told.
    """
    facts = NoticeFacts(
        kind=item.kind,
        class_=item.class_,
        mode=item.mode,
        where=item.where,
        device_name=item.device_name,
        opened_at=item.opened_at,
        occasion=occasion,
        readable=await _is_readable(session, item),
    )
    waiting = {
        (notice.person, notice.channel): notice
        for notice in (() if none_waits else await unsent_of(session, item.id))
        if notice.attempts == 0
    }
    made = 0
    codes = list(people)
    known = await channels_of(session, codes)
    for code in codes:
        for channel in reach.choose(known.get(code, frozenset())):
            made += 1
            old = waiting.get((code, channel.value))
            send_at = max(now, (not_before or {}).get(code, now))
            if old is not None:
                if item.class_ not in CAN_WAIT:
                    # What waited for the morning, or for company, must not keep graver news waiting with it.
                    old.send_at = min(old.send_at, send_at)
                old.content = facts.as_row()
                old.urgency = min(old.urgency, urgency_of(item.class_))
                continue
            notice = _new_notice(item, code, channel.value, facts, step=step, now=now)
            notice.send_at = send_at
            session.add_last(notice)
    if made:
        session.announce("notice", item.id)
    return made


async def unsent_of(session: WriteSession, item_id: str) -> list[Notice]:
    """Return the notices of an item that still wait to be sent, held for this transaction.

    Another process may be about to claim one: then it is sent as it was, and waits no more.
    """
    query = select(Notice).where(Notice.item == item_id, Notice.state.in_(UNSENT))
    return list(await session.scalars(query.order_by(Notice.id).with_for_update()))


async def withdraw(
    session: WriteSession,
    item_id: str,
    *,
    keep_person: str | None = None,
    only_person: str | None = None,
) -> list[str]:
    """Withdraw what is not yet sent of an item; returns the ids of those notices.

    Args:
        session: the transaction.
        item_id: the item.
        keep_person: whose notices still go out.
        only_person: whose notices alone are withdrawn.
    """
    withdrawn = [
        notice
        for notice in await unsent_of(session, item_id)
        if notice.person != keep_person and only_person in (None, notice.person)
    ]
    for notice in withdrawn:
        notice.state = NoticeState.WITHDRAWN
    return [notice.id for notice in withdrawn]


async def restore(session: WriteSession, notice_ids: Iterable[str], *, now: datetime) -> None:
    """Let withdrawn notices wait again, because what withdrew them was undone.

    One that was never tried keeps its time: it may be the end of quiet hours.
    """
    query = select(Notice).where(Notice.id.in_(list(notice_ids)), Notice.state == NoticeState.WITHDRAWN)
    for notice in await session.scalars(query):
        notice.state = NoticeState.PENDING
        notice.send_at = now if notice.attempts else max(notice.send_at, now)
        session.announce("notice", notice.item)


async def clock_set_back(session: WriteSession, by: timedelta, *, now: datetime) -> int:
    """Let no notice wait longer because the clock was set back; returns how many waited.

    What can wait and was never tried waits for a time of day, the end of quiet hours: it is moved by whole
    days alone.
    """
    unsent = list(await session.scalars(select(Notice).where(Notice.state.in_(UNSENT))))
    for notice in unsent:
        can_wait = class_of(notice.urgency) in CAN_WAIT and not notice.attempts
        notice.send_at -= timedelta(days=by.days) if can_wait else by
    sending = Notice.state == NoticeState.SENDING
    await bring_forward(session, Notice, ("claimed_until",), where=sending, by=by)
    await bring_forward(session, Notice, ("receipt_due_at",), where=Notice.receipt_due_at.is_not(None), by=by)
    await bring_forward(session, Notice, ("sent_at",), where=Notice.sent_at > now, by=by, latest=now)
    await bring_forward(session, Spent, ("at",), where=Spent.at > now, by=by, latest=now)
    return len(unsent)


async def _is_readable(session: ReadSession, item: Item) -> bool:
    """Whether some alarm of the item could be understood: whatever is of another kind was, once."""
    if item.kind is not Kind.CONTACT:
        return True
    query = select(Alarm.alarm).where(Alarm.item == item.id, Alarm.readable.is_(True))
    return await session.scalar(query.limit(1)) is not None


def _new_notice(
    item: Item, person: str, channel: str, facts: NoticeFacts, *, step: int, now: datetime
) -> Notice:
    return Notice(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        item=item.id,
        person=person,
        channel=channel,
        step=step,
        urgency=urgency_of(item.class_),
        state=NoticeState.PENDING,
        content=facts.as_row(),
        created_at=now,
        send_at=now,
    )
