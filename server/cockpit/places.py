"""The places of the map: grids with the owner's own boundaries, and what is inside one of them."""

import asyncio
import json
from typing import Any

from shapely import from_wkt, set_precision, to_geojson
from sqlalchemy import func, select

from server.db.session import Database, ReadSession
from server.devices.tables import Device
from server.places.tables import Building, Community, Grid, GridKind, PlacesVersion

_FINEST_DEGREES = 1e-6
"""A tenth of a metre."""


class MapBook:
    """The map as GeoJSON, made once for each version of the places."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing read."""
        self._database = database
        self._version: tuple[int, int] | None = None
        self._body = b""
        self._reading = asyncio.Lock()

    async def read(self) -> tuple[str, bytes]:
        """Return the version and the map: features with code, name, kind, community, parent."""
        async with self._reading, self._database.read() as session:
            version = await _version(session)
            if version != self._version:
                grids = list(await session.scalars(select(Grid).order_by(Grid.community, Grid.code)))
                communities = list(await session.scalars(select(Community).order_by(Community.code)))
                # A street's polygons are tenths of a second of parsing: not on the loop of alarms.
                self._body = await asyncio.to_thread(_encode, grids, communities)
                self._version = version
            return f"{version[0]}-{version[1]}", self._body


async def read_buildings(session: ReadSession, grid: str) -> list[dict[str, Any]]:
    """Return the buildings of a grid with the number of their devices, by name."""
    count = (
        select(func.count())
        .where(Device.building == Building.code, Device.adopted, Device.retired_at.is_(None))
        .correlate(Building)
        .scalar_subquery()
    )
    rows = await session.execute(
        select(Building.code, Building.name, Building.longitude, Building.latitude, count)
        .where(Building.grid == grid)
        .order_by(Building.name, Building.code)
    )
    return [
        {"code": code, "name": name, "longitude": longitude, "latitude": latitude, "devices": devices}
        for code, name, longitude, latitude, devices in rows
    ]


async def _version(session: ReadSession) -> tuple[int, int]:
    row = (await session.execute(select(func.max(PlacesVersion.id), func.count(PlacesVersion.id)))).one()
    grids = await session.scalar(select(func.count()).select_from(Grid)) or 0
    return (row[0] or 0) * 1000 + row[1], grids


def _encode(grids: list[Grid], communities: list[Community]) -> bytes:
    parents = {one.code: one.parent for one in grids}
    collection = {
        "type": "FeatureCollection",
        "features": [_feature(one) for one in grids if one.kind is not GridKind.COMPREHENSIVE],
        "communities": [{"code": one.code, "name": one.name, "area": one.area} for one in communities],
        "above": {one.code: parents[one.code] for one in grids if one.parent},
    }
    return json.dumps(collection, ensure_ascii=False, separators=(",", ":")).encode()


def _feature(grid: Grid) -> dict[str, Any]:
    geometry = None
    if grid.polygon:
        geometry = json.loads(to_geojson(set_precision(from_wkt(grid.polygon), _FINEST_DEGREES)))
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "name": grid.code,  # what the map's library knows a region by; two grids may share a name
            "label": grid.name,
            "kind": grid.kind.value,
            "community": grid.community,
            "parent": grid.parent,
        },
    }
