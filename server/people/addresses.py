"""Over which channels a person can be told now, and at which addresses."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from server.db.session import ReadSession
from server.notify.tables import ChannelSetup
from server.people.model import ChannelKind
from server.people.tables import Contact, Person

_ALWAYS: Final = frozenset({ChannelKind.WEBHOOK.value})
"""Needs no provider's account."""
_FEW: Final = 1_000


async def addresses_of(session: ReadSession, people: Sequence[Person]) -> dict[str, dict[str, str]]:
    """Return by person: channel → address, of every channel that this server can use.

    Confirmed contacts go before what the register says: `phone` serves short messages and calls,
    `webhook_url` webhooks. Who is not active has none.
    """
    usable = _ALWAYS | set(await session.scalars(select(ChannelSetup.channel)))
    found = {person.code: _registered(person, usable) for person in people if person.active}
    query = select(Contact).where(Contact.verified_at.is_not(None)).order_by(Contact.id.desc())
    if len(found) <= _FEW:
        query = query.where(Contact.person.in_(list(found)))
    for contact in await session.scalars(query):
        if contact.person in found and contact.channel in usable:
            found[contact.person][contact.channel] = contact.address
    return found


def _registered(person: Person, usable: frozenset[str]) -> dict[str, str]:
    known = {
        ChannelKind.WEBHOOK: person.webhook_url,
        ChannelKind.SMS: person.phone,
        ChannelKind.VOICE: person.phone,
    }
    return {kind.value: address for kind, address in known.items() if address and kind in usable}
