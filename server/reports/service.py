"""Reads what a report is written from."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from server.clock import STREET_ZONE
from server.db.session import ReadSession
from server.devices.tables import Device
from server.history.model import Stretch, stretch_of_month
from server.items.model import Move
from server.items.tables import Item, ItemMove
from server.places.spots import name_spot
from server.places.tables import Building
from server.places.within import Place, PlaceKind, buildings_within, communities_within, grids_within
from server.reports.model import MOST_ROWS, Ageing, Matter, Report, write_report
from wire.vocabulary import AlarmClass, Kind, Mode

_SOON: Final = timedelta(days=90)
"""The end of a device's life is told so long before."""
_OLD: Final = timedelta(days=5 * 365)
"""A device whose end is not registered counts as old after this; a detector's sensor lasts less."""
_MANY_FAULTS: Final = 2


async def report_of(session: ReadSession, place: Place, first: date) -> Report:
    """Return the report of a place for the month that begins on a day; real items only."""
    month = stretch_of_month(first, STREET_ZONE)
    before = stretch_of_month(first - timedelta(days=1), STREET_ZONE)
    raised = await _matters(session, place, _opened(month))
    return write_report(
        raised,
        await _matters(session, place, _opened(before)),
        await _matters(session, place, (Item.opened_at < month.until) & Item.closed_at.is_(None)),
        await _ageing(session, place, raised, until=month.until.date()),
    )


def _opened(stretch: Stretch) -> ColumnElement[bool]:
    return (Item.opened_at >= stretch.since) & (Item.opened_at < stretch.until)


async def _matters(session: ReadSession, place: Place, when: ColumnElement[bool]) -> list[Matter]:
    condition = when & (Item.mode == Mode.LIVE) & items_of_place(place)
    taken = (
        select(ItemMove.item, func.min(ItemMove.at).label("at"))
        .where(
            ItemMove.move == Move.ACCEPT,
            ItemMove.undone.is_(False),
            ItemMove.item.in_(select(Item.id).where(condition)),
        )
        .group_by(ItemMove.item)
    )
    accepted: dict[str, datetime] = {row.item: row.at for row in await session.execute(taken)}
    rows = await session.scalars(select(Item).where(condition).order_by(Item.opened_at, Item.id))
    return [_matter(item, accepted.get(item.id)) for item in rows]


def _matter(item: Item, accepted_at: datetime | None) -> Matter:
    return Matter(
        item=item.id,
        kind=item.kind,
        class_=item.class_,
        gateway=item.gateway,
        device=item.device,
        device_name=item.device_name,
        where=item.where,
        opened_at=item.opened_at,
        accepted_at=accepted_at,
        closed_at=item.closed_at,
        outcome=item.outcome,
        gathers=item.grouping is not None,
        gathered=item.parent is not None,
    )


def items_of_place(place: Place) -> ColumnElement[bool]:
    """Return the condition on `Item` for those of a place."""
    if place.kind is PlaceKind.STREET:
        return true()
    in_building = Item.building.in_(buildings_within(place))
    if place.kind is PlaceKind.GRID:
        return or_(in_building, Item.grid.in_(grids_within(place)))
    if place.kind in (PlaceKind.COMMUNITY, PlaceKind.AREA):
        return or_(in_building, Item.community.in_(communities_within(place)))
    return in_building


async def _ageing(session: ReadSession, place: Place, raised: list[Matter], *, until: date) -> list[Ageing]:
    """Return devices near the end of their life, overdue for a test, or often at fault; the worst first."""
    faults = Counter(
        (one.gateway, one.device)
        for one in raised
        if not one.gathers and (one.class_ is AlarmClass.FAULT or one.kind is Kind.CONTACT)
    )
    often = {key for key, count in faults.items() if count >= _MANY_FAULTS}
    query = (
        select(Device, Building.name)
        .join(Building, Building.code == Device.building)
        .where(
            Building.code.in_(buildings_within(place)),
            Device.adopted,
            Device.retired_at.is_(None),
            or_(
                Device.ends_on <= until + _SOON,
                Device.test_due_on < until,
                Device.ends_on.is_(None) & (Device.installed_on <= until - _OLD),
                _is_one_of(Device.device, {device for _, device in often}),
            ),
        )
    )
    rows = [(device, name) for device, name in await session.execute(query) if _is_due(device, often, until)]
    rows.sort(key=lambda row: (-faults[row[0].gateway, row[0].device], row[0].ends_on or date.max, row[1]))
    return [
        _as_ageing(device, name, faults[device.gateway, device.device]) for device, name in rows[:MOST_ROWS]
    ]


def _is_one_of(column: InstrumentedAttribute[str], values: set[str]) -> ColumnElement[bool]:
    return column.in_(values)


def _is_due(device: Device, often: set[tuple[str, str]], until: date) -> bool:
    """Tell whether a device itself wants attention: ids are only unique within a gateway."""
    return (
        (device.gateway, device.device) in often
        or (device.ends_on is not None and device.ends_on <= until + _SOON)
        or (device.test_due_on is not None and device.test_due_on < until)
        or (
            device.ends_on is None and device.installed_on is not None and device.installed_on <= until - _OLD
        )
    )


def _as_ageing(device: Device, building: str, faults: int) -> Ageing:
    return Ageing(
        device_name=device.name or device.device,
        where=name_spot(building, floor=device.floor, door=device.door),
        model=device.model,
        installed_on=device.installed_on,
        ends_on=device.ends_on,
        test_due_on=device.test_due_on,
        faults=faults,
    )
