"""A configuration as it is reported to the server: its buses, devices, models and rules."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from edge.drivers.profile import Profile, actions_of, shipped_profiles
from edge.rules.inforce import rule_in_force
from edge.rules.model import Rule, devices_of
from edge.rules.watch import Points
from edge.site.busconfig import (
    BleBusSettings,
    BusSettings,
    Gb26875BusSettings,
    Hj212BusSettings,
    ModbusRtuBusSettings,
    ModbusRtuOverTcpBusSettings,
    ModbusTcpBusSettings,
    MqttBusSettings,
)
from edge.site.config import DeviceSettings, LoadedSite
from edge.site.periods import period_s_of, report_policy_of
from edge.site.ruledefaults import default_rules
from wire.configuration import (
    BusInForce,
    DeviceInForce,
    PointInForce,
    ProfileInForce,
    RuleInForce,
)

_OVER_MODBUS = (ModbusTcpBusSettings, ModbusRtuOverTcpBusSettings, ModbusRtuBusSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationContent:
    """What a gateway does, as it is told.

    Attributes:
        file_hash: SHA-256 of the site file.
        version: what the file calls itself.
        software: name and version of the gateway's software.
        buses, profiles, devices, rules: each in the order of the site file.
    """

    file_hash: str
    version: str
    software: str
    buses: tuple[BusInForce, ...]
    profiles: tuple[ProfileInForce, ...]
    devices: tuple[DeviceInForce, ...]
    rules: tuple[RuleInForce, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of all of it, hexadecimal: the same for the same site file and software."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def content_of(
    site: LoadedSite, rules: Iterable[Rule], *, more_points: dict[str, Points], software: str
) -> ConfigurationContent:
    """Return a configuration as it is reported.

    Args:
        site: the site file in force.
        rules: the rules in force, the gateway's own included.
        more_points: of devices that no site file names, by id: the gateway itself.
        software: name and version.
    """
    settings, profiles = site.settings, shipped_profiles()
    used = {device.id: profiles[device.profile] for device in settings.devices}
    points: dict[str, Points] = {
        **{device: tuple((p.name, p.unit) for p in profile.points) for device, profile in used.items()},
        **more_points,
    }
    return ConfigurationContent(
        file_hash=site.hash,
        version=settings.version,
        software=software,
        buses=tuple(
            BusInForce(bus=bus.id, technique=bus.technique, address=_bus_address(bus))
            for bus in settings.buses
        ),
        profiles=tuple(_profile(one) for one in {one.model: one for one in used.values()}.values()),
        devices=tuple(
            DeviceInForce(
                device=device.id,
                bus=device.bus,
                address=_device_address(device, site),
                model=device.profile,
                label=device.label,
                period_ms=round(period_s_of(device, used[device.id]) * 1000),
                heartbeat_ms=report_policy_of(device, used[device.id], settings.report).heartbeat_ms,
            )
            for device in settings.devices
        ),
        rules=tuple(_with_clause(rule_in_force(rule, points[devices_of(rule)[0]]), site) for rule in rules),
    )


def _with_clause(rule: RuleInForce, site: LoadedSite) -> RuleInForce:
    origin = site.origins.get(rule.rule)
    if origin is None:
        return rule
    shipped = default_rules()[origin.use]
    return msgspec.structs.replace(
        rule,
        title=shipped.title["zh"],
        title_en=shipped.title["en"],
        clause=shipped.clause,
        clause_confidence=shipped.confidence,
        departs=origin.departs,
    )


def _bus_address(bus: BusSettings) -> str:
    match bus:
        case ModbusRtuBusSettings():
            return f"{bus.device} {bus.baud} {bus.parity} {bus.stop_bits}"
        case BleBusSettings():
            return bus.adapter
        case (
            ModbusTcpBusSettings()
            | ModbusRtuOverTcpBusSettings()
            | Hj212BusSettings()
            | Gb26875BusSettings()
            | MqttBusSettings()
        ):
            return f"{bus.host}:{bus.port}"


def _device_address(device: DeviceSettings, site: LoadedSite) -> str:
    (bus,) = (one for one in site.settings.buses if one.id == device.bus)
    return str(device.unit) if isinstance(bus, _OVER_MODBUS) else device.address


def _profile(profile: Profile) -> ProfileInForce:
    return ProfileInForce(
        model=profile.model,
        hash=hashlib.sha256(profile.model_dump_json().encode()).hexdigest()[:16],
        title=f"{profile.vendor} {profile.title}",
        confidence=profile.confidence.value,
        points=tuple(PointInForce(point=point.name, unit=point.unit) for point in profile.points),
        actions=tuple(sorted(actions_of(profile))),
    )
