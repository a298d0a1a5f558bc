"""A place as somebody types it, and everybody responsible for it at a moment: for a dry run."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import or_, select

from server.db.session import ReadSession
from server.devices.tables import Device
from server.places.tables import Building, Grid
from server.routing.model import Chain
from server.routing.resolve import resolve
from server.routing.service import chain_for, grid_chain, street_now
from server.routing.street import DeviceFacts

_MOST: Final = 12


class SpotKind(StrEnum):
    """What a dry run starts from."""

    DEVICE = "device"
    BUILDING = "building"
    GRID = "grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place that an alarm could come from.

    Attributes:
        kind: what it is.
        code: of the grid or building; of a device `gateway/device`.
        name: as people call it.
    """

    kind: SpotKind
    code: str
    name: str

    def __str__(self) -> str:
        """Return it as forms send it, e.g. `grid:110101001`."""
        return f"{self.kind.value}:{self.code}"


async def find_spots(session: ReadSession, text: str) -> list[Spot]:
    """Return what a text may mean: exactly one for `kind:code` or a whole code, else those named so.

    Args:
        session: where to read.
        text: a code, a part of a name, or what `Spot` wrote.
    """
    text = text.strip()
    if not text:
        return []
    kind, _, code = text.partition(":")
    if kind in set(SpotKind):
        return [one for one in await _search(session, code) if one.code == code and one.kind == kind]
    found = await _search(session, text)
    exact = [one for one in found if text in (one.code, one.name)]
    return exact if len(exact) == 1 else found


async def _search(session: ReadSession, text: str) -> list[Spot]:
    like = f"%{text.replace('%', '').replace('_', '')}%"
    found: list[Spot] = []
    for kind, table in ((SpotKind.GRID, Grid), (SpotKind.BUILDING, Building)):
        query = select(table.code, table.name).where(or_(table.code == text, table.name.like(like)))
        rows = await session.execute(query.order_by(table.code != text, table.code).limit(_MOST))
        found += [Spot(kind=kind, code=row.code, name=row.name) for row in rows]
    gateway, _, device = text.rpartition("/")
    matches = or_(Device.device == device, Device.name.like(like))
    devices = select(Device.gateway, Device.device, Device.name).where(Device.adopted, matches)
    if gateway:
        devices = devices.where(Device.gateway == gateway, Device.device == device)
    devices = devices.order_by(Device.gateway, Device.device).limit(_MOST)
    found += [
        Spot(kind=SpotKind.DEVICE, code=f"{row.gateway}/{row.device}", name=row.name)
        for row in await session.execute(devices)
    ]
    return found[: _MOST * 2]


async def chain_at(session: ReadSession, spot: Spot, at: datetime) -> Chain:
    """Return everybody responsible for a place at a moment; the desk is always the last."""
    if spot.kind is SpotKind.GRID:
        return await grid_chain(session, spot.code, at)
    if spot.kind is SpotKind.BUILDING:
        return resolve(await street_now(session), DeviceFacts(building=spot.code), at)
    gateway, _, device = spot.code.partition("/")
    return await chain_for(session, gateway, device, at)
