"""How Bluetooth sensors write their advertisements: BTHome v2 and Xiaomi MiBeacon v5, from the maker's side.

Sources: bthome.io/format and bthome.io/encryption; MiBeacon as its open decoders publish it. The
gateway reads the same formats with tables of its own, so that a mistake in one shows against the other.
"""

import struct
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

BTHOME_UUID: Final = "0000fcd2-0000-1000-8000-00805f9b34fb"
MIBEACON_UUID: Final = "0000fe95-0000-1000-8000-00805f9b34fb"

_PACKET: Final = 0x00
_BTHOME_PLAIN: Final = 0x40
_BTHOME_SEALED: Final = 0x41
_TAG_BYTES: Final = 4
_MIBEACON_CONTROL: Final = 0x5048
"""Version 5, an object, encrypted."""
_MIBEACON_AAD: Final = b"\x11"

_OBJECTS: Final[dict[str, tuple[int, str, float]]] = {
    "battery_percent": (0x01, "<B", 1),
    "temperature_c": (0x02, "<h", 0.01),
    "humidity_percent": (0x03, "<H", 0.01),
    "voltage_v": (0x0C, "<H", 0.001),
    "co_alarm": (0x17, "<B", 1),
    "gas_alarm": (0x1C, "<B", 1),
    "moisture_detected": (0x20, "<B", 1),
    "smoke_alarm": (0x29, "<B", 1),
    "tamper": (0x2B, "<B", 1),
}
_MIBEACON_OBJECTS: Final[dict[str, int]] = {
    "battery_percent": 0x1003,
    "moisture_detected": 0x1014,
    "smoke_alarm": 0x1015,
}


def encode_objects(values: Mapping[str, float]) -> bytes:
    """Write measurements as BTHome objects, in the ascending order that the format asks for."""
    body = b""
    for name, (number, layout, factor) in sorted(_OBJECTS.items(), key=lambda item: item[1][0]):
        if name in values:
            body += bytes((number,)) + struct.pack(layout, round(values[name] / factor))
    return body


def encode_bthome(values: Mapping[str, float], *, packet: int | None) -> bytes:
    """Write plain service data.

    Args:
        values: by the point's name; what the format does not know is left out.
        packet: the packet id, None to send none.
    """
    head = b"" if packet is None else bytes((_PACKET, packet & 0xFF))
    return bytes((_BTHOME_PLAIN,)) + head + encode_objects(values)


def seal_bthome(values: Mapping[str, float], *, address: str, key: bytes, counter: int) -> bytes:
    """Write encrypted service data.

    Args:
        values: as for `encode_bthome`.
        address: the device's, as it is printed.
        key: 16 bytes.
        counter: grows with every packet.
    """
    count = counter.to_bytes(4, "little")
    nonce = _bytes_of(address) + b"\xd2\xfc" + bytes((_BTHOME_SEALED,)) + count
    sealed = AESCCM(key, tag_length=_TAG_BYTES).encrypt(nonce, encode_objects(values), None)
    return bytes((_BTHOME_SEALED,)) + sealed[:-_TAG_BYTES] + count + sealed[-_TAG_BYTES:]


def seal_mibeacon(
    values: Mapping[str, float], *, address: str, key: bytes, counter: int, product: int
) -> bytes:
    """Write encrypted MiBeacon service data.

    Args:
        values: smoke, water and battery are known.
        address: the device's, as it is printed.
        key: 16 bytes.
        counter: grows with every packet; its low byte is the frame counter.
        product: which model it is.
    """
    body = b"".join(
        number.to_bytes(2, "little") + b"\x01" + bytes((round(values[name]),))
        for name, number in _MIBEACON_OBJECTS.items()
        if name in values
    )
    head = struct.pack("<HHB", _MIBEACON_CONTROL, product, counter & 0xFF)
    more = (counter >> 8).to_bytes(3, "little")
    nonce = _bytes_of(address)[::-1] + head[2:5] + more
    sealed = AESCCM(key, tag_length=_TAG_BYTES).encrypt(nonce, body, _MIBEACON_AAD)
    return head + sealed[:-_TAG_BYTES] + more + sealed[-_TAG_BYTES:]


def _bytes_of(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))
