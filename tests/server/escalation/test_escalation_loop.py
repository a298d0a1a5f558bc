"""The loop of time: survives failures, wakes when nudged, does every row once."""

import asyncio
from datetime import timedelta

import pytest

from server.escalation import service
from server.escalation.plan import Candidate, Policy, Step, make_policies, plan, reached_by
from server.escalation.tables import Due, DueKind
from server.people.tables import Role
from tests.harness.waiting import until
from tests.server.world import at
from wire.vocabulary import AlarmClass

LIFE = make_policies()[AlarmClass.LIFE_SAFETY]
ALL = tuple(Candidate(person=role.value, role=role) for role in Role)


def people(*roles: Role) -> tuple[Candidate, ...]:
    return tuple(candidate for candidate in ALL if candidate.role in roles)


def shape(planned) -> list[tuple[int, float, set[str]]]:
    return [(s.number, (s.due_at - at()).total_seconds(), {c.person for c in s.people}) for s in planned]


def test_steps_of_a_life_safety_item():
    assert shape(plan(LIFE, ALL, at())) == [
        (0, 0, {"leader", "officer", "duty_room"}),
        (1, 60, {"deputy", "secretary"}),
        (2, 180, {"desk"}),
    ]


def test_an_empty_step_is_dropped_with_its_waiting_time():
    assert shape(plan(LIFE, people(Role.LEADER, Role.DESK), at())) == [(0, 0, {"leader"}), (2, 60, {"desk"})]
    assert shape(plan(LIFE, people(Role.DEPUTY, Role.DESK), at())) == [(1, 0, {"deputy"}), (2, 120, {"desk"})]
    assert shape(plan(LIFE, people(Role.DESK), at())) == [(2, 0, {"desk"})]
    assert plan(LIFE, (), at()) == ()


def test_a_plan_from_a_later_step():
    assert [step.number for step in plan(LIFE, ALL, at(), first=1)] == [1, 2]
    assert plan(LIFE, ALL, at(), first=3) == ()


def test_the_backups_time_can_be_set():
    policy = make_policies(5)[AlarmClass.LIFE_SAFETY]
    assert [seconds for _, seconds, _ in shape(plan(policy, ALL, at()))] == [0, 5, 125]


def test_a_maintainer_is_told_instead_of_the_leader():
    fault = make_policies()[AlarmClass.FAULT]
    assert {c.person for c in plan(fault, ALL, at())[0].people} == {"maintainer"}
    assert {c.person for c in plan(fault, people(Role.LEADER, Role.DESK), at())[0].people} == {"leader"}


def test_a_person_of_two_roles_is_told_once():
    step = Step(roles=(Role.LEADER, Role.OFFICER), window=timedelta(0))
    both = (Candidate(person="wang", role=Role.OFFICER), Candidate(person="wang", role=Role.LEADER))
    assert [c.person for c in reached_by(step, both)] == ["wang"]


@pytest.mark.parametrize("class_", list(AlarmClass))
def test_every_class_ends_at_the_desk(class_):
    policy: Policy = make_policies()[class_]
    assert policy.steps[-1].roles == (Role.DESK,)


async def test_a_row_that_fails_is_kept_and_holds_up_no_other(world):
    await world.raise_alarm()
    await world.raise_alarm("a2", "gas-2")
    await world.settle()
    bad = min(due.id for due in await world.waiting(DueKind.STEP))
    healthy = world.loop._carry_out

    async def sick(session, due, now):
        settled = await healthy(session, due, now)
        if due.id == bad:
            raise ZeroDivisionError
        return settled

    world.loop._carry_out = sick
    world.clock.advance(seconds=60)
    assert await world.loop.turn() == 3  # the other's step, and both looks whether somebody was reached
    assert bad in [due.id for due in await world.waiting()]
    world.loop._carry_out = healthy
    assert await world.loop.turn() == 1
    assert await world.loop.turn() == 0


async def test_the_loop_wakes_for_a_row_that_is_due_sooner(world):
    world.database.listen(world.loop.hear)
    task = asyncio.create_task(world.loop.run())
    await world.raise_alarm()
    item = await world.item()
    async with world.database.write() as session:
        service.schedule(session, item.id, DueKind.RECHECK, due_at=world.clock.now())

    async def settled() -> bool:
        return not await world.waiting(DueKind.RECHECK)

    await until(settled)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_row_of_a_closed_item_is_not_needed(world):
    item = await world.raise_alarm()
    async with world.database.write() as session:
        found = await session.get(type(item), item.id)
        found.state = type(item.state).CLOSED
    world.clock.advance(seconds=60)
    await world.loop.turn()
    assert {due.settled_as for due in await world.rows(Due)} == {"not_needed"}


async def test_where_the_leader_cannot_be_told_the_deputy_has_it_and_is_told_at_once(world):
    await world.set_person("leader", webhook_url=None)
    item = await world.raise_alarm()
    await world.settle()
    assert item.owner == "deputy"
    assert item.reason.startswith("由deputy某负责")
    assert {message.person for message in world.channel.sent} == {"deputy", "officer", "room"}


async def test_where_nobody_has_the_grid_the_officer_has_it(world):
    for person in ("leader", "deputy"):
        await world.set_person(person, webhook_url=None)
    item = await world.raise_alarm()
    assert item.owner == "officer"
    assert item.reason.startswith("由officer某负责，")


async def test_a_hazard_without_a_leader_is_the_deputys_without_waiting(world):
    await world.set_person("leader", webhook_url=None)
    item = await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    assert item.owner == "deputy"
    assert [message.person for message in world.channel.sent] == ["deputy"]
