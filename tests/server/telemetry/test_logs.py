"""The log: one alarm can be followed to its messages, and nothing personal or secret stands in it."""

import json

import pytest
from structlog.testing import capture_logs

from server.items.model import Move
from server.notify.channels import Outcome, Verdict
from server.people.tables import Person
from tests.server.world import GATEWAY, PEOPLE, open_world


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as world:
        yield world


async def test_one_alarm_is_followed_from_its_gateway_to_its_messages(world):
    with capture_logs() as lines:
        await world.raise_alarm("a-77")
        await world.settle()
        await world.raise_alarm("a-78", "gas-2")
        await world.settle()
    stations = [line for line in lines if line.get("alarm") == "a-77"]
    assert [line["event"] for line in stations] == ["alarm_received", "alarm_committed", "item_routed"]
    taken, routed = stations[1:]
    assert (taken["gateway"], taken["change"]) == (GATEWAY, "raised")
    assert routed["item"] == taken["item"]
    assert routed["people"][0] == "leader"
    assert {"officer", "room", "desk"} < set(routed["people"])
    moves = [
        line["move"] for line in lines if line["event"] == "item_moved" and line["item"] == taken["item"]
    ]
    assert moves == ["open"]
    messages = [
        line["person"]
        for line in lines
        if line["event"] == "notice_attempted" and line["item"] == taken["item"]
    ]
    assert sorted(messages) == ["leader", "officer", "room"]


async def test_a_batch_that_rolls_back_says_nothing_of_its_alarms(world, monkeypatch):
    async def full(*_args, **_named):
        raise OSError("no space left on device")

    monkeypatch.setattr("server.intake.ingest._note_runs", full)
    with capture_logs() as lines, pytest.raises(OSError, match="no space"):
        await world.raise_alarm("a-77")
    assert [line for line in lines if line["event"] == "alarm_committed"] == []


async def test_no_name_number_address_or_key_stands_in_the_log(world):
    await world.set_person("leader", phone="13800138000", name="王秀英")
    world.channel.answers["leader"] = Outcome(verdict=Verdict.TEMPORARY, reason="busy")
    with capture_logs() as lines:
        await world.raise_alarm()
        await world.pass_time(61)
        await world.press("officer", Move.ACCEPT)
        await world.pass_time(3600)
    people = await world.rows(Person)
    text = json.dumps(lines, ensure_ascii=False, default=str)
    assert len(lines) > 5
    for secret in ("13800138000", *(p.webhook_url for p in people), *(p.name for p in people)):
        assert secret not in text
    assert {line["person"] for line in lines if "person" in line} <= set(PEOPLE), "people are codes"
