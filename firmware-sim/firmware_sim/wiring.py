"""Buses of every technique: how each is built, and which misbehaviours its devices know."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from firmware_sim.devices.ble import BLE_MODELS
from firmware_sim.devices.bleair import AIR_FAULTS, AirBus, AirDevice
from firmware_sim.devices.gb26875 import GbComponent, Transmitter
from firmware_sim.devices.hj212 import Hj212Bus, Hj212Station
from firmware_sim.devices.modbus import Fault, FaultKind, ModbusServer
from firmware_sim.devices.model import SimulatedDevice
from firmware_sim.devices.models import MODELS
from firmware_sim.devices.mqtt import MqttBus, MqttDevice
from firmware_sim.devices.rtu import RtuServer
from firmware_sim.devices.speaking import SpeakingDevice


class Bus(Protocol):
    """Devices that are asked, or that speak."""

    port: Any
    faults: dict[int, Fault]
    requests: dict[int, int]

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""

    def misbehave(self, unit: int, fault: Fault) -> None:
        """Let a unit misbehave."""


_STATIONS: Final = ("river-station-hj212", "river-station-hj212-ms")
_COMPONENTS: Final = (
    "gb26875-gas-detector",
    "gb26875-fire-detector",
    "gb26875-residual-current",
    "gb26875-cable-temperature",
    "gb26875-hydrant",
    "gb26875-water-tank",
)
_THROUGH_BROKERS: Final = (
    "zigbee2mqtt-gas",
    "zigbee2mqtt-smoke",
    "zigbee2mqtt-water-leak",
    "tasmota-plug",
    "chirpstack-gas",
)
SPEAKING_MODELS: Final[dict[str, type[SpeakingDevice]]] = {
    **dict.fromkeys(_STATIONS, Hj212Station),
    **dict.fromkeys(_COMPONENTS, GbComponent),
    **dict.fromkeys(_THROUGH_BROKERS, MqttDevice),
}
"""Models that speak by themselves."""

TECHNIQUES: Final[Mapping[str, frozenset[str]]] = {
    "modbus_tcp": frozenset(MODELS),
    "modbus_rtu_over_tcp": frozenset(MODELS),
    "hj212": frozenset(_STATIONS),
    "gb26875": frozenset(_COMPONENTS),
    "mqtt": frozenset(_THROUGH_BROKERS),
    "ble": frozenset(BLE_MODELS),
}
"""Which models stand on which bus."""

_ANYWHERE: Final = (
    FaultKind.NONE,
    FaultKind.MUTE,
    FaultKind.LATE,
    FaultKind.STUCK,
    FaultKind.NAN,
    FaultKind.SENTINEL,
    FaultKind.TRUNCATED,
    FaultKind.WRONG_UNIT,
    FaultKind.GARBAGE,
    FaultKind.NOISE,
    FaultKind.DISCONNECT,
    FaultKind.FLAPPING,
    FaultKind.REBOOT,
)
_ASKED: Final = (*_ANYWHERE, FaultKind.EXCEPTION, FaultKind.WRONG_TRANSACTION, FaultKind.PREVIOUS)
_SPEAKING: Final = (
    *_ANYWHERE,
    FaultKind.WRONG_CHECK,
    FaultKind.REPLAY,
    FaultKind.WRONG_CLOCK,
    FaultKind.SPLIT,
    FaultKind.JOINED,
)
MISBEHAVIOURS: Final[Mapping[str, tuple[FaultKind, ...]]] = {
    "modbus_tcp": _ASKED,
    "modbus_rtu_over_tcp": (*_ASKED, FaultKind.WRONG_CHECK),
    **dict.fromkeys(("hj212", "gb26875", "mqtt"), _SPEAKING),
    "ble": AIR_FAULTS,
}
"""The one register of what the devices of each technique can do wrong: what pages offer and steps take."""


def build_device(
    model: str, read_points: Callable[[], Mapping[str, float]], *, address: str, key: str = ""
) -> SimulatedDevice:
    """Return a device of a model."""
    if model in BLE_MODELS:
        return AirDevice(read_points=read_points, model=model, address=address, key=key)
    if model in SPEAKING_MODELS:
        return SPEAKING_MODELS[model](read_points=read_points, address=address, model=model)
    return MODELS[model](read_points=read_points)


def build_bus(
    technique: str,
    *,
    host: str,
    port: int,
    period_s: float,
    units: Mapping[int, SimulatedDevice],
    transmitter: int = 3456,
    udp: bool = False,
) -> Bus:
    """Return a bus with its devices by unit; nothing runs yet.

    Args:
        technique: one of `TECHNIQUES`.
        host: where it listens, or where it calls.
        port: the same.
        period_s: how often devices that speak by themselves do.
        units: the devices.
        transmitter: address of the transmission device, where the bus is one.
        udp: whether that one speaks by UDP.
    """
    speaking = {n: device for n, device in units.items() if isinstance(device, SpeakingDevice)}
    match technique:
        case "ble":
            on_air = {n: device for n, device in speaking.items() if isinstance(device, AirDevice)}
            return AirBus(units=on_air, period_s=period_s)
        case "hj212":
            return Hj212Bus(host=host, port=port, units=speaking, period_s=period_s)
        case "gb26875":
            return Transmitter(
                host=host, port=port, units=speaking, period_s=period_s, address=transmitter, udp=udp
            )
        case "mqtt":
            return MqttBus(host=host, port=port, units=speaking, period_s=period_s)
    kind = RtuServer if technique == "modbus_rtu_over_tcp" else ModbusServer
    return kind(host=host, port=port, units=units)  # type: ignore[return-value] # its port is a property
