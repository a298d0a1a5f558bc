"""Whole incidents as timelines: who is told when, and how it ends."""

from datetime import timedelta

from server.escalation.tables import DueKind
from server.items.model import ItemState, Move, Outcome
from server.items.sentences import NOT_YET_REACHED
from server.items.service import PressVerdict
from server.items.tables import ItemMove
from server.notify.channels import Outcome as Answer
from server.notify.channels import Verdict
from server.notify.tables import NoticeState
from server.people.tables import Absence
from server.places.tables import PlacesVersion
from wire.vocabulary import AlarmClass, Condition, Kind, Mode

LATCHED = {"condition": Condition.NORMAL, "latched": True}


async def test_gas_leak_handled_by_the_leader(world):
    """已收到 → 已到场 → 已处理; the latch is reset by command, the sensor clears, the item closes."""
    await world.raise_alarm()
    await world.settle()
    assert await world.told() == {"leader", "officer", "room"}
    assert "燃气泄漏" in world.heard("leader")[0]

    await world.press("leader", Move.ACCEPT)
    await world.pass_time(20)
    await world.press("leader", Move.ARRIVE)
    await world.raise_alarm(**LATCHED)
    assert (await world.item()).state is ItemState.ON_SITE
    await world.press("leader", Move.FINISH)
    assert [command.order["alarm"] for command in await world.commands()] == ["a1"]
    assert (await world.item()).state is ItemState.DONE

    await world.clear_alarm()
    item = await world.item()
    assert (item.state, item.outcome, item.open_key) == (ItemState.CLOSED, Outcome.HANDLED, None)
    assert [move for move, _ in await world.moves()][-3:] == [Move.CLEAR, Move.VERIFY, Move.CLOSE]
    assert await world.waiting() == []
    await world.pass_time(3600)
    assert await world.told() == {"leader", "officer", "room"}


async def test_sensor_clears_before_the_person_is_done(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.clear_alarm()
    assert (await world.item()).alarm_over
    assert (await world.item()).state is ItemState.ACCEPTED
    await world.press("leader", Move.FINISH)
    assert (await world.item()).state is ItemState.CLOSED


async def test_nobody_answers_and_each_step_is_told_at_its_time(world):
    await world.raise_alarm()
    await world.pass_time(59)
    assert await world.told() == {"leader", "officer", "room"}
    await world.pass_time(1)
    assert await world.told() == {"leader", "officer", "room", "deputy", "secretary"}
    await world.pass_time(119)
    assert "desk" not in await world.told()
    await world.pass_time(1)
    assert "desk" in await world.told()
    assert world.heard("deputy")
    assert world.heard("desk")


async def test_steps_of_a_hazard(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    told = [await world.told()]
    for minutes in (5, 10, 15):
        await world.pass_time(minutes * 60 - 1)
        assert await world.told() == told[-1]
        await world.pass_time(1)
        told.append(await world.told())
    assert told == [
        {"leader"},
        {"leader", "deputy"},
        {"leader", "deputy", "secretary"},
        {"leader", "deputy", "secretary", "desk"},
    ]


async def test_a_fault_goes_to_the_leader_once_where_there_is_no_maintainer(world):
    await world.raise_alarm(class_=AlarmClass.FAULT, kind=Kind.CONTACT)
    await world.pass_time(45)
    await world.pass_time(24 * 3600 - 1)
    assert await world.told() == {"leader"}
    assert len(world.heard("leader")) == 1
    await world.pass_time(1)
    assert await world.told() == {"leader", "desk"}


async def test_a_step_with_nobody_reachable_is_not_waited_out(world):
    await world.set_person("deputy", active=False)
    await world.set_person("secretary", webhook_url=None)
    await world.raise_alarm()
    await world.pass_time(60)
    assert "desk" in await world.told()


async def test_people_who_became_unreachable_since_are_skipped_at_their_step(world):
    await world.raise_alarm()
    await world.set_person("deputy", active=False)
    await world.set_person("secretary", active=False)
    await world.pass_time(60)
    assert "desk" in await world.told()


async def test_where_nobody_is_reachable_the_desk_sees_it_at_once(world):
    for person in ("leader", "officer", "room", "deputy", "secretary", "desk"):
        await world.set_person(person, active=False)
    item = await world.raise_alarm()
    assert item.owner is None
    assert "指挥中心" in (await world.rows(ItemMove))[0].reason
    assert await world.waiting(DueKind.STEP) == []
    await world.pass_time(45)
    reasons = [move.reason for move in await world.rows(ItemMove)]
    assert NOT_YET_REACHED in reasons


async def test_the_last_step_is_told_again_until_somebody_accepts(world):
    await world.raise_alarm()
    for _ in range(3):
        await world.pass_time(60)
    heard = len(world.heard("desk"))
    assert heard == 1
    for more in (1, 2, 3):
        await world.pass_time(180)
        assert len(world.heard("desk")) == heard + more
    await world.press("leader", Move.ACCEPT)
    assert {due.kind for due in await world.waiting()} == {DueKind.ACCEPTANCE}
    await world.pass_time(180)
    assert len(world.heard("desk")) == heard + 3


async def test_the_desk_is_told_within_a_minute_that_nobody_was_reached(world):
    for person in ("leader", "officer", "room", "deputy", "secretary"):
        world.channel.answers[person] = Answer(verdict=Verdict.TEMPORARY, reason="status 503")
    await world.raise_alarm()
    await world.settle()
    await world.pass_time(44)
    assert world.heard("desk") == []
    await world.pass_time(1)
    assert "还没有通知到任何人" in world.heard("desk")[0]


async def test_an_acceptance_that_nothing_follows_is_taken_back(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.pass_time(299)
    assert (await world.item()).state is ItemState.ACCEPTED
    await world.pass_time(1)
    item = await world.item()
    assert (item.state, item.accepted) == (ItemState.NEW, False)
    assert {"deputy", "secretary"} <= await world.told()
    await world.pass_time(120)
    assert "desk" in await world.told()
    assert (await world.press("leader", Move.ARRIVE)).verdict is PressVerdict.APPLIED


async def test_arriving_keeps_it(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.ARRIVE)
    await world.pass_time(3600)
    assert (await world.item()).state is ItemState.ON_SITE
    assert [due.kind for due in await world.waiting()] == [DueKind.ATTEND]


async def test_done_while_still_active_comes_back_to_its_owner(world):
    await world.raise_alarm()
    await world.settle()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.FINISH)
    assert await world.commands() == []
    await world.pass_time(300)
    item = await world.item()
    assert (item.state, item.owner, item.accepted) == (ItemState.ACCEPTED, "leader", True)
    assert "仍在报警" in world.heard("leader")[-1]
    assert [due.kind for due in await world.waiting()] == [DueKind.ACCEPTANCE]


async def test_latch_is_reset_when_the_cause_goes_after_done(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.FINISH)
    await world.raise_alarm(**LATCHED)
    assert len(await world.commands()) == 1


async def test_a_second_stage_joins_and_climbs(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    await world.raise_alarm("a2", rule="gas-very-high")
    await world.settle()
    [item] = await world.items()
    assert item.class_ is AlarmClass.LIFE_SAFETY
    assert {"leader", "officer", "room"} <= await world.told()
    assert len(world.heard("leader")) == 2
    await world.pass_time(60)
    assert "deputy" in await world.told()
    await world.clear_alarm("a2", rule="gas-very-high")
    assert not (await world.item()).alarm_over
    await world.clear_alarm(class_=AlarmClass.HAZARD)
    assert (await world.item()).alarm_over


async def test_another_kind_or_a_test_is_another_item(world):
    await world.raise_alarm()
    await world.raise_alarm("a2", kind=Kind.CONTACT, class_=AlarmClass.FAULT)
    await world.raise_alarm("a3", mode=Mode.TEST)
    await world.settle()
    assert len(await world.items()) == 3
    assert any("【测试】" in text for text in world.heard("leader"))


async def test_a_reraise_after_done_comes_back(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.FINISH)
    await world.raise_alarm(count=2)
    item = await world.item()
    assert (item.state, item.outcome) == (ItemState.ACCEPTED, None)
    assert [due.kind for due in await world.waiting()] == [DueKind.ACCEPTANCE]


async def test_a_reraise_soon_after_closing_reopens_the_item_and_tells_everyone_anew(world):
    await world.raise_alarm()
    await world.settle()
    await world.press("leader", Move.FINISH)
    await world.clear_alarm()
    world.clock.advance(seconds=1799)
    await world.raise_alarm("a2")
    await world.settle()
    [item] = await world.items()
    assert (item.state, item.outcome, item.accepted, item.closed_at) == (ItemState.NEW, None, False, None)
    assert (Move.REOPEN, ItemState.NEW) in await world.moves()
    assert len(world.heard("leader")) == 2
    await world.pass_time(60)
    assert "deputy" in await world.told()


async def test_a_reraise_long_after_closing_is_a_new_item(world):
    await world.raise_alarm()
    await world.press("leader", Move.FINISH)
    await world.clear_alarm()
    world.clock.advance(seconds=1801)
    await world.raise_alarm(count=2)
    first, second = await world.items()
    assert (first.state, second.state) == (ItemState.CLOSED, ItemState.NEW)


async def test_one_nobody_can_be_told_by_makes_the_next_step_due(world):
    for person in ("leader", "officer", "room"):
        world.channel.answers[person] = Answer(verdict=Verdict.PERMANENT, reason="gone")
    await world.raise_alarm()
    await world.settle()
    assert {"deputy", "secretary"} <= await world.told()
    assert world.heard("deputy")


async def test_one_who_was_reached_keeps_the_step(world):
    world.channel.answers["room"] = Answer(verdict=Verdict.PERMANENT, reason="gone")
    await world.raise_alarm()
    await world.settle()
    assert "deputy" not in await world.told()


async def test_a_stand_in_of_two_steps_who_is_not_reached_holds_up_neither(world):
    """The deputy stood in for the leader: told at both steps, and their older message fails after the newer one."""
    await world.set_person("secretary", active=False)
    now = world.clock.now()
    async with world.database.write() as session:
        away = Absence(person="leader", from_at=now, until_at=now + timedelta(seconds=55), stand_in="deputy")
        session.add_all([away, PlacesVersion(at=now)])
    world.channel.answers["deputy"] = Answer(verdict=Verdict.TEMPORARY, reason="status 503")
    await world.raise_alarm()
    for pause_s in (0, 2, 5, 10, 20):
        await world.pass_time(pause_s)
    world.channel.answers["deputy"] = Answer(verdict=Verdict.PERMANENT, reason="gone")
    await world.pass_time(23)
    assert [notice.step for notice in await world.notices() if notice.person == "deputy"] == [0, 1]
    await world.pass_time(36)
    assert "desk" not in await world.told(), "the deputy's first message may still arrive"
    await world.pass_time(1)
    assert "desk" in await world.told()


async def test_what_fails_of_a_step_before_does_not_hurry_those_who_were_reached(world):
    for person in ("leader", "officer", "room"):
        world.channel.answers[person] = Answer(verdict=Verdict.TEMPORARY, reason="status 503")
    await world.raise_alarm()
    for pause_s in (0, 2, 5, 10, 20, 8, 15):
        await world.pass_time(pause_s)
    assert world.heard("deputy")
    desk = len(world.heard("desk"))
    await world.pass_time(37)
    failed = await world.notices(NoticeState.FAILED_PERMANENT)
    assert {notice.person for notice in failed} == {"leader", "officer", "room"}
    assert len(world.heard("desk")) == desk
    assert (await world.item()).step == 1
    await world.pass_time(83)
    assert (await world.item()).step == 2


async def test_a_clock_set_forward_skips_no_step(world):
    await world.raise_alarm()
    await world.pass_time(86_400)
    assert await world.told() == {"leader", "officer", "room", "deputy", "secretary", "desk"}
    assert [move for move, _ in await world.moves()].count(Move.ESCALATE) == 2


async def test_a_clock_set_back_repeats_no_step(world):
    await world.raise_alarm()
    await world.pass_time(60)
    heard = len(world.heard("deputy"))
    await world.pass_time(-3600)
    await world.pass_time(3600)
    assert len(world.heard("deputy")) == heard
