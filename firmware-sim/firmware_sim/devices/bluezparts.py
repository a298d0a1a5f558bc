"""The parts of the simulated Bluetooth daemon: names on the bus, devices on the air."""

from dataclasses import dataclass, field
from typing import Final

ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
SERVICE: Final = "org.bluez.GattService1"
CHARACTERISTIC: Final = "org.bluez.GattCharacteristic1"
MONITOR: Final = "org.bluez.AdvertisementMonitor1"
MONITORS: Final = "org.bluez.AdvertisementMonitorManager1"
DBUS: Final = "org.freedesktop.DBus"
OBJECTS: Final = f"{DBUS}.ObjectManager"
PROPERTIES: Final = f"{DBUS}.Properties"

TYPES: Final = {
    name: signature
    for signature, names in {
        "s": "Address AddressType Name Alias UUID Modalias",
        "n": "RSSI",
        "q": "MTU",
        "u": "Class",
        "o": "Adapter Device Service",
        "b": "Powered Discovering Discoverable Pairable Connected Paired Bonded Trusted Blocked LegacyPairing"
        " ServicesResolved Primary Notifying",
        "as": "UUIDs Roles Flags SupportedMonitorTypes SupportedFeatures",
        "ao": "Includes",
        "a{qv}": "ManufacturerData",
        "a{sv}": "ServiceData",
        "ay": "Value AdvertisingFlags",
    }.items()
    for name in names.split()
}
"""D-Bus signature of each property: BlueZ's `doc/org.bluez.*.rst`."""


@dataclass
class Characteristic:
    """A value that a GATT client reads, writes or is told of.

    Attributes:
        uuid: what it is.
        flags: what may be done: `read`, `write`, `notify`.
        value: as its device holds it.
        obeys: whether a write changes the value; a stuck valve does not.
    """

    uuid: str
    flags: tuple[str, ...]
    value: bytes = b""
    obeys: bool = True
    path: str = ""
    listeners: set[str] = field(default_factory=set)


@dataclass
class Peripheral:
    """A device on the air.

    Attributes:
        address: as it is printed.
        services: characteristics by service UUID.
        connect_delay_s: how long a connection takes.
        connect_error: what every attempt to connect ends with; empty for success.
    """

    address: str
    name: str = ""
    services: dict[str, tuple[Characteristic, ...]] = field(default_factory=dict)
    connect_delay_s: float = 0.0
    connect_error: str = ""
    connections: int = 0
    attempt: int = 0
    """Grows with every attempt to connect, and when one is called off."""


@dataclass
class Monitor:
    """A passive scan of one client."""

    owner: str
    path: str
    patterns: list[tuple[int, int, bytes]] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
