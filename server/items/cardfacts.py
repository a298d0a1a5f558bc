"""What the card of an item is made of, read from the registers."""

import math
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select

from server.alarms.tables import Alarm
from server.db.session import ReadSession
from server.devices.tables import Device
from server.items import playbooks
from server.items.card import (
    NEAR_M,
    AlarmFacts,
    CameraFacts,
    Card,
    CardFacts,
    PersonFacts,
    Point,
    Viewer,
    make_card,
)
from server.items.queries import ItemStory, is_open
from server.items.tables import Item
from server.people.model import Role
from server.people.tables import Person
from server.places.tables import Building, Camera, Datum
from server.routing import service as routing
from server.routing.street import comparable

_DEGREE_M: Final = 111_195.0
"""A degree of latitude."""
_MOST_CAMERAS: Final = 50


async def card_for(session: ReadSession, story: ItemStory, viewer: Viewer, *, now: datetime) -> Card:
    """Return the card of an item for one reader.

    Args:
        session: where to read.
        story: the item with what belongs to it.
        viewer: who reads it.
        now: the moment: who can be called changes with who is on duty.
    """
    item = story.item
    device = await session.get(Device, (item.gateway, item.device))
    building = await session.get(Building, item.building) if item.building else None
    at = _point(device) or _point(building)
    lines = await playbooks.lines_for(session, item.kind, item.class_)
    chain = await _chain(session, item, now=now) if is_open(item) else []
    facts = CardFacts(
        kind=item.kind,
        class_=item.class_,
        mode=item.mode,
        state=item.state,
        owner=item.owner,
        accepted=item.accepted,
        opened_at=item.opened_at,
        where=item.where,
        building=building.name if building else "",
        building_code=item.building,
        floor=device.floor if device and item.grouping is None else "",
        door=device.door if device and item.grouping is None else "",
        device_name=item.device_name,
        at=at,
        alarms=[_alarm(alarm) for alarm in story.alarms],
        do_now=lines.in_language("en" if viewer.english else "zh"),
        told=await _told(session, story, now=now),
        chain=chain,
        cameras=await _cameras(session, item.building, at),
    )
    return make_card(facts, viewer)


async def position_of(session: ReadSession, item: Item) -> Point | None:
    """Return where an item is: its device's position, else its building's."""
    device = await session.get(Device, (item.gateway, item.device))
    building = await session.get(Building, item.building) if item.building else None
    return _point(device) or _point(building)


def _alarm(alarm: Alarm) -> AlarmFacts:
    return AlarmFacts(
        value=alarm.value,
        unit=alarm.unit,
        limit=alarm.limit,
        measure=alarm.measure,
        window_ms=alarm.window_ms,
        voters=alarm.voters,
        votes_needed=alarm.votes_needed,
        quality=alarm.quality,
        condition=alarm.condition,
        latched=alarm.latched,
        count=alarm.count,
        sentence=alarm.sentence,
        sentence_en=alarm.sentence_en,
        actions=alarm.actions,
        readable=alarm.readable,
        over=alarm.is_over,
        raised_at=alarm.raised_at,
    )


async def _told(session: ReadSession, story: ItemStory, *, now: datetime) -> list[PersonFacts]:
    """Everyone who was told by now; who waits for a digest does not know yet."""
    parties = [party for party in story.parties if party.told_at <= now]
    people = await _people(session, {party.person for party in parties})
    roles = {one["person"]: Role(one["role"]) for one in reversed(story.item.chain)}
    return [
        PersonFacts(
            person=party.person,
            name=people[party.person].name,
            role=roles.get(party.person),
            told_at=party.told_at,
            refused=party.refused,
        )
        for party in parties
        if party.person in people
    ]


async def _chain(session: ReadSession, item: Item, *, now: datetime) -> list[PersonFacts]:
    """Whom the chain reaches at this moment."""
    chain = await routing.chain_for(session, item.gateway, item.device, now)
    links = [link for link in chain.links if link.person and link.reachable]
    people = await _people(session, {link.person for link in links})
    return [
        PersonFacts(
            person=link.person, name=link.name, role=link.role, phone=people[link.person].phone or None
        )
        for link in links
        if link.person in people
    ]


async def _people(session: ReadSession, codes: Collection[str]) -> dict[str, Person]:
    if not codes:
        return {}
    rows = await session.scalars(select(Person).where(Person.code.in_(codes)))
    return {row.code: row for row in rows}


async def _cameras(session: ReadSession, building: str | None, at: Point | None) -> Sequence[CameraFacts]:
    """Cameras of the building, and those around the position."""
    wanted = []
    if building:
        wanted.append(Camera.building == building)
    if at is not None:
        high = NEAR_M / _DEGREE_M
        wide = high / max(0.01, math.cos(math.radians(at.latitude)))
        wanted.append(
            and_(
                Camera.latitude.between(at.latitude - high, at.latitude + high),
                Camera.longitude.between(at.longitude - wide, at.longitude + wide),
            )
        )
    if not wanted:
        return ()
    query = select(Camera).where(or_(*wanted)).order_by(Camera.building != building, Camera.code)
    rows = await session.scalars(query.limit(_MOST_CAMERAS))
    return [
        CameraFacts(
            code=row.code, name=row.name, building=row.building, at=_point(row), address=row.address or None
        )
        for row in rows
    ]


def _point(row: Device | Building | Camera | None) -> Point | None:
    if row is None or row.longitude is None or row.latitude is None:
        return None
    datum: Datum = comparable(row.datum)
    return Point(longitude=row.longitude, latitude=row.latitude, datum=datum.value)
