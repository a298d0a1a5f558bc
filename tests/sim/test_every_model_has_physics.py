"""Every model that the simulator knows stands in the world: it measures something, and it can be asked."""

import math

import pytest

from edge.drivers.profile import shipped_profiles
from firmware_sim.devices.models import MODELS
from firmware_sim.physics import Hydrant, Room, World
from firmware_sim.scenario import DevicePart
from firmware_sim.sources import measure, source_of
from firmware_sim.wiring import SPEAKING_MODELS, build_device

BLIND = {"coil-relay", "fan-relay", "siren-relay", "gatt-valve"}
"""Actuators measure nothing; they show what they were told."""


def part_of(model):
    return DevicePart(name="it", model=model, bus="b", room="kitchen")


def world():
    return World(rooms={"kitchen": Room(gas_lel=12)}, hydrants={"it": Hydrant()})


@pytest.mark.parametrize("model", sorted({*MODELS, *SPEAKING_MODELS}))
def test_a_model_measures_the_world(model):
    points = measure(world(), part_of(model), 0.0)
    assert bool(points) != (model in BLIND)
    assert all(isinstance(value, float | int) and not math.isnan(value) for value in points.values())


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_register_map_finds_all_it_shows(model):
    part = part_of(model)
    device = build_device(model, source_of(world(), part, {"it": 0.0}), address="")
    assert any(device.registers(fc) for fc in (1, 2, 3, 4))


@pytest.mark.parametrize("model", sorted(set(MODELS) & set(shipped_profiles())))
def test_what_a_profile_reads_the_model_has(model):
    part = part_of(model)
    device = build_device(model, source_of(world(), part, {"it": 0.0}), address="")
    for point in shipped_profiles()[model].points:
        assert point.address in device.registers(point.fc), point.name


def test_the_same_world_shows_itself_differently_after_a_leak():
    kitchen = world()
    before = measure(kitchen, part_of("honeywell-midas"), 0.0)["gas_lel"]
    kitchen.rooms["kitchen"].leak_m3_s = 0.04
    kitchen.advance(10)
    assert measure(kitchen, part_of("honeywell-midas"), 0.0)["gas_lel"] > before
