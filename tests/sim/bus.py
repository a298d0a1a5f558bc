"""Simulated devices on one Modbus TCP port, and the gateway's driver at the other end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from edge.drivers.modbus import ModbusDriver, RtuOverTcpTransport, SerialTransport, TcpTransport, Transport
from edge.drivers.modbusprofile import ModbusProfile
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
    "siren-relay": {},
    "draeger-polytron-8000": {"gas_lel": 40.0},
    "otis-oi-7032": {"ch01_reading": 3.5, "ch32_reading": 19.0, "ch17_battery_v": 3.2, "ch32_age_s": 70.0},
    "eastron-sdm630": {
        "voltage_l1_v": 229.5,
        "voltage_l3_v": 231.25,
        "current_l2_a": 12.5,
        "power_l3_w": 1500.0,
        "power_w": 4500.0,
        "power_factor_l2": 0.5,
        "frequency_hz": 50.0,
        "energy_import_kwh": 1234.5,
        "voltage_distortion_l2_percent": 2.5,
        "energy_kwh": 1240.0,
    },
    "chint-dtsu666": {
        "voltage_l2_v": 229.5,
        "current_l1_a": 3.25,
        "power_w": 2160.0,
        "power_l3_w": 720.0,
        "power_factor": 0.96,
        "frequency_hz": 50.0,
        "energy_import_kwh": 1234.5,
        "energy_export_kwh": 7.0,
    },
    "acrel-adw300": {
        "voltage_l1_v": 229.5,
        "current_l3_a": 3.25,
        "power_l2_w": -720.0,
        "power_w": 100_000.0,
        "energy_import_kwh": 12_345.67,
    },
    "lx47le-125": {
        "breaker_state": 0xF0,
        "residual_current_ma": 21.0,
        "line_temperature_c": 31.0,
        "neutral_temperature_c": -5.0,
        "voltage_v": 229.0,
        "current_a": 3.25,
        "power_factor": 0.96,
        "frequency_hz": 50.0,
    },
    "keller-nanolevel": {"pressure_kpa": 120.0, "temperature_c": 14.5},
    "hach-ldo-aq": {
        "dissolved_oxygen_mg_l": 7.25,
        "temperature_c": -1.5,
        "dissolved_oxygen_percent": 84.0,
    },
    "yosemitech-y502": {
        "dissolved_oxygen_percent": 84.0,
        "dissolved_oxygen_mg_l": 7.25,
        "temperature_c": 18.0,
    },
    "yosemitech-y510": {"turbidity_ntu": 12.5, "temperature_c": 18.0},
    "yosemitech-y520": {"conductivity_ms_cm": 0.5, "temperature_c": 18.0},
    "yosemitech-y532": {"ph": 7.5, "electrode_mv": -28.0, "temperature_c": 18.0},
    "yosemitech-y533": {"redox_mv": 210.0, "temperature_c": 18.0},
    "yosemitech-y550": {"cod_mg_l": 14.25, "turbidity_ntu": 12.5, "temperature_c": 18.0},
    "yosemitech-y560": {"ammonium_mg_l": 0.5, "ph": 7.5, "temperature_c": 18.0},
    "yosemitech-y700": {"pressure_kpa": 19.6133, "temperature_c": 18.0},
}


@dataclass
class SimulatedBus:
    server: ModbusServer
    driver: ModbusDriver

    def misbehave(self, unit: int, kind: FaultKind, **more: float) -> None:
        self.server.faults[unit] = Fault(kind, **more)


def build_device(model: str) -> SimulatedDevice:
    return MODELS[model](read_points=lambda: TRUE_VALUES[model])


def without_settling(profile: ModbusProfile) -> ModbusProfile:
    """The same model, which measures as soon as it was started."""
    start = tuple(command.model_copy(update={"settle_s": 0.0}) for command in profile.start)
    return profile.model_copy(update={"start": start})


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
        devices={model: (unit, without_settling(profiles[model])) for unit, model in enumerate(models, 1)},
    )
    try:
        await driver.connect()
        yield SimulatedBus(server, driver)
    finally:
        await driver.close()
        await server.stop()
