"""What gateways report of themselves, for programs: the configuration in force, how it stood, the buses."""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from server.access.guard import requires
from server.access.model import Right
from server.context import Context
from server.devices import inforce
from server.devices.tables import Standing
from server.errors import NotFoundError
from server.web.problems import PROBLEMS


class ConfigurationOut(BaseModel):
    """The configuration of a gateway as it last reported it whole; `docs/asyncapi.json` has its parts."""

    model_config = ConfigDict(from_attributes=True)

    content_hash: str
    file_hash: str
    version: str
    software: str
    since: datetime
    standing: Standing | None
    is_current: bool
    """False while the gateway's status names another file or software than this one's."""
    buses: list[dict[str, Any]]
    profiles: list[dict[str, Any]]
    devices: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    """Each with its devices, point, limits with stages, sentence, hash, and the clause of its figures."""


class ConfigurationChangeOut(BaseModel):
    """One change of how a gateway's configurations stood."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    standing: Standing | None
    file_hash: str
    version: str
    software: str
    why: str
    content_hash: str | None


class BusOut(BaseModel):
    """A bus of a gateway, as it is configured and as it stands."""

    model_config = ConfigDict(from_attributes=True)

    bus: str
    technique: str
    address: str
    connected: bool | None
    device_count: int
    silent: list[str]
    last_error: str
    last_error_at: datetime | None
    as_of: datetime | None


def build_configuration_api(context: Context) -> APIRouter:
    """Return the routes under /api/v1/gateways/… about configurations and buses."""
    router = APIRouter(prefix="/api/v1/gateways/{gateway}", tags=["devices"], responses=PROBLEMS)

    @router.get("/configuration", operation_id="getConfiguration", dependencies=[requires(Right.SEE_DEVICES)])
    async def show(gateway: str) -> ConfigurationOut:
        """Return what is in force on a gateway: its buses, devices, models and rules."""
        async with context.database.read() as session:
            found = await inforce.configuration_in_force(session, gateway)
        if found is None:
            raise NotFoundError("这个网关还没有上报它的配置。")
        parts = msgspec.to_builtins(found.report)
        return ConfigurationOut(
            content_hash=found.content_hash,
            file_hash=found.file_hash,
            version=found.version,
            software=found.software,
            since=found.since,
            standing=found.standing,
            is_current=found.is_current,
            **{name: parts.get(name, []) for name in ("buses", "profiles", "devices", "rules")},
        )

    @router.get(
        "/configuration/history",
        operation_id="listConfigurationChanges",
        dependencies=[requires(Right.SEE_DEVICES)],
    )
    async def history(gateway: str) -> list[ConfigurationChangeOut]:
        """Return how a gateway's configurations stood, the newest change first."""
        async with context.database.read() as session:
            changes = await inforce.configuration_history(session, gateway)
        return [ConfigurationChangeOut.model_validate(change) for change in changes]

    @router.get("/buses", operation_id="listBuses", dependencies=[requires(Right.SEE_DEVICES)])
    async def buses(gateway: str) -> list[BusOut]:
        """Return the buses of a gateway, as configured and as they stand."""
        async with context.database.read() as session:
            found = await inforce.bus_states(session, gateway)
        return [BusOut.model_validate(bus) for bus in found]

    return router
