"""People and their duties from the database."""

from collections.abc import Sequence

from sqlalchemy import select

from server.db.session import ReadSession
from server.people.model import DutyFacts, PersonFacts, Roster
from server.people.tables import Duty, Person


async def read_roster(session: ReadSession) -> Roster:
    """Read everybody and their duties."""
    people = [facts_of(person) for person in await session.scalars(select(Person))]
    query = select(Duty.person, Duty.role, Duty.scope, Duty.code).order_by(Duty.id)
    duties = [
        DutyFacts(person=row.person, role=row.role, scope=row.scope, code=row.code)
        for row in await session.execute(query)
    ]
    return Roster.of(people, duties)


async def find_people(session: ReadSession, codes: Sequence[str]) -> dict[str, PersonFacts]:
    """Return people by code; codes that nobody has are left out."""
    found = await session.scalars(select(Person).where(Person.code.in_(codes)))
    return {person.code: facts_of(person) for person in found}


def facts_of(person: Person) -> PersonFacts:
    """Return what matters of a person: reachable is one who is active and has a channel's address."""
    return PersonFacts(
        code=person.code,
        name=person.name,
        reachable=bool(person.active and person.webhook_url),
    )
