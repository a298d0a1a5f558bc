"""What people press in an incident, and what it does to who has it, who is told and what is due."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from server.escalation.tables import DueKind
from server.items.machine import Refusal
from server.items.model import ItemState, Move, Outcome
from server.items.service import PressVerdict
from server.items.tables import ItemMove
from server.notify.tables import NoticeState
from wire.vocabulary import AlarmClass


async def test_accepting_stops_the_escalation_and_withdraws_what_is_unsent(world):
    await world.raise_alarm()
    await world.press("officer", Move.ACCEPT)
    await world.pass_time(200)
    assert await world.told() == {"leader", "officer", "room"}
    item = await world.item()
    assert (item.owner, item.accepted) == ("officer", True)
    assert {notice.person for notice in await world.notices(NoticeState.WITHDRAWN)} == {"leader", "room"}
    outcome = await world.press("leader", Move.ACCEPT)
    assert outcome.refusal is Refusal.TAKEN


async def test_help_tells_everyone_who_is_left_at_once(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.NEED_HELP)
    await world.settle()
    assert {"deputy", "secretary", "desk"} <= await world.told()
    assert "支援" in world.heard("deputy")[0]
    outcome = await world.press("deputy", Move.ACCEPT)
    assert outcome.verdict is PressVerdict.APPLIED
    assert (await world.item()).owner == "deputy"


async def test_whoever_asks_for_help_is_not_called_back_unless_nobody_comes(world):
    await world.raise_alarm()
    await world.pass_time(60)
    await world.pass_time(120)
    before = {person: len(world.heard(person)) for person in ("desk", "deputy")}
    assert before["desk"] == 1
    await world.press("desk", Move.NEED_HELP)
    await world.settle()
    assert len(world.heard("desk")) == before["desk"]
    await world.pass_time(180)
    assert len(world.heard("desk")) == before["desk"] + 1, "still nobody came"
    assert "支援" in world.heard("desk")[-1]


async def test_not_mine_goes_on_at_once(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.press("leader", Move.NOT_MINE)
    item = await world.item()
    assert (item.owner, item.state) == ("deputy", ItemState.NEW)
    assert (await world.press("leader", Move.ACCEPT)).refusal is Refusal.NOT_TOLD
    await world.pass_time(600)
    assert "secretary" in await world.told()
    assert len(world.heard("leader")) == 0


async def test_not_mine_by_everyone_ends_at_the_desk(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    for person in ("leader", "deputy", "secretary"):
        assert (await world.press(person, Move.NOT_MINE)).verdict is PressVerdict.APPLIED
    item = await world.item()
    assert (item.owner, item.state) == (None, ItemState.NEW)
    assert "desk" in await world.told()


async def test_false_alarm_while_gas_is_measured_waits_for_the_desk(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    outcome = await world.press("leader", Move.FALSE_ALARM)
    assert outcome.waits_for_desk
    item = await world.item()
    assert (item.state, item.false_alarm_claimed) == (ItemState.ACCEPTED, True)
    await world.settle()
    assert "误报" in world.heard("desk")[0]

    assert (await world.press("op-li", Move.REJECT_FALSE_ALARM)).verdict is PressVerdict.APPLIED
    assert not (await world.item()).false_alarm_claimed
    await world.press("leader", Move.FALSE_ALARM)
    await world.press("op-li", Move.CONFIRM_FALSE_ALARM)
    item = await world.item()
    assert (item.state, item.outcome) == (ItemState.DONE, Outcome.FALSE_ALARM)
    await world.clear_alarm()
    assert (await world.item()).state is ItemState.CLOSED
    assert (await world.item()).outcome is Outcome.FALSE_ALARM


async def test_false_alarm_of_a_hazard_is_done(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.press("leader", Move.FALSE_ALARM)
    item = await world.item()
    assert (item.state, item.outcome, item.owner) == (ItemState.DONE, Outcome.FALSE_ALARM, "leader")


async def test_undo_restores_state_owner_and_the_original_due_time(world):
    await world.raise_alarm()
    [step] = await world.waiting(DueKind.STEP)
    await world.press("officer", Move.ACCEPT)
    world.clock.advance(seconds=30)
    assert (await world.press("officer", Move.UNDO)).verdict is PressVerdict.APPLIED
    item = await world.item()
    assert (item.state, item.owner, item.accepted) == (ItemState.NEW, "leader", False)
    [restored] = await world.waiting(DueKind.STEP)
    assert (restored.kind, restored.due_at) == (DueKind.STEP, step.due_at)
    assert {notice.state for notice in await world.notices()} == {NoticeState.PENDING}
    await world.pass_time(30)
    assert "deputy" in await world.told()


async def test_undo_of_an_arrival_restores_the_acceptance_time(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    [due] = await world.waiting()
    await world.press("leader", Move.ARRIVE)
    await world.press("leader", Move.UNDO)
    [restored] = await world.waiting()
    assert (restored.kind, restored.due_at) == (DueKind.ACCEPTANCE, due.due_at)
    await world.pass_time(300)
    assert (await world.item()).state is ItemState.NEW


async def test_undo_of_a_refusal_lets_the_person_act_again(world):
    await world.raise_alarm()
    await world.press("leader", Move.NOT_MINE)
    assert (await world.press("leader", Move.UNDO)).verdict is PressVerdict.APPLIED
    assert (await world.item()).owner == "leader"
    assert (await world.press("leader", Move.ACCEPT)).verdict is PressVerdict.APPLIED


async def test_nothing_is_undone_once_somebody_acted(world):
    await world.raise_alarm()
    assert (await world.press("leader", Move.UNDO)).refusal is Refusal.NOTHING_TO_UNDO
    await world.press("leader", Move.ACCEPT)
    await world.press("leader", Move.NEED_HELP)
    await world.press("officer", Move.ACCEPT)
    assert (await world.press("leader", Move.UNDO)).refusal is Refusal.OTHERS_ACTED
    await world.press("officer", Move.ARRIVE)
    await world.press("officer", Move.UNDO)
    await world.press("officer", Move.UNDO)
    assert (await world.item()).owner == "leader"


async def test_a_press_counts_once(world):
    await world.raise_alarm()
    first = await world.press("leader", Move.ACCEPT, press_id="p")
    second = await world.press("leader", Move.ACCEPT, press_id="p")
    assert (first.verdict, second.verdict) == (PressVerdict.APPLIED, PressVerdict.REPEATED)
    assert [move for move, _ in await world.moves()].count(Move.ACCEPT) == 1


async def test_a_phones_time_is_clamped(world):
    opened = world.clock.now()
    await world.raise_alarm()
    world.clock.advance(seconds=60)
    await world.press("leader", Move.ACCEPT, at=opened.replace(year=1970))
    await world.press("leader", Move.ARRIVE, at=opened.replace(year=2099))
    item = await world.item()
    assert item.accepted_at == opened
    assert item.arrived_at == world.clock.now()


async def test_the_desk_gives_it_to_somebody_else(world):
    await world.raise_alarm()
    await world.press("leader", Move.ACCEPT)
    assert (await world.press("op-li", Move.REASSIGN, to="nobody")).refusal is Refusal.UNKNOWN_PERSON
    await world.press("op-li", Move.REASSIGN, to="deputy")
    await world.settle()
    item = await world.item()
    assert (item.owner, item.state, item.accepted) == ("deputy", ItemState.NEW, False)
    assert "交给您" in world.heard("deputy")[0]
    assert (await world.press("leader", Move.ACCEPT)).refusal is Refusal.NOT_TOLD
    await world.pass_time(60)
    assert "secretary" in await world.told()


async def test_the_desk_closes_by_exception_with_its_name(world):
    await world.raise_alarm()
    assert (await world.press("op-li", Move.CLOSE_EXCEPTION)).refusal is Refusal.REASON_NEEDED
    await world.press("op-li", Move.CLOSE_EXCEPTION, reason="探测器损坏，已拆除")
    item = await world.item()
    assert (item.state, item.outcome) == (ItemState.CLOSED, Outcome.EXCEPTION)
    assert await world.waiting() == []
    assert {notice.state for notice in await world.notices()} == {NoticeState.WITHDRAWN}
    async with world.database.read() as session:
        row = await session.scalar(select(ItemMove).where(ItemMove.move == Move.CLOSE_EXCEPTION))
    assert (row.actor, row.reason) == ("op-li", "探测器损坏，已拆除")


async def test_undoing_an_acceptance_does_not_bring_back_the_patience_of_a_lesser_danger(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.pass_time(60)
    await world.pass_time(240)  # a quarter of an hour is left before the community would hear of it
    await world.press("deputy", Move.ACCEPT)
    await world.raise_alarm(stage=2)  # of danger to life
    await world.press("deputy", Move.UNDO)
    assert (await world.item()).state is ItemState.NEW
    await world.settle()
    assert "secretary" in await world.told()
    await world.pass_time(120)
    assert world.heard("desk")


@pytest.mark.parametrize("class_", [AlarmClass.HAZARD, AlarmClass.LIFE_SAFETY])
async def test_undoing_an_acceptance_silences_nothing_that_was_raised_since(world, class_):
    await world.raise_alarm(class_=class_)
    until = world.clock.now() + timedelta(minutes=30)
    await world.press("op-li", Move.SHELVE, reason="正在维修", until=until)
    await world.press("op-wang", Move.CONFIRM_SHELF)
    await world.press("leader", Move.ACCEPT)
    await world.raise_alarm(stage=2, count=2)  # of danger to life
    await world.press("leader", Move.UNDO)
    assert (await world.item()).shelved_until is None
    await world.pass_time(180)
    assert world.heard("desk")


async def test_who_asks_for_help_with_what_was_laid_aside_is_heard(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.press("leader", Move.ACCEPT)
    until = world.clock.now() + timedelta(hours=8)
    await world.press("op-li", Move.SHELVE, reason="厂家明天来", until=until)
    await world.press("leader", Move.NEED_HELP)
    await world.settle()
    assert "支援" in world.heard("desk")[0]
    assert (await world.item()).shelved_until is None
    [due] = await world.waiting(DueKind.ACCEPTANCE)
    assert due.due_at == world.clock.now() + timedelta(minutes=30)


async def test_not_mine_of_what_is_laid_aside_spares_nobody_the_next_step(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    until = world.clock.now() + timedelta(hours=1)
    await world.press("op-li", Move.SHELVE, reason="正在维修", until=until)
    await world.press("leader", Move.NOT_MINE)
    await world.settle()
    assert (await world.told(), (await world.item()).owner) == ({"leader"}, "deputy")
    await world.pass_time(3600)
    assert world.heard("deputy")
