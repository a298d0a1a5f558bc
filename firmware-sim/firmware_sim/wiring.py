"""Buses of every technique: how each is built, and which misbehaviours its devices know."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from firmware_sim.devices.hj212 import Hj212Bus, Hj212Station
from firmware_sim.devices.modbus import Fault, FaultKind, ModbusServer
from firmware_sim.devices.model import SimulatedDevice
from firmware_sim.devices.models import MODELS
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


SPEAKING_MODELS: Final[dict[str, type[SpeakingDevice]]] = {
    "river-station-hj212": Hj212Station,
    "river-station-hj212-ms": Hj212Station,
}
"""Models that speak by themselves."""

TECHNIQUES: Final[Mapping[str, frozenset[str]]] = {
    "modbus_tcp": frozenset(MODELS),
    "modbus_rtu_over_tcp": frozenset(MODELS),
    "hj212": frozenset(SPEAKING_MODELS),
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
MISBEHAVIOURS: Final[Mapping[str, tuple[FaultKind, ...]]] = {
    "modbus_tcp": _ASKED,
    "modbus_rtu_over_tcp": (*_ASKED, FaultKind.WRONG_CHECK),
    "hj212": (
        *_ANYWHERE,
        FaultKind.WRONG_CHECK,
        FaultKind.REPLAY,
        FaultKind.WRONG_CLOCK,
        FaultKind.SPLIT,
        FaultKind.JOINED,
    ),
}
"""The one register of what the devices of each technique can do wrong: what pages offer and steps take."""


def build_device(
    model: str, read_points: Callable[[], Mapping[str, float]], *, address: str
) -> SimulatedDevice:
    """Return a device of a model."""
    if model in SPEAKING_MODELS:
        return SPEAKING_MODELS[model](read_points=read_points, address=address)
    return MODELS[model](read_points=read_points)


def build_bus(
    technique: str, *, host: str, port: int, period_s: float, units: Mapping[int, SimulatedDevice]
) -> Bus:
    """Return a bus with its devices by unit; nothing runs yet."""
    if technique == "hj212":
        stations = {n: device for n, device in units.items() if isinstance(device, SpeakingDevice)}
        return Hj212Bus(host=host, port=port, units=stations, period_s=period_s)
    kind = RtuServer if technique == "modbus_rtu_over_tcp" else ModbusServer
    return kind(host=host, port=port, units=units)  # type: ignore[return-value] # its port is a property
