"""Names of people for pages: those that the asker may know."""

from collections.abc import Collection

from sqlalchemy import select

from server.access.model import Right
from server.access.scopes import people_within
from server.access.service import SignedIn
from server.db.session import ReadSession
from server.people.tables import Person


async def names_within(
    session: ReadSession, who: SignedIn, codes: Collection[str] | None = None
) -> dict[str, str]:
    """Return the names of people in service that the asker may know, by code, in order of names.

    Args:
        session: where to read.
        who: the asker.
        codes: of these people; of all of them if not given.
    """
    known = people_within(who.reach_of(Right.SEE_PEOPLE))
    query = select(Person.code, Person.name).where(Person.active, known).order_by(Person.name)
    if codes is not None:
        query = query.where(Person.code.in_(codes))
    return {row.code: row.name for row in await session.execute(query)}
