"""One board for all viewers: what is told, to whom, and that nothing is missed."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from server.clock import STREET_ZONE
from server.cockpit.board import Board
from server.cockpit.figures import PANELS
from server.items.model import Move
from server.notify.channels import Outcome, Verdict
from server.pulse import Pulses
from tests.server.world import PEOPLE, open_world
from wire.vocabulary import AlarmClass, Kind, Mode


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


def open_board(world) -> Board:
    board = Board(database=world.database, clock=world.clock, policies=world.policies, pulses=Pulses())
    world.database.listen(board.hear)
    return board


async def always() -> bool:
    return True


class Viewer:
    """Keeps what a page would keep, and steps through a stream without waiting for its end."""

    def __init__(self, board, after, still=always):
        self.stream = board.follow(after, still)
        self.events = []

    async def read(self, count):
        """Read until so many events came."""
        async with asyncio.timeout(5):
            while len(self.events) < count:
                for block in (await anext(self.stream)).decode().split("\n\n"):
                    fields = dict(one.split(": ", 1) for one in block.splitlines() if ": " in one)
                    if "event" in fields:
                        self.events.append((fields["event"], json.loads(fields["data"])))
        return self.events


async def test_a_snapshot_shows_an_open_item_with_its_owner_and_next_step(world):
    board = open_board(world)
    await world.raise_alarm()
    shown = await board.snapshot()
    (row,) = shown["items"]
    assert (row["owner"], row["next"], row["grid"], row["concerns"]) == ("leader某", "reach", "g1", [])
    assert set(shown["panels"]) == set(PANELS)
    assert all(panel["at"] == shown["now"] for panel in shown["panels"].values())


async def test_increments_bring_a_viewer_to_the_same_state_as_a_snapshot(world):
    board = open_board(world)
    begin = await board.snapshot()
    viewer = Viewer(board, f"{begin['epoch']}.{begin['seq']}")
    await world.raise_alarm()
    await board.turn()
    await world.press("leader", Move.ACCEPT)
    await board.turn()
    await viewer.read(3)
    kept = {}
    for name, data in viewer.events:
        if name == "items":
            kept |= {row["id"]: row for row in data["rows"]}
    assert list(kept.values()) == (await board.snapshot())["items"]
    assert [data["seq"] for name, data in viewer.events if name == "items"] == [
        begin["seq"] + 1,
        begin["seq"] + 2,
    ]


async def test_a_closed_item_leaves_the_board(world):
    board = open_board(world)
    item = await world.raise_alarm()
    begin = await board.snapshot()
    viewer = Viewer(board, f"{begin['epoch']}.{begin['seq']}")
    await world.press("leader", Move.ACCEPT)
    await world.clear_alarm()
    await world.press("leader", Move.FINISH)
    await board.turn()
    events = await viewer.read(1)
    assert events[0][0] == "items"
    assert events[0][1]["gone"] == [item.id]
    assert (await board.snapshot())["items"] == []


async def test_time_alone_makes_an_item_overdue_and_is_told(world):
    board = open_board(world)
    await world.raise_alarm()
    begin = await board.snapshot()
    viewer = Viewer(board, f"{begin['epoch']}.{begin['seq']}")
    world.clock.advance(seconds=245)
    await board.turn()
    (row,) = (await viewer.read(1))[0][1]["rows"]
    assert "overdue" in row["concerns"]
    assert "unreached" in row["concerns"], "no notice left: the sender did not run"


async def test_what_waits_for_the_morning_is_no_failure_at_night(world):
    world.clock.advance(seconds=_until_street(hour=22, now=world.clock.now()))
    await world.raise_alarm(class_=AlarmClass.ADVICE)
    await world.settle()
    board = open_board(world)
    await world.pass_time(3 * 3600)
    (row,) = (await board.snapshot())["items"]
    assert row["concerns"] == [], "nobody is woken for it, so nobody was to be reached"
    for person in PEOPLE:
        world.channel.answers[person] = Outcome(verdict=Verdict.PERMANENT, reason="no such address")
    await world.pass_time(7 * 3600)
    (row,) = (await board.snapshot())["items"]
    assert row["concerns"] == ["unreached"]


async def test_a_request_to_lay_aside_shows_until_its_time_is_over(world):
    board = open_board(world)
    await world.raise_alarm()
    until = world.clock.now() + timedelta(hours=1)
    await world.press("op-li", Move.SHELVE, reason="换探测器", until=until)
    assert (await board.snapshot())["items"][0]["shelf_asked"] is True
    world.clock.advance(seconds=3600)
    assert (await board.snapshot())["items"][0]["shelf_asked"] is False


def _until_street(*, hour: int, now: datetime) -> float:
    there = now.astimezone(STREET_ZONE)
    wanted = there.replace(hour=hour, minute=0, second=0)
    return (wanted - there).total_seconds() % 86_400


async def test_a_drill_is_shown_as_one_and_never_as_a_concern(world):
    board = open_board(world)
    await world.raise_alarm(mode=Mode.DRILL)
    world.clock.advance(seconds=3_600)
    (row,) = (await board.snapshot())["items"]
    assert (row["mode"], row["concerns"]) == ("drill", [])


async def test_whoever_comes_back_gets_what_was_missed_or_is_told_to_ask_again(world):
    board = open_board(world)
    begin = await board.snapshot()
    await world.raise_alarm()
    await board.turn()
    missed = Viewer(board, f"{begin['epoch']}.{begin['seq']}")
    assert [name for name, _ in await missed.read(1)] == ["items"]
    for stranger in ("", "another-epoch.1", f"{begin['epoch']}.999", f"{begin['epoch']}.x"):
        assert [name for name, _ in await Viewer(board, stranger).read(1)] == ["resync"], stranger
    restarted = open_board(world)
    await restarted.snapshot()
    assert [name for name, _ in await Viewer(restarted, f"{begin['epoch']}.{begin['seq']}").read(1)] == [
        "resync"
    ]


async def test_a_beat_names_the_newest_number_and_ends_with_the_right_to_watch(world):
    board = open_board(world)
    begin = await board.snapshot()
    allowed = True

    async def still() -> bool:
        return allowed

    viewer = Viewer(board, f"{begin['epoch']}.{begin['seq']}", still)
    running = asyncio.create_task(board.run())
    try:
        events = await viewer.read(1)
        assert events[0][0] == "beat"
        assert events[0][1]["seq"] == board.seq
        allowed = False
        await viewer.read(2)
        assert viewer.events[1][0] == "gone"
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_figures_count_handling_by_class_and_name_no_person(world):
    board = open_board(world)
    await world.raise_alarm()
    world.clock.advance(seconds=30)
    await world.press("leader", Move.ACCEPT)
    world.clock.advance(seconds=90)
    await world.clear_alarm()
    await world.press("leader", Move.FALSE_ALARM)
    await world.raise_alarm("a2", "gas-2", kind=Kind.ELECTRIC, class_=AlarmClass.HAZARD)
    panels = (await board.snapshot())["panels"]
    (gas, *_) = panels["times"]["classes"]
    assert (gas["class"], gas["accept_median_s"], gas["close_p90_s"]) == ("life_safety", 30, 120)
    assert (panels["false_alarms"]["closed"], panels["false_alarms"]["false"]) == (1, 1)
    assert panels["false_alarms"]["places"] == [{"name": "东社区", "false": 1, "closed": 1}]
    assert panels["noisy"]["total"] == 2
    assert [one["count"] for one in panels["noisy"]["sources"]] == [1, 1]
    assert panels["gateways"]["total"] == 1
    assert panels["roster"]["covered"] is None
    assert "某" not in json.dumps(panels, ensure_ascii=False)
