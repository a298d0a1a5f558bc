"""What the desk does with items: merges and parts them, lays them aside and takes them up again."""

from datetime import timedelta

import pytest

from server.items.machine import Refusal
from server.items.model import ItemState, Move
from server.items.service import PressVerdict
from server.notify.tables import NoticeState
from wire.vocabulary import AlarmClass, Kind, Mode


async def two(world, **second):
    first = await world.raise_alarm("a1", "gas-1")
    world.clock.advance(seconds=1)
    second = await world.raise_alarm("a2", "gas-2", **second)
    return first.id, second.id


async def one(world, item_id):
    return next(item for item in await world.items() if item.id == item_id)


async def merge(world, child, parent):
    return await world.press("op-li", Move.MERGE, item=child, to=parent)


async def test_a_merged_item_keeps_its_identity_and_is_silent(world):
    parent, child = await two(world)
    assert (await merge(world, child, parent)).verdict is PressVerdict.APPLIED
    merged = await one(world, child)
    assert (merged.parent, merged.state, merged.device) == (parent, ItemState.NEW, "gas-2")
    states = {notice.state for notice in await world.notices() if notice.item == child}
    assert states == {NoticeState.WITHDRAWN}
    assert [due for due in await world.waiting() if due.item == child] == []
    assert (await world.press("leader", Move.ACCEPT, item=child)).refusal is Refusal.MERGED


async def test_nothing_goes_into_what_is_laid_aside_where_it_would_be_silent_without_a_second_person(world):
    parent, child = await two(world)
    until = world.clock.now() + timedelta(hours=1)
    await world.press("op-li", Move.SHELVE, item=parent, reason="检修", until=until)
    await world.press("op-wu", Move.CONFIRM_SHELF, item=parent)
    assert (await merge(world, child, parent)).refusal is Refusal.WRONG_TARGET
    assert (await one(world, child)).parent is None


async def test_both_sensors_must_be_content_before_a_merged_pair_ends(world):
    parent, child = await two(world)
    await merge(world, child, parent)
    await world.press("leader", Move.FINISH, item=parent)
    await world.clear_alarm("a1", "gas-1")
    assert (await one(world, parent)).state is ItemState.DONE
    await world.clear_alarm("a2", "gas-2")
    assert {item.state for item in await world.items()} == {ItemState.CLOSED}


async def test_a_raise_of_the_merged_one_is_told_through_the_other(world):
    parent, child = await two(world)
    await merge(world, child, parent)
    await world.press("leader", Move.FINISH, item=parent)
    await world.settle()
    heard = len(world.heard("leader"))
    await world.take(world.alarm_message(world.state("a2", "gas-2", count=2)))
    await world.settle()
    assert (await one(world, parent)).state is ItemState.ACCEPTED
    assert len(world.heard("leader")) == heard + 1


async def test_a_merge_undone_stands_for_itself_again_and_is_told(world):
    parent, child = await two(world)
    await merge(world, child, parent)
    await world.settle()
    heard = len(world.heard("leader"))
    outcome = await world.press("op-li", Move.UNMERGE, item=child)
    await world.settle()
    assert (outcome.verdict, outcome.state) == (PressVerdict.APPLIED, ItemState.NEW)
    assert (await one(world, child)).parent is None
    assert len(world.heard("leader")) == heard + 1
    await world.pass_time(60)
    assert "deputy" in await world.told()
    assert (await world.press("leader", Move.ACCEPT, item=child)).verdict is PressVerdict.APPLIED


@pytest.mark.parametrize("second", [{"class_": AlarmClass.HAZARD}, {"mode": Mode.DRILL}])
async def test_nothing_grave_goes_under_something_lesser_or_unreal(world, second):
    real, other = await two(world, **second)
    assert (await merge(world, real, other)).refusal is Refusal.WRONG_TARGET


async def test_no_item_goes_into_itself_or_into_a_part_or_into_nothing(world):
    parent, child = await two(world)
    assert (await merge(world, parent, parent)).refusal is Refusal.WRONG_TARGET
    assert (await merge(world, parent, "nothing")).refusal is Refusal.WRONG_TARGET
    await merge(world, child, parent)
    assert (await merge(world, parent, child)).refusal is Refusal.IS_GROUP
    world.clock.advance(seconds=1)
    third = await world.raise_alarm("a3", "meter-1")
    assert (await merge(world, third.id, child)).refusal is Refusal.WRONG_TARGET
    assert (await merge(world, child, third.id)).refusal is Refusal.MERGED


async def test_an_exception_closes_what_is_inside_too(world):
    parent, child = await two(world)
    await merge(world, child, parent)
    await world.press("op-li", Move.CLOSE_EXCEPTION, item=parent, reason="同一处泄漏，已关总阀")
    assert {item.state for item in await world.items()} == {ItemState.CLOSED}
    assert await world.waiting() == []


# --- laying aside -------------------------------------------------------------------------------

HOUR = timedelta(hours=1)


async def shelve(world, hours: float, who: str = "op-li", reason: str = "厂家明天来"):
    until = world.clock.now() + hours * HOUR
    return await world.press(who, Move.SHELVE, until=until, reason=reason)


async def test_a_shelved_hazard_is_silent_until_its_time_and_then_goes_on(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    assert (await shelve(world, 8)).verdict is PressVerdict.APPLIED
    await world.pass_time(8 * 3600 - 1)
    assert world.channel.sent == []
    await world.pass_time(1)
    assert (await world.item()).shelved_until is None
    assert world.heard("deputy") or world.heard("leader")
    assert (Move.UNSHELVE, ItemState.NEW) in await world.moves()


@pytest.mark.parametrize("hours", [0, -1, 8.01])
async def test_nothing_is_laid_aside_without_an_end(world, hours):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    assert (await shelve(world, hours)).refusal is Refusal.TOO_LONG
    assert (await world.press("op-li", Move.SHELVE, reason="无期限")).refusal is Refusal.TOO_LONG


async def test_laying_aside_needs_a_reason(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    assert (await shelve(world, 1, reason=" ")).refusal is Refusal.REASON_NEEDED


async def test_danger_to_life_is_laid_aside_by_two(world):
    await world.raise_alarm()
    await shelve(world, 1)
    assert (await world.item()).shelved_until is None
    assert (await world.press("op-li", Move.CONFIRM_SHELF)).refusal is Refusal.SAME_PERSON
    await world.pass_time(60)
    assert "deputy" in await world.told()
    assert (await world.press("op-wu", Move.CONFIRM_SHELF)).verdict is PressVerdict.APPLIED
    assert (await world.item()).shelved_until is not None
    sent = len(world.channel.sent)
    await world.pass_time(1800)
    assert len(world.channel.sent) == sent
    await world.pass_time(1800)
    assert len(world.channel.sent) > sent


async def test_danger_to_life_raised_once_more_lifts_the_shelf(world):
    await world.raise_alarm()
    await shelve(world, 1)
    await world.press("op-wu", Move.CONFIRM_SHELF)
    await world.settle()
    await world.raise_alarm("a7", rule="gas-very-high")
    await world.settle()
    assert (await world.item()).shelved_until is None
    assert world.heard("leader")


async def test_getting_worse_lifts_the_shelf(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD, kind=Kind.ELECTRIC)
    await shelve(world, 2)
    await world.raise_alarm("a2", kind=Kind.ELECTRIC, rule="worse")
    await world.settle()
    assert (await world.item()).shelved_until is None
    assert {"leader", "officer", "room"} <= await world.told()


async def test_whoever_is_there_lifts_the_shelf_by_acting_and_an_undo_brings_it_back(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    await shelve(world, 2)
    until = (await world.item()).shelved_until
    await world.press("leader", Move.ARRIVE)
    assert (await world.item()).shelved_until is None
    await world.press("leader", Move.UNDO)
    assert (await world.item()).shelved_until == until
    await world.pass_time(2 * 3600)
    assert (await world.item()).shelved_until is None


async def test_the_desk_takes_it_up_again(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await shelve(world, 2)
    assert (await world.press("op-wu", Move.UNSHELVE)).verdict is PressVerdict.APPLIED
    await world.settle()
    assert world.heard("deputy")


# --- presses of a phone that was away ------------------------------------------------------------


async def test_a_late_press_counts_at_its_own_time_and_once(world):
    await world.raise_alarm()
    pressed_at = world.clock.now() + timedelta(seconds=20)
    await world.pass_time(900)
    first = await world.press("leader", Move.ACCEPT, press_id="phone-0001", at=pressed_at)
    again = await world.press("leader", Move.ACCEPT, press_id="phone-0001", at=pressed_at)
    assert (first.verdict, again.verdict) == (PressVerdict.APPLIED, PressVerdict.REPEATED)
    assert (await world.item()).accepted_at == pressed_at


@pytest.mark.parametrize("offset_s", [-86_400, 86_400])
async def test_a_phones_wrong_clock_is_clamped(world, offset_s):
    item = await world.raise_alarm()
    await world.pass_time(30)
    await world.press("leader", Move.ACCEPT, at=world.clock.now() + timedelta(seconds=offset_s))
    accepted_at = (await world.item()).accepted_at
    assert item.opened_at <= accepted_at <= world.clock.now()


async def test_one_person_alone_does_not_silence_danger_to_life_by_merging_it(world):
    parent, child = await two(world)
    until = world.clock.now() + HOUR
    await world.press("op-li", Move.SHELVE, item=parent, until=until, reason="正在维修")
    await world.press("op-wang", Move.CONFIRM_SHELF, item=parent)
    assert (await merge(world, child, parent)).refusal is Refusal.WRONG_TARGET
    await world.pass_time(180)
    assert world.heard("desk")
