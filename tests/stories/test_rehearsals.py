"""The shipped scenarios, each with a real gateway and server, judged by what it expects itself."""

from pathlib import Path

import pytest

import firmware_sim.scenarios
from firmware_sim.rehearsal.runner import rehearse
from firmware_sim.rehearsal.stage import build_rehearsal
from firmware_sim.scenario import load_scenario

pytestmark = pytest.mark.story
SHIPPED = sorted(Path(firmware_sim.scenarios.__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
async def test_a_scenario_ends_as_it_expects(path):
    told = []
    async with build_rehearsal(path, load_scenario(path), broker="mosquitto") as stage:
        outcome = await rehearse(stage, tell=told.append)
    assert outcome.problems == [], "\n".join(told)
    assert outcome.met


async def test_a_rehearsal_that_goes_wrong_says_what_and_where(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "name: wrong\nbuses: {a: {}}\ndevices: [{name: d, model: acrel-asj, bus: a}]\n"
        "script: [{at: 1, do: press, person: wang, move: accept}]\n"
        "expect: [{by: 2, expect: item, device: d}, {by: 3, expect: item, times: 0}]\n",
        encoding="utf-8",
    )
    async with build_rehearsal(path, load_scenario(path), broker="mosquitto") as stage:
        outcome = await rehearse(stage, tell=lambda _line: None, patience_s=0.2)
    assert [problem.split(":")[0] for problem in outcome.problems] == ["1.0 s", "2.0 s"]
    assert len(outcome.met) == 1
