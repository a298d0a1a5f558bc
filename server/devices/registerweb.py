"""The register of devices over HTTP: adopt, move, replace, retire; what is due; what changed."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from server.access.allowances import Door
from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import devices_within
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.devices import register
from server.devices.placing import check_placing
from server.devices.register import Act, Change
from server.devices.tables import Device
from server.errors import NotFoundError
from server.places.tables import Datum
from server.web.problems import PROBLEMS

_Code = Annotated[str, Field(max_length=40)]
_Reason = Annotated[str, Field(min_length=1, max_length=500)]


class _Reasoned(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: _Reason
    """Why, for the audit."""


class EntryIn(_Reasoned):
    """What the register says of a device; what is left out stays as it is."""

    name: Annotated[str, Field(max_length=200)] = ""
    model: Annotated[str, Field(max_length=100)] = ""
    kind: Annotated[str, Field(max_length=32)] = ""
    building: _Code | None = None
    unit: _Code | None = None
    floor: _Code = ""
    door: _Code = ""
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    datum: Datum = Datum.WGS84
    grid: _Code | None = None
    feeder: _Code | None = None
    responsible: _Code | None = None
    installed_on: date | None = None
    tested_on: date | None = None
    test_due_on: date | None = None
    ends_on: date | None = None

    def values(self) -> dict[str, Any]:
        """Return what was said."""
        return self.model_dump(exclude_unset=True, exclude={"reason", "new_gateway", "new_device"})


class ReplacementIn(EntryIn):
    """What comes in the place of a device; place, name and kind stay unless said otherwise."""

    new_gateway: Annotated[str, Field(min_length=1, max_length=64)]
    new_device: Annotated[str, Field(min_length=1, max_length=128)]


class RegisteredOut(BaseModel):
    """A device as the register has it."""

    model_config = ConfigDict(from_attributes=True)

    gateway: str
    device: str
    name: str
    model: str
    kind: str
    building: str | None
    unit: str | None
    floor: str
    door: str
    longitude: float | None
    latitude: float | None
    datum: Datum
    grid: str | None
    feeder: str | None
    responsible: str | None
    installed_on: date | None
    tested_on: date | None
    test_due_on: date | None
    ends_on: date | None
    adopted: bool
    first_heard_at: datetime | None
    retired_at: datetime | None
    replaced_by: str | None


class ChangeOut(BaseModel):
    """One change of a device, with each differing field before and after."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    by: str
    change: Change
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]


def build_register_api(context: Context) -> APIRouter:
    """Return the routes of the register under /api/v1/devices."""
    router = APIRouter(prefix="/api/v1/devices", tags=["devices"], responses=PROBLEMS)
    _add_reading(router, context)
    _add_changing(router, context)
    return router


def _add_reading(router: APIRouter, context: Context) -> None:
    @router.get("/due", operation_id="listDueDevices")
    async def due(
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)],
        days: Annotated[int, Query(ge=0, le=3660)] = 30,
    ) -> list[RegisteredOut]:
        """List devices in use whose test is due or whose life ends within some days."""
        until = context.clock.now().astimezone(STREET_ZONE).date() + timedelta(days=days)
        async with context.database.read() as session:
            rows = await register.devices_due(session, until=until, within=devices_within(who.reach))
        return [RegisteredOut.model_validate(row) for row in rows]

    @router.get(
        "/{gateway}/{device}/changes",
        operation_id="listDeviceChanges",
        dependencies=[requires(Right.SEE_DEVICES)],
    )
    async def changes(gateway: str, device: str) -> list[ChangeOut]:
        """List what was changed of a device, the newest first."""
        async with context.database.read() as session:
            rows = await register.changes_of(session, gateway, device)
        return [ChangeOut.model_validate(row) for row in rows]

    @router.get("/{gateway}/{device}", operation_id="getDevice", dependencies=[requires(Right.SEE_DEVICES)])
    async def show(gateway: str, device: str) -> RegisteredOut:
        """Return a device as the register has it."""
        async with context.database.read() as session:
            row = await session.get(Device, (gateway, device))
        if row is None:
            raise NotFoundError("没有这个设备。")
        return RegisteredOut.model_validate(row)


def _add_changing(router: APIRouter, context: Context) -> None:
    @router.put("/{gateway}/{device}", operation_id="putDevice")
    async def put(
        who: Annotated[SignedIn, requires(Right.CHANGE_DEVICES)], gateway: str, device: str, wanted: EntryIn
    ) -> RegisteredOut:
        """Adopt a device, register one that was not heard of yet, correct or move a known one."""
        context.allowances.take(Door.ADOPTION, who.operator, now=context.clock.now())
        values = wanted.values()
        async with context.database.write() as session:
            await check_placing(session, who, values)
            act = _act(context, who, wanted)
            return RegisteredOut.model_validate(
                await register.put_device(session, gateway, device, values, act=act)
            )

    @router.post("/{gateway}/{device}/replacement", operation_id="replaceDevice", status_code=201)
    async def replace(
        who: Annotated[SignedIn, requires(Right.CHANGE_DEVICES)],
        gateway: str,
        device: str,
        wanted: ReplacementIn,
    ) -> RegisteredOut:
        """Put another device in its place; the old one is retired and keeps its history."""
        context.allowances.take(Door.ADOPTION, who.operator, now=context.clock.now())
        values = wanted.values()
        async with context.database.write() as session:
            await check_placing(session, who, {**values, "gateway": wanted.new_gateway})
            row = await register.replace_device(
                session,
                gateway,
                device,
                (wanted.new_gateway, wanted.new_device),
                values,
                act=_act(context, who, wanted),
            )
            return RegisteredOut.model_validate(row)

    @router.post("/{gateway}/{device}/retirement", operation_id="retireDevice")
    async def retire(
        who: Annotated[SignedIn, requires(Right.CHANGE_DEVICES)], gateway: str, device: str, wanted: _Reasoned
    ) -> RegisteredOut:
        """Take a device out of use."""
        async with context.database.write() as session:
            row = await register.retire_device(session, gateway, device, act=_act(context, who, wanted))
            return RegisteredOut.model_validate(row)

    @router.post("/{gateway}/{device}/return", operation_id="returnDevice")
    async def take_back(
        who: Annotated[SignedIn, requires(Right.CHANGE_DEVICES)], gateway: str, device: str, wanted: _Reasoned
    ) -> RegisteredOut:
        """Take a retired device back into use."""
        async with context.database.write() as session:
            row = await register.return_device(session, gateway, device, act=_act(context, who, wanted))
            return RegisteredOut.model_validate(row)


def _act(context: Context, who: SignedIn, wanted: _Reasoned) -> Act:
    return Act(by=who.operator, reason=wanted.reason, now=context.clock.now())
