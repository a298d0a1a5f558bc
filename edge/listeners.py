"""Builds the buses on which devices speak by themselves over the network, and reads their secrets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from edge.drivers.ciphers import SM4_KEY_BYTES
from edge.drivers.gb26875 import Behind, parse_place
from edge.drivers.gb26875server import Gb26875Server
from edge.drivers.hj212 import Station
from edge.drivers.hj212server import Hj212Server
from edge.drivers.listenedprofile import GbProfile, HjProfile, MqttProfile
from edge.drivers.mqttbus import MqttBus
from edge.drivers.mqttmessages import MqttDevice
from edge.drivers.profile import Profile
from edge.ports import Clock
from edge.reception import Reception
from edge.site.busconfig import Gb26875BusSettings, Hj212BusSettings, MqttBusSettings
from edge.site.config import DeviceSettings
from edge.site.periods import period_s_of
from edge.uplink.mqtt import MqttDialer

UNREADABLE_PASSWORD = "\0"  # noqa: S105 - no station can send it
log = structlog.get_logger(__name__)


def build_hj212(
    bus: Hj212BusSettings,
    devices: Sequence[DeviceSettings],
    *,
    profiles: Mapping[str, Profile],
    reception: Reception,
    clock: Clock,
    folder: Path,
) -> Hj212Server:
    """Build the port on which stations call.

    Args:
        bus: its settings.
        devices: the stations; several devices may share one.
        profiles: every device model, by name.
        reception: turns what was heard into snapshots.
        clock: the machine's clocks.
        folder: what secret files are relative to.
    """
    by_mn: dict[str, list[DeviceSettings]] = {}
    for device in devices:
        by_mn.setdefault(device.address.upper(), []).append(device)
    stations = [_station(mn, group, profiles, folder) for mn, group in by_mn.items()]
    return Hj212Server(bus, stations=stations, reception=reception, clock=clock)


def build_gb26875(
    bus: Gb26875BusSettings,
    devices: Sequence[DeviceSettings],
    *,
    profiles: Mapping[str, Profile],
    reception: Reception,
    clock: Clock,
) -> Gb26875Server:
    """Build the port on which transmitters call; arguments as for `build_hj212`."""
    behind: list[Behind] = []
    for device in devices:
        profile, place = profiles[device.profile], parse_place(device.address)
        assert isinstance(profile, GbProfile), "the site file was checked"
        assert place is not None, "the site file was checked"
        behind.append(Behind(device=device.id, place=place, profile=profile))
    return Gb26875Server(bus, devices=behind, reception=reception, clock=clock)


def build_mqtt(
    bus: MqttBusSettings,
    devices: Sequence[DeviceSettings],
    *,
    gateway: str,
    profiles: Mapping[str, Profile],
    reception: Reception,
    clock: Clock,
    folder: Path,
) -> MqttBus:
    """Build the listening to a broker; `gateway` names this one to it, the rest as for `build_hj212`."""
    speaking: list[MqttDevice] = []
    for device in devices:
        profile = profiles[device.profile]
        assert isinstance(profile, MqttProfile), "the site file was checked"
        speaking.append(MqttDevice(device=device.id, address=device.address, profile=profile))
    return MqttBus(
        bus=bus.id,
        client_id=f"{gateway}-{bus.id}",
        dialer=MqttDialer(bus, folder=folder),
        devices=speaking,
        reception=reception,
        clock=clock,
    )


def _station(
    mn: str, group: Sequence[DeviceSettings], profiles: Mapping[str, Profile], folder: Path
) -> Station:
    models: list[tuple[str, HjProfile]] = []
    for device in group:
        profile = profiles[device.profile]
        assert isinstance(profile, HjProfile), "the site file was checked"
        models.append((device.id, profile))
    period_s = max(period_s_of(device, profiles[device.profile]) for device in group)
    password = next((d.password_file for d in group if d.password_file is not None), None)
    key = next((d.key_file for d in group if d.key_file is not None), None)
    if password is None:
        log.warning("station_without_password", mn=mn, device=group[0].id)
    return Station(
        mn=mn,
        devices=tuple(models),
        period_ms=round(period_s * 1000),
        password=None if password is None else _read_password(folder / password),
        key=None if key is None else _read_key(folder / key),
    )


def _read_password(path: Path) -> str:
    """Return what stands in a file; where it cannot be read, what no station can send.

    A lost file costs that station its voice, which its contact alarm tells, and the gateway nothing.
    """
    try:
        return path.read_text(encoding="utf-8").strip() or UNREADABLE_PASSWORD
    except (OSError, UnicodeDecodeError) as error:
        log.error("secret_unreadable", file=str(path), error=str(error))
        return UNREADABLE_PASSWORD


def _read_key(path: Path) -> bytes | None:
    """Return an SM4 key from a file of 32 hexadecimal digits; None where there is none."""
    try:
        key = bytes.fromhex(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        log.error("secret_unreadable", file=str(path), error=str(error))
        return None
    if len(key) != SM4_KEY_BYTES:
        log.error("secret_unreadable", file=str(path), error=f"{len(key)} bytes, SM4 needs {SM4_KEY_BYTES}")
        return None
    return key
