"""Links in messages: one item, one person.

A link is its row's id, signed. Opening it neither acts nor consumes it; the first press binds it to
the phone that pressed. It is good until the item closes and is revoked when the item is reassigned.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from itsdangerous import BadSignature, Signer
from sqlalchemy import select

from server.access.secrets import hash_secret
from server.access.tables import Link, Phone
from server.db.session import ReadSession, WriteSession
from server.items.model import ItemState
from server.items.tables import Item
from wire.ids import new_uuid7

_SALT: Final = "gridwarden-link"


class LinkState(StrEnum):
    """What a link is good for."""

    OPEN = "open"
    """Its holder may press."""
    OTHER_PHONE = "other_phone"
    """Bound to another phone: to be read, not pressed."""
    REVOKED = "revoked"
    """The item was given to somebody else."""
    OVER = "over"
    """The item is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """An opened link."""

    link: Link
    item: Item
    state: LinkState

    @property
    def bound_here(self) -> bool:
        """Whether the phone that asks is the one that the link is bound to."""
        return self.link.phone_hash is not None and self.state in (LinkState.OPEN, LinkState.OVER)


class LinkBook:
    """Makes, opens, binds and revokes links."""

    def __init__(self, key: bytes) -> None:
        """Sign with a key that outlives restarts."""
        self._signer = Signer(key, salt=_SALT)

    async def make(self, session: WriteSession, item: str, person: str, now: datetime) -> str:
        """Return the token of the link of a person to an item, making the link if need be."""
        made = await self.make_many(session, [(item, person)], now)
        return made[item, person]

    async def make_many(
        self, session: WriteSession, pairs: Collection[tuple[str, str]], now: datetime
    ) -> dict[tuple[str, str], str]:
        """Return the tokens of links by (item, person), making those that are not there.

        Args:
            session: the transaction.
            pairs: of an item and a person each.
            now: the server's time.
        """
        ids = await self._ids(session, pairs)
        for item, person in pairs:
            if (item, person) not in ids:
                link = Link(
                    id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
                    item=item,
                    person=person,
                    created_at=now,
                )
                session.add(link)
                ids[item, person] = link.id
        return {pair: self._signer.sign(ids[pair]).decode() for pair in pairs}

    async def find(
        self, session: ReadSession, pairs: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], str]:
        """Return the tokens of those links that are there."""
        held = await self._ids(session, pairs)
        return {pair: self._signer.sign(held[pair]).decode() for pair in pairs if pair in held}

    @staticmethod
    async def _ids(session: ReadSession, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        items, people = {item for item, _ in pairs}, {person for _, person in pairs}
        held = await session.execute(
            select(Link.item, Link.person, Link.id).where(
                Link.item.in_(items), Link.person.in_(people), Link.revoked_at.is_(None)
            )
        )
        return {(item, person): link for item, person, link in held}

    async def open(self, session: ReadSession, token: str, *, phone: str | None) -> LinkView | None:
        """Open a link; None when it was never made here.

        Args:
            session: where to read.
            token: what the message carried.
            phone: the secret of the phone that opens it, if it has one.
        """
        link_id = self._id_in(token)
        link = await session.get(Link, link_id) if link_id is not None else None
        item = await session.get(Item, link.item) if link is not None else None
        if link is None or item is None:
            return None
        return LinkView(link=link, item=item, state=_judge(link, item, phone))

    def was_made_here(self, token: str) -> bool:
        """Tell whether a token was made here, though its link may be forgotten since."""
        return self._id_in(token) is not None

    def _id_in(self, token: str) -> str | None:
        try:
            return self._signer.unsign(token).decode()
        except (BadSignature, UnicodeDecodeError):
            return None


def _judge(link: Link, item: Item, phone: str | None) -> LinkState:
    if link.revoked_at is not None:
        return LinkState.REVOKED
    bound_elsewhere = link.phone_hash is not None and (phone is None or hash_secret(phone) != link.phone_hash)
    if bound_elsewhere:
        return LinkState.OTHER_PHONE
    return LinkState.OVER if item.state is ItemState.CLOSED else LinkState.OPEN


async def bind(session: WriteSession, link_id: str, phone: str, *, now: datetime) -> None:
    """Bind a link to the phone that first pressed it; a bound one stays as it is."""
    link = await session.get(Link, link_id)
    if link is None or link.phone_hash is not None:
        return
    link.phone_hash = hash_secret(phone)
    link.bound_at = now
    if await session.get(Phone, (link.phone_hash, link.person)) is None:
        session.add(Phone(phone_hash=link.phone_hash, person=link.person, bound_at=now))


async def people_of_phone(session: ReadSession, phone: str | None) -> list[str]:
    """Return for whom a phone has pressed before."""
    if phone is None:
        return []
    query = select(Phone.person).where(Phone.phone_hash == hash_secret(phone))
    return list(await session.scalars(query.order_by(Phone.bound_at)))


async def revoke(session: WriteSession, item: str, person: str, *, now: datetime) -> None:
    """Revoke a person's links to an item: it is somebody else's now."""
    query = select(Link).where(Link.item == item, Link.person == person, Link.revoked_at.is_(None))
    for link in await session.scalars(query):
        link.revoked_at = now
