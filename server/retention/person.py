"""What is kept about one person: given out, and erased, both written down."""

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, or_, select, update

from server.access.tables import Link, Operator, OperatorSession, OuterLogin, Phone
from server.audit import chain
from server.audit import service as audit
from server.audit.tables import AuditRow
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, NotFoundError
from server.feedback.tables import Feedback
from server.items.tables import Item, ItemMove, ItemParty, PressDistance
from server.notify.tables import Notice, TrialMessage
from server.people.tables import Absence, Contact, Duty, Person, RosterMessage, Swap, SwapProposal
from server.photos.service import delete_photos
from server.photos.tables import ItemPhoto
from server.places.tables import PlacesVersion

ERASED_NAME = "（已删除）"


async def export_person(session: ReadSession, code: str) -> dict[str, Any]:
    """Return everything that is kept about a person, table by table.

    Raises:
        NotFoundError: nobody has this code.
    """
    person = await session.get(Person, code)
    if person is None:
        raise NotFoundError("人员登记里没有这个人。")
    told = (Notice.person == code, ItemParty.person == code)
    account = await session.scalar(select(Operator.name).where(Operator.person == code))
    acted = [ItemMove.actor == code, AuditRow.actor == code]
    return {
        "person": _row(person),
        "account": account,
        "duties": await _rows(session, select(Duty).where(Duty.person == code)),
        "absences": await _rows(session, select(Absence).where(Absence.person == code)),
        "swaps": await _rows(session, select(Swap).where(or_(Swap.person == code, Swap.taken_by == code))),
        "swap_proposals": await _rows(
            session,
            select(SwapProposal).where(or_(SwapProposal.person == code, SwapProposal.asked == code)),
        ),
        "roster_messages": await _rows(session, select(RosterMessage).where(RosterMessage.person == code)),
        "contacts": await _rows(session, select(Contact).where(Contact.person == code)),
        "test_messages": await _rows(session, select(TrialMessage).where(TrialMessage.person == code)),
        "told": await _rows(session, select(ItemParty).where(told[1])),
        "notices": await _rows(session, select(Notice).where(told[0])),
        "presses": await _rows(session, select(ItemMove).where(acted[0])),
        "press_distances": await _rows(
            session,
            select(PressDistance).where(
                PressDistance.move.in_(select(ItemMove.id).where(ItemMove.actor == code))
            ),
        ),
        "links": await _rows(session, select(Link).where(Link.person == code)),
        "photos": await _rows(session, select(ItemPhoto).where(ItemPhoto.by_person == code)),
        "audit": await _rows(session, select(AuditRow).where(or_(acted[1], AuditRow.subject == code))),
    }


async def erase_person(session: WriteSession, code: str, folder: Path, *, by: str, now: datetime) -> None:
    """Erase a person: name, addresses, words, photos, phones, log-ins; the code stays, and says nothing.

    Raises:
        ConflictError: they still own an open item, or have duties: hand those over first.
        NotFoundError: nobody has this code.
    """
    person = await session.get(Person, code)
    if person is None:
        raise NotFoundError("人员登记里没有这个人。")
    owns = select(Item.id).where(Item.owner == code, Item.closed_at.is_(None)).limit(1)
    duty = select(Duty.id).where(Duty.person == code).limit(1)
    if await session.scalar(owns) is not None or await session.scalar(duty) is not None:
        raise ConflictError("这个人还有没结束的事项或职责，请先移交。")
    name = person.name
    await _erase_mentions(session, person)
    await _erase_register(session, person)
    await _erase_ways_in(session, code)
    await session.execute(update(ItemMove).where(ItemMove.actor == code).values(reason=""))
    presses = select(ItemMove.id).where(ItemMove.actor == code)
    await session.execute(delete(PressDistance).where(PressDistance.move.in_(presses)))
    photos = list(await session.scalars(select(ItemPhoto).where(ItemPhoto.by_person == code)))
    await delete_photos(session, folder, photos)
    says = AuditRow.reason.contains(name, autoescape=True)
    rows = select(AuditRow.id).where(or_(AuditRow.actor == code, AuditRow.subject == code, says))
    await session.flush()
    await chain.erase_words(session, list(await session.scalars(rows)), now=now)
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="person_erased",
        subject_kind="person",
        subject=code,
    )
    session.add(PlacesVersion(at=now))


async def _erase_register(session: WriteSession, person: Person) -> None:
    person.name, person.active = ERASED_NAME, False
    for column in Person.__table__.columns:
        if column.name not in ("code", "name", "active") and column.nullable:
            setattr(person, column.key, None)
    await session.execute(delete(Absence).where(Absence.person == person.code))
    await session.execute(update(Absence).where(Absence.stand_in == person.code).values(stand_in=None))


async def _erase_mentions(session: WriteSession, person: Person) -> None:
    """Take the name out of the sentences that named it, and the addresses out of what people wrote."""
    code, name = person.code, person.name
    told = select(ItemParty.item).where(ItemParty.person == code)
    noticed = select(Notice.item).where(Notice.person == code)
    pressed = select(ItemMove.item).where(ItemMove.actor == code)
    items = select(Item).where(
        or_(Item.owner == code, Item.id.in_(told), Item.id.in_(noticed), Item.id.in_(pressed))
    )
    found = list(await session.scalars(items))
    ids = [item.id for item in found]
    for item in found:
        item.reason = _without(item.reason, name)
        item.chain = _without(item.chain, name)
    for party in await session.scalars(select(ItemParty).where(ItemParty.item.in_(ids))):
        party.reason = _without(party.reason, name)
    for move in await session.scalars(select(ItemMove).where(ItemMove.item.in_(ids))):
        move.reason = _without(move.reason, name)
    for notice in await session.scalars(select(Notice).where(Notice.item.in_(ids))):
        notice.content = _without(notice.content, name)
    contacts = select(Contact.address).where(Contact.person == code)
    known = [name, person.phone, *(await session.scalars(contacts))]
    for words in known:
        if words:
            written = Feedback.contact.contains(words, autoescape=True)
            await session.execute(update(Feedback).where(written).values(contact=""))
    await session.execute(delete(TrialMessage).where(TrialMessage.person == code))
    names = RosterMessage.text.contains(name, autoescape=True)
    await session.execute(delete(RosterMessage).where(or_(RosterMessage.person == code, names)))
    await session.execute(delete(Contact).where(Contact.person == code))


def _without(kept: Any, name: str) -> Any:
    """Return a text, or JSON with texts, in which a name is no longer said."""
    match kept:
        case str():
            return kept.replace(name, ERASED_NAME)
        case list():
            return [_without(one, name) for one in kept]
        case dict():
            return {key: _without(value, name) for key, value in kept.items()}
    return kept


async def _erase_ways_in(session: WriteSession, code: str) -> None:
    await session.execute(delete(Phone).where(Phone.person == code))
    await session.execute(delete(Link).where(Link.person == code))
    account = await session.scalar(select(Operator).where(Operator.person == code))
    if account is not None:
        account.person = None
        account.password_hash = account.totp_secret = account.totp_since = None
        account.disabled_at = account.disabled_at or account.created_at
        await session.execute(delete(OperatorSession).where(OperatorSession.operator == account.name))
        await session.execute(delete(OuterLogin).where(OuterLogin.operator == account.name))


async def _rows(session: ReadSession, query: Any) -> list[dict[str, Any]]:
    return [_row(row) for row in await session.scalars(query)]


def _row(row: Any) -> dict[str, Any]:
    """Return a row's columns; secrets' hashes are no business of a file."""
    columns = row.__mapper__.column_attrs
    return {one.key: getattr(row, one.key) for one in columns if not one.key.endswith("_hash")}
