"""Which part of the world each model measures."""

from collections.abc import Callable, Mapping
from typing import Final

from firmware_sim.physics import World
from firmware_sim.scenario import DevicePart
from firmware_sim.wear import Wear

_FIRST_STAGE_LEL: Final = 25.0
"""At which a detector with a relay of its own alarms (GB/T 50493-2019, 5.5.2)."""
_LEAKAGE_MA: Final = 300.0

Read = Callable[[World, DevicePart], dict[str, float]]


def _gas(world: World, part: DevicePart) -> dict[str, float]:
    return {"gas_lel": world.rooms[part.room].gas_lel if part.room else 0.0, "temperature_c": 21.0}


def _mains(world: World, _part: DevicePart) -> dict[str, float]:
    return {
        "voltage_v": world.mains.voltage_v,
        "current_a": world.mains.current_a,
        "power_w": world.mains.power_w,
        "power_factor": world.mains.power_factor,
        "frequency_hz": world.mains.frequency_hz,
        "energy_kwh": world.mains.energy_kwh,
    }


def _leakage(world: World, _part: DevicePart) -> dict[str, float]:
    return {"residual_current_ma": world.cable.residual_ma}


def _hydrant(world: World, part: DevicePart) -> dict[str, float]:
    hydrant = world.hydrants[part.name]
    return {"pressure_kpa": hydrant.pressure_kpa, "temperature_c": hydrant.temperature_c}


def _river(world: World, _part: DevicePart) -> dict[str, float]:
    return {
        "dissolved_oxygen_mg_l": world.river.dissolved_oxygen_mg_l,
        "turbidity_ntu": world.river.turbidity_ntu,
        "conductivity_ms_cm": world.river.conductivity_ms_cm,
        "conductivity_us_cm": world.river.conductivity_ms_cm * 1000,
        "ph": world.river.ph,
        "temperature_c": world.river.temperature_c,
        "redox_mv": 210.0,
        "chlorophyll_ug_l": 4.0,
    }


def _alarming_gas(world: World, part: DevicePart) -> dict[str, float]:
    gas_lel = _gas(world, part)["gas_lel"]
    return {"gas_lel": gas_lel, "gas_alarm": float(gas_lel >= _FIRST_STAGE_LEL), "fault": 0.0}


def _alarming_leakage(world: World, _part: DevicePart) -> dict[str, float]:
    leakage_ma = world.cable.residual_ma
    return {
        "residual_current_ma": leakage_ma,
        "leakage_alarm": float(leakage_ma >= _LEAKAGE_MA),
        "fault": 0.0,
    }


def _quiet(*points: str, **values: float) -> Read:
    return lambda _world, _part: dict.fromkeys(points, 0.0) | values


def _everything(world: World, part: DevicePart) -> dict[str, float]:
    """What any sensor could see here; a model's register map takes what it measures."""
    return (
        _river(world, part)
        | _mains(world, part)
        | _leakage(world, part)
        | _gas(world, part)
        | {
            "temperature_c": world.river.temperature_c,
            "pressure_kpa": world.hydrants[part.name].pressure_kpa if part.name in world.hydrants else 350.0,
        }
    )


def _nothing(_world: World, _part: DevicePart) -> dict[str, float]:
    return {}


SOURCES: Final[dict[str, Read]] = {
    "honeywell-midas": _gas,
    "eastron-sdm120": _mains,
    "acrel-asj": _leakage,
    "keller-acculevel": _hydrant,
    "yosemitech-y4000": _river,
    "ysi-odo": _river,
    "river-station-hj212": _river,
    "river-station-hj212-ms": _river,
    "gb26875-gas-detector": _alarming_gas,
    "gb26875-fire-detector": _quiet("fire", "fault"),
    "gb26875-residual-current": _alarming_leakage,
    "gb26875-cable-temperature": _quiet("temperature_alarm", "fault", temperature_c=24.0),
    "gb26875-hydrant": lambda world, part: {"pressure_kpa": world.hydrants[part.name].pressure_kpa},
    "gb26875-water-tank": _quiet("fault", level_m=2.8),
    "zigbee2mqtt-gas": _alarming_gas,
    "zigbee2mqtt-smoke": _quiet("smoke"),
    "zigbee2mqtt-water-leak": _quiet("water_leak"),
    "tasmota-plug": _mains,
    "chirpstack-gas": _alarming_gas,
    "bthome-gas": _alarming_gas,
    "bthome-gas-encrypted": _alarming_gas,
    "bthome-smoke": _quiet("smoke_alarm", "tamper"),
    "bthome-leak": _quiet("moisture_detected"),
    "bthome-temperature": _quiet(temperature_c=21.5, humidity_percent=48.0),
    "xiaomi-jtyjgd03mi": _quiet("smoke_alarm"),
    "gatt-gas-probe": _gas,
    "gatt-valve": _nothing,
    "coil-relay": _nothing,
    "fan-relay": _nothing,
    "siren-relay": _nothing,
}
"""By model; one that is not named can see everything."""

HYDRANT_MODELS: Final = frozenset({"keller-acculevel", "gb26875-hydrant"})
"""Models that hang on a hydrant of their own."""

MAIN_POINTS: Final[dict[str, str]] = {
    "honeywell-midas": "gas_lel",
    "acrel-asj": "residual_current_ma",
    "keller-acculevel": "pressure_kpa",
    "yosemitech-y4000": "dissolved_oxygen_mg_l",
    "ysi-odo": "dissolved_oxygen_mg_l",
    "river-station-hj212": "dissolved_oxygen_mg_l",
    "river-station-hj212-ms": "dissolved_oxygen_mg_l",
}
"""The point whose sensor wears out."""


def wear_of(part: DevicePart) -> Wear:
    """Return how a device ages."""
    return Wear(**part.wear.model_dump(exclude={"age_days"}))


def measure(world: World, part: DevicePart, age_days: float) -> dict[str, float]:
    """Return what a device of that age measures."""
    points = SOURCES.get(part.model, _everything)(world, part)
    wear, main = wear_of(part), MAIN_POINTS.get(part.model)
    if main in points:
        points[main] = wear.show(points[main], age_days)
    told = {
        "cell_life_h": wear.cell_life_h(age_days),
        "battery_percent": wear.battery_percent(age_days),
        "battery_v": wear.battery_v(age_days),
    }
    return points | {name: value for name, value in told.items() if value is not None}


def source_of(world: World, part: DevicePart, ages: Mapping[str, float]) -> Callable[[], Mapping[str, float]]:
    """Return what asks the world for a device's values.

    Args:
        world: what there is.
        part: the device.
        ages: how old each device was when the world began, in days; looked at again each time.
    """
    return lambda: measure(world, part, ages[part.name] + world.age_days)
