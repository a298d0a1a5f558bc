"""Forgetting: what is older than its time goes for good, words of people first.

Facts of the street (which alarm, when, how long until somebody came) stay as long as an item; what people
wrote, photographed or sent is what goes. Each kind has a setting of its own in days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, or_, select, update

from server.access.tables import Link, LoginAttempt, LoginFailure, OperatorSession, Phone
from server.audit import chain
from server.audit.tables import AuditRow, AuditSeal
from server.config import Settings
from server.db.session import WriteSession
from server.feedback.tables import Feedback
from server.intake.tables import Quarantined
from server.items.tables import Item, ItemMove, PressDistance
from server.people.rostertables import RosterMessage
from server.photos.service import delete_photos
from server.photos.tables import ItemPhoto
from server.places.uploads import forget_uploads

_MOST: Final = 2_000
"""Rows of one kind in one transaction: an alarm must never wait for a clean-up."""
_LINK_DAYS: Final = 7
_FAILURES: Final = timedelta(days=1)
_DISTANCES: Final = timedelta(days=30)
"""How long after an item closed it is known how far from it somebody pressed."""
_ROSTER_NEWS: Final = timedelta(days=92)
"""Longer than the time a swap may lie ahead: its link works as long."""
_PHONE_DAYS: Final = 180
"""How long a telephone keeps its list and its week without a press on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """How long each kind of words and pictures is kept."""

    words: timedelta
    """What people wrote: on items and in the audit, after the item closed; complaints and suggestions."""
    photos: timedelta
    quarantine: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Lives":
        """Read the settings."""
        return cls(
            words=timedelta(days=settings.words_days),
            photos=timedelta(days=settings.photo_days),
            quarantine=timedelta(days=settings.quarantine_days),
        )


async def forget(session: WriteSession, lives: Lives, folder: Path, *, now: datetime) -> Mapping[str, int]:
    """Delete what is past its time, at most a batch of each kind; returns how much went of what.

    Args:
        session: one transaction.
        lives: how long what is kept.
        folder: where photos lie.
        now: the server's time.
    """
    gone = {
        "words": await _forget_words(session, now - lives.words),
        "audit_words": await _forget_audit_words(session, now - lives.words, now=now),
        "feedback": await _delete(session, Feedback, Feedback.written_at < now - lives.words),
        "photos": await _forget_photos(session, folder, now - lives.photos),
        "quarantined": await _delete(session, Quarantined, Quarantined.received_at < now - lives.quarantine),
        "sessions": await _delete(
            session, OperatorSession, or_(OperatorSession.expires_at < now, OperatorSession.ends_at < now)
        ),
        "login_failures": await _delete(session, LoginFailure, LoginFailure.at < now - _FAILURES),
        "login_attempts": await _delete(session, LoginAttempt, LoginAttempt.created_at < now - _FAILURES),
        "street_uploads": await forget_uploads(session, now=now),
        "roster_messages": await _delete(session, RosterMessage, RosterMessage.made_at < now - _ROSTER_NEWS),
        "press_distances": await _forget_distances(session, now - _DISTANCES),
        "links": await _forget_links(session, now - timedelta(days=_LINK_DAYS)),
    }
    return {kind: count for kind, count in gone.items() if count}


async def _forget_words(session: WriteSession, before: datetime) -> int:
    old = select(Item.id).where(Item.closed_at < before)
    query = select(ItemMove.id).where(ItemMove.item.in_(old), ItemMove.reason != "").limit(_MOST)
    ids = list(await session.scalars(query))
    if ids:
        await session.execute(update(ItemMove).where(ItemMove.id.in_(ids)).values(reason=""))
    shelved = select(Item.id).where(Item.closed_at < before, Item.shelf_reason != "").limit(_MOST)
    shelves = list(await session.scalars(shelved))
    if shelves:
        await session.execute(update(Item).where(Item.id.in_(shelves)).values(shelf_reason=""))
    return len(ids) + len(shelves)


async def _forget_audit_words(session: WriteSession, before: datetime, *, now: datetime) -> int:
    query = (
        select(AuditRow.id)
        .join(AuditSeal, AuditSeal.row == AuditRow.id)
        .where(AuditRow.at < before, AuditSeal.erased_at.is_(None))
        .limit(_MOST)
    )
    ids = list(await session.scalars(query))
    return await chain.erase_words(session, ids, now=now) if ids else 0


async def _forget_distances(session: WriteSession, before: datetime) -> int:
    old = select(Item.id).where(Item.closed_at < before)
    query = select(PressDistance.move).where(PressDistance.item.in_(old)).limit(_MOST)
    ids = list(await session.scalars(query))
    if ids:
        await session.execute(delete(PressDistance).where(PressDistance.move.in_(ids)))
    return len(ids)


async def _forget_photos(session: WriteSession, folder: Path, before: datetime) -> int:
    query = select(ItemPhoto).where(ItemPhoto.taken_in_at < before).limit(_MOST)
    return await delete_photos(session, folder, list(await session.scalars(query)))


async def _forget_links(session: WriteSession, before: datetime) -> int:
    """Links of closed items, and phones that no link is bound to any more."""
    old = select(Item.id).where(Item.closed_at < before)
    ids = list(await session.scalars(select(Link.id).where(Link.item.in_(old)).limit(_MOST)))
    if ids:
        await session.execute(delete(Link).where(Link.id.in_(ids)))
    bound = select(Link.phone_hash).where(Link.phone_hash.is_not(None))
    unused = before - timedelta(days=_PHONE_DAYS - _LINK_DAYS)
    await session.execute(delete(Phone).where(Phone.bound_at < unused, Phone.phone_hash.not_in(bound)))
    return len(ids)


async def _delete(session: WriteSession, table: Any, condition: Any) -> int:
    key = next(iter(table.__table__.primary_key.columns))
    ids = list(await session.scalars(select(key).where(condition).limit(_MOST)))
    if ids:
        await session.execute(delete(table).where(key.in_(ids)))
    return len(ids)
