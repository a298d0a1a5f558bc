"""How much one volunteer is asked for: three things an hour that can wait, then a digest, then others.

What is urgent is never counted and never put off. The figures are stricter than those of alarm
management for paid operators (ISA-18.2: about six an hour), because these are people with a phone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from server.db.session import ReadSession
from server.escalation.plan import Candidate
from server.items.model import ToldWay
from server.items.tables import Item, ItemParty
from server.people.tables import Role
from wire.vocabulary import AlarmClass

AN_HOUR: Final = timedelta(hours=1)
NOW_AN_HOUR: Final = 3
DIGEST_MOST: Final = 5
CAN_WAIT: Final = frozenset({AlarmClass.FAULT, AlarmClass.ADVICE})
VOLUNTEERS: Final = frozenset({Role.LEADER, Role.DEPUTY})

_LOADS: Final = "loads"
"""In the info of a session that reads as of one moment: loads that were read ahead, by person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one person was asked for lately that could wait."""

    told: int = 0
    """How many within the last hour."""
    waiting: int = 0
    """How many wait for their digest."""
    first_at: datetime | None = None
    """When the first of the last hour was told."""


def way_of(load: Load) -> ToldWay:
    """Say how a person is told of one more thing that can wait."""
    if load.told < NOW_AN_HOUR and not load.waiting:
        return ToldWay.NOW
    return ToldWay.DIGEST if load.waiting < DIGEST_MOST else ToldWay.UPWARD


def digest_at(load: Load, now: datetime) -> datetime:
    """Return when a person's digest is due: when the first of their hour is an hour old."""
    return max(now, (load.first_at or now) + AN_HOUR)


async def read_loads(
    session: ReadSession, people: Collection[str] | None, *, now: datetime
) -> dict[str, Load]:
    """Return the load of each person, or of everyone who has any.

    Args:
        session: where to read.
        people: codes; null means everyone.
        now: the server's time.
    """
    query = (
        select(ItemParty.person, ItemParty.way, func.count(), func.min(ItemParty.told_at))
        .join(Item, Item.id == ItemParty.item)
        .where(
            Item.class_.in_(CAN_WAIT),
            ((ItemParty.way == ToldWay.NOW) & (ItemParty.told_at > now - AN_HOUR))
            | ((ItemParty.way == ToldWay.DIGEST) & (ItemParty.told_at > now)),
        )
        .group_by(ItemParty.person, ItemParty.way)
    )
    if people is not None:
        query = query.where(ItemParty.person.in_(people))
    loads: dict[str, Load] = {}
    for person, way, count, first_at in await session.execute(query):
        old = loads.get(person, Load())
        if way is ToldWay.NOW:
            loads[person] = Load(told=count, waiting=old.waiting, first_at=old.first_at or first_at)
        else:
            due = first_at - AN_HOUR
            loads[person] = Load(told=old.told, waiting=count, first_at=due)
    return loads


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How each of some people is told of one more thing."""

    loads: Mapping[str, Load]

    def way(self, one: Candidate) -> ToldWay:
        """Return how somebody is told; only volunteers are spared."""
        if one.role not in VOLUNTEERS:
            return ToldWay.NOW
        return way_of(self.loads.get(one.person, Load()))

    def digest_at(self, one: Candidate, now: datetime) -> datetime:
        """Return when somebody's digest is due."""
        return digest_at(self.loads.get(one.person, Load()), now)


async def shares_of(
    session: ReadSession, item: Item, people: Collection[Candidate], *, now: datetime
) -> Shares:
    """Return how each of some people is told of an item."""
    counted = {one.person for one in people if one.role in VOLUNTEERS}
    if item.class_ not in CAN_WAIT or not counted:
        return Shares(loads={})
    known: dict[str, Load] | None = session.info.get(_LOADS)
    if known is not None and counted <= known.keys():
        return Shares(loads=dict(known))
    return Shares(loads=await read_loads(session, counted, now=now))


async def look_ahead(session: ReadSession, people: Collection[str], *, now: datetime) -> None:
    """Read the loads of everybody whom a batch may ask, once; `count_in` keeps them right meanwhile."""
    loads = await read_loads(session, people, now=now)
    session.info[_LOADS] = {person: loads.get(person, Load()) for person in people}


def count_in(session: ReadSession, item: Item, person: str, way: ToldWay, *, at: datetime) -> None:
    """Count one more thing into what was read ahead of a person's load.

    Args:
        session: where it was read.
        item: what the person is told of.
        person: their code.
        way: how they are told.
        at: when.
    """
    known: dict[str, Load] = session.info.get(_LOADS, {})
    old = known.get(person)
    if old is None or item.class_ not in CAN_WAIT:
        return
    if way is ToldWay.NOW:
        known[person] = Load(told=old.told + 1, waiting=old.waiting, first_at=old.first_at or at)
    elif way is ToldWay.DIGEST:
        began = at - AN_HOUR
        first_at = min(began, old.first_at) if old.waiting and old.first_at else began
        known[person] = Load(told=old.told, waiting=old.waiting + 1, first_at=first_at)


def forget_loads(session: ReadSession) -> None:
    """Drop what was read ahead: an item that was counted became urgent."""
    session.info.pop(_LOADS, None)
