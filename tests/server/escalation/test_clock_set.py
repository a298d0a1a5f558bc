"""The server's wall clock is set back, or on: nobody is told later for it, and no step is skipped or repeated."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access.service import issue_first_run_code
from server.access.tables import LoginFailure
from server.devices.tables import Gateway
from server.escalation.tables import ClockMark, DueKind
from server.escalation.wallclock import TOLERANCE, ClockWatch, Mark, Reading, set_back_by
from server.items.clockchange import clock_set_back
from server.items.model import ItemState, Move
from server.items.tables import ItemParty
from server.items.unreached import unreached_of
from server.notify.channels import Message, Outcome, Verdict
from server.notify.tables import Notice, NoticeState
from tests.server.world import GATEWAY, PEOPLE, World, at, open_world
from wire.vocabulary import AlarmClass

HOUR_S = 3600.0
LIFE_S = 400
STRIDE_S = 10


@dataclass
class Telephone:
    """Notes who hears of what after how much real time; every third message fails once."""

    world: World
    heard: list[tuple[float, str, int]] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)

    async def send(self, message: Message) -> Outcome:
        key = f"{message.person}/{message.step}"
        self.tried[key] += 1
        if message.person in {"officer", "deputy"} and self.tried[key] == 1:
            return Outcome(verdict=Verdict.TEMPORARY, reason="line busy")
        self.heard.append((self.world.clock.boot, message.person, message.step))
        return Outcome(verdict=Verdict.SENT)


async def who_hears_when(folder, sets: dict[int, float]) -> list[tuple[float, str, int]]:
    """Play one incident that nobody accepts; at some strides the wall clock is set."""
    folder.mkdir()
    async with open_world(folder) as world:
        telephone = Telephone(world)
        world.worker._channels = {"webhook": telephone}
        await world.loop.turn()
        await world.raise_alarm()
        await world.settle()
        for stride in range(LIFE_S // STRIDE_S):
            world.clock.set_wall(seconds=sets.get(stride, 0.0))
            await world.pass_time(STRIDE_S)
        return sorted(telephone.heard)


def first_heard(heard: Sequence[tuple[float, str, int]]) -> dict[tuple[str, int], float]:
    return {(person, step): boot for boot, person, step in reversed(heard)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> list[tuple[float, str, int]]:
    """Who hears when if nobody touches the clock."""
    heard = asyncio.run(who_hears_when(tmp_path_factory.mktemp("plain") / "world", {}))
    assert {person for _, person, _ in heard} == set(PEOPLE)
    return heard


async def test_set_back_everybody_hears_at_the_same_moment_as_without(tmp_path, plain):
    back = {0: -50.0, 2: -HOUR_S, 7: -86_400.0, 20: -2.0, 21: -90.0}
    assert await who_hears_when(tmp_path / "back", back) == plain


async def test_set_on_each_step_is_told_once_and_none_later(tmp_path, plain):
    on = await who_hears_when(tmp_path / "on", {1: HOUR_S, 10: 40.0})
    assert first_heard(on).keys() == first_heard(plain).keys(), "no step is skipped"
    assert all(first_heard(on)[one] <= boot for one, boot in first_heard(plain).items()), "none is later"
    before_the_desk = Counter((person, step) for _, person, step in on if step < 2)
    assert set(before_the_desk.values()) == {1}, "none is repeated"


async def test_set_on_and_back_again_nobody_hears_later(tmp_path, plain):
    there = await who_hears_when(tmp_path / "there", {2: 30.0, 3: -30.0})
    assert first_heard(there).keys() == first_heard(plain).keys()
    assert all(first_heard(there)[one] <= boot for one, boot in first_heard(plain).items())


async def test_an_acceptance_runs_out_after_its_time(world):
    await world.loop.turn()
    await world.raise_alarm()
    await world.settle()
    await world.press("leader", Move.ACCEPT)
    await world.pass_time(100)
    world.clock.set_wall(seconds=-HOUR_S)
    await world.pass_time(199)
    assert (await world.item()).state is ItemState.ACCEPTED
    await world.pass_time(2)
    assert (await world.item()).state is ItemState.NEW


async def test_what_was_claimed_and_never_recorded_is_sent_again_in_time(world):
    await world.loop.turn()
    await world.raise_alarm()
    async with world.database.write() as session:
        for notice in await world.notices():
            held = await session.get(Notice, notice.id)
            held.state, held.claimed_until = NoticeState.SENDING, world.clock.now() + timedelta(seconds=15)
    world.clock.set_wall(seconds=-HOUR_S)
    await world.pass_time(14)
    assert world.channel.sent == []
    await world.pass_time(2)
    assert {message.person for message in world.channel.sent} == {"leader", "officer", "room"}


async def test_a_receipt_is_missed_in_time(world):
    await world.loop.turn()
    await world.raise_alarm()
    await world.settle()
    async with world.database.write() as session:
        for notice in await world.notices():
            (await session.get(Notice, notice.id)).receipt_due_at = world.clock.now() + timedelta(minutes=3)
    world.clock.set_wall(seconds=-HOUR_S)
    await world.pass_time(20)
    await world.pass_time(165)
    first_step = {notice.state for notice in await world.notices() if notice.step == 0}
    assert first_step == {NoticeState.UNKNOWN}


async def test_people_who_were_told_in_the_future_are_told_when_it_comes_back(world):
    await world.loop.turn()
    await world.raise_alarm()
    await world.settle()
    before = len(world.heard("leader"))
    world.clock.set_wall(seconds=-HOUR_S)
    await world.loop.turn()
    await world.raise_alarm("a2", class_=AlarmClass.LIFE_SAFETY)
    await world.settle()
    assert len(world.heard("leader")) == before + 1
    assert all(party.told_at <= world.clock.now() for party in await world.rows(ItemParty))
    assert (await world.item()).opened_at <= world.clock.now()


async def test_the_desk_sees_as_soon_that_nobody_was_reached(world):
    world.channel.answers = {
        person: Outcome(verdict=Verdict.TEMPORARY, reason="down") for person in ("leader", "officer", "room")
    }
    await world.loop.turn()
    item = await world.raise_alarm()
    world.clock.set_wall(seconds=-HOUR_S)
    await world.pass_time(16)
    async with world.database.read() as session:
        assert await unreached_of(session, await world.items(), now=world.clock.now()) == {item.id}


async def test_quiet_hours_end_at_the_same_time_of_day(world):
    await world.loop.turn()
    item = await world.raise_alarm()
    await world.settle()
    morning = world.clock.now() + timedelta(hours=9)
    async with world.database.write() as session:
        for number, (urgency, attempts) in enumerate(((3, 0), (3, 1), (0, 0))):
            session.add(
                Notice(
                    id=f"n{number}", item=item.id, person="leader", channel="webhook", step=0,
                    urgency=urgency, state=NoticeState.PENDING, content={}, attempts=attempts,
                    created_at=world.clock.now(), send_at=morning,
                )
            )  # fmt: skip
    world.clock.set_wall(seconds=-HOUR_S)
    await world.loop.turn()
    send_at = {notice.id: notice.send_at for notice in await world.notices()}
    assert send_at["n0"] == morning, "never tried, can wait: a time of day"
    assert send_at["n1"] == send_at["n2"] == morning - timedelta(hours=1)


async def test_it_is_noticed_by_a_process_that_was_not_running(world):
    await world.loop.turn()
    await world.raise_alarm()
    await world.settle()
    (due,) = await world.waiting(DueKind.STEP)
    world.clock.advance(seconds=20)
    world.clock.set_wall(seconds=-HOUR_S)
    later = ClockWatch(database=world.database, clock=world.clock, carry_over=clock_set_back)
    assert await later.look() == timedelta(hours=1)
    (moved,) = await world.waiting(DueKind.STEP)
    assert moved.due_at == due.due_at - timedelta(hours=1)


async def test_after_a_start_of_the_machine_the_latest_time_that_was_seen_tells(world):
    await world.raise_alarm()
    for _ in range(2):
        await world.pass_time(61)
    world.clock.boot_name, world.clock.boot = "boot-2", 5.0
    world.clock.set_wall(seconds=-HOUR_S)
    watch = ClockWatch(database=world.database, clock=world.clock, carry_over=clock_set_back)
    assert await watch.look() == timedelta(hours=1)
    assert await watch.look() == timedelta(0)
    assert {mark.boot for mark in await world.rows(ClockMark)} == {"boot-1", "boot-2"}
    world.clock.boot_name, world.clock.boot = "boot-3", 5.0
    world.clock.advance(seconds=30)
    assert await watch.look() == timedelta(0), "the first start's mark was put right as well"


async def test_two_processes_make_the_rows_earlier_once(world):
    watches = [
        ClockWatch(database=world.database, clock=world.clock, carry_over=clock_set_back) for _ in range(2)
    ]
    for watch in watches:
        await watch.look()
    await world.raise_alarm()
    (due,) = await world.waiting(DueKind.STEP)
    world.clock.set_wall(seconds=-HOUR_S)
    assert sorted([await watch.look() for watch in watches]) == [timedelta(0), timedelta(hours=1)]
    (moved,) = await world.waiting(DueKind.STEP)
    assert moved.due_at == due.due_at - timedelta(hours=1)


async def test_a_clock_that_is_only_read_late_changes_nothing(world):
    await world.loop.turn()
    await world.raise_alarm()
    before = {due.id: due.due_at for due in await world.waiting()}
    world.clock.set_wall(seconds=-0.9)
    await world.loop.turn()
    assert {due.id: due.due_at for due in await world.waiting()} == before


async def test_silence_and_lock_outs_are_measured_from_now(world):
    now = world.clock.now()
    async with world.database.write() as session:
        session.add(LoginFailure(name="wang", source="10.0.0.9", at=now))
        (await session.get(Gateway, GATEWAY)).heard_at = now
        await issue_first_run_code(session, now=now)
    await world.loop.turn()
    world.clock.set_wall(seconds=-HOUR_S)
    await world.loop.turn()
    (failure,) = await world.rows(LoginFailure)
    assert failure.at == world.clock.now()
    gateways = {row.id: row.heard_at for row in await world.rows(Gateway)}
    assert gateways[GATEWAY] == world.clock.now()


_SPANS = st.integers(min_value=-(10**6), max_value=10**6).map(lambda tenths: timedelta(seconds=tenths / 10))


@given(ran=st.integers(min_value=0, max_value=10**6), was_set=_SPANS, downtime=st.booleans())
def test_within_a_start_the_setting_is_known_exactly(ran, was_set, downtime):
    mark = Mark(boot_id="b", offset=at() - at(hours=-1), seen_at=at())
    old = Mark(boot_id="older", offset=timedelta(0), seen_at=at(days=400))
    offset = mark.offset + was_set
    reading = Reading(boot_id="b", now=at(seconds=ran) + was_set, boot_s=0)
    reading = Reading(boot_id="b", now=reading.now, boot_s=(reading.offset - offset).total_seconds())
    found = set_back_by([old, mark] if downtime else [mark], reading)
    assert found == (-was_set if -was_set > TOLERANCE else timedelta(0))


def test_after_another_start_only_a_time_before_the_latest_one_tells():
    marks = [Mark(boot_id=str(n), offset=timedelta(0), seen_at=at(minutes=n)) for n in range(3)]
    assert set_back_by(marks, Reading(boot_id="9", now=at(minutes=1), boot_s=3)) == timedelta(minutes=1)
    assert set_back_by(marks, Reading(boot_id="9", now=at(minutes=3), boot_s=3)) == timedelta(0)
    assert set_back_by(marks, Reading(boot_id="", now=at(minutes=1), boot_s=3)) == timedelta(minutes=1)
    assert set_back_by([], Reading(boot_id="9", now=at(), boot_s=3)) == timedelta(0)
