"""Devices as a person watches them and pushes faults by hand: the page's interface, the terminal's table."""

import io

import httpx2
import pytest
from rich.console import Console

from firmware_sim.control import build_control
from firmware_sim.plant import SimulatedPlant
from firmware_sim.terminal import table_of
from tests.sim.test_scenarios import BLOCK, KITCHEN, world_of


@pytest.fixture
async def hand(tmp_path):
    plant = world_of(tmp_path, BLOCK)
    transport = httpx2.ASGITransport(app=build_control(plant))
    async with httpx2.AsyncClient(transport=transport, base_url="http://sim") as client:
        yield client, plant


async def test_the_page_and_what_it_needs_is_there(hand):
    client, _ = hand
    page = await client.get("/")
    assert "模拟设备" in page.text
    for name in ("page.css", "page.js"):
        assert f'"/page/{name}"' in page.text
        assert (await client.get(f"/page/{name}")).status_code == 200
    assert (await client.get("/events")).json() == ["cut", "back", "month", "later", "bad"]


async def test_every_misbehaviour_that_a_device_offers_can_be_pushed_and_taken_back(hand):
    client, plant = hand
    for kind in (await client.get("/devices")).json()["gas-1"]["misbehaviours"]:
        answer = await client.post("/devices/gas-1/faults", json={"fault": kind})
        assert answer.status_code == 200
        assert plant.describe()["gas-1"]["fault"] == kind


async def test_what_cannot_be_is_explained(hand):
    client, _ = hand
    assert (await client.post("/devices/ghost/faults", json={"fault": "mute"})).status_code == 404
    assert (await client.post("/devices/gas-1/faults", json={"fault": "dance"})).status_code == 400
    line = await client.post("/steps", json={"do": "line", "up": False})
    assert (line.status_code, "rehearsal" in line.json()["error"]) == (400, True)


def test_the_terminal_shows_values_faults_and_missing_power(tmp_path):
    plant = world_of(tmp_path, BLOCK)
    plant.perform_event("bad")
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table_of("block", plant.describe()))
    plant.perform_event("cut")
    console.print(table_of("block", plant.describe()))
    shown = console.export_text()
    assert "gas_lel 0" in shown
    assert "stuck" in shown
    assert "no power" in shown


def test_every_step_of_the_shipped_kitchen_can_be_done(tmp_path):
    from firmware_sim.scenario import load_scenario

    plant = SimulatedPlant(load_scenario(KITCHEN))
    for event in plant.scenario.events:
        plant.perform_event(event)
