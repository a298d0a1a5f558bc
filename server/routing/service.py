"""Responsibility from the database. The street's facts are read once and kept until they change."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import func, select

from server.db.base import Base
from server.db.session import DATABASE, ONE_MOMENT, ReadSession
from server.devices.tables import Device, Gateway
from server.notify.tables import ChannelSetup
from server.people.service import read_roster
from server.places.tables import Block, Building, Community, Door, Estate, Grid, PlacesVersion, Unit
from server.routing.model import Chain
from server.routing.resolve import resolve
from server.routing.street import (
    BlockFacts,
    BuildingFacts,
    CommunityFacts,
    DeviceFacts,
    EstateFacts,
    GridFacts,
    Position,
    Street,
    UnitFacts,
)

_Facts = TypeVar("_Facts", CommunityFacts, EstateFacts, GridFacts, BlockFacts, UnitFacts)
_Version = tuple[int, int, int, str]
_kept: WeakKeyDictionary[Any, tuple[_Version, Street]] = WeakKeyDictionary()
"""By database: the version of places and people, and what was read then."""
_STREET: Final = "street"
_CHAINS: Final = "chains"
"""In the info of a session that reads as of one moment: the chains it resolved."""
_MOST_READINGS: Final = 5


async def chain_for(session: ReadSession, gateway: str, device: str, at: datetime) -> Chain:
    """Return who is responsible for a device. The chain always ends with the desk.

    Args:
        session: where to read.
        gateway: the gateway by the topic.
        device: the device's id there; one that is not registered, or not adopted, is the desk's.
        at: the moment, for who is on duty.
    """
    resolved: dict[tuple[str, str, datetime], Chain] = {}
    if ONE_MOMENT in session.info:
        resolved = session.info.setdefault(_CHAINS, resolved)
    key = (gateway, device, at)
    if key not in resolved:
        street = await street_now(session)
        owner = await session.get(Gateway, gateway)
        facts = await _device(session, owner, gateway, device)
        resolved[key] = resolve(street, facts, at, gateway=(owner.name if owner else "") or gateway)
    return resolved[key]


async def grid_chain(session: ReadSession, grid: str, at: datetime) -> Chain:
    """Return who is responsible for a grid, as for a device that the register lists in it."""
    return resolve(await street_now(session), DeviceFacts(grid=grid), at)


async def street_now(session: ReadSession) -> Street:
    """Return the street's facts as they stand; read anew when an import has changed them."""
    if ONE_MOMENT in session.info and _STREET in session.info:
        street: Street = session.info[_STREET]
        return street
    street = session.info[_STREET] = await _read_newest(session)
    return street


async def _read_newest(session: ReadSession) -> Street:
    database = session.info[DATABASE]
    version = await _version(session)
    known = _kept.get(database)
    if known is not None and known[0] == version:
        return known[1]
    for _ in range(_MOST_READINGS):
        street = await _read_street(session)
        # On SQLite each statement of a reading session sees the newest commit: facts of two imports
        # must not be mixed.
        read_at, version = version, await _version(session)
        if read_at == version:
            _kept[database] = (version, street)
            break
    return street


async def _version(session: ReadSession) -> _Version:
    """Return what no two states share: ids may be committed out of order, rows are never deleted.

    Which channels there are decides who can be told, and is written when a server starts.
    """
    channels = select(func.count(ChannelSetup.channel)).scalar_subquery()
    newest_channel = select(func.max(ChannelSetup.since)).scalar_subquery()
    query = select(func.max(PlacesVersion.id), func.count(PlacesVersion.id), channels, newest_channel)
    newest, count, channel_count, since = (await session.execute(query)).one()
    return newest or 0, count, channel_count, str(since)


async def _read_street(session: ReadSession) -> Street:
    buildings = await session.execute(
        select(
            Building.code,
            Building.name,
            Building.grid,
            Building.estate,
            Building.block,
            Building.longitude,
            Building.latitude,
            Building.datum,
        )
    )
    doors = await session.execute(select(Door.building, Door.door, Door.grid))
    return Street(
        communities=await _read_facts(session, Community, CommunityFacts),
        estates=await _read_facts(session, Estate, EstateFacts),
        grids=await _read_facts(session, Grid, GridFacts),
        buildings={
            row.code: BuildingFacts(
                code=row.code,
                name=row.name,
                grid=row.grid,
                estate=row.estate,
                block=row.block,
                position=_position(row.longitude, row.latitude),
                datum=row.datum,
            )
            for row in buildings
        },
        blocks=await _read_facts(session, Block, BlockFacts),
        units=await _read_facts(session, Unit, UnitFacts),
        doors={(row.building, row.door): row.grid for row in doors},
        roster=await read_roster(session),
    )


async def _read_facts(session: ReadSession, table: type[Base], facts: type[_Facts]) -> dict[str, _Facts]:
    """Read facts that have the names of their columns; thousands of objects would hold up the loop."""
    names = [one.name for one in fields(facts)]
    rows = await session.execute(select(*(getattr(table, name) for name in names)))
    return {row.code: facts(**row._mapping) for row in rows}  # noqa: SLF001 - its public name


async def _device(
    session: ReadSession, owner: Gateway | None, gateway: str, device: str
) -> DeviceFacts | None:
    row = await session.get(Device, (gateway, device))
    if row is None or not row.adopted:
        return None
    # One that was retired and still speaks keeps its place: whoever is there can look.
    position = _position(row.longitude, row.latitude)
    # A device without a place of its own hangs where its gateway hangs.
    nowhere = row.building is None and position is None
    return DeviceFacts(
        name=row.name,
        building=owner.building if owner and nowhere else row.building,
        unit=row.unit,
        floor=row.floor,
        door=row.door,
        position=position,
        datum=row.datum,
        grid=row.grid,
        responsible=row.responsible,
        maintainer=owner.maintainer if owner else None,
    )


def _position(longitude: float | None, latitude: float | None) -> Position | None:
    return None if longitude is None or latitude is None else (longitude, latitude)
