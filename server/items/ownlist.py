"""The list of a phone: what presses now, the next visits with their matters, mine, and my grid's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import or_, select

from server.db.session import ReadSession
from server.items.model import URGENT, Grouping, ItemState
from server.items.queries import ItemFilter, items_of_person, list_items
from server.items.tables import Item, ItemParty
from server.people.model import Scope
from server.people.tables import Duty, Person
from wire.vocabulary import AlarmClass, Mode

_MOST_OF_A_GRID = 30
_GRAVITY = {class_: rank for rank, class_ in enumerate(AlarmClass)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An item of somebody's list.

    Attributes:
        item: what it is about.
        person: whose list it is on.
        told: whether that person was told of it and may open it.
        matters: what is inside a visit, the undone first.
    """

    item: Item
    person: str
    told: bool = True
    matters: Sequence[Item] = ()

    @property
    def taken_by_another(self) -> bool:
        """Whether somebody else has it in hand."""
        return self.item.accepted and self.item.owner != self.person


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnList:
    """The sections of the list; each item stands in one of them.

    Attributes:
        pressing: dangers that are not dealt with yet.
        visits: lists of matters to be ticked off at the door.
        mine: the rest of what the person is responsible for or was told of.
        grid: what others do in the person's grids; to be known, not to be opened.
        names: of the owners, by code.
    """

    pressing: list[Row] = field(default_factory=list)
    visits: list[Row] = field(default_factory=list)
    mine: list[Row] = field(default_factory=list)
    grid: list[Row] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.pressing or self.visits or self.mine or self.grid)


async def own_list(session: ReadSession, people: Sequence[str]) -> OwnList:
    """Return the list of those for whom a phone has pressed, the gravest first in each section."""
    found = OwnList()
    seen: set[str] = set()
    for person in people:
        for item in await items_of_person(session, person):
            if item.id not in seen:
                seen.add(item.id)
                _put(found, item, person)
    visits = await _with_matters(session, found.visits)
    for person in people:
        for item in await _of_grids(session, person):
            if item.id not in seen:
                seen.add(item.id)
                found.grid.append(Row(item=item, person=person, told=False))
    rows = (*found.pressing, *found.visits, *found.mine, *found.grid)
    owners = {row.item.owner for row in rows if row.item.owner}
    query = select(Person.code, Person.name).where(Person.code.in_(owners))
    names = {row.code: row.name for row in await session.execute(query)}
    return OwnList(
        pressing=sorted(found.pressing, key=_turn),
        visits=visits,
        mine=sorted(found.mine, key=_turn),
        grid=found.grid,
        names=names,
    )


async def any_concerns(session: ReadSession, items: Collection[str], people: Collection[str]) -> bool:
    """Tell whether one of these items stands, or may have stood, on the list of one of these people."""
    told = select(ItemParty.item).where(ItemParty.item.in_(items), ItemParty.person.in_(people))
    grids = select(Duty.code).where(Duty.person.in_(people), Duty.scope == Scope.GRID)
    query = select(Item.id).where(Item.id.in_(items), or_(Item.id.in_(told), Item.grid.in_(grids)))
    return await session.scalar(query.limit(1)) is not None


def _turn(row: Row) -> tuple[bool, bool, int]:
    """Real before a drill, then what nobody else has taken, then the gravest; among equals the newest."""
    return row.item.mode is not Mode.LIVE, row.taken_by_another, _GRAVITY[row.item.class_]


def _put(found: OwnList, item: Item, person: str) -> None:
    if item.grouping is Grouping.VISIT:
        found.visits.append(Row(item=item, person=person))
    elif item.class_ in URGENT and item.state is not ItemState.DONE:
        found.pressing.append(Row(item=item, person=person))
    else:
        found.mine.append(Row(item=item, person=person))


async def _with_matters(session: ReadSession, visits: Sequence[Row]) -> list[Row]:
    """Return visits with what is inside them, the undone first."""
    if not visits:
        return []
    wanted = [row.item.id for row in visits]
    inside: dict[str, list[Item]] = {}
    for matter in await session.scalars(select(Item).where(Item.parent.in_(wanted)).order_by(Item.opened_at)):
        inside.setdefault(matter.parent or "", []).append(matter)
    return [replace(row, matters=sorted(inside.get(row.item.id, ()), key=_is_over)) for row in visits]


def _is_over(matter: Item) -> bool:
    return matter.state is ItemState.DONE or matter.closed_at is not None


async def _of_grids(session: ReadSession, person: str) -> list[Item]:
    """Return what is open in the grids of a person's duties."""
    query = select(Duty.code).where(Duty.person == person, Duty.scope == Scope.GRID).order_by(Duty.code)
    items: list[Item] = []
    for grid in await session.scalars(query):
        wanted = ItemFilter(grid=grid, untold=False, shelved=False)
        items += await list_items(session, wanted, limit=_MOST_OF_A_GRID)
    return items
