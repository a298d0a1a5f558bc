"""Visits with many matters, sources that chatter, and how much a volunteer is asked for."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.devices.tables import Device
from server.items import budget, chatter
from server.items.budget import Load, way_of
from server.items.machine import Refusal
from server.items.model import Grouping, ItemState, Move, Outcome, ToldWay
from server.people.tables import Duty, Person, Role, Scope
from server.places.tables import Building, PlacesVersion
from tests.server.world import at
from wire.vocabulary import AlarmClass, Condition, Kind

LOW_BATTERY = {"rule": "battery-low", "class_": AlarmClass.ADVICE}
WORN_OUT = {"rule": "life-over", "class_": AlarmClass.FAULT}
LOW_PRESSURE = {"rule": "pressure-low", "class_": AlarmClass.FAULT, "kind": Kind.FIRE}

_DAY_S = 24 * 3600


async def three_matters(world):
    await world.raise_alarm("m1", "gas-1", **LOW_BATTERY)
    await world.settle()
    await world.raise_alarm("m2", "gas-2", **WORN_OUT)
    await world.raise_alarm("m3", "meter-1", **LOW_PRESSURE)
    await world.settle()
    visit = await world.item()
    assert visit.grouping is Grouping.VISIT
    matters = [item for item in await world.items() if item.parent == visit.id]
    return visit, sorted(matters, key=lambda matter: matter.device)


async def test_faults_of_one_place_are_one_visit_with_one_notice(world):
    visit, matters = await three_matters(world)
    assert {matter.device for matter in matters} == {"gas-1", "gas-2", "meter-1"}
    assert (visit.class_, visit.device_name, visit.where) == (AlarmClass.FAULT, "3 件事", "东苑 3号楼")
    assert len(world.heard("leader")) == 1


async def test_matters_are_ticked_off_one_by_one_and_the_last_ends_the_visit(world):
    visit, matters = await three_matters(world)
    for matter in matters:
        assert (await world.press("leader", Move.FINISH, item=matter.id)).refusal is None
    states = {item.id: item.state for item in await world.items()}
    assert states[visit.id] is ItemState.DONE
    for alarm, device, kind in (
        ("m1", "gas-1", Kind.GAS),
        ("m2", "gas-2", Kind.GAS),
        ("m3", "meter-1", Kind.FIRE),
    ):
        await world.clear_alarm(alarm, device, kind=kind, class_=AlarmClass.FAULT)
    assert {item.state for item in await world.items()} == {ItemState.CLOSED}
    assert await world.waiting() == []


async def test_whoever_ticks_a_matter_has_the_visit(world):
    visit, matters = await three_matters(world)
    await world.press("leader", Move.FINISH, item=matters[0].id)
    visit = next(item for item in await world.items() if item.id == visit.id)
    assert (visit.state, visit.owner, visit.accepted) == (ItemState.ACCEPTED, "leader", True)


async def test_a_matter_ticked_by_mistake_is_open_again_and_so_is_the_visit(world):
    visit, matters = await three_matters(world)
    for matter in matters:
        await world.press("leader", Move.FINISH, item=matter.id)
    await world.press("leader", Move.UNDO, item=matters[-1].id)
    states = {item.id: item.state for item in await world.items()}
    assert (states[visit.id], states[matters[-1].id]) == (ItemState.ACCEPTED, ItemState.NEW)


@pytest.mark.parametrize(("matter", "days"), [(WORN_OUT, 3), (LOW_BATTERY, 7)])
@pytest.mark.parametrize("move", [Move.ACCEPT, Move.ARRIVE])
async def test_a_visit_that_somebody_lets_lie_comes_to_their_mind_and_then_to_the_desk(
    world, matter, days, move
):
    await world.raise_alarm("m1", "gas-1", **matter)
    await world.settle()
    await world.press("leader", move)
    await world.pass_time(days * _DAY_S - 60)
    assert (len(world.heard("leader")), world.heard("desk")) == (1, [])
    await world.pass_time(60)
    assert (len(world.heard("leader")), world.heard("desk")) == (2, [])
    await world.pass_time(days * _DAY_S)
    assert (len(world.heard("leader")), len(world.heard("desk"))) == (3, 1)


async def test_nobody_is_reminded_of_a_visit_at_night(world):
    await world.raise_alarm("m1", "gas-1", **WORN_OUT)
    await world.settle()
    world.clock.time = world.clock.time.replace(hour=15)  # eleven at night in the street
    await world.press("leader", Move.ACCEPT)
    await world.pass_time(3 * _DAY_S + 8 * 3600)
    assert len(world.heard("leader")) == 1
    await world.pass_time(1800)  # half past seven
    assert len(world.heard("leader")) == 2


async def test_a_matter_takes_no_other_press(world):
    _, matters = await three_matters(world)
    for move in (Move.ACCEPT, Move.ARRIVE, Move.NOT_MINE, Move.NEED_HELP):
        assert (await world.press("leader", move, item=matters[0].id)).refusal is Refusal.MERGED
    assert (await world.press("deputy", Move.FINISH, item=matters[0].id)).refusal is Refusal.NOT_TOLD


async def test_done_for_the_visit_is_done_for_its_matters_until_a_sensor_says_otherwise(world):
    visit, matters = await three_matters(world)
    await world.press("leader", Move.FINISH, item=visit.id)
    await world.clear_alarm("m1", "gas-1", **{**LOW_BATTERY, "condition": Condition.NORMAL})
    await world.pass_time(300)
    states = {item.id: item.state for item in await world.items()}
    assert states[visit.id] is ItemState.ACCEPTED
    assert [states[matter.id] for matter in matters] == [
        ItemState.CLOSED,
        ItemState.ACCEPTED,
        ItemState.ACCEPTED,
    ]
    assert len(world.heard("leader")) == 2


async def test_a_fault_after_the_visit_is_another_visit(world):
    visit, _ = await three_matters(world)
    await world.press("leader", Move.FINISH, item=visit.id)
    await world.raise_alarm("m9", "meter-1", kind=Kind.WATER, class_=AlarmClass.FAULT)
    visits = [item for item in await world.items() if item.grouping is Grouping.VISIT]
    assert len(visits) == 2


async def test_a_fault_that_becomes_a_danger_leaves_the_visit_and_is_told_at_once(world):
    visit, _ = await three_matters(world)
    await world.raise_alarm("m2", "gas-2", rule="life-over", class_=AlarmClass.LIFE_SAFETY, count=2)
    await world.settle()
    item = next(one for one in await world.items() if one.device == "gas-2" and one.grouping is None)
    assert (item.parent, item.class_) == (None, AlarmClass.LIFE_SAFETY)
    assert {"leader", "officer", "room"} <= await world.told()
    assert len([one for one in await world.items() if one.parent == visit.id]) == 2


# --- chattering ---------------------------------------------------------------------------------


async def flap(world, times: int, every_s: float, **changes):
    for n in range(times):
        await world.clear_alarm(**changes)
        world.clock.advance(seconds=every_s)
        await world.raise_alarm(count=n + 2, **changes)
        await world.settle()


async def test_a_chattering_hazard_is_marked_and_its_notices_are_damped(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    await flap(world, 10, 5, class_=AlarmClass.HAZARD)
    item = await world.item()
    assert item.chattering_since is not None
    assert len(world.heard("leader")) <= 3
    await world.pass_time(900)
    heard = len(world.heard("leader"))
    await flap(world, 1, 1, class_=AlarmClass.HAZARD)
    assert len(world.heard("leader")) == heard + 1


async def test_chattering_gas_is_still_told_every_minute_and_stays_on_top(world):
    await world.raise_alarm()
    await world.settle()
    await flap(world, 36, 5)
    assert (await world.item()).chattering_since is not None
    assert 4 <= len(world.heard("leader")) <= 6


async def test_done_and_back_again_is_always_told(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await flap(world, 5, 2, class_=AlarmClass.HAZARD)
    await world.press("leader", Move.FINISH)
    heard = len(world.heard("leader"))
    await world.raise_alarm(class_=AlarmClass.HAZARD, count=9)
    await world.settle()
    assert len(world.heard("leader")) == heard + 1


@given(st.lists(st.floats(0, 120), max_size=40))
def test_three_raises_within_a_minute_chatter_and_ten_quiet_minutes_end_it(gaps):
    record, now = chatter.Record(), at()
    for gap in gaps:
        now += timedelta(seconds=gap)
        before = record
        record = chatter.note_raise(record, times=1, now=now)
        assert (record.raises >= 3) <= (record.chattering_since is not None)
        assert before.chattering_since is None or record.chattering_since == before.chattering_since
    assert not chatter.is_chattering(record, now + timedelta(minutes=10))


def test_several_at_once_from_a_gateway_that_was_cut_off_count():
    assert chatter.note_raise(chatter.Record(), times=3, now=at()).chattering_since == at()


# --- the load budget ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "waiting", "way"),
    [(0, 0, "now"), (2, 0, "now"), (3, 0, "digest"), (0, 1, "digest"), (3, 4, "digest"), (3, 5, "upward")],
)
def test_three_an_hour_then_a_digest_then_upward(told, waiting, way):
    assert way_of(Load(told=told, waiting=waiting)) == ToldWay(way)


@pytest.mark.parametrize("in_one_batch", [False, True])
async def test_a_leaders_fourth_visit_waits_for_the_digest_and_the_ninth_goes_up(world, in_one_batch):
    world.clock.time = world.clock.time.replace(hour=10)  # 18:00 in the street: the digest is due by day
    async with world.database.write() as session:
        for n in range(10):
            session.add(Building(code=f"x{n}", estate="e1", name=f"{n}栋", grid="g1"))
            await session.flush()
            session.add(Device(gateway="gw-one", device=f"v{n}", building=f"x{n}"))
        session.add(PlacesVersion(at=world.clock.now()))
    if in_one_batch:
        states = [world.state(f"v{n}", f"v{n}", **LOW_BATTERY) for n in range(9)]
        await world.take(*(world.alarm_message(state) for state in states))
        await world.pass_time(9 * 60)
        assert "共3件事项" in world.heard("leader")[-1]
    else:
        for n in range(9):
            await world.raise_alarm(f"v{n}", f"v{n}", **LOW_BATTERY)
            await world.pass_time(60)
        assert len(world.heard("leader")) == 3
    heard = len(world.heard("leader"))
    assert len(world.heard("desk")) == 1
    async with world.database.read() as session:
        load = (await budget.read_loads(session, None, now=world.clock.now()))["leader"]
    assert (load.told, load.waiting) == (3, 5)
    await world.raise_alarm("g1", "gas-1")
    await world.settle()
    assert len(world.heard("leader")) == heard + 1
    await world.pass_time(3600 - 9 * 60)
    assert len(world.heard("leader")) == heard + 2
    assert "共5件事项" in world.heard("leader")[-1]


async def test_a_maintainer_is_not_spared(world):
    async with world.database.write() as session:
        session.add(Person(code="fixer", name="修某", webhook_url="https://phone.example/fixer"))
        await session.flush()
        session.add(Duty(person="fixer", role=Role.MAINTAINER, scope=Scope.STREET, code=""))
        for n in range(6):
            session.add(Building(code=f"x{n}", estate="e1", name=f"{n}栋", grid="g1"))
            await session.flush()
            session.add(Device(gateway="gw-one", device=f"v{n}", building=f"x{n}"))
        session.add(PlacesVersion(at=world.clock.now()))
    for n in range(6):
        await world.raise_alarm(f"v{n}", f"v{n}", **LOW_BATTERY)
    await world.settle()
    assert len([notice for notice in await world.notices() if notice.person == "fixer"]) == 6


@pytest.mark.parametrize("move", [Move.ARRIVE, Move.NEED_HELP, Move.FINISH])
async def test_what_was_ticked_off_stays_so_when_a_press_on_the_visit_is_undone(world, move):
    visit, (first, *others) = await three_matters(world)
    await world.press("leader", Move.FINISH, item=first.id)
    await world.press("leader", move, item=visit.id)
    await world.press("leader", Move.UNDO, item=visit.id)
    states = {item.id: item.state for item in await world.items()}
    assert states[first.id] is ItemState.DONE
    assert {states[one.id] for one in others} == {ItemState.NEW}
    assert states[visit.id] is ItemState.ACCEPTED


async def test_a_visit_whose_last_matter_stands_for_itself_is_over_and_sends_nobody(world):
    await world.raise_alarm("m1", "gas-1", **WORN_OUT)
    [visit, matter] = sorted(await world.items(), key=lambda item: item.parent is not None)
    await world.press("op-li", Move.UNMERGE, item=matter.id)
    states = {item.id: (item.state, item.outcome) for item in await world.items()}
    assert states[visit.id] == (ItemState.CLOSED, Outcome.LAPSED)
    assert states[matter.id][0] is ItemState.NEW
    await world.settle()
    assert len(world.heard("leader")) == 1


async def test_a_visit_says_how_many_matters_are_left_on_its_list(world):
    visit, matters = await three_matters(world)
    await world.press("op-li", Move.UNMERGE, item=matters[0].id)
    assert next(item for item in await world.items() if item.id == visit.id).device_name == "2 件事"
