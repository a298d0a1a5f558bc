"""People and their duties from the database."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from server.db.session import ReadSession
from server.people.addresses import addresses_of
from server.people.model import DutyFacts, PersonFacts, Roster
from server.people.tables import Duty, Person


async def read_roster(session: ReadSession) -> Roster:
    """Read everybody and their duties."""
    found = list(await session.scalars(select(Person)))
    addresses = await addresses_of(session, found)
    people = [facts_of(person, addresses) for person in found]
    query = select(Duty.person, Duty.role, Duty.scope, Duty.code).order_by(Duty.id)
    duties = [
        DutyFacts(person=row.person, role=row.role, scope=row.scope, code=row.code)
        for row in await session.execute(query)
    ]
    return Roster.of(people, duties)


async def find_people(session: ReadSession, codes: Sequence[str]) -> dict[str, PersonFacts]:
    """Return people by code; codes that nobody has are left out."""
    found = list(await session.scalars(select(Person).where(Person.code.in_(codes))))
    addresses = await addresses_of(session, found)
    return {person.code: facts_of(person, addresses) for person in found}


async def channels_of(session: ReadSession, codes: Collection[str]) -> dict[str, frozenset[str]]:
    """Return over which channels each of these people can be told now."""
    found = list(await session.scalars(select(Person).where(Person.code.in_(codes))))
    addresses = await addresses_of(session, found)
    return {person: frozenset(known) for person, known in addresses.items()}


def facts_of(person: Person, addresses: Mapping[str, Mapping[str, str]]) -> PersonFacts:
    """Return what matters of a person: reachable is one who is active and has a channel's address."""
    return PersonFacts(
        code=person.code,
        name=person.name,
        reachable=bool(addresses.get(person.code)),
    )
