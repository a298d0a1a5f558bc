"""Names of people for pages: those that the asker may know."""

from collections.abc import Collection

from sqlalchemy import select

from server.access.model import Right
from server.access.scopes import people_within
from server.access.service import SignedIn
from server.db.session import ReadSession
from server.items.model import ActorKind
from server.items.queries import ItemStory
from server.people.tables import Person


async def names_within(
    session: ReadSession, who: SignedIn, codes: Collection[str] | None = None
) -> dict[str, str]:
    """Return the names of people that the asker may know, by code, in order of names.

    Args:
        session: where to read.
        who: the asker.
        codes: of these people, whether or not they left since: what they did stays theirs by name. Of all
            who are in service if not given.
    """
    known = people_within(who.reach_of(Right.SEE_PEOPLE))
    query = select(Person.code, Person.name).where(known).order_by(Person.name)
    query = query.where(Person.active) if codes is None else query.where(Person.code.in_(codes))
    return {row.code: row.name for row in await session.execute(query)}


def people_of(story: ItemStory) -> set[str]:
    """Return the codes of everybody whom the pages of an item name."""
    item = story.item
    acted = {move.actor for move in story.moves if move.actor_kind is ActorKind.PERSON}
    told = {party.person for party in story.parties} | {notice.person for notice in story.notices}
    chain = {link["person"] for link in item.chain}
    return acted | told | chain | ({item.owner} if item.owner else set())
