"""What the desk gives to somebody or lays aside is followed like anything else: neither is its end."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from server.items.model import ItemState, Move
from server.people.tables import Person
from tests.server.escalation.transitions import take_turns
from wire.vocabulary import AlarmClass


async def lay_aside(world) -> None:
    until = world.clock.now() + timedelta(minutes=30)
    await world.press("op-li", Move.SHELVE, reason="正在维修", until=until)
    await world.press("op-wang", Move.CONFIRM_SHELF)
    assert (await world.item()).shelved_until is not None


async def comes_back_to_the_desk(world) -> None:
    await world.settle()
    heard_before = len(world.heard("desk"))
    await world.pass_time(900)
    assert (await world.item()).state is ItemState.NEW
    assert len(world.heard("desk")) > heard_before
    assert await world.waiting(), "and it goes on, as long as nobody takes it"


@pytest.mark.parametrize(
    "told_before_s", [0, 60, 180], ids=["at the start", "with the backup", "at the desk"]
)
async def test_an_item_given_to_somebody_who_does_not_answer_comes_back_to_the_desk(world, told_before_s):
    await world.raise_alarm()
    await world.pass_time(told_before_s)
    await world.press("op-li", Move.REASSIGN, to="deputy")
    await comes_back_to_the_desk(world)


@pytest.mark.parametrize("told_before_s", [0, 180], ids=["at the start", "at the desk"])
async def test_an_item_given_to_somebody_who_cannot_be_told_goes_on_at_once(world, told_before_s):
    await world.raise_alarm(class_=AlarmClass.FAULT)
    await world.pass_time(told_before_s)
    async with world.database.write() as session:
        await session.execute(update(Person).where(Person.code == "deputy").values(webhook_url=None))
    heard = len(world.channel.sent)
    await world.press("op-li", Move.REASSIGN, to="deputy")
    await world.pass_time(1)
    assert len(world.channel.sent) > heard
    assert (await world.item()).owner == "deputy"


async def test_an_item_that_was_laid_aside_is_given_to_somebody_who_hears_of_it(world):
    await world.raise_alarm()
    await lay_aside(world)
    await world.press("op-li", Move.REASSIGN, to="deputy")
    await world.settle()
    assert (await world.item()).shelved_until is None
    assert "交给您" in world.heard("deputy")[-1]
    await comes_back_to_the_desk(world)


@pytest.mark.parametrize("told_before_s", [0, 180], ids=["at the start", "at the desk"])
async def test_gas_that_leaks_again_while_laid_aside_is_told_and_followed(world, told_before_s):
    await world.raise_alarm()
    await world.pass_time(told_before_s)
    await world.clear_alarm()
    await lay_aside(world)
    heard_before = len(world.heard("leader"))
    await world.raise_alarm()
    await world.settle()
    assert (await world.item()).shelved_until is None
    assert len(world.heard("leader")) > heard_before
    await comes_back_to_the_desk(world)


async def test_whoever_is_on_site_and_falls_silent_is_asked_then_the_desk(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.ARRIVE)
    await world.settle()
    asked, desk = len(world.heard("leader")), len(world.heard("desk"))
    await world.pass_time(15 * 60)
    assert "很久没有消息" in world.heard("leader")[asked]
    assert len(world.heard("desk")) == desk
    await world.pass_time(15 * 60)
    assert "很久没有消息" in world.heard("desk")[desk]
    await world.press("leader", Move.FINISH)
    await world.clear_alarm()
    heard = len(world.heard("desk"))
    await world.pass_time(3600)
    assert len(world.heard("desk")) == heard, "done is done"


async def test_help_that_was_asked_for_is_asked_for_until_it_comes(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.NEED_HELP)
    await world.settle()
    heard = len(world.heard("desk"))
    await world.pass_time(180)
    assert len(world.heard("desk")) > heard


async def test_the_desk_cannot_be_silenced_by_a_press_of_its_own(world):
    await world.raise_alarm()
    await world.pass_time(180)
    await world.press("desk", Move.NOT_MINE)
    heard = len(world.heard("desk"))
    await world.pass_time(900)
    assert len(world.heard("desk")) > heard


async def test_off_duty_is_silent_also_for_what_was_told_on_duty(world):
    await take_turns(world)
    await world.raise_alarm()
    await world.settle()
    assert {message.person for message in world.channel.sent} == {"leader", "officer", "room"}
    await world.pass_time(3600)
    world.channel.sent.clear()
    await world.raise_alarm(stage=2, count=2)
    await world.settle()
    heard = {message.person for message in world.channel.sent}
    assert "leader" not in heard
    assert {"night", "officer", "room"} <= heard


async def test_what_waited_for_the_morning_is_told_to_who_has_the_duty_then(world):
    await take_turns(world, until="06:00")
    world.clock.time = world.clock.time.replace(hour=14)  # 22:00 in the street; its quiet hours end at 7:30
    await world.raise_alarm(class_=AlarmClass.FAULT)
    await world.pass_time(9 * 3600)
    assert (world.heard("night"), world.heard("leader")) == ([], [])
    await world.pass_time(1800)
    assert (world.heard("night"), len(world.heard("leader"))) == ([], 1)


async def test_whoever_has_a_fault_sleeps_too_when_their_duty_is_over(world):
    await take_turns(world)
    await world.raise_alarm(class_=AlarmClass.FAULT)
    await world.settle()
    await world.press("leader", Move.ACCEPT)
    until = world.clock.now() + timedelta(hours=3)  # 23:00 in the street
    await world.press("op-li", Move.SHELVE, reason="等配件", until=until)
    await world.pass_time(3 * 3600)
    assert (await world.item()).shelved_until is None
    heard = len(world.heard("leader"))
    await world.pass_time(8 * 3600)
    assert len(world.heard("leader")) == heard
    await world.pass_time(1800)
    assert len(world.heard("leader")) == heard + 1


async def test_whoever_has_it_hears_of_it_after_their_duty_too(world):
    await take_turns(world)
    await world.raise_alarm()
    await world.settle()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.ARRIVE)
    await world.pass_time(3600)
    world.channel.sent.clear()
    await world.raise_alarm(stage=2, count=2)
    await world.settle()
    heard = {message.person for message in world.channel.sent}
    assert "leader" in heard
    assert "night" not in heard


@pytest.mark.parametrize("again", ["the sensor goes on", "the sensor says so once more"])
async def test_a_false_alarm_that_was_none_is_nobodys_until_somebody_takes_it(world, again):
    await world.raise_alarm()
    await world.settle()
    await world.press("leader", Move.FALSE_ALARM)  # before anybody pressed 已收到
    await world.press("op-li", Move.CONFIRM_FALSE_ALARM)
    assert (await world.item()).state is ItemState.DONE
    heard = len(world.heard("leader"))
    if again == "the sensor goes on":
        await world.pass_time(300)
    else:
        await world.raise_alarm(count=2)
        await world.settle()
    item = await world.item()
    assert (item.state, item.accepted) == (ItemState.NEW, False)
    assert len(world.heard("leader")) == heard + 1
    assert world.heard("deputy")
    await comes_back_to_the_desk(world)


async def test_what_waited_for_the_morning_does_not_wait_for_a_duty_that_nobody_has_then(world):
    await take_turns(world, until="06:00")
    await world.set_person("leader", active=False)
    world.clock.time = world.clock.time.replace(hour=14)  # 22:00 in the street; its quiet hours end at 7:30
    await world.raise_alarm(class_=AlarmClass.FAULT)
    await world.pass_time(9.5 * 3600)
    assert {message.person for message in world.channel.sent} == {"desk"}
