"""Builds a Bluetooth bus from the site file, the profiles and the keys beside it."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from edge.drivers.ble import BleBus
from edge.drivers.blehearing import AdvertisingDevice
from edge.drivers.gatt import GattDevice
from edge.drivers.listenedprofile import BleProfile
from edge.drivers.profile import Profile
from edge.ports import Clock, CounterStore
from edge.reception import Reception
from edge.site.busconfig import BleBusSettings
from edge.site.config import DeviceSettings
from edge.site.periods import period_s_of

_KEY_BYTES: Final = 16

log = structlog.get_logger(__name__)


def build_ble(
    bus: BleBusSettings,
    mine: Sequence[DeviceSettings],
    *,
    profiles: Mapping[str, Profile],
    reception: Reception,
    clock: Clock,
    folder: Path,
    counters: CounterStore,
) -> BleBus:
    """Build one Bluetooth bus; see `edge.buses.build_bus`."""
    advertising: list[AdvertisingDevice] = []
    connected: list[GattDevice] = []
    for device in mine:
        profile = profiles[device.profile]
        assert isinstance(profile, BleProfile), "the site file was checked"
        address = device.address.upper()
        if profile.format == "gatt":
            period_ms = round(period_s_of(device, profile) * 1000)
            connected.append(GattDevice(id=device.id, address=address, profile=profile, period_ms=period_ms))
            continue
        advertising.append(
            AdvertisingDevice(
                id=device.id,
                address=address,
                format=profile.format,
                names={point.measures or point.name: point.name for point in profile.points},
                key=None if device.key_file is None else _read_key(folder / device.key_file, device.id),
            )
        )
    return BleBus(
        bus=bus.id,
        adapter=bus.adapter,
        passive=bus.passive,
        advertising=advertising,
        connected=connected,
        counters=counters,
        reception=reception,
        clock=clock,
    )


def _read_key(path: Path, device: str) -> bytes:
    """Return a device's key.

    One that cannot be used is replaced by one that fits nothing: the device is then silent, which its
    contact rule says, instead of being believed without a key.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        log.error("key_unusable", device=device, file=str(path), error=str(error))
        return secrets.token_bytes(_KEY_BYTES)
    if len(key) != _KEY_BYTES:
        log.error("key_unusable", device=device, file=str(path), error=f"{len(key)} bytes, 16 are needed")
        return secrets.token_bytes(_KEY_BYTES)
    return key
