"""What needs attention is listed, the most dangerous first, to whoever may see to it, and goes on a list by one press."""

from datetime import date, timedelta

import pytest

from server.access.model import Reach
from server.clock import STREET_ZONE, ManualClock
from server.devices.attention import count_matters, list_matters
from server.devices.concerns import Concern
from server.devices.conditions import SCALES, ConditionKeeper
from server.devices.health import Health, health_after
from server.devices.service import apply_status
from server.devices.tables import Device, DeviceCondition, Gateway
from server.history.database import HistoryDatabase
from server.pulse import Pulses
from tests.server.history.recording import record
from tests.server.world import GATEWAY, at, open_world
from wire.messages import LaneDepth, StatusMessage
from wire.statusparts import MachineState
from wire.vocabulary import AlarmClass, Clock, Kind, Lane, Presence, Suppression

NOW = ManualClock().now()
"""When the world begins."""
TODAY = NOW.astimezone(STREET_ZONE).date()
EVERYWHERE = Reach(street=True)


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


def status(world, **changes) -> StatusMessage:
    return StatusMessage(**world.envelope(presence=Presence.ONLINE, **changes))


async def change(world, device, **values):
    async with world.database.write() as session:
        row = await session.get_one(Device, (GATEWAY, device))
        for name, value in values.items():
            setattr(row, name, value)


async def listed(world, reach=EVERYWHERE, **options):
    now = world.clock.now()
    async with world.database.read() as session:
        counts = await count_matters(session, reach, now=now)
        found = await list_matters(session, reach, counts, now=now, **options)
    if not options:
        assert counts.total() == len(found), "the counts are those of the list"
    return [(one.concern, one.device) for one in found]


async def all_well(world):
    """The world's gateway and devices as they are where nothing is amiss."""
    async with world.database.write() as session:
        await apply_status(session, GATEWAY, status(world), now=world.clock.now())
    for device in ("gas-1", "gas-2", "meter-1"):
        kind = "electric" if device == "meter-1" else "gas"
        await change(world, device, first_heard_at=at(), kind=kind)


async def test_where_all_is_well_nothing_is_listed(world):
    await all_well(world)
    assert await listed(world) == []


async def test_the_most_dangerous_stands_first_and_then_what_lasts_longest(world):
    await all_well(world)
    await change(world, "meter-1", ends_on=TODAY - timedelta(days=400), test_due_on=TODAY - timedelta(days=1))
    await change(world, "gas-2", ends_on=TODAY + timedelta(days=3), tested_on=TODAY - timedelta(days=366))
    await change(world, "gas-1", test_due_on=TODAY - timedelta(days=9))
    contact = {"kind": Kind.CONTACT, "class_": AlarmClass.FAULT, "rule": "contact"}
    await world.raise_alarm("c1", "meter-1", **contact)
    await world.raise_alarm("c2", "gas-2", **contact)
    await world.raise_alarm("b1", "gas-2", class_=AlarmClass.ADVICE, rule="battery", point="battery_percent")
    await world.raise_alarm("f1", "gas-1", class_=AlarmClass.FAULT, rule="fault", point="fault")
    assert await listed(world) == [
        (Concern.SILENT, "gas-2"),
        (Concern.FAULTY, "gas-1"),
        (Concern.WEAK, "gas-2"),
        (Concern.UNTESTED, "gas-2"),
        (Concern.UNTESTED, "gas-1"),
        (Concern.SILENT, "meter-1"),
        (Concern.PAST_LIFE, "meter-1"),
        (Concern.UNTESTED, "meter-1"),
        (Concern.ENDING, "gas-2"),
    ]
    assert await listed(world, first=3, most=3) == [
        (Concern.UNTESTED, "gas-2"),
        (Concern.UNTESTED, "gas-1"),
        (Concern.SILENT, "meter-1"),
    ]
    assert await listed(world, only=Concern.SILENT, first=1) == [(Concern.SILENT, "meter-1")]


async def test_a_gateway_is_listed_for_what_is_behind_it_its_clock_its_queue_and_its_certificate(world):
    await all_well(world)
    waiting = LaneDepth(lane=Lane.ALARMS, run="r", waiting=2)
    machine = MachineState(certificate_expires_at=NOW + timedelta(days=20))
    async with world.database.write() as session:
        for _ in range(2):
            message = status(world, clock=Clock.UNSURE, lanes=(waiting,), machine=machine)
            await apply_status(session, GATEWAY, message, now=world.clock.now())
            world.clock.advance(seconds=121)
    world.clock.advance(seconds=-121)
    gateway = [
        (Concern.QUEUE, "gateway"),
        (Concern.CERTIFICATE, "gateway"),
        (Concern.CLOCK, "gateway"),
    ]
    assert await listed(world) == gateway
    world.clock.advance(seconds=91)
    assert await listed(world) == [(Concern.SILENT, "gateway"), *gateway]


async def test_devices_that_were_never_heard_are_not_taken_for_well(world):
    async with world.database.write() as session:
        session.add(Gateway(id="gw-new", name="新网关"))
    found = await listed(world)
    assert found[0] == (Concern.UNHEARD, "gateway")
    assert {device for concern, device in found if concern is Concern.UNHEARD} == {
        "gateway",
        "gas-1",
        "gas-2",
        "meter-1",
    }


async def test_what_was_shelved_or_retired_on_purpose_is_not_listed(world):
    await all_well(world)
    contact = {"kind": Kind.CONTACT, "class_": AlarmClass.FAULT, "rule": "contact"}
    await world.raise_alarm("c1", "gas-1", **contact)
    await change(world, "gas-2", ends_on=TODAY - timedelta(days=1), retired_at=at())
    assert await listed(world) == [(Concern.SILENT, "gas-1")]
    await world.raise_alarm("c1", "gas-1", suppression=Suppression.SHELVED, **contact)
    assert await listed(world) == []


async def test_a_narrow_reach_sees_its_own(world):
    await all_well(world)
    await change(world, "gas-1", test_due_on=date(2026, 1, 1))
    assert await listed(world, Reach(communities=frozenset({"c1"}))) == [(Concern.UNTESTED, "gas-1")]
    assert await listed(world, Reach(communities=frozenset({"c2"}))) == []


async def test_batteries_are_told_by_readings_where_no_rule_watches_them(world, tmp_path):
    await all_well(world)
    readings = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/readings.db")
    await readings.prepare()
    keeper = ConditionKeeper(database=world.database, readings=readings, clock=world.clock, pulses=Pulses())
    for minutes, value, expected in ((0, 21, []), (1, 12, [12.0]), (2, 25, [12.0]), (3, 80, [])):
        await record(readings, "gas-1/battery_percent", "%", at(minutes=minutes), (value,))
        await keeper.turn()
        assert [row.value for row in await world.rows(DeviceCondition)] == expected
        assert await listed(world) == [(Concern.WEAK, "gas-1")] * len(expected)
    await readings.close()


@pytest.mark.parametrize(
    ("point", "value", "was_bad", "bad"),
    [
        ("battery_percent", 20, False, True),
        ("battery_percent", 20.5, False, False),
        ("battery_percent", 29, True, True),
        ("battery_low", 1, False, True),
        ("battery_low", 0, True, False),
        ("rssi_dbm", -96, False, True),
        ("contamination_percent", 75, True, True),
        ("contamination_percent", 75, False, False),
    ],
)
def test_a_value_near_its_limit_does_not_flap(point, value, was_bad, bad):
    assert SCALES[point].is_bad(value, was_bad=was_bad) is bad


def test_a_queue_counts_from_when_it_stopped_to_empty(world):
    held = Health()
    for seconds, waiting, since in (
        (0, 10, None),
        (30, 40, 30),
        (60, 40, 30),
        (90, 39, None),
        (120, 50, 120),
    ):
        lanes = (LaneDepth(lane=Lane.READINGS, run="r", waiting=waiting),)
        message = status(world, lanes=lanes)
        held = health_after(held, message, now=at(seconds=seconds))
        assert held.queue_since == (None if since is None else at(seconds=since))


def test_a_clock_is_wrong_when_it_says_so_or_is_far_off(world):
    message = status(world)
    assert (
        health_after(Health(), message, now=message.sent_at + timedelta(seconds=100)).clock_wrong_since
        is None
    )
    late = message.sent_at + timedelta(seconds=130)
    assert health_after(Health(), message, now=late).clock_wrong_since == late
    early = Health(clock_wrong_since=at())
    assert health_after(early, message, now=late).clock_wrong_since == at()
    assert health_after(early, message, now=message.sent_at).clock_wrong_since is None
