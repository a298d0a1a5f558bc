"""Rehearsals without processes: what the gateway and the register are told, and how the judge counts."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

import firmware_sim.scenarios
from edge.site.siteloader import load_site
from firmware_sim.rehearsal.judge import describe, is_enough, waits
from firmware_sim.rehearsal.runner import timeline
from firmware_sim.rehearsal.site import register_of, site_of
from firmware_sim.scenario import Scenario, ScenarioError, load_scenario
from firmware_sim.steps import ItemExpectation

SHIPPED = sorted(Path(firmware_sim.scenarios.__file__).parent.glob("*.yaml"))
SCHEMA = Path(__file__).parents[2] / "docs" / "simulator" / "scenario.schema.json"


def test_the_shipped_schema_is_the_codes_own_and_takes_every_shipped_scenario():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema == Scenario.model_json_schema(), (
        "gridwarden-sim schema > docs/simulator/scenario.schema.json"
    )
    judge = Draft202012Validator(schema)
    for path in SHIPPED:
        judge.validate(YAML(typ="safe").load(path.read_text(encoding="utf-8")))
    assert not judge.is_valid({"name": "x", "buses": {}, "devices": [], "typo": 1})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_scenario_is_a_site_that_the_gateway_takes(path, tmp_path):
    scenario = load_scenario(path)
    ports = {name: 15_000 + n for n, name in enumerate(scenario.buses)}
    site = tmp_path / "site.yaml"
    site.write_text(site_of(scenario, broker_port=1883, ports=ports), encoding="utf-8")
    loaded = load_site(site).settings
    assert {d.id for d in loaded.devices} == {d.name for d in scenario.each_device()}
    assert scenario.expect, "a shipped scenario expects something"
    registered = [row.split(",")[1] for row in register_of(scenario).splitlines()[1:]]
    assert registered == [d.name for d in scenario.each_device() if d.kind]


def test_ten_scenarios_ship():
    assert len(SHIPPED) >= 10


def expectation(**more):
    return ItemExpectation(by=1, expect="item", **more)


@pytest.mark.parametrize(
    ("wanted", "found", "enough", "waited"),
    [
        ({}, 0, False, True),
        ({}, 1, True, True),
        ({}, 5, True, True),
        ({"times": 3}, 2, False, True),
        ({"times": 3, "exactly": True}, 4, False, False),
        ({"times": 0}, 0, True, False),
        ({"times": 0}, 1, False, False),
    ],
)
def test_how_many_are_enough_and_what_is_waited_for(wanted, found, enough, waited):
    assert is_enough(expectation(**wanted), found) is enough
    assert waits(expectation(**wanted)) is waited


def test_an_expectation_is_said_in_a_line():
    assert describe(expectation(device="gas", times=2)) == "expect=item device=gas ×2"


def test_what_is_done_comes_before_what_is_expected_at_the_same_second(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(
        "name: s\nbuses: {a: {}}\ndevices: [{name: d, model: acrel-asj, bus: a}]\n"
        "script: [{at: 5, do: value, device: d, point: x, value: 1}, {at: 2, do: line, up: false}]\n"
        "expect: [{by: 5, expect: item}, {by: 1, expect: item, times: 0}]\n",
        encoding="utf-8",
    )
    assert [(at, type(what).__name__) for at, what in timeline(load_scenario(path))] == [
        (1, "ItemExpectation"),
        (2, "LineStep"),
        (5, "ValueStep"),
        (5, "ItemExpectation"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("script: [{do: line}]", "4:10", "up"),
        ("script: [{do: power, feeder: F9}]", "4:30", "F9"),
        ("expect: [{by: 1, expect: item, device: ghost}]", "4:40", "ghost"),
        ("expect: [{by: 0, expect: item}]", "4:15", "greater than 0"),
        ("speed: fast", "4:8", "fast"),
    ],
)
def test_a_mistake_is_said_with_file_line_and_column(tmp_path, text, place, said):
    path = tmp_path / "s.yaml"
    path.write_text(
        f"name: s\nbuses: {{a: {{}}}}\ndevices: [{{name: d, model: acrel-asj, bus: a}}]\n{text}\n",
        encoding="utf-8",
    )
    with pytest.raises(ScenarioError) as refusal:
        load_scenario(path)
    assert str(refusal.value).startswith(f"{path}:{place}:")
    assert said in str(refusal.value)
