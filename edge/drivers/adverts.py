"""BLE advertisements: bytes to measurements. Pure, table-driven.

Sources: BTHome v2 format and encryption (bthome.io/format, bthome.io/encryption); Xiaomi MiBeacon
v4/v5 as published by its open decoders (object 0x1015, smoke). An advertisement is a hint, never a
proof of quiet: the caller must not clear a life-safety alarm on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.drivers.ciphers import WrongKeyError, open_ccm
from edge.errors import DriverError

BTHOME_UUID: Final = "0000fcd2-0000-1000-8000-00805f9b34fb"
MIBEACON_UUID: Final = "0000fe95-0000-1000-8000-00805f9b34fb"

_BTHOME_UUID_BYTES: Final = b"\xd2\xfc"
_BTHOME_VERSION: Final = 2
_TAG_BYTES: Final = 4
_COUNTER_BYTES: Final = 4
_MIBEACON_AAD: Final = b"\x11"
_MIBEACON_SMOKE: Final = 0x1015
_MIBEACON_WATER: Final = 0x1014
_MIBEACON_BATTERY: Final = 0x1003


class AdvertError(DriverError):
    """An advertisement that cannot be believed: cut short, wrongly keyed, downgraded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """What one advertisement says.

    Attributes:
        values: point name to number; yes and no are 1 and 0.
        packet: packet id (0–255) of a plain advertisement, None when it has none.
        counter: replay counter of an encrypted one, None for a plain one.
        encrypted: whether it was, and the key fitted.
        sleepy: whether the device only speaks when something happens.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    packet: int | None = None
    counter: int | None = None
    encrypted: bool = False
    sleepy: bool = False


@dataclass(frozen=True, slots=True)
class _Object:
    point: str | None
    size: int
    signed: bool = False
    factor: float = 1.0


_VARIABLE: Final = -1
_BINARY: Final[dict[int, str]] = {
    0x0F: "generic",
    0x10: "power_on",
    0x11: "opening",
    0x15: "battery_low",
    0x16: "charging",
    0x17: "co_alarm",
    0x18: "cold",
    0x19: "connectivity",
    0x1A: "door",
    0x1B: "garage_door",
    0x1C: "gas_alarm",
    0x1D: "heat_alarm",
    0x1E: "light",
    0x1F: "lock",
    0x20: "moisture_detected",
    0x21: "motion",
    0x22: "moving",
    0x23: "occupancy",
    0x24: "plug",
    0x25: "presence",
    0x26: "problem",
    0x27: "running",
    0x28: "safety",
    0x29: "smoke_alarm",
    0x2A: "sound",
    0x2B: "tamper",
    0x2C: "vibration",
    0x2D: "window",
}
_OBJECTS: Final[dict[int, _Object]] = {
    0x00: _Object(None, 1),
    0x01: _Object("battery_percent", 1),
    0x02: _Object("temperature_c", 2, signed=True, factor=0.01),
    0x03: _Object("humidity_percent", 2, factor=0.01),
    0x04: _Object("pressure_kpa", 3, factor=0.001),
    0x05: _Object("illuminance_lx", 3, factor=0.01),
    0x06: _Object("mass_kg", 2, factor=0.01),
    0x08: _Object("dew_point_c", 2, signed=True, factor=0.01),
    0x09: _Object("count", 1),
    0x0A: _Object("energy_kwh", 3, factor=0.001),
    0x0B: _Object("power_w", 3, factor=0.01),
    0x0C: _Object("voltage_v", 2, factor=0.001),
    0x0D: _Object("pm2_5_ug_m3", 2),
    0x0E: _Object("pm10_ug_m3", 2),
    0x12: _Object("co2_ppm", 2),
    0x13: _Object("tvoc_ug_m3", 2),
    0x14: _Object("moisture_percent", 2, factor=0.01),
    0x2E: _Object("humidity_percent", 1),
    0x2F: _Object("moisture_percent", 1),
    0x3D: _Object("count", 2),
    0x3E: _Object("count", 4),
    0x3F: _Object("rotation_deg", 2, signed=True, factor=0.1),
    0x40: _Object("distance_mm", 2),
    0x41: _Object("distance_m", 2, factor=0.1),
    0x42: _Object("duration_s", 3, factor=0.001),
    0x43: _Object("current_a", 2, factor=0.001),
    0x44: _Object("speed_m_s", 2, factor=0.01),
    0x45: _Object("temperature_c", 2, signed=True, factor=0.1),
    0x46: _Object("uv_index", 1, factor=0.1),
    0x47: _Object("volume_l", 2, factor=0.1),
    0x48: _Object("volume_ml", 2),
    0x49: _Object("flow_m3_h", 2, factor=0.001),
    0x4A: _Object("voltage_v", 2, factor=0.1),
    0x4B: _Object("gas_volume_m3", 3, factor=0.001),
    0x4C: _Object("gas_volume_m3", 4, factor=0.001),
    0x4D: _Object("energy_kwh", 4, factor=0.001),
    0x4E: _Object("volume_l", 4, factor=0.001),
    0x4F: _Object("water_l", 4, factor=0.001),
    0x50: _Object(None, 4),
    0x51: _Object("acceleration_m_s2", 2, factor=0.001),
    0x52: _Object("gyroscope_deg_s", 2, factor=0.001),
    0x53: _Object(None, _VARIABLE),
    0x54: _Object(None, _VARIABLE),
    0x55: _Object("stored_volume_l", 4, factor=0.001),
    0x56: _Object("conductivity_us_cm", 2),
    0x57: _Object("temperature_c", 1, signed=True),
    0x58: _Object("temperature_c", 1, signed=True, factor=0.35),
    0x5C: _Object("power_w", 4, signed=True, factor=0.01),
    0x5D: _Object("current_a", 2, signed=True, factor=0.001),
    0x3A: _Object(None, 1),
    0x3C: _Object(None, 2),
    0xF0: _Object(None, 2),
    0xF1: _Object(None, 4),
    0xF2: _Object(None, 3),
    **{number: _Object(name, 1) for number, name in _BINARY.items()},
}


def decode_bthome(data: bytes, *, address: bytes, key: bytes | None = None) -> Advert:
    """Read the service data of a BTHome v2 advertisement.

    Args:
        data: what follows the UUID 0xFCD2.
        address: the device's address, 6 bytes in the order it is printed.
        key: its 16-byte key; with a key a plain advertisement is refused as a downgrade.

    Raises:
        AdvertError: cut short, another version, no key, a wrong key, or a downgrade.
    """
    if not data:
        raise AdvertError("no service data")
    info = data[0]
    if info >> 5 != _BTHOME_VERSION:
        raise AdvertError(f"BTHome version {info >> 5}, only {_BTHOME_VERSION} is known")
    sleepy = bool(info & 0b100)
    if not info & 0b001:
        if key is not None:
            raise AdvertError("plain advertisement of a device that has a key")
        values, packet = _read_objects(data[1:])
        return Advert(values=values, packet=packet, sleepy=sleepy)
    plain, counter = _decrypt_bthome(data, address, key)
    values, packet = _read_objects(plain)
    return Advert(values=values, packet=packet, counter=counter, encrypted=True, sleepy=sleepy)


def _decrypt_bthome(data: bytes, address: bytes, key: bytes | None) -> tuple[bytes, int]:
    if key is None:
        raise AdvertError("encrypted advertisement of a device that has no key here")
    if len(data) < 1 + _COUNTER_BYTES + _TAG_BYTES:
        raise AdvertError("encrypted advertisement is cut short")
    counter = data[-_COUNTER_BYTES - _TAG_BYTES : -_TAG_BYTES]
    sealed = data[1 : -_COUNTER_BYTES - _TAG_BYTES] + data[-_TAG_BYTES:]
    nonce = address + _BTHOME_UUID_BYTES + data[:1] + counter
    return _open(key, nonce, sealed, None), int.from_bytes(counter, "little")


def _read_objects(data: bytes) -> tuple[dict[str, float], int | None]:
    """Read objects up to the first unknown one, as the format asks of a reader."""
    values: dict[str, float] = {}
    packet: int | None = None
    at = 0
    while at < len(data):
        known = _OBJECTS.get(data[at])
        if known is None:
            break
        start, size = at + 1, known.size
        if size == _VARIABLE:
            if start >= len(data):
                raise AdvertError("object without its length")
            start, size = start + 1, data[start]
        raw = data[start : start + size]
        if len(raw) < size:
            raise AdvertError(f"object 0x{data[at]:02X} is cut short")
        number = int.from_bytes(raw, "little", signed=known.signed)
        if data[at] == 0x00:
            packet = number
        elif known.point is not None:
            # A second object of the same quantity is another sensor of the device.
            name = known.point if known.point not in values else f"{known.point}_2"
            values[name] = round(number * known.factor, 6)
        at = start + size
    return values, packet


_MIBEACON_HEAD_BYTES: Final = 5
"""Frame control, product id, counter."""
_MIBEACON_OLDEST: Final = 4
_MIBEACON_ENCRYPTED: Final = 0x08
_MIBEACON_HAS_ADDRESS: Final = 0x10
_MIBEACON_HAS_CAPABILITY: Final = 0x20
_MIBEACON_HAS_OBJECT: Final = 0x40
_CAPABILITY_HAS_IO: Final = 0x20
_ADDRESS_BYTES: Final = 6


def decode_mibeacon(data: bytes, *, address: bytes, key: bytes | None = None) -> Advert:
    """Read the service data of a Xiaomi MiBeacon advertisement (versions 4 and 5).

    Args:
        data: what follows the UUID 0xFE95.
        address: the device's address, 6 bytes in the order it is printed.
        key: its 16-byte key; with a key a plain advertisement is refused as a downgrade.

    Raises:
        AdvertError: cut short, another version, no key, a wrong key, or a downgrade.
    """
    if len(data) < _MIBEACON_HEAD_BYTES:
        raise AdvertError("advertisement is cut short")
    control = int.from_bytes(data[0:2], "little")
    if control >> 12 < _MIBEACON_OLDEST:
        raise AdvertError(f"MiBeacon version {control >> 12}, 4 and 5 are known")
    counter = data[4]
    if not control & _MIBEACON_HAS_OBJECT:
        return Advert(counter=counter)
    body = data[_mibeacon_body_at(control, data) :]
    if control & _MIBEACON_ENCRYPTED:
        return _open_mibeacon(data, body, address=address, key=key)
    if key is not None:
        raise AdvertError("plain advertisement of a device that has a key")
    return Advert(values=_read_mibeacon(body), counter=counter)


def _mibeacon_body_at(control: int, data: bytes) -> int:
    """Return where the objects begin: behind an address and a capability byte, where they are sent."""
    at = _MIBEACON_HEAD_BYTES
    if control & _MIBEACON_HAS_ADDRESS:
        at += _ADDRESS_BYTES
    if control & _MIBEACON_HAS_CAPABILITY:
        at += 1
        if len(data) >= at and data[at - 1] & _CAPABILITY_HAS_IO:
            at += 1
    return at


def _open_mibeacon(data: bytes, body: bytes, *, address: bytes, key: bytes | None) -> Advert:
    if key is None:
        raise AdvertError("encrypted advertisement of a device that has no key here")
    if len(body) < 3 + _TAG_BYTES + 1:
        raise AdvertError("encrypted advertisement is cut short")
    extended = body[-_TAG_BYTES - 3 : -_TAG_BYTES]
    nonce = address[::-1] + data[2:5] + extended
    plain = _open(key, nonce, body[: -_TAG_BYTES - 3] + body[-_TAG_BYTES:], _MIBEACON_AAD)
    whole = data[4] | int.from_bytes(extended, "little") << 8
    return Advert(values=_read_mibeacon(plain), counter=whole, encrypted=True)


_MIBEACON: Final[dict[int, tuple[str, Callable[[bytes], float]]]] = {
    _MIBEACON_SMOKE: ("smoke_alarm", lambda raw: float(raw[0] > 0)),
    _MIBEACON_WATER: ("moisture_detected", lambda raw: float(raw[0] > 0)),
    _MIBEACON_BATTERY: ("battery_percent", lambda raw: float(raw[0])),
}


def _read_mibeacon(data: bytes) -> dict[str, float]:
    values: dict[str, float] = {}
    at = 0
    while at + 3 <= len(data):
        number, size = int.from_bytes(data[at : at + 2], "little"), data[at + 2]
        raw = data[at + 3 : at + 3 + size]
        if len(raw) < size or not size:
            raise AdvertError(f"object 0x{number:04X} is cut short")
        if number in _MIBEACON:
            name, read = _MIBEACON[number]
            values[name] = read(raw)
        at += 3 + size
    return values


def _open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes | None) -> bytes:
    try:
        return open_ccm(key, nonce=nonce, sealed=sealed, aad=aad, tag_bytes=_TAG_BYTES)
    except WrongKeyError as error:
        raise AdvertError("the key does not fit") from error
    except ValueError as error:
        raise AdvertError(f"cannot be decrypted: {error}") from error
