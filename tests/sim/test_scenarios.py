"""Scenario files: what they make happen, and what is said about a wrong one."""

from pathlib import Path

import pytest

import firmware_sim.scenarios
from firmware_sim.plant import SimulatedPlant, UnknownNameError
from firmware_sim.scenario import ScenarioError, load_scenario

SHIPPED = sorted(Path(firmware_sim.scenarios.__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_is_a_good_one(path):
    assert load_scenario(path).devices


def test_an_event_lets_gas_leak_and_a_written_coil_stops_it():
    plant = SimulatedPlant(load_scenario(SHIPPED[0]))
    plant.perform_event("leak")
    plant.world.advance(5)
    assert plant.describe()["gas-kitchen"]["points"]["gas_lel"] > 25
    assert plant.world.rooms["kitchen"].leak_m3_s > 0
    with pytest.raises(UnknownNameError):
        plant.perform_event("earthquake")


def test_a_pinned_value_wins_until_it_is_let_go():
    plant = SimulatedPlant(load_scenario(SHIPPED[0]))
    plant.pin("gas-kitchen", {"gas_lel": 77})
    assert plant.describe()["gas-kitchen"]["points"]["gas_lel"] == 77
    plant.pin("gas-kitchen", {"gas_lel": None})
    assert plant.describe()["gas-kitchen"]["points"]["gas_lel"] < 1


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("model: acrel-asj", "model: acrel-xyz", "acrel"),
        ("bus: relays, unit: 1, room: kitchen", "bus: nowhere, unit: 1, room: kitchen", "nowhere"),
        ("volume_m3: 8", "volume_m3: big", "big"),
        ("{do: leak, room: kitchen, leak_m3_s: 0}", "{do: explode, room: kitchen}", "explode"),
    ],
)
def test_a_mistake_is_said_with_its_line(tmp_path, wrong, right, said):
    text = SHIPPED[0].read_text(encoding="utf-8")
    assert wrong in text
    path = tmp_path / "scenario.yaml"
    path.write_text(text.replace(wrong, right, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as refusal:
        load_scenario(path)
    line = next(n for n, row in enumerate(path.read_text().splitlines(), 1) if said in row)
    assert f":{line}:" in str(refusal.value)
    assert said in str(refusal.value)
