"""Who else knows of an item, and whom its page lets one call. Names of those on duty, never of residents."""

from dataclasses import dataclass

from sqlalchemy import select

from server.db.session import ReadSession
from server.items.model import ItemState
from server.items.queries import ItemStory
from server.people.model import Role
from server.people.tables import Duty, Person

_AT_WORK = (ItemState.ACCEPTED, ItemState.ON_SITE, ItemState.DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fellow:
    """Somebody else who was told of an item.

    Attributes:
        name: as in the register.
        word: what they have done, in Chinese.
        phone: how to call them; empty when they are not the one at work, or have no number.
    """

    name: str
    word: str
    phone: str = ""
    at_work: bool = False
    """Whether they own the item and took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The others, and the number of the command centre (empty when the register has none)."""

    others: tuple[Fellow, ...]
    desk_phone: str


async def company_of(session: ReadSession, story: ItemStory, me: str) -> Company:
    """Return who else knows of an item, the one at work first."""
    codes = {party.person for party in story.parties} - {me}
    query = select(Person).where(Person.code.in_(codes))
    people = {person.code: person for person in await session.scalars(query)}
    parties = sorted(story.parties, key=lambda party: (party.person != story.item.owner, party.step))
    others = [
        _fellow(story, people[party.person], refused=party.refused)
        for party in parties
        if party.person in people
    ]
    return Company(others=tuple(others), desk_phone=await desk_phone(session))


async def desk_phone(session: ReadSession) -> str:
    """Return the number of the command centre, which somebody always answers; empty when there is none."""
    query = (
        select(Person.phone)
        .join(Duty, Duty.person == Person.code)
        .where(Duty.role == Role.DESK, Person.active, Person.phone.is_not(None))
        .order_by(Duty.id)
        .limit(1)
    )
    return await session.scalar(query) or ""


def _fellow(story: ItemStory, person: Person, *, refused: bool) -> Fellow:
    item = story.item
    if refused:
        return Fellow(name=person.name, word="说不归自己管")
    if person.code == item.owner and item.accepted and item.state in _AT_WORK:
        word = "已处理" if item.state is ItemState.DONE else "正在处理"
        return Fellow(name=person.name, word=word, phone=person.phone or "", at_work=True)
    return Fellow(name=person.name, word="已通知")
