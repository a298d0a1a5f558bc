"""Where somebody may put a device: only at places, and with people, that lie within their own reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import or_, select

from server.access.model import Reach
from server.access.scopes import all_within, buildings_within
from server.access.service import SignedIn
from server.db.session import ReadSession
from server.devices.labelcode import is_device_id
from server.devices.tables import Device, Gateway
from server.errors import NotFoundError
from server.places.spots import name_spot
from server.places.tables import Block, Building, Estate, Unit

_WITHIN: Final = ("gateway", "building", "grid")
"""Fields of a change whose names are those that `all_within` judges."""
NOT_FOUND: Final = "没有找到，或者不在您的范围内。"
MOST_BUILDINGS: Final = 200
"""What a choice on a phone can still show."""
_MOST_UNITS: Final = 400


async def check_placing(session: ReadSession, who: SignedIn, values: Mapping[str, Any]) -> None:
    """Refuse a change that names a place or person outside of the asker's reach.

    Args:
        session: where to read.
        who: asks, with their reach for the right that the route named.
        values: fields of `server.devices.register.Entry`, and `gateway` where the change names one.

    Raises:
        NotFoundError: something of it lies elsewhere, or is not there: the same to whoever asks.
    """
    named = {name: str(values[name]) for name in _WITHIN if values.get(name)}
    if values.get("responsible"):
        named["person"] = str(values["responsible"])
    unit = await session.get(Unit, values["unit"]) if values.get("unit") else None
    inside = await all_within(session, who.reach, named)
    if inside and unit is not None:
        inside = await all_within(session, who.reach, {"building": unit.building})
    if not inside:
        raise NotFoundError(NOT_FOUND)


async def check_device(session: ReadSession, who: SignedIn, gateway: str, device: str) -> Device | None:
    """Return what the register has of a device; None where it has nothing, on a gateway within reach.

    For routes on which a device may be new, which the guard cannot judge.

    Raises:
        NotFoundError: the gateway is not there or not within the asker's reach, the device hangs at a
            place outside of it, or no device can have such an id.
    """
    row = await session.get(Device, (gateway, device))
    named = {"gateway": gateway, **({"device": device} if row is not None else {})}
    there = (row is not None or is_device_id(device)) and await session.get(Gateway, gateway) is not None
    if not there or not await all_within(session, who.reach, named):
        raise NotFoundError(NOT_FOUND)
    return row


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingChoice:
    """A building that can be chosen.

    Attributes:
        code: of the building.
        name: of the building.
        of: the name of its estate or business block, or empty.
    """

    code: str
    name: str
    of: str

    @property
    def title(self) -> str:
        """The name as people say it, the larger place first."""
        return f"{self.of} {self.name}".strip()


async def buildings_near(
    session: ReadSession, reach: Reach, gateway: Gateway, *, asked: str = "", chosen: str | None = None
) -> Sequence[BuildingChoice]:
    """Return the buildings to choose from: those around a gateway, or those whose name is asked for.

    Args:
        session: where to read.
        reach: of whoever chooses; nothing outside of it is offered.
        gateway: without a question, the buildings of its estate or block come, its own first.
        asked: a part of the name or code of a building, estate or block.
        chosen: a building that is offered in any case.
    """
    query = (
        select(Building.code, Building.name, Estate.name, Block.name)
        .outerjoin(Estate, Estate.code == Building.estate)
        .outerjoin(Block, Block.code == Building.block)
        .where(buildings_within(reach))
    )
    own = await session.get(Building, gateway.building) if gateway.building else None
    first = chosen or gateway.building or ""
    if asked:
        like = f"%{asked}%"
        wanted = or_(
            Building.name.like(like), Building.code.like(like), Estate.name.like(like), Block.name.like(like)
        )
    elif own is not None:
        beside = [Building.code == own.code]
        beside += [Building.estate == own.estate] if own.estate else []
        beside += [Building.block == own.block] if own.block else []
        wanted = or_(*beside)
    else:
        wanted = Building.code.is_not(None)
    if chosen:
        wanted = or_(wanted, Building.code == chosen)
    query = query.where(wanted).order_by(
        Building.code != first, Estate.name, Block.name, Building.name, Building.code
    )
    rows = await session.execute(query.limit(MOST_BUILDINGS))
    return [
        BuildingChoice(code=code, name=name, of=estate or block or "") for code, name, estate, block in rows
    ]


async def units_of(session: ReadSession, buildings: Sequence[str]) -> Sequence[Unit]:
    """Return the entrances of some buildings, by building and name; nothing where they are too many."""
    query = select(Unit).where(Unit.building.in_(buildings)).order_by(Unit.building, Unit.name, Unit.code)
    found = list(await session.scalars(query.limit(_MOST_UNITS + 1)))
    return found if len(found) <= _MOST_UNITS else []


async def where_of(session: ReadSession, row: Device | None) -> str:
    """Return the place of a device as people say it; empty where it has none."""
    if row is None or row.building is None:
        return ""
    building = await session.get(Building, row.building)
    estate = await session.get(Estate, building.estate) if building and building.estate else None
    unit = await session.get(Unit, row.unit) if row.unit else None
    return name_spot(
        estate.name if estate else "",
        building.name if building else "",
        unit.name if unit else "",
        floor=row.floor,
        door=row.door,
    )
