"""The door for tools on the same machine."""

import asyncio
import json
import stat

import pytest

from edge.clock import ManualClock
from edge.model import Snapshot
from edge.watch.answers import Answers, KnownDevice
from edge.watch.localdoor import SOCKET_NAME, DoorClosedError, LocalDoor, ask_gateway
from tests.edge.site import GAS
from tests.harness.waiting import until
from wire.statusparts import BusState
from wire.vocabulary import Quality


class Worker:
    attempts = 7

    def state(self):
        return BusState(bus="kitchen", connected=True, devices=2, silent=("gas-2",))


def answers(latest, clock):
    return Answers(
        clock=clock,
        devices=[
            KnownDevice(id=name, label="探测器", bus="kitchen", profile="p") for name in ("gas", "gas-2")
        ],
        status=lambda: 1 / 0,
        latest=latest,
        alarms=dict,
        workers={"kitchen": Worker()},
        measures=lambda: {"readings_shed": 3},
    )


@pytest.fixture
async def opened(tmp_path):
    """A door in a folder whose path is longer than the kernel takes."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    clock = ManualClock()
    snapshot = Snapshot(
        device="gas", points=GAS, values=(3.5,), qualities=(Quality.OUT_OF_RANGE,), at=clock.moment()
    )
    clock.advance(seconds=2)
    door = LocalDoor(folder, answers({"gas": snapshot}, clock).questions)
    task = asyncio.create_task(door.run())
    await until(lambda: answered(folder), what="the door is open")
    yield folder
    task.cancel()
    await asyncio.wait([task])
    assert not (folder / SOCKET_NAME).exists()


async def answered(folder):
    try:
        return await ask(folder, "metrics")
    except DoorClosedError:
        return None


async def ask(folder, question):
    return await asyncio.to_thread(ask_gateway, folder, question)


async def test_values_name_every_device_with_quality_and_age_also_one_that_was_never_heard(opened):
    heard, never = await ask(opened, "values")
    assert heard["age_ms"] == 2000
    assert heard["points"] == [
        {"point": "gas_lel", "unit": "%{LEL}", "value": 3.5, "quality": "out_of_range"}
    ]
    assert (never["device"], never["at"], never["points"]) == ("gas-2", None, [])


async def test_buses_tell_attempts_and_who_is_silent(opened):
    (bus,) = await ask(opened, "buses")
    assert (bus["attempts"], bus["silent"], bus["connected"]) == (7, ["gas-2"], True)


async def test_a_wrong_question_is_refused_with_what_may_be_asked(opened):
    with pytest.raises(DoorClosedError, match="unknown question 'weather', allowed alarms, buses"):
        await ask(opened, "weather")


async def test_an_answer_that_fails_is_an_error_and_the_door_stays_open(opened):
    with pytest.raises(DoorClosedError, match="status: division by zero"):
        await ask(opened, "status")
    assert await ask(opened, "metrics") == {"readings_shed": 3}


def test_bytes_that_are_no_question_are_answered():
    door = LocalDoor(None, {})
    for line in (b"", b"\xff\n", b"[1]\n", b'{"ask": 3}\n', b"{}\n"):
        assert json.loads(door.answer(line))["ok"] is False


async def test_only_the_gateways_user_may_knock(opened):
    assert stat.S_IMODE((opened / SOCKET_NAME).stat().st_mode) == 0o600


async def test_where_no_gateway_runs_the_tool_is_told(tmp_path):
    with pytest.raises(DoorClosedError, match="no gateway answers in"):
        await ask(tmp_path, "status")
