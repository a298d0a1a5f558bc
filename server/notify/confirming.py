"""Sending the code that confirms a contact, over the channel that is to be confirmed."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select

from server.db.session import WriteSession
from server.errors import ConflictError, TooManyError
from server.notify.channels import Channel, Message, Outcome, Verdict
from server.notify.quotas import free_at, longest_span
from server.notify.render import Rendered
from server.notify.tables import Spent
from server.people.tables import Contact
from wire.ids import new_uuid7
from wire.vocabulary import AlarmClass, Kind, Mode

log = structlog.get_logger()

TITLE: Final = "确认联系方式"
_LIMIT_S: Final = 10.0
_URGENCY: Final = 3


async def spend_for_code(session: WriteSession, contact: Contact, *, now: datetime) -> None:
    """Take a code's message out of the address's quota, leaving what is kept for life safety.

    Raises:
        TooManyError: there is nothing left for now.
    """
    await spend(session, contact.channel, contact.address, now=now)


async def spend(session: WriteSession, channel: str, address: str, *, now: datetime) -> None:
    """Take a message that is about no item out of an address's quota, likewise.

    Raises:
        TooManyError: there is nothing left for now.
    """
    span = longest_span(channel)
    if span is None:
        return
    key = hashlib.sha256(address.encode()).hexdigest()
    query = select(Spent.at).where(Spent.channel == channel, Spent.address_hash == key, Spent.at > now - span)
    free = free_at(channel, list(await session.scalars(query)), now, urgent=False)
    if free is not None:
        wait_s = int((free - now).total_seconds()) + 1
        raise TooManyError("这个号码或账号的发送额度已用完，请稍后再试。", retry_after_s=wait_s)
    session.add(Spent(channel=channel, address_hash=key, at=now, urgency=_URGENCY))


async def send_code(
    channels: Mapping[str, Channel], contact: Contact, code: str, *, link: str, now: datetime
) -> None:
    """Hand a code over.

    Args:
        channels: of this server.
        contact: where to.
        code: what the person is to repeat.
        link: of this server; cards cannot be without one.
        now: the server's time.

    Raises:
        ConflictError: there is no such channel here, or it did not take the message.
    """
    outcome = await hand_over(channels, contact.channel, code_message(contact, code, link=link, now=now))
    log.info(
        "contact_code_sent",
        contact=contact.id,
        channel=contact.channel,
        verdict=outcome.verdict.value,
        reason=outcome.reason,
    )
    if outcome.verdict is not Verdict.SENT:
        raise ConflictError("验证码没有送出，请检查地址和通知方式。")


async def hand_over(channels: Mapping[str, Channel], kind: str, message: Message) -> Outcome:
    """Hand over, now and once, a message that is about no item.

    Raises:
        ConflictError: there is no such channel here.
    """
    channel = channels.get(kind)
    if channel is None:
        raise ConflictError("这台服务器没有设置这种通知方式。")
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await channel.send(message)
    except TimeoutError:
        return Outcome(verdict=Verdict.TEMPORARY, reason="timeout")


def code_message(contact: Contact, code: str, *, link: str, now: datetime) -> Message:
    """Return the message; the code stands in the text and where a template says the place."""
    where = f"验证码 {code}"
    return Message(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        person=contact.person,
        address=contact.address,
        item="",
        rendered=Rendered(
            title=TITLE, text=f"{where}，十分钟内有效。请告诉登记的人；不是您要的，请不要理会。"
        ),
        kind=Kind.CONTACT,
        class_=AlarmClass.ADVICE,
        mode=Mode.LIVE,
        where=where,
        link=link,
        step=0,
        sent_at=now,
        items=0,
    )
