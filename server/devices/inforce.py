"""What is known of a gateway's configuration: what is in force, what was, and how its buses stand.

Everything here is as the gateway reported it. A gateway of an older version reports no configuration; then
there are no rules here, and its buses are those of its status.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from server.db.session import ReadSession
from server.devices.configuration import find_version, unpack
from server.devices.tables import ConfigurationStanding, ConfigurationVersion, Gateway, Standing
from wire.configuration import (
    BusInForce,
    ConfigurationReport,
    DeviceInForce,
    ProfileInForce,
    RuleInForce,
)
from wire.statusparts import BusState


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationInForce:
    """The configuration of a gateway, as it last reported it whole.

    Attributes:
        gateway: whose.
        content_hash: identifies all of it.
        file_hash: SHA-256 of the site file.
        version: what the file calls itself.
        software: name and version of the gateway's software.
        since: since when it stands so, by the server's clock.
        standing: on trial or in force; None where no status said it.
        is_current: whether the newest status names the same file and software. If not, the gateway has
            another configuration than this by now and has not told it yet.
        report: buses, profiles, devices and rules.
    """

    gateway: str
    content_hash: str
    file_hash: str
    version: str
    software: str
    since: datetime
    standing: Standing | None
    is_current: bool
    report: ConfigurationReport

    @property
    def buses(self) -> tuple[BusInForce, ...]:
        """Its buses, in the order of the site file."""
        return self.report.buses

    @property
    def profiles(self) -> tuple[ProfileInForce, ...]:
        """The models of its devices, with their points and actions."""
        return self.report.profiles

    @property
    def devices(self) -> tuple[DeviceInForce, ...]:
        """Its devices, in the order of the site file."""
        return self.report.devices

    @property
    def rules(self) -> tuple[RuleInForce, ...]:
        """Its rules, in the order of the site file; then one of contact for each device, then its own."""
        return self.report.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChange:
    """One change of how a gateway's configurations stood.

    Attributes:
        at: when the server was told, by its clock.
        standing: how the configuration stands from then on; None where no status said it.
        file_hash: of which site file; empty for a file that could not be read.
        version: what the file calls itself; empty where it was not told.
        software: name and version of the gateway's software; empty where it was not told.
        why: why it was refused or rolled back, in the gateway's words.
        content_hash: of what was reported of it whole; None where nothing is kept of it.
    """

    at: datetime
    standing: Standing | None
    file_hash: str
    version: str
    software: str
    why: str
    content_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BusStanding:
    """A bus of a gateway, as it is configured and as it stands.

    Attributes:
        bus: its id.
        technique: how its devices speak; empty where no configuration was reported.
        address: where it is; empty as above.
        connected: whether it is; None where the newest status does not name it.
        devices: those configured on it; empty where no configuration was reported.
        device_count: how many there are.
        silent: ids of those that do not answer.
        last_error: what went wrong on it last, in the gateway's words; it may be over.
        last_error_at: when that was.
        as_of: when the status came that says so; None where there is none.
    """

    bus: str
    technique: str
    address: str
    connected: bool | None
    devices: tuple[DeviceInForce, ...]
    device_count: int
    silent: tuple[str, ...]
    last_error: str
    last_error_at: datetime | None
    as_of: datetime | None


async def configuration_in_force(session: ReadSession, gateway: str) -> ConfigurationInForce | None:
    """Return the configuration of a gateway; None where it has reported none."""
    row = await session.get(Gateway, gateway)
    if row is None or row.configuration is None:
        return None
    version = await find_version(session, gateway, row.configuration)
    if version is None:
        return None
    said = row.status or {}
    config: dict[str, Any] = said.get("config") or {}
    is_current = (config.get("hash", ""), said.get("software", "")) == (version.file_hash, version.software)
    stood = await _last_standing(session, version)
    return ConfigurationInForce(
        gateway=gateway,
        content_hash=version.content_hash,
        file_hash=version.file_hash,
        version=version.version,
        software=version.software,
        since=version.first_at if stood is None else stood.at,
        standing=None if stood is None else stood.standing,
        is_current=is_current,
        report=unpack(version.content),
    )


async def rules_in_force(session: ReadSession, gateway: str) -> tuple[RuleInForce, ...]:
    """Return the rules of a gateway; none where it has reported none."""
    found = await configuration_in_force(session, gateway)
    return () if found is None else found.rules


async def read_configuration(
    session: ReadSession, gateway: str, content_hash: str
) -> ConfigurationReport | None:
    """Return a configuration that a gateway once reported; None where it is not kept."""
    version = await find_version(session, gateway, content_hash)
    return None if version is None else unpack(version.content)


async def configuration_history(session: ReadSession, gateway: str) -> list[ConfigurationChange]:
    """Return how a gateway's configurations stood, the newest change first."""
    versions = await session.execute(
        select(
            ConfigurationVersion.content_hash,
            ConfigurationVersion.file_hash,
            ConfigurationVersion.version,
            ConfigurationVersion.software,
            ConfigurationVersion.first_at,
        ).where(ConfigurationVersion.gateway == gateway)
    )
    kept = {(row.file_hash, row.software): row for row in versions}
    by_file = {file_hash: row for (file_hash, _), row in kept.items()}
    query = select(ConfigurationStanding).where(ConfigurationStanding.gateway == gateway)
    changes = []
    for one in await session.scalars(query.order_by(ConfigurationStanding.id.desc())):
        whole = kept.get((one.file_hash, one.software)) or by_file.get(one.file_hash)
        changes.append(
            ConfigurationChange(
                at=one.at,
                standing=one.standing,
                file_hash=one.file_hash,
                version=one.version or (whole.version if whole else ""),
                software=one.software,
                why=one.why,
                content_hash=whole.content_hash if whole else None,
            )
        )
    told = {(change.file_hash, change.software) for change in changes}
    changes += [
        ConfigurationChange(
            at=row.first_at,
            standing=None,
            file_hash=row.file_hash,
            version=row.version,
            software=row.software,
            why="",
            content_hash=row.content_hash,
        )
        for key, row in kept.items()
        if key not in told
    ]
    return sorted(changes, key=lambda change: change.at, reverse=True)


async def bus_states(session: ReadSession, gateway: str) -> list[BusStanding]:
    """Return the buses of a gateway, in the order of its site file."""
    row = await session.get(Gateway, gateway)
    if row is None:
        return []
    said = [msgspec.convert(one, BusState) for one in (row.status or {}).get("buses", ())]
    stands = {state.bus: state for state in said}
    found = await configuration_in_force(session, gateway)
    known = {bus.bus: bus for bus in found.buses} if found is not None else {}
    devices = found.devices if found is not None else ()
    return [
        _bus_standing(
            known.get(bus, BusInForce(bus=bus, technique="")),
            stands.get(bus),
            tuple(device for device in devices if device.bus == bus),
            row.heard_at if row.status is not None else None,
        )
        for bus in dict.fromkeys((*known, *stands))
    ]


def _bus_standing(
    bus: BusInForce, state: BusState | None, devices: tuple[DeviceInForce, ...], as_of: datetime | None
) -> BusStanding:
    return BusStanding(
        bus=bus.bus,
        technique=bus.technique,
        address=bus.address,
        connected=None if state is None else state.connected,
        devices=devices,
        device_count=len(devices) or (state.devices if state is not None else 0),
        silent=() if state is None else state.silent,
        last_error="" if state is None else state.last_error,
        last_error_at=None if state is None else state.last_error_at,
        as_of=as_of,
    )


async def _last_standing(session: ReadSession, version: ConfigurationVersion) -> ConfigurationStanding | None:
    query = select(ConfigurationStanding).where(
        ConfigurationStanding.gateway == version.gateway,
        ConfigurationStanding.file_hash == version.file_hash,
        ConfigurationStanding.software == version.software,
    )
    return await session.scalar(query.order_by(ConfigurationStanding.id.desc()).limit(1))
