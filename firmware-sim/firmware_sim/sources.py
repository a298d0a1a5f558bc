"""Which part of the world each model measures."""

from collections.abc import Callable, Mapping
from typing import Final

from firmware_sim.physics import World
from firmware_sim.scenario import DevicePart
from firmware_sim.wear import Wear

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
    "coil-relay": _nothing,
    "fan-relay": _nothing,
}
"""By model; one that is not named measures nothing."""

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
    points = SOURCES.get(part.model, _nothing)(world, part)
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
