"""Scenario files: what they make happen, and what is said about a wrong one."""

from pathlib import Path

import pytest

import firmware_sim.scenarios
from firmware_sim.plant import SimulatedPlant, UnknownNameError
from firmware_sim.scenario import ScenarioError, load_scenario

SHIPPED = sorted(Path(firmware_sim.scenarios.__file__).parent.glob("*.yaml"))
KITCHEN = Path(firmware_sim.scenarios.__file__).parent / "kitchen_leak.yaml"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_is_a_good_one(path):
    assert load_scenario(path).devices


def test_an_event_lets_gas_leak_and_a_written_coil_stops_it():
    plant = SimulatedPlant(load_scenario(KITCHEN))
    plant.perform_event("leak")
    plant.world.advance(5)
    assert plant.describe()["gas-kitchen"]["points"]["gas_lel"] > 25
    assert plant.world.rooms["kitchen"].leak_m3_s > 0
    with pytest.raises(UnknownNameError):
        plant.perform_event("earthquake")


def test_a_pinned_value_wins_until_it_is_let_go():
    plant = SimulatedPlant(load_scenario(KITCHEN))
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
    text = KITCHEN.read_text(encoding="utf-8")
    assert wrong in text
    path = tmp_path / "scenario.yaml"
    path.write_text(text.replace(wrong, right, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as refusal:
        load_scenario(path)
    line = next(n for n, row in enumerate(path.read_text().splitlines(), 1) if said in row)
    assert f":{line}:" in str(refusal.value)
    assert said in str(refusal.value)


def world_of(tmp_path, text):
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return SimulatedPlant(load_scenario(path))


BLOCK = """\
name: block
buses: {a: {}}
devices:
  - {name: gas, model: honeywell-midas, bus: a, unit: 1, copies: 3, feeder: F1}
  - {name: old, model: honeywell-midas, bus: a, unit: 10, wear: {battery_days: 30, life_days: 20}}
events:
  cut: [{do: power, feeder: F1}]
  back: [{do: power, feeder: F1, on: true}]
  month: [{do: age, device: old, days: 25}]
  later: [{do: pass_time, seconds: 864000}]
  bad: [{do: fault, device: gas-2, fault: stuck}]
"""


def test_copies_hang_on_their_feeder_and_come_back_as_they_were(tmp_path):
    plant = world_of(tmp_path, BLOCK)

    def faults():
        return [plant.describe()[f"gas-{n}"]["fault"] for n in (1, 2, 3)]

    plant.perform_event("bad")
    plant.perform_event("cut")
    assert faults() == ["mute"] * 3
    plant.perform_event("back")
    assert faults() == ["none", "stuck", "none"]


def test_a_device_past_its_life_says_so_and_falls_silent_with_its_battery(tmp_path):
    plant = world_of(tmp_path, BLOCK)
    plant.perform_event("month")
    old = plant.describe()["old"]
    assert (old["points"]["cell_life_h"], old["fault"]) == (0, "none")
    assert plant.devices["old"].registers(3)[0] & 0x30, "the instrument's own fault"
    plant.perform_event("later")
    assert plant.describe()["old"]["fault"] == "mute"


def test_every_device_tells_which_misbehaviours_it_knows(tmp_path):
    told = world_of(tmp_path, BLOCK).describe()["old"]["misbehaviours"]
    assert {"mute", "late", "exception", "none"} <= set(told)
    assert "replay" not in told
