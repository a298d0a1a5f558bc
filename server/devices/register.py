"""The register of devices: adopt, move, date, replace, retire. Each change is kept with before and after.

What a gateway reports and nobody registered is unassigned, and the desk's, until it is adopted. A
device that was replaced or retired stays in the register with its history; its alarms, if it still
speaks, still reach whoever is responsible for its place.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.devices.tables import Device, DeviceChange, Gateway
from server.errors import ConflictError, InvalidError, NotFoundError
from server.people.tables import Person
from server.places.tables import Building, Datum, Grid, Unit

ON_SITE: Final = "现场安装"
"""Why a device was adopted, of an installer who wrote no reason."""


class Change(StrEnum):
    """What was done to a device."""

    REGISTERED = "registered"
    """Before its gateway ever spoke of it."""
    ADOPTED = "adopted"
    CORRECTED = "corrected"
    """Name, model, kind, responsible person or dates."""
    MOVED = "moved"
    REPLACED = "replaced"
    TOOK_OVER = "took_over"
    """It came in the place of another."""
    RETIRED = "retired"
    RETURNED = "returned"
    """Taken back from retirement."""


_PLACE: Final = ("building", "unit", "floor", "door", "longitude", "latitude", "datum", "grid", "feeder")
_STAYS: Final = (*_PLACE, "name", "kind", "responsible")
"""What a device that takes over has from the one before it."""
_DATES: Final = ("installed_on", "tested_on", "test_due_on", "ends_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the register says of a device; None stands for nothing said."""

    name: str = ""
    model: str = ""
    kind: str = ""
    building: str | None = None
    unit: str | None = None
    floor: str = ""
    door: str = ""
    longitude: float | None = None
    latitude: float | None = None
    datum: Datum = Datum.WGS84
    grid: str | None = None
    feeder: str | None = None
    responsible: str | None = None
    installed_on: date | None = None
    tested_on: date | None = None
    test_due_on: date | None = None
    ends_on: date | None = None


_ENTRY: Final = tuple(one.name for one in fields(Entry))


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who changes the register, why, and when."""

    by: str
    reason: str
    now: datetime


async def put_device(
    session: WriteSession, gateway: str, device: str, values: Mapping[str, Any], *, act: Act
) -> Device:
    """Adopt a device that was heard of, register one that was not, or correct or move a known one.

    Args:
        session: the transaction.
        gateway: the gateway's id.
        device: its id there.
        values: fields of `Entry`; those that are missing stay.
        act: who, why and when.

    Raises:
        NotFoundError: there is no such gateway.
        InvalidError: a place or person of the values does not exist.
        ConflictError: the device is retired.
    """
    unknown = set(values) - set(_ENTRY)
    if unknown:
        raise InvalidError(f"unknown: {', '.join(sorted(unknown))}")
    if await session.get(Gateway, gateway) is None:
        raise NotFoundError("没有这个网关。")
    await _check(session, values)
    row = await session.get(Device, (gateway, device))
    if row is None:
        row = Device(gateway=gateway, device=device, adopted=True, **{**_defaults(), **values})
        session.add(row)
        await session.flush()
        await _keep(session, row, Change.REGISTERED, {}, act)
        return row
    if row.retired_at is not None:
        raise ConflictError("这个设备已停用。")
    if values.get("building", row.building) != row.building:
        values = {"unit": None, **values}  # an entrance of the building it leaves
    before = _state(row)
    change = Change.CORRECTED
    if not row.adopted:
        change = Change.ADOPTED
    elif any(getattr(row, name) != values[name] for name in _PLACE if name in values):
        change = Change.MOVED
    for name, value in values.items():
        setattr(row, name, value)
    row.adopted = True
    await _keep(session, row, change, before, act)
    return row


async def replace_device(
    session: WriteSession,
    gateway: str,
    device: str,
    successor: tuple[str, str],
    values: Mapping[str, Any],
    *,
    act: Act,
) -> Device:
    """Put another device in the place of one; the old one is retired and keeps its history.

    A successor of the same id is the same socket with new hardware: its dates begin anew.

    Args:
        session: the transaction.
        gateway: of the old one.
        device: the old one.
        successor: gateway and id of the new one.
        values: fields of `Entry` of the new one; place, name and kind are the old one's unless said.
        act: who, why and when.

    Raises:
        NotFoundError: there is no such device or gateway.
        ConflictError: the old one is retired, or the new one is in use elsewhere.
    """
    old = await _known(session, gateway, device)
    if old.retired_at is not None:
        raise ConflictError("这个设备已停用。")
    inherited = {name: getattr(old, name) for name in _STAYS}
    fresh = {**dict.fromkeys(_DATES), "model": old.model, **inherited, **values}
    before = _state(old)
    if successor == (gateway, device):
        await _check(session, values)
        for name, value in fresh.items():
            setattr(old, name, value)
        await _keep(session, old, Change.REPLACED, before, act)
        return old
    new = await session.get(Device, successor)
    if new is not None and (new.adopted or new.retired_at is not None):
        raise ConflictError("新设备已经登记在别处。")
    new = await put_device(session, *successor, fresh, act=act)
    await _keep(session, new, Change.TOOK_OVER, {"replaces": f"{gateway}/{device}"}, act)
    old.retired_at = act.now
    old.replaced_by = "/".join(successor)
    await _keep(session, old, Change.REPLACED, before, act)
    return new


async def retire_device(session: WriteSession, gateway: str, device: str, *, act: Act) -> Device:
    """Take a device out of use; what it was stays on record.

    Raises:
        NotFoundError: there is no such device.
        ConflictError: it is retired already.
    """
    row = await _known(session, gateway, device)
    if row.retired_at is not None:
        raise ConflictError("这个设备已停用。")
    before = _state(row)
    row.retired_at = act.now
    await _keep(session, row, Change.RETIRED, before, act)
    return row


async def return_device(session: WriteSession, gateway: str, device: str, *, act: Act) -> Device:
    """Take a device back into use.

    Raises:
        NotFoundError: there is no such device.
        ConflictError: it is in use.
    """
    row = await _known(session, gateway, device)
    if row.retired_at is None:
        raise ConflictError("这个设备正在使用。")
    before = _state(row)
    row.retired_at, row.replaced_by = None, None
    await _keep(session, row, Change.RETURNED, before, act)
    return row


async def note_labels(
    session: WriteSession, devices: Collection[tuple[str, str]], *, by: str, now: datetime
) -> None:
    """Note that labels of devices were printed: they need none the next time.

    Args:
        session: the transaction.
        devices: gateway and id of each; those that nobody knows are left out.
        by: the account that printed them.
        now: the server's time.
    """
    noted = []
    for gateway, device in devices:
        row = await session.get(Device, (gateway, device))
        if row is not None:
            row.labelled_at = now
            noted.append(f"{gateway}/{device}")
    if not noted:
        return
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action="labels_printed",
        subject_kind="device",
        subject=noted[0],
        detail={"devices": noted},
    )


async def changes_of(session: ReadSession, gateway: str, device: str) -> list[DeviceChange]:
    """Return what was changed of a device, the newest first."""
    query = select(DeviceChange).where(DeviceChange.gateway == gateway, DeviceChange.device == device)
    return list(await session.scalars(query.order_by(DeviceChange.id.desc())))


async def devices_due(
    session: ReadSession, *, until: date, within: ColumnElement[bool] | None = None
) -> list[Device]:
    """Return devices in use whose test is due or whose life ends by a day, the earliest first.

    Args:
        session: where to read.
        until: the day.
        within: a condition on `Device` that leaves out what somebody may not see.
    """
    query = select(Device).where(
        Device.adopted, Device.retired_at.is_(None), or_(Device.test_due_on <= until, Device.ends_on <= until)
    )
    if within is not None:
        query = query.where(within)
    found = list(await session.scalars(query))
    return sorted(found, key=lambda one: (_first_due(one), one.gateway, one.device))


def _first_due(row: Device) -> date:
    return min(day for day in (row.test_due_on, row.ends_on) if day is not None)


async def _known(session: ReadSession, gateway: str, device: str) -> Device:
    row = await session.get(Device, (gateway, device))
    if row is None:
        raise NotFoundError("没有这个设备。")
    return row


async def _check(session: ReadSession, values: Mapping[str, Any]) -> None:
    """Refuse codes that name nothing; the database would only say that something is wrong."""
    for name, table in (("building", Building), ("unit", Unit), ("grid", Grid), ("responsible", Person)):
        code = values.get(name)
        if code is not None and await session.get(table, code) is None:
            raise InvalidError(f"{name}: {code!r} is not registered")
    unit = await session.get(Unit, values["unit"]) if values.get("unit") else None
    if unit is not None and values.get("building", unit.building) != unit.building:
        raise InvalidError("这个单元不在这栋楼。")
    if ("longitude" in values or "latitude" in values) and (values.get("longitude") is None) is not (
        values.get("latitude") is None
    ):
        raise InvalidError("longitude and latitude come together")


async def _keep(session: WriteSession, row: Device, change: Change, before: dict[str, Any], act: Act) -> None:
    after = _state(row)
    session.add(
        DeviceChange(
            gateway=row.gateway,
            device=row.device,
            at=act.now,
            by=act.by,
            change=change.value,
            reason=act.reason,
            before={name: value for name, value in before.items() if after.get(name) != value},
            after={name: value for name, value in after.items() if before.get(name) != value},
        )
    )
    await audit.record(
        session,
        at=act.now,
        actor_kind="operator",
        actor=act.by,
        action=f"device_{change.value}",
        subject_kind="device",
        subject=f"{row.gateway}/{row.device}",
        reason=act.reason,
        detail={"fields": sorted(name for name in after if before.get(name) != after[name])},
    )
    session.announce("device", f"{row.gateway}/{row.device}")
    await session.flush()


def _state(row: Device) -> dict[str, Any]:
    """Return what the register says of a device, as JSON values."""
    state = {name: getattr(row, name) for name in (*_ENTRY, "adopted", "retired_at", "replaced_by")}
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in state.items()
        if value is not None and value != ""
    }


def _defaults() -> dict[str, Any]:
    empty = Entry()
    return {name: getattr(empty, name) for name in _ENTRY}
