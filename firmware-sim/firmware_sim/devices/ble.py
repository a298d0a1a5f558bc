"""Bluetooth devices: gas, smoke and leak detectors that advertise, a probe and a valve that are connected to.

Each can misbehave on command. All of them are heard through the simulated daemon of
`firmware_sim.devices.bluez`.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from firmware_sim.devices.bleadverts import (
    BTHOME_UUID,
    MIBEACON_UUID,
    encode_bthome,
    seal_bthome,
    seal_mibeacon,
)
from firmware_sim.devices.bluez import SimulatedBluez
from firmware_sim.devices.bluezparts import Characteristic, Peripheral

SMOKE_DETECTOR: Final = 0x0997
"""Xiaomi's product id of JTYJGD03MI."""
PROBE_SERVICE: Final = "6e570001-9d4b-4c56-b1e0-6772696477a1"
PROBE_GAS: Final = "6e570002-9d4b-4c56-b1e0-6772696477a1"
PROBE_TEMPERATURE: Final = "00002a6e-0000-1000-8000-00805f9b34fb"
"""Temperature of the Bluetooth SIG's Environmental Sensing Service: int16, 0.01 °C."""
VALVE_SERVICE: Final = "6e570011-9d4b-4c56-b1e0-6772696477a1"
VALVE_STATE: Final = "6e570012-9d4b-4c56-b1e0-6772696477a1"
_WRONG_KEY: Final = bytes(range(16))


class BleFault(StrEnum):
    """How a Bluetooth device misbehaves."""

    NONE = "none"
    MUTE = "mute"
    """Sends nothing, accepts no connection."""
    WRONG_KEY = "wrong_key"
    """Encrypts with another key."""
    WRONG_CHECK = "wrong_check"
    """Spoils the check of its packets."""
    TRUNCATED = "truncated"
    """Cuts its packets short."""
    DOWNGRADE = "downgrade"
    """Sends in plain although it has a key."""
    REPLAY = "replay"
    """Somebody plays back the first packet that was ever sent."""
    COUNTER_RESET = "counter_reset"
    """Its counter starts again, as after a change of battery."""
    STUCK = "stuck"
    """Repeats its last packet."""
    DISCONNECT = "disconnect"
    """Hangs up; a device without a link does nothing."""
    CONNECT_ERROR = "connect_error"
    """Every attempt to connect fails."""
    DISOBEYS = "disobeys"
    """Takes a write and does nothing."""


@dataclass
class BleDevice:
    """One device on the air.

    Attributes:
        peripheral: how the daemon sees it.
        read_points: asks the world for its true values.
        pinned: values that somebody holds; they win over the world.
    """

    peripheral: Peripheral
    read_points: Callable[[], Mapping[str, float]] = dict
    pinned: dict[str, float] = field(default_factory=dict)
    fault: BleFault = BleFault.NONE

    def points(self) -> dict[str, float]:
        """Return what the device measures now."""
        return {**self.read_points(), **self.pinned}

    def misbehave(self, fault: BleFault) -> None:
        """Misbehave, or behave again with `NONE`."""
        self.fault = fault
        self.peripheral.connect_error = (
            "le-connection-failed" if fault in (BleFault.CONNECT_ERROR, BleFault.MUTE) else ""
        )

    def speak(self, bluez: SimulatedBluez) -> None:
        """Send one advertisement."""
        if self.fault is not BleFault.MUTE:
            bluez.advertise(self.peripheral)


@dataclass
class Detector(BleDevice):
    """A sensor that advertises its values.

    Attributes:
        key: 16 bytes; None for plain packets.
        mibeacon: whether it speaks Xiaomi's format instead of BTHome.
        numbered: whether its plain packets carry a packet id.
    """

    key: bytes | None = None
    mibeacon: bool = False
    numbered: bool = True
    counter: int = 1000
    first: bytes = b""
    last: bytes = b""

    def misbehave(self, fault: BleFault) -> None:
        """Misbehave; see `BleDevice.misbehave`."""
        super().misbehave(fault)
        if fault is BleFault.COUNTER_RESET:
            self.counter = 0

    def speak(self, bluez: SimulatedBluez) -> None:
        """Send one advertisement."""
        if self.fault is not BleFault.MUTE:
            self.send(bluez, self.next_packet())

    def send(self, bluez: SimulatedBluez, packet: bytes) -> None:
        """Send a packet, whatever it holds."""
        bluez.advertise(self.peripheral, {MIBEACON_UUID if self.mibeacon else BTHOME_UUID: packet})

    def next_packet(self) -> bytes:
        """Return what it sends next."""
        match self.fault:
            case BleFault.STUCK if self.last:
                return self.last
            case BleFault.REPLAY if self.first:
                return self.first
            case _:
                packet = self._build()
        self.first = self.first or packet
        self.last = packet
        if self.fault is BleFault.TRUNCATED:
            return packet[: max(len(packet) - 6, 1)]
        if self.fault is BleFault.WRONG_CHECK:
            return packet[:-1] + bytes((packet[-1] ^ 0x55,))
        return packet

    def _build(self) -> bytes:
        self.counter += 1
        if self.key is None or self.fault is BleFault.DOWNGRADE:
            return encode_bthome(self.points(), packet=self.counter if self.numbered else None)
        key = _WRONG_KEY if self.fault is BleFault.WRONG_KEY else self.key
        address = self.peripheral.address
        if self.mibeacon:
            return seal_mibeacon(
                self.points(), address=address, key=key, counter=self.counter, product=SMOKE_DETECTOR
            )
        return seal_bthome(self.points(), address=address, key=key, counter=self.counter)


@dataclass
class GasProbe(BleDevice):
    """A gas probe that is connected to: concentration by notification, temperature by reading."""

    gas: Characteristic = field(default_factory=lambda: Characteristic(PROBE_GAS, ("read", "notify")))
    temperature: Characteristic = field(default_factory=lambda: Characteristic(PROBE_TEMPERATURE, ("read",)))

    def __post_init__(self) -> None:
        """Show the service."""
        self.peripheral.services = {PROBE_SERVICE: (self.gas, self.temperature)}

    def speak(self, bluez: SimulatedBluez) -> None:
        """Advertise while nobody is connected, notify while somebody is."""
        points = self.points()
        self.temperature.value = struct.pack("<h", round(points.get("temperature_c", 21.0) * 100))
        gas = struct.pack("<H", round(points.get("gas_lel", 0.0) * 10))
        if self.fault is BleFault.TRUNCATED:
            gas = gas[:1]
        if self.fault is BleFault.DISCONNECT:
            bluez.drop_link(self.peripheral)
        if self.fault in (BleFault.MUTE, BleFault.STUCK):
            return
        if gas != self.gas.value:
            bluez.notify(self.gas, gas)
        super().speak(bluez)


@dataclass
class GasValve(BleDevice):
    """A gas valve: one byte, 1 while it is told to be closed. It is opened by hand."""

    state: Characteristic = field(
        default_factory=lambda: Characteristic(VALVE_STATE, ("read", "write"), b"\x00")
    )

    def __post_init__(self) -> None:
        """Show the service."""
        self.peripheral.services = {VALVE_SERVICE: (self.state,)}

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self.state.value == b"\x01"

    def points(self) -> dict[str, float]:
        """Return its position."""
        return {"valve_closed": float(self.closed)}

    def misbehave(self, fault: BleFault) -> None:
        """Misbehave; see `BleDevice.misbehave`."""
        super().misbehave(fault)
        self.state.obeys = fault is not BleFault.DISOBEYS

    def speak(self, bluez: SimulatedBluez) -> None:
        """Advertise while nobody is connected."""
        if self.fault is BleFault.DISCONNECT:
            bluez.drop_link(self.peripheral)
        super().speak(bluez)


BLE_MODELS: Final[dict[str, dict[str, float]]] = {
    "bthome-gas": {"gas_alarm": 0, "battery_percent": 97, "tamper": 0},
    "bthome-gas-encrypted": {"gas_alarm": 0, "battery_percent": 97},
    "bthome-smoke": {"smoke_alarm": 0, "battery_percent": 95, "tamper": 0},
    "bthome-leak": {"moisture_detected": 0, "battery_percent": 88},
    "bthome-temperature": {"temperature_c": 21.5, "humidity_percent": 48, "battery_percent": 76},
    "xiaomi-jtyjgd03mi": {"smoke_alarm": 0, "battery_percent": 90},
    "gatt-gas-probe": {"gas_lel": 0, "temperature_c": 21},
    "gatt-valve": {},
}
"""The models, and what each measures on a quiet day."""


def build_ble_device(
    model: str,
    *,
    address: str,
    key: bytes | None = None,
    read_points: Callable[[], Mapping[str, float]] | None = None,
) -> BleDevice:
    """Build a device of `BLE_MODELS`.

    Args:
        model: which one.
        address: as it is printed.
        key: 16 bytes, for a model that encrypts.
        read_points: asks the world for its true values; None for those of a quiet day.
    """
    peripheral = Peripheral(address=address, name=model)
    source = read_points or (lambda: BLE_MODELS[model])
    match model:
        case "gatt-gas-probe":
            return GasProbe(peripheral, source)
        case "gatt-valve":
            return GasValve(peripheral, source)
        case _:
            return Detector(peripheral, source, key=key, mibeacon=model.startswith("xiaomi-"))
