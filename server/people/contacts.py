"""Contacts: addresses that count once whoever they belong to has repeated a code that was sent there.

Each change is audited, without the address, and makes the chains of responsibility be read anew.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from server.access.secrets import hash_secret
from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, InvalidError, NotFoundError, TooManyError
from server.people.dialling import WHAT_TO_WRITE, usable
from server.people.model import ChannelKind
from server.people.tables import Contact, Person
from server.places.service import touch

CODE_HOLDS: Final = timedelta(minutes=10)
NEXT_CODE_AFTER: Final = timedelta(seconds=60)
MOST_TRIES: Final = 5
"""Wrong codes before a new one must be asked for."""
MOST_CONTACTS: Final = 10
"""Of one person."""
_CODE_DIGITS: Final = 6


async def contacts_of(session: ReadSession, person: str) -> list[Contact]:
    """Return somebody's contacts, confirmed or not.

    Raises:
        NotFoundError: there is no such person.
    """
    if await session.get(Person, person) is None:
        raise NotFoundError("没有这个人员。")
    query = select(Contact).where(Contact.person == person)
    return list(await session.scalars(query.order_by(Contact.id)))


async def add_contact(
    session: WriteSession, person: str, channel: ChannelKind, address: str, *, by: str, now: datetime
) -> Contact:
    """Note an address; nothing is sent there before it is confirmed, apart from the code.

    Raises:
        NotFoundError: there is no such person.
        InvalidError: it cannot be an address of that channel; says what to write.
        ConflictError: they have it already, or too many.
    """
    held = await contacts_of(session, person)
    typed, address = address, usable(channel, address) or ""
    if not address:
        raise InvalidError(WHAT_TO_WRITE[channel] if typed.strip() else "请填写地址。")
    if any(one.channel == channel and one.address == address for one in held):
        raise ConflictError("这个联系方式已经登记。")
    if len(held) >= MOST_CONTACTS:
        raise ConflictError("联系方式太多，请先删去不用的。")
    row = Contact(person=person, channel=channel.value, address=address, added_at=now)
    session.add(row)
    await session.flush()
    await _audited(session, row, "contact_added", by=by, now=now)
    return row


async def begin_confirming(
    session: WriteSession, person: str, contact_id: int, *, by: str, now: datetime
) -> tuple[Contact, str]:
    """Make a code for a contact; returns it, to be sent there and shown nowhere else.

    Raises:
        NotFoundError: that person has no such contact.
        ConflictError: it is confirmed already.
        TooManyError: the last code was made a moment ago.
    """
    row = await _one(session, person, contact_id)
    if row.verified_at is not None:
        raise ConflictError("这个联系方式已经确认。")
    if row.code_until is not None:
        wait = row.code_until - CODE_HOLDS + NEXT_CODE_AFTER - now
        if wait > timedelta(0):
            raise TooManyError("请稍后再发验证码。", retry_after_s=int(wait.total_seconds()) + 1)
    code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}}"
    row.code_hash, row.code_until, row.tries = _kept(row, code), now + CODE_HOLDS, 0
    await _audited(session, row, "contact_code_made", by=by, now=now)
    return row, code


async def confirm(
    session: WriteSession, person: str, contact_id: int, code: str, *, by: str, now: datetime
) -> bool:
    """Take the code that a person read; tells whether it was the right one.

    A wrong one is counted, so that the transaction must be kept.

    Raises:
        NotFoundError: that person has no such contact.
        ConflictError: no code is under way, or it was tried too often.
    """
    row = await _one(session, person, contact_id)
    if row.verified_at is not None:
        return True
    if not row.code_hash or row.code_until is None or row.code_until <= now:
        raise ConflictError("验证码已过期，请重新发送。")
    if row.tries >= MOST_TRIES:
        raise ConflictError("验证码错误次数过多，请重新发送。")
    if not secrets.compare_digest(row.code_hash, _kept(row, code.strip())):
        row.tries += 1
        await _audited(session, row, "contact_code_wrong", by=by, now=now)
        return False
    row.verified_at, row.code_hash, row.code_until = now, "", None
    touch(session, now=now)
    await _audited(session, row, "contact_confirmed", by=by, now=now)
    return True


async def remove_contact(
    session: WriteSession, person: str, contact_id: int, *, by: str, now: datetime
) -> None:
    """Forget an address: nothing is sent there any more.

    Raises:
        NotFoundError: that person has no such contact.
    """
    row = await _one(session, person, contact_id)
    await _audited(session, row, "contact_removed", by=by, now=now)
    await session.delete(row)
    touch(session, now=now)


async def _one(session: ReadSession, person: str, contact_id: int) -> Contact:
    row = await session.get(Contact, contact_id)
    if row is None or row.person != person:
        raise NotFoundError("没有这个联系方式。")
    return row


def _kept(row: Contact, code: str) -> str:
    return hash_secret(f"{row.id} {code}")


async def _audited(session: WriteSession, row: Contact, action: str, *, by: str, now: datetime) -> None:
    detail: dict[str, Any] = {"contact": row.id, "channel": row.channel}
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action=action,
        subject_kind="person",
        subject=row.person,
        detail=detail,
    )


def masked(address: str) -> str:
    """Return an address so that its owner knows it again and nobody else learns it."""
    head, scheme, rest = address.partition("://")
    if scheme:
        return f"{head}://{rest.split('/')[0]}/…"
    if len(address) <= 4:  # noqa: PLR2004 - too short to show any of it
        return "…"
    return f"{address[:3]}…{address[-2:]}" if len(address) <= 8 else f"{address[:3]}…{address[-4:]}"  # noqa: PLR2004 - as above
