"""Profiles: what ships is described, is valid by the schema that ships, and says where it comes from."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from edge.drivers.modbusprofile import ModbusProfile, closes_valve
from edge.drivers.profile import parse_profile, profile_schema, shipped_profiles
from edge.drivers.profileparts import Confidence
from edge.errors import ConfigError
from edge.profiledocs import write_devices, write_schema

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "edge/drivers/profiles").glob("*.yaml"))


def test_the_page_of_device_models_is_that_of_the_profiles():
    assert (ROOT / "docs/devices.md").read_text(encoding="utf-8") == write_devices(), "run `make api`"
    for model in shipped_profiles():
        assert f"\n### {model}\n" in write_devices()


def test_the_schema_that_ships_is_that_of_the_code():
    shipped = (resources.files("edge.drivers") / "profile.schema.json").read_text(encoding="utf-8")
    assert shipped == write_schema(), "run `make api`"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_profile_is_good_by_the_schema_and_named_as_its_file(path):
    tree = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(tree))
    jsonschema.Draft202012Validator(profile_schema()).validate(plain)
    assert tree["model"] == path.stem


def test_the_schema_refuses_what_is_no_profile():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(profile_schema()).validate({"model": "x", "points": []})


def test_at_least_sixteen_models_speak_modbus_and_each_names_its_source():
    models = [p for p in shipped_profiles().values() if isinstance(p, ModbusProfile)]
    assert len(models) >= 16
    assert sum(p.confidence is not Confidence.LOW for p in models) >= 16
    assert all(len(profile.source) > 20 for profile in models)


def test_no_shipped_profile_can_do_more_to_a_valve_than_close_it():
    for profile in shipped_profiles().values():
        for action in getattr(profile, "actions", {}):
            assert "valve" not in action or closes_valve(action)


def test_a_wrong_profile_says_where_and_what():
    text = FILES[0].read_text(encoding="utf-8").replace("unit: V,", "units: V,", 1)
    with pytest.raises(ConfigError, match=r"mine\.yaml: .*points\.0\.unit"):
        parse_profile(text, origin="mine.yaml")


def test_the_generator_is_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "edge.profiledocs"], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.decode() == write_devices()
