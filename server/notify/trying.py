"""Test messages: one person, one channel, no item; with what became of it, as far as the provider says."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import delete, or_, select

from server.audit import service as audit
from server.db.session import Database, ReadSession, WriteSession
from server.errors import ConflictError, NotFoundError
from server.notify.channels import Channel, Message, Verdict
from server.notify.confirming import hand_over, spend
from server.notify.receipts import Receipt
from server.notify.render import Rendered
from server.notify.tables import NoticeState, TrialMessage
from server.people.addresses import addresses_of
from server.people.tables import Contact, Person
from wire.ids import new_uuid7
from wire.vocabulary import AlarmClass, Kind, Mode

log = structlog.get_logger()

TITLE: Final = "测试通知"
_TEXT: Final = "【测试】这是指挥中心发的测试通知，收到就好，不用处理。"
_WHERE: Final = "测试，不用处理"
KEPT: Final = timedelta(days=30)
_STATES: Final[Mapping[Receipt, NoticeState]] = {
    Receipt.DELIVERED: NoticeState.DELIVERED,
    Receipt.READ: NoticeState.READ,
    Receipt.FAILED: NoticeState.FAILED_PERMANENT,
}


async def try_person(
    database: Database,
    channels: Mapping[str, Channel],
    person: str,
    channel: str,
    *,
    contact: int | None = None,
    by: str,
    link: str,
    now: datetime,
) -> TrialMessage:
    """Send a test message to an address of somebody and note what the provider says at once.

    Args:
        database: the main database.
        channels: of this server.
        person: to whom, by code.
        channel: over which kind.
        contact: to this contact of theirs; none for the address that counts now.
        by: the account that sends.
        link: of this server; cards cannot be without one.
        now: the server's time.

    Raises:
        NotFoundError: there is no such person or contact.
        ConflictError: they have no address there that counts, or there is no such channel here.
        TooManyError: the address's quota is spent.
    """
    if channel not in channels:
        raise ConflictError("这台服务器没有设置这种通知方式。")
    async with database.write() as session:
        address = await _address(session, person, channel, contact)
        await spend(session, channel, address, now=now)
        row = await _begin(session, person, channel, contact=contact, by=by, now=now)
    outcome = await hand_over(channels, channel, message_of(row, address, link=link))
    async with database.write() as session:
        kept = await session.get_one(TrialMessage, row.id)
        # A receipt may have overtaken the answer.
        if kept.state is NoticeState.SENDING:
            sent = outcome.verdict is Verdict.SENT
            kept.state = NoticeState.SENT if sent else NoticeState.FAILED_PERMANENT
            kept.detail = outcome.reason
        kept.provider, kept.receipt = outcome.provider, outcome.receipt
    log.info("test_message_sent", channel=channel, verdict=outcome.verdict.value, reason=outcome.reason)
    return kept


async def note_test_receipt(
    session: WriteSession,
    message: str,
    receipt_id: str,
    receipt: Receipt,
    *,
    now: datetime,
    detail: str = "",
) -> bool:
    """Note what a provider says later of a test message; tells whether it was of one.

    Args:
        session: the transaction.
        message: our id, if the provider gives it back.
        receipt_id: the provider's own.
        receipt: what it says.
        now: the server's time.
        detail: in the provider's words.
    """
    if not message and not receipt_id:
        return False
    which = or_(TrialMessage.id == message, TrialMessage.receipt == (receipt_id or message))
    row = await session.scalar(select(TrialMessage).where(which).limit(1))
    if row is None:
        return False
    if row.read_at is None and not (row.delivered_at and receipt is Receipt.FAILED):
        row.state, row.detail = _STATES[receipt], detail
    if receipt is not Receipt.FAILED:
        row.delivered_at = row.delivered_at or now
    if receipt is Receipt.READ:
        row.read_at = row.read_at or now
    session.announce("test_message", row.id)
    return True


async def newest_trials(
    session: ReadSession, *, person: str | None = None, most: int = 20
) -> list[tuple[TrialMessage, str]]:
    """Return the newest test messages with the names of whom they were for."""
    query = select(TrialMessage, Person.name).join(Person, Person.code == TrialMessage.person)
    if person is not None:
        query = query.where(TrialMessage.person == person)
    rows = await session.execute(
        query.order_by(TrialMessage.sent_at.desc(), TrialMessage.id.desc()).limit(most)
    )
    return [(row, name) for row, name in rows]


def message_of(row: TrialMessage, address: str, *, link: str) -> Message:
    """Return the message: marked as a test, with no button that could act."""
    return Message(
        id=row.id,
        person=row.person,
        address=address,
        item="",
        rendered=Rendered(title=TITLE, text=_TEXT),
        kind=Kind.CONTACT,
        class_=AlarmClass.ADVICE,
        mode=Mode.TEST,
        where=_WHERE,
        link=link,
        step=0,
        sent_at=row.sent_at,
        items=0,
    )


async def _address(session: ReadSession, person: str, channel: str, contact: int | None) -> str:
    found = await session.get(Person, person)
    if found is None:
        raise NotFoundError("没有这个人员。")
    if contact is not None:
        row = await session.get(Contact, contact)
        if row is None or row.person != person or row.channel != channel:
            raise NotFoundError("没有这个联系方式。")
        if row.verified_at is None:
            raise ConflictError("还没有确认的地址只发验证码，不发别的。")
        return row.address
    address = (await addresses_of(session, [found])).get(person, {}).get(channel)
    if address is None:
        raise ConflictError("这个人没有这种通知方式的地址。")
    return address


async def _begin(
    session: WriteSession, person: str, channel: str, *, contact: int | None, by: str, now: datetime
) -> TrialMessage:
    await session.execute(delete(TrialMessage).where(TrialMessage.sent_at < now - KEPT))
    row = TrialMessage(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        person=person,
        contact=contact,
        channel=channel,
        sent_by=by,
        sent_at=now,
        state=NoticeState.SENDING,
    )
    session.add(row)
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="test_message_sent",
        subject_kind="person",
        subject=person,
        detail={"channel": channel, "message": row.id},
    )
    return row
