"""Simulated devices on one Modbus TCP port, and the gateway's driver at the other end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from edge.drivers.modbus import ModbusDriver, RtuOverTcpTransport, SerialTransport, TcpTransport, Transport
from edge.drivers.profile import shipped_profiles
from firmware_sim.devices.modbus import Fault, FaultKind, ModbusServer
from firmware_sim.devices.model import SimulatedDevice
from firmware_sim.devices.models import MODELS
from firmware_sim.devices.rtu import RtuServer, SerialServer

TRUE_VALUES = {
    "honeywell-midas": {"gas_lel": 12.5, "temperature_c": 21.0},
    "eastron-sdm120": {
        "voltage_v": 229.5,
        "current_a": 3.25,
        "power_w": 720.0,
        "power_factor": 0.96,
        "frequency_hz": 50.0,
        "energy_kwh": 1234.5,
    },
    "acrel-asj": {"residual_current_ma": 287.0},
    "keller-acculevel": {"pressure_kpa": 283.0, "temperature_c": 14.5},
    "yosemitech-y4000": {
        "dissolved_oxygen_mg_l": 7.25,
        "turbidity_ntu": 12.5,
        "ph": 7.5,
        "temperature_c": 18.0,
        "conductivity_ms_cm": 0.5,
    },
    "ysi-odo": {"dissolved_oxygen_mg_l": 8.5, "temperature_c": 16.0},
    "coil-relay": {},
    "fan-relay": {},
}


@dataclass
class SimulatedBus:
    server: ModbusServer
    driver: ModbusDriver

    def misbehave(self, unit: int, kind: FaultKind, **more: float) -> None:
        self.server.faults[unit] = Fault(kind, **more)


def build_device(model: str) -> SimulatedDevice:
    return MODELS[model](read_points=lambda: TRUE_VALUES[model])


TECHNIQUES = ("tcp", "rtu over tcp", "serial")


def _build_server(technique: str, units: dict[int, SimulatedDevice]) -> ModbusServer:
    match technique:
        case "tcp":
            return ModbusServer(host="127.0.0.1", port=0, units=units)
        case "rtu over tcp":
            return RtuServer(host="127.0.0.1", port=0, units=units)
        case _:
            return SerialServer(units=units)


def _transport_to(server: ModbusServer) -> Transport:
    if isinstance(server, SerialServer):
        return SerialTransport(device=server.device, baud=115_200)
    if isinstance(server, RtuServer):
        return RtuOverTcpTransport(host="127.0.0.1", port=server.port)
    return TcpTransport(host="127.0.0.1", port=server.port)


@asynccontextmanager
async def simulated_bus(
    *models: str, timeout_s: float = 0.3, technique: str = "tcp"
) -> AsyncIterator[SimulatedBus]:
    """Give a bus with these models at units 1, 2 …; each device is named as its model."""
    units = {number: build_device(model) for number, model in enumerate(models, 1)}
    server = _build_server(technique, units)
    await server.start()
    profiles = shipped_profiles()
    driver = ModbusDriver(
        _transport_to(server),
        timeout_s=timeout_s,
        devices={model: (unit, profiles[model]) for unit, model in enumerate(models, 1)},
    )
    try:
        await driver.connect()
        yield SimulatedBus(server, driver)
    finally:
        await driver.close()
        await server.stop()
