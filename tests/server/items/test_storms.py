"""Devices that fall silent together: held, gathered, withdrawn into one, and let go again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.devices.tables import Device
from server.escalation.tables import DueKind
from server.items.model import Grouping, ItemState, Move, Outcome
from server.items.storms import FOLD_FROM, Lot, Scope, Silent, find_fold, lot_of
from server.notify.tables import NoticeState
from server.places.tables import Building
from wire.vocabulary import AlarmClass, Condition, Kind, Mode

SILENT = {"kind": Kind.CONTACT, "class_": AlarmClass.FAULT, "rule": "contact"}


async def add_devices(world, count: int, *, building: str = "b1", feeder: str | None = None, first: int = 0):
    async with world.database.write() as session:
        for n in range(first, first + count):
            session.add(Device(gateway="gw-one", device=f"d{n}", building=building, feeder=feeder))


def silent(world, n: int, **changes):
    return world.alarm_message(world.state(f"c{n}", f"d{n}", **{**SILENT, **changes}))


async def storm_of(world):
    return next(item for item in await world.items() if item.grouping is Grouping.STORM)


async def test_a_power_cut_that_silences_300_devices_is_one_item_and_one_notice(world):
    await add_devices(world, 300, feeder="F1")
    for start in range(0, 300, 100):
        await world.take(*(silent(world, n) for n in range(start, start + 100)))
        world.clock.advance(seconds=5)
    await world.settle()
    assert world.channel.sent == []
    await world.pass_time(45)
    standing = [item for item in await world.items() if item.parent is None]
    [storm] = standing
    assert (storm.grouping, storm.device_name, storm.owner) == (Grouping.STORM, "300 台设备", "leader")
    assert len([item for item in await world.items() if item.parent == storm.id]) == 300
    await world.pass_time(600)
    assert len(world.heard("leader")) == 1
    assert "300 台设备" in world.heard("leader")[0]
    assert await world.waiting(DueKind.HOLD) == []


async def test_gas_in_a_storm_is_told_at_once_and_stands_for_itself(world):
    await add_devices(world, 10)
    await world.take(*(silent(world, n) for n in range(10)))
    await world.raise_alarm("g1", "gas-1")
    await world.settle()
    assert "燃气泄漏" in world.heard("leader")[0]
    await world.pass_time(45)
    gas = next(item for item in await world.items() if item.kind is Kind.GAS)
    assert gas.parent is None


async def test_one_silent_device_is_told_after_the_hold_and_not_before(world):
    await world.raise_alarm("c1", "gas-1", **SILENT)
    await world.pass_time(44)
    assert world.channel.sent == []
    await world.pass_time(1)
    assert len(world.heard("leader")) == 1


async def test_contact_that_comes_back_within_the_hold_troubles_nobody(world):
    await world.raise_alarm("c1", "gas-1", **SILENT)
    world.clock.advance(seconds=20)
    await world.clear_alarm("c1", "gas-1", **{**SILENT, "condition": Condition.NORMAL})
    item = await world.item()
    assert (item.state, item.outcome) == (ItemState.CLOSED, Outcome.LAPSED)
    await world.pass_time(600)
    assert world.channel.sent == []
    assert await world.waiting() == []


async def test_items_already_sent_are_withdrawn_into_the_storm(world):
    await add_devices(world, 12)
    await world.take(silent(world, 0, class_=AlarmClass.HAZARD))
    await world.loop.turn()
    world.clock.advance(seconds=45)
    await world.loop.turn()  # told of alone; the notice is not yet sent
    [early] = await world.items()
    assert (early.parent, early.held_until) == (None, None)
    assert [notice.state for notice in await world.notices()] == [NoticeState.PENDING]
    await world.take(*(silent(world, n) for n in range(1, 12)))
    world.clock.advance(seconds=45)
    await world.loop.turn()
    storm = await storm_of(world)
    early = next(item for item in await world.items() if item.id == early.id)
    assert early.parent == storm.id
    states = {notice.item: notice.state for notice in await world.notices()}
    assert states == {early.id: NoticeState.WITHDRAWN, storm.id: NoticeState.PENDING}
    assert [due for due in await world.waiting() if due.item == early.id] == []


async def test_a_matter_of_a_visit_goes_into_the_storm_too(world):
    await add_devices(world, 6)
    await world.take(silent(world, 0))
    await world.pass_time(45)
    await world.take(*(silent(world, n) for n in range(1, 6)))
    await world.pass_time(45)
    storm = await storm_of(world)
    inside = [item for item in await world.items() if item.parent == storm.id]
    assert {item.device for item in inside} == {f"d{n}" for n in range(6)}


async def test_a_late_one_joins_silently(world):
    await add_devices(world, 8)
    await world.take(*(silent(world, n) for n in range(5)))
    await world.pass_time(45)
    await world.take(silent(world, 6))
    await world.pass_time(120)
    storm = await storm_of(world)
    assert storm.device_name == "6 台设备"
    assert len(world.heard("leader")) == 1


async def test_those_still_dead_after_the_power_returns_stand_for_themselves(world):
    await add_devices(world, 10)
    await world.take(*(silent(world, n) for n in range(10)))
    await world.pass_time(45)
    storm = await storm_of(world)
    await world.press("leader", Move.FINISH, item=storm.id)
    assert (await storm_of(world)).state is ItemState.DONE
    for n in range(8):
        await world.clear_alarm(f"c{n}", f"d{n}", **{**SILENT, "condition": Condition.NORMAL})
    assert {due.kind for due in await world.waiting() if due.item == storm.id} == {
        DueKind.SPLIT,
        DueKind.RECHECK,
    }
    await world.pass_time(120)
    storm = await storm_of(world)
    assert (storm.state, storm.device_name) == (ItemState.CLOSED, "8 台设备")
    visit = next(item for item in await world.items() if item.grouping is Grouping.VISIT)
    left = {item.device for item in await world.items() if item.parent == visit.id}
    assert left == {"d8", "d9"}
    assert len(world.heard("leader")) == 2


async def test_a_silent_device_that_is_in_danger_leaves_the_storm(world):
    await add_devices(world, 5)
    await world.take(*(silent(world, n) for n in range(5)))
    await world.pass_time(45)
    await world.take(silent(world, 2, class_=AlarmClass.LIFE_SAFETY, count=2))
    await world.settle()
    item = next(item for item in await world.items() if item.device == "d2" and item.grouping is None)
    assert (item.parent, item.class_) == (None, AlarmClass.LIFE_SAFETY)
    assert {"leader", "officer", "room"} <= await world.told()


async def test_two_buildings_on_one_line_are_one_storm_named_by_the_line(world):
    async with world.database.write() as session:
        session.add(Building(code="b2", estate="e1", name="4号楼", grid="g1", feeder="F9"))
        (await session.get(Building, "b1")).feeder = "F9"
        for n in range(6):
            session.add(Device(gateway="gw-one", device=f"d{n}", building=("b1", "b2")[n % 2]))
    await world.take(*(silent(world, n) for n in range(6)))
    await world.pass_time(45)
    assert (await storm_of(world)).where == "供电线路 F9"


async def test_a_gateway_that_speaks_of_itself_is_told_at_once(world):
    await world.raise_alarm("s1", "gateway", **SILENT)
    await world.settle()
    assert world.heard("desk") or world.heard("leader")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("class_", list(AlarmClass))
def test_gas_and_fire_are_never_held(kind, class_):
    lot = lot_of(kind, class_, "d1", readable=True)
    if kind is not Kind.CONTACT or class_ is AlarmClass.LIFE_SAFETY:
        assert lot is not Lot.HELD
    if class_ in {AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD} and kind is not Kind.CONTACT:
        assert lot is Lot.ALONE


SILENTS = st.lists(
    st.builds(
        Silent,
        item=st.uuids().map(str),
        gateway=st.sampled_from("gh"),
        building=st.sampled_from(["b", "c", None]),
        feeder=st.sampled_from(["f", "e", None]),
    ),
    min_size=1,
    max_size=12,
)


@given(SILENTS)
def test_a_fold_holds_at_least_three_that_share_its_code_and_is_the_widest(silent):
    one = silent[0]
    fold = find_fold(one, silent)
    by_id = {other.item: other for other in silent}
    sizes = {
        scope: sum(other.code(scope) == one.code(scope) for other in silent)
        for scope in Scope
        if one.code(scope) is not None
    }
    possible = [scope for scope in Scope if sizes.get(scope, 0) >= FOLD_FROM]
    if not possible:
        assert fold is None
        return
    assert fold is not None
    assert fold.scope is possible[0]
    assert one.item in fold.items
    assert len(fold.items) == sizes[fold.scope]
    assert {by_id[item].code(fold.scope) for item in fold.items} == {fold.code}


async def test_a_drill_is_not_mixed_with_what_is_real(world):
    await add_devices(world, 6)
    await world.take(*(silent(world, n, mode=Mode.DRILL if n % 2 else Mode.LIVE) for n in range(6)))
    await world.pass_time(45)
    storms = [item for item in await world.items() if item.grouping is Grouping.STORM]
    assert {storm.mode for storm in storms} == {Mode.LIVE, Mode.DRILL}


async def test_a_storm_that_gets_graver_is_told_and_taken_anew(world):
    await add_devices(world, 6)
    await world.take(*(silent(world, n) for n in range(4)))
    await world.pass_time(45)
    storm = await storm_of(world)
    await world.press("leader", Move.ACCEPT, item=storm.id)
    await world.take(silent(world, 4, class_=AlarmClass.HAZARD))
    await world.settle()
    assert (await storm_of(world)).class_ is AlarmClass.HAZARD
    assert len(world.heard("leader")) == 2
    [waits] = await world.waiting(DueKind.ACCEPTANCE)
    assert (waits.item, waits.due_at - world.clock.now()) == (storm.id, timedelta(minutes=30))


async def test_a_storm_that_gets_graver_does_not_stay_laid_aside(world):
    await add_devices(world, 6)
    await world.take(*(silent(world, n) for n in range(4)))
    await world.pass_time(45)
    storm = await storm_of(world)
    until = world.clock.now() + timedelta(hours=2)
    await world.press("op-li", Move.SHELVE, item=storm.id, until=until, reason="停电检修")
    await world.take(silent(world, 4, class_=AlarmClass.HAZARD))
    await world.settle()
    assert (await storm_of(world)).shelved_until is None
    assert len(world.heard("leader")) == 2


async def test_whoever_ticks_off_one_device_of_a_storm_has_its_time_and_undone_so_has_the_storm(world):
    await add_devices(world, 4)
    await world.take(*(silent(world, n, class_=AlarmClass.HAZARD) for n in range(4)))
    await world.pass_time(45)
    storm = await storm_of(world)
    inside = [item.id for item in await world.items() if item.parent == storm.id]
    await world.press("leader", Move.FINISH, item=inside[0])
    [waits] = [due for due in await world.waiting() if due.item == storm.id]
    assert waits.kind is DueKind.ACCEPTANCE
    for item in inside[1:]:
        await world.press("leader", Move.FINISH, item=item)
    assert (await storm_of(world)).state is ItemState.DONE
    await world.press("leader", Move.UNDO, item=inside[-1])
    [waits] = [due for due in await world.waiting() if due.item == storm.id]
    assert (waits.kind, waits.due_at - world.clock.now()) == (DueKind.ACCEPTANCE, timedelta(minutes=30))


async def test_a_list_that_all_went_into_the_storm_is_no_second_thing_to_do(world):
    await add_devices(world, 4)
    await world.take(silent(world, 0))
    await world.pass_time(45)
    [visit] = [item for item in await world.items() if item.grouping is Grouping.VISIT]
    await world.take(*(silent(world, n) for n in range(1, 4)))
    await world.pass_time(45)
    storm = await storm_of(world)
    states = {item.id: item.state for item in await world.items() if item.parent is None}
    assert states == {storm.id: ItemState.NEW, visit.id: ItemState.CLOSED}
    heard = len(world.heard("leader"))
    await world.pass_time(25 * 3600)
    assert {message.item for message in world.channel.sent[heard:]} == {storm.id}


async def test_an_undone_press_does_not_keep_the_last_silent_ones_in_the_storm(world):
    await add_devices(world, 4)
    await world.take(*(silent(world, n) for n in range(4)))
    await world.pass_time(45)
    storm = await storm_of(world)
    await world.press("leader", Move.ACCEPT, item=storm.id)
    await world.take(*(silent(world, n, condition=Condition.NORMAL) for n in range(3)))
    await world.press("leader", Move.UNDO, item=storm.id)
    await world.pass_time(120)
    last = next(item for item in await world.items() if item.device == "d3" and item.grouping is None)
    assert last.parent != storm.id
