"""Notices on their way: retried, given up, withdrawn, side by side, never lost to a crash."""

import asyncio
from datetime import timedelta

import pytest

from server.items.model import Move
from server.notify.channels import Outcome, Verdict
from server.notify.channels.wecom import make_card
from server.notify.claims import CLAIM, choose
from server.notify.render import NoticeFacts, Occasion, render
from server.notify.retry import class_of, next_try_after, urgency_of
from server.notify.tables import Attempt, NoticeState
from tests.harness.waiting import until
from tests.server.world import at, running_parts
from wire.vocabulary import AlarmClass, Kind, Mode

DOWN = Outcome(verdict=Verdict.TEMPORARY, reason="status 503")
GONE = Outcome(verdict=Verdict.PERMANENT, reason="status 410")


@pytest.mark.parametrize("class_", list(AlarmClass))
def test_the_plan_of_retries_grows_and_ends(class_):
    delays = []
    while (delay := next_try_after(class_, len(delays) + 1)) is not None:
        delays.append(delay)
    assert delays == sorted(delays)
    assert 3 < len(delays) < 10
    assert class_of(urgency_of(class_)) is class_


def test_life_safety_is_tried_again_sooner():
    assert next_try_after(AlarmClass.LIFE_SAFETY, 1) < next_try_after(AlarmClass.HAZARD, 1)
    assert urgency_of(AlarmClass.LIFE_SAFETY) == 0


def test_few_at_once_for_the_same_person():
    waiting = [("n1", "a"), ("n2", "a"), ("n3", "a"), ("n4", "b"), ("n5", "c")]
    assert list(choose(waiting, most=9, busy=())) == ["n1", "n2", "n4", "n5"]
    assert list(choose(waiting, most=9, busy=("a", "b", "b"))) == ["n1", "n5"]
    assert list(choose(waiting, most=1, busy=())) == ["n1"]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("occasion", list(Occasion))
def test_every_notice_has_a_short_title_and_says_where(kind, mode, occasion):
    facts = NoticeFacts(
        kind=kind, class_=AlarmClass.HAZARD, mode=mode, where="东苑3号楼2层201", device_name="探测器",
        opened_at=at(), occasion=occasion,
    )  # fmt: skip
    rendered = render(NoticeFacts.from_row(facts.as_row()))
    assert 3 <= len(rendered.title.removeprefix("【测试】").removeprefix("【演练】")) <= 8
    assert rendered.title.startswith("【") == (mode is not Mode.LIVE)
    assert "东苑3号楼2层201" in rendered.text


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("东社区 东苑 3号楼 2层 201", "燃气泄漏 东苑 3号楼 2层 201"),
        ("枫桥里社区 枫桥新村 1幢 二单元 2楼 202室", "燃气泄漏 1幢 二单元 2楼 202室"),
        ("很长很长很长很长很长很长很长的一个地方", "燃气泄漏 很长很长很长很长很长很长很长的"),
    ],
)
def test_the_first_twenty_characters_say_what_and_the_door(where, line):
    facts = NoticeFacts(
        kind=Kind.GAS, class_=AlarmClass.LIFE_SAFETY, mode=Mode.LIVE, where=where, device_name="探测器",
        opened_at=at(), occasion=Occasion.OPENED,
    )  # fmt: skip
    text = render(facts).text
    assert len(line) <= 20
    assert text.startswith(f"{line}。")
    assert where in text, "the whole place is said too"
    card = make_card(task_id="t", title="燃气泄漏", where=where, text=text, link="l", buttons=())
    assert card["main_title"]["title"] == line
    assert where.endswith(card["main_title"]["desc"])


async def test_a_failed_attempt_is_made_again_under_the_same_id(world):
    world.channel.answers["leader"] = DOWN
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    [notice] = await world.notices()
    assert (notice.state, notice.attempts) == (NoticeState.FAILED_TEMPORARY, 1)
    assert notice.send_at == world.clock.now() + next_try_after(AlarmClass.HAZARD, 1)
    world.channel.answers.clear()
    await world.pass_time(5)
    [notice] = await world.notices()
    assert (notice.state, notice.attempts) == (NoticeState.SENT, 2)
    assert len({message.id for message in world.channel.sent}) == 1
    assert [row.outcome for row in await world.rows(Attempt)] == [
        NoticeState.FAILED_TEMPORARY,
        NoticeState.SENT,
    ]


async def test_after_enough_attempts_it_is_given_up_and_the_next_step_is_due(world):
    world.channel.answers["leader"] = DOWN
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    attempts = 1
    while (delay := next_try_after(AlarmClass.HAZARD, attempts)) and "deputy" not in await world.told():
        await world.pass_time(delay.total_seconds())
        attempts += 1
    assert "deputy" in await world.told()


async def test_a_notice_of_a_closed_item_is_withdrawn(world):
    world.channel.answers["leader"] = DOWN
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    await world.press("op-li", Move.CLOSE_EXCEPTION, reason="演示")
    await world.pass_time(3600)
    assert [notice.state for notice in await world.notices()] == [NoticeState.WITHDRAWN]
    assert len(world.channel.sent) == 1


async def test_a_sender_that_died_is_taken_over_when_its_claim_ends(world):
    """Killed after the hand-over and before the record: sent again, same id, so nothing doubles."""
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    real = world.channel.send

    async def die(message):
        await real(message)
        raise asyncio.CancelledError

    world.channel.send = die
    await world.worker.send_due()  # a task group passes over a child that cancelled itself
    world.channel.send = real
    assert [notice.state for notice in await world.notices()] == [NoticeState.SENDING]
    await world.pass_time(CLAIM.total_seconds() - 1)
    assert len(world.channel.sent) == 1
    await world.pass_time(1)
    assert [notice.state for notice in await world.notices()] == [NoticeState.SENT]
    assert len({message.id for message in world.channel.sent}) == 1


async def test_a_receiver_that_hangs_delays_nobody(world):
    hanging = asyncio.Event()
    real = world.channel.send

    async def send(message):
        if message.person == "leader":
            await hanging.wait()
        return await real(message)

    world.channel.send = send
    await world.raise_alarm()
    task = asyncio.create_task(world.worker.run())
    await until(lambda: {"officer", "room"} <= {message.person for message in world.channel.sent})
    assert "leader" not in {message.person for message in world.channel.sent}
    hanging.set()
    await until(lambda: len(world.channel.sent) == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_gravest_leave_first(world):
    await world.raise_alarm(class_=AlarmClass.ADVICE, kind=Kind.WATER)
    world.clock.advance(seconds=1)
    await world.raise_alarm("a2", class_=AlarmClass.HAZARD, kind=Kind.ELECTRIC)
    world.clock.advance(seconds=1)
    await world.raise_alarm("a3", "gas-2")
    await world.settle()
    classes = [message.class_ for message in world.channel.sent if message.person == "leader"]
    assert classes == [AlarmClass.LIFE_SAFETY]  # the others are named in the same message
    assert "共3件事项" in world.heard("leader")[0]
    assert world.heard("leader")[0].index("燃气泄漏") < world.heard("leader")[0].index("用电异常")


async def test_notices_and_steps_outlive_a_restart(world):
    await world.raise_alarm()
    async with running_parts(world.database) as again:
        again.clock.advance(seconds=3600)
        await again.settle()
        assert {"leader", "deputy", "desk"} <= {message.person for message in again.channel.sent}


async def test_a_person_without_address_any_more_is_not_waited_for(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.set_person("leader", webhook_url=None)
    await world.settle()
    assert "deputy" in await world.told()


async def test_a_raise_before_the_first_notice_left_makes_no_second(world):
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    world.clock.advance(seconds=1)
    await world.raise_alarm(class_=AlarmClass.HAZARD, count=2)
    await world.settle()
    assert len(world.heard("leader")) == 1
    assert "再次报警" in world.heard("leader")[0]
    await world.pass_time(timedelta(minutes=1).total_seconds())
    assert len(world.heard("leader")) == 1
