"""Responsibility from the database. The street's facts are read once and kept until they change."""

from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from server.db.session import ReadSession
from server.devices.tables import Device, Gateway
from server.people.tables import Duty, Person
from server.places.tables import Building, Community, Estate, Grid, PlacesVersion
from server.routing.model import Chain
from server.routing.resolve import (
    BuildingFacts,
    DeviceFacts,
    DutyFacts,
    GridFacts,
    Street,
    resolve,
)

_cache: WeakKeyDictionary[Any, tuple[int, Street]] = WeakKeyDictionary()
"""By engine: the version of places and people, and what was read then."""


async def chain_for(
    session: ReadSession, gateway: str, device: str, at: datetime
) -> Chain:
    """Return who is responsible for a device.

    Args:
        session: where to read.
        gateway: the gateway by the topic.
        device: the device's id there.
        at: the moment; duty times will depend on it.
    """
    del at  # everybody is always on duty until rosters exist
    street = await _street(session)
    return resolve(street, await _device(session, gateway, device))


async def _street(session: ReadSession) -> Street:
    version = await session.scalar(select(func.max(PlacesVersion.id))) or 0
    bind = session.bind
    key = bind.sync_engine if isinstance(bind, AsyncEngine) else bind
    kept = _cache.get(key)
    if kept is not None and kept[0] == version:
        return kept[1]
    street = await read_street(session)
    _cache[key] = (version, street)
    return street


async def read_street(session: ReadSession) -> Street:
    """Read everything that responsibility depends on."""
    people = {
        person.code: (person.name, bool(person.active and person.webhook_url))
        for person in await session.scalars(select(Person))
    }
    return Street(
        communities={c.code: c.name for c in await session.scalars(select(Community))},
        estates={e.code: (e.name, e.community) for e in await session.scalars(select(Estate))},
        grids={
            g.code: GridFacts(
                code=g.code,
                name=g.name,
                kind=g.kind,
                community=g.community,
                parent=g.parent,
                polygon=g.polygon,
            )
            for g in await session.scalars(select(Grid))
        },
        buildings={
            b.code: BuildingFacts(
                code=b.code,
                name=b.name,
                grid=b.grid,
                estate=b.estate,
                point=_point(b.longitude, b.latitude),
            )
            for b in await session.scalars(select(Building))
        },
        duties=[
            DutyFacts(
                person=duty.person,
                name=people[duty.person][0],
                role=duty.role,
                scope=duty.scope,
                code=duty.code,
                reachable=people[duty.person][1],
            )
            for duty in await session.scalars(select(Duty).order_by(Duty.id))
        ],
        people=people,
    )


async def _device(session: ReadSession, gateway: str, device: str) -> DeviceFacts | None:
    row = await session.get(Device, (gateway, device))
    if row is None:
        return None
    owner = await session.get(Gateway, gateway)
    # A device without a place of its own hangs where its gateway hangs.
    nowhere = row.building is None and row.longitude is None
    return DeviceFacts(
        name=row.name,
        building=owner.building if owner and nowhere else row.building,
        floor=row.floor,
        door=row.door,
        point=_point(row.longitude, row.latitude),
        adopted=row.adopted,
        maintainer=owner.maintainer if owner else None,
    )


def _point(longitude: float | None, latitude: float | None) -> tuple[float, float] | None:
    return None if longitude is None or latitude is None else (longitude, latitude)
