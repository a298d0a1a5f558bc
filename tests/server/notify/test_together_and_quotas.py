"""Several items, one message; what providers allow, counted; what receipts say."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from server.devices.tables import Device
from server.items.model import Move
from server.notify.channels import Outcome, Verdict
from server.notify.quotas import QUOTAS, free_at
from server.notify.receipts import Receipt, apply_receipt, find_notice
from server.notify.tables import ChannelSetup, Notice, NoticeState, Spent
from server.people.model import ChannelKind
from server.places.tables import Building, PlacesVersion
from tests.server.world import at
from wire.vocabulary import AlarmClass, Kind, Mode

HAZARD = {"class_": AlarmClass.HAZARD, "kind": Kind.ELECTRIC}


async def use_channels(world, *kinds, phone="19900000001"):
    async with world.database.write() as session:
        for kind in kinds:
            session.add(ChannelSetup(channel=kind, since=world.clock.now()))
    for kind in kinds:
        world.worker._channels[kind] = world.channel
    for person in ("leader", "desk"):
        await world.set_person(person, phone=phone)


async def test_several_items_within_a_minute_are_one_message_and_stay_separate(world):
    await world.raise_alarm("a1", "gas-1", **HAZARD)
    await world.settle()
    for number, device in enumerate(("gas-2", "meter-1")):
        await world.pass_time(10)
        await world.raise_alarm(f"b{number}", device, **HAZARD)
        await world.settle()
    assert len(world.heard("leader")) == 1
    await world.pass_time(40)
    assert len(world.heard("leader")) == 2
    assert "共2件事项" in world.heard("leader")[1]
    assert len(await world.items()) == 3
    sent = await world.notices(NoticeState.SENT)
    assert len(sent) == 3
    assert len({notice.bundle for notice in sent}) == 2  # the first went alone


async def test_life_safety_never_waits_for_others(world):
    await world.raise_alarm("a1", "meter-1", **HAZARD)
    await world.settle()
    await world.pass_time(5)
    await world.raise_alarm("a2", "gas-1")
    await world.settle()
    assert len(world.heard("leader")) == 2


async def test_a_test_and_a_real_alarm_never_share_a_message(world):
    await world.raise_alarm("a1", "gas-1")
    await world.raise_alarm("a2", "gas-1", mode=Mode.TEST)
    await world.settle()
    assert len(world.heard("leader")) == 2
    assert sum(text.startswith("【测试】") for text in world.heard("leader")) == 1


async def test_a_message_that_failed_is_repeated_with_what_it_held(world):
    world.channel.answers["leader"] = Outcome(verdict=Verdict.TEMPORARY, reason="status 503")
    await world.raise_alarm("a1", "gas-1")
    await world.raise_alarm("a2", "gas-2")
    await world.settle()
    world.channel.answers.clear()
    await world.raise_alarm("a3", "meter-1")
    await world.pass_time(3)
    texts = world.heard("leader")
    assert [text.count("共2件") for text in texts] == [1, 0, 1]
    assert await world.notices(NoticeState.FAILED_TEMPORARY) == []


async def test_what_was_one_message_is_tried_again_as_one_whatever_it_holds(world):
    world.channel.answers["leader"] = Outcome(verdict=Verdict.TEMPORARY, reason="status 503")
    await world.raise_alarm("a1", "gas-1")
    await world.raise_alarm("a2", "meter-1", **HAZARD)
    await world.settle()
    world.channel.answers.clear()
    await world.pass_time(
        2
    )  # the patience of danger to life; a hazard alone would have waited for five seconds
    assert [text.count("共2件") for text in world.heard("leader")] == [1, 1]
    assert {one.state for one in await world.notices() if one.person == "leader"} == {NoticeState.SENT}


async def test_what_was_withdrawn_from_a_message_before_it_left_never_counts_as_sent(world):
    world.channel.answers["leader"] = Outcome(verdict=Verdict.TEMPORARY, reason="status 503")
    first = await world.raise_alarm("a1", "gas-1")
    world.clock.advance(seconds=1)
    second = await world.raise_alarm("a2", "gas-2")
    await world.settle()
    await world.press("officer", Move.ACCEPT, item=second.id)
    world.channel.answers.clear()
    await world.pass_time(3)
    states = {one.item: one.state for one in await world.notices() if one.person == "leader"}
    assert states == {first.id: NoticeState.SENT, second.id: NoticeState.WITHDRAWN}


async def test_a_hazard_is_not_put_off_for_as_long_as_a_storm_lasts(world):
    async with world.database.write() as session:
        for n in range(4):
            session.add(Device(gateway="gw-one", device=f"g{n}", building="b1"))
    await world.raise_alarm("a1", "gas-1")
    await world.settle()
    await world.pass_time(5)
    hazard = await world.raise_alarm("h", "meter-1", **HAZARD)
    await world.settle()
    for n in range(2):
        await world.pass_time(30)
        await world.raise_alarm(f"g{n}", f"g{n}")  # of each of these the leader hears at once
        await world.settle()
    [told] = [one for one in await world.notices() if (one.item, one.person) == (hazard.id, "leader")]
    assert told.state is NoticeState.SENT


async def test_what_waits_for_company_costs_no_quota_meanwhile(world):
    await use_channels(world, ChannelKind.SMS)
    await world.set_person("leader", webhook_url=None)
    for alarm, device in (("a1", "gas-1"), ("a2", "gas-2")):
        await world.raise_alarm(alarm, device, **HAZARD)
        await world.settle()
        assert len(world.heard("leader")) == len(await world.rows(Spent)) == 1
        await world.pass_time(5)
    await world.pass_time(55)
    assert len(world.heard("leader")) == len(await world.rows(Spent)) == 2


def test_a_quota_is_a_window_that_slides():
    used = [at(seconds=second) for second in (0, 20, 40)]
    call = ChannelKind.VOICE
    assert free_at(call, used[:1], at(seconds=59), urgent=True) == at(seconds=60)
    assert free_at(call, used[:1], at(seconds=60), urgent=True) is None
    hour = [at(minutes=2 * number) for number in range(5)]
    assert free_at(call, hour, at(minutes=20), urgent=True) == at(minutes=60)
    assert free_at(call, hour[:2], at(minutes=20), urgent=True) is None
    assert free_at("webhook", used * 100, at(minutes=1), urgent=False) is None


@pytest.mark.parametrize("kind", [ChannelKind.VOICE, ChannelKind.SMS, ChannelKind.WECOM])
def test_part_of_every_quota_is_kept_for_life_safety(kind):
    window = QUOTAS[kind][-1]
    used = [at(seconds=number * 61) for number in range(window.most_not_urgent)]
    now = used[-1] + timedelta(seconds=61)
    short = [one for one in used if one > now - window.span]
    if len(short) >= window.most_not_urgent:
        assert free_at(kind, short, now, urgent=False) is not None
        assert free_at(kind, short, now, urgent=True) is None or kind is ChannelKind.VOICE


async def test_over_its_quota_a_message_waits_and_is_counted_after_a_restart(world):
    await use_channels(world, ChannelKind.SMS)
    await world.set_person("leader", webhook_url=None)
    for number in range(35):
        await world.raise_alarm(f"a{number}", "gas-1", **HAZARD)
        await world.settle()
        await world.clear_alarm(f"a{number}", "gas-1")
        async with world.database.write() as session:
            from sqlalchemy import update

            from server.items.model import ItemState
            from server.items.tables import Item

            await session.execute(update(Item).values(state=ItemState.CLOSED, open_key=None))
        await world.pass_time(61)
    sent = len(world.channel.sent)
    await world.raise_alarm("late", "gas-1", **HAZARD)
    await world.settle()
    assert len(world.channel.sent) == sent
    assert any(notice.last_error == "quota spent" for notice in await world.notices())
    await world.raise_alarm("grave", "gas-2")
    await world.settle()
    assert [message.person for message in world.channel.sent[sent:]].count("leader") == 1


async def test_life_safety_goes_out_over_two_kinds_of_channel_at_once(world):
    await use_channels(world, ChannelKind.SMS, ChannelKind.VOICE)
    await world.raise_alarm()
    await world.settle()
    ways = {notice.channel for notice in await world.notices() if notice.person == "leader"}
    assert ways == {"webhook", "sms"}
    await world.pass_time(180)
    ways = {notice.channel for notice in await world.notices() if notice.person == "desk"}
    assert ways == {"webhook", "sms", "voice"}


async def test_the_leader_of_a_hazard_gets_a_short_message_after_a_minute(world):
    await use_channels(world, ChannelKind.SMS)
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    await world.pass_time(59)
    assert {notice.channel for notice in await world.notices()} == {"webhook"}
    await world.pass_time(1)
    assert {(n.channel, n.person) for n in await world.notices()} == {
        ("webhook", "leader"),
        ("sms", "leader"),
    }
    await world.pass_time(239)
    assert "deputy" not in await world.told()
    await world.pass_time(1)
    assert "deputy" in await world.told()


async def test_faults_wait_for_the_morning(world):
    world.clock.time = world.clock.time.replace(hour=14)  # 22:00 in the street
    await world.raise_alarm(class_=AlarmClass.FAULT, kind=Kind.FIRE)
    await world.pass_time(9 * 3600)
    assert world.heard("leader") == []
    await world.pass_time(1800)
    assert len(world.heard("leader")) == 1


async def test_what_waits_for_its_digest_waits_for_the_morning_too(world):
    async with world.database.write() as session:
        for n in range(4):
            session.add(Building(code=f"x{n}", estate="e1", name=f"{n}栋", grid="g1"))
            await session.flush()
            session.add(Device(gateway="gw-one", device=f"v{n}", building=f"x{n}"))
        session.add(PlacesVersion(at=world.clock.now()))
    world.clock.time = world.clock.time.replace(hour=12, minute=30)  # 20:30 in the street
    for n in range(4):
        await world.raise_alarm(f"v{n}", f"v{n}", class_=AlarmClass.FAULT)
        await world.pass_time(61)
    heard = len(world.heard("leader"))
    assert heard == 3
    await world.pass_time(10 * 3600)
    assert len(world.heard("leader")) == heard, "its hour was over in the night"
    await world.pass_time(3600)
    assert len(world.heard("leader")) == heard + 1


async def test_a_fault_that_was_laid_aside_until_the_night_is_told_again_in_the_morning(world):
    await world.raise_alarm(class_=AlarmClass.FAULT)
    await world.press("leader", Move.ACCEPT)
    await world.settle()
    assert len(world.heard("leader")) == 1
    until = world.clock.now() + timedelta(hours=3)  # 23:00 in the street
    await world.press("op-li", Move.SHELVE, reason="等配件", until=until)
    await world.pass_time(3 * 3600)
    assert (await world.item()).shelved_until is None
    await world.pass_time(8 * 3600)
    assert len(world.heard("leader")) == 1
    await world.pass_time(1800)
    assert len(world.heard("leader")) == 2


async def test_a_press_that_is_undone_in_the_night_does_not_end_the_quiet_hours(world):
    world.clock.time = world.clock.time.replace(hour=14)  # 22:00 in the street
    await world.raise_alarm(class_=AlarmClass.FAULT)
    await world.press("leader", Move.NOT_MINE)
    await world.press("leader", Move.UNDO)
    await world.pass_time(9 * 3600)
    assert world.heard("leader") == []
    await world.pass_time(1800)
    assert len(world.heard("leader")) == 1


async def test_graver_news_does_not_wait_for_the_morning_with_what_it_overtakes(world):
    quiet = replace(world.policies[AlarmClass.HAZARD], quiet=(time(21, 0), time(7, 30)))
    world.policies.replace({**world.policies, AlarmClass.HAZARD: quiet}, {})
    world.clock.time = world.clock.time.replace(hour=14)  # 22:00 in the street
    await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.settle()
    assert world.heard("leader") == []
    await world.raise_alarm("a2")  # of danger to life, of the same device
    await world.settle()
    assert len(world.heard("leader")) == 1


async def test_a_call_for_help_does_not_wait_for_company(world):
    await world.raise_alarm("a0", "gas-2")
    await world.settle()
    await world.pass_time(300)  # the desk hears of this one again and again
    item = await world.raise_alarm(class_=AlarmClass.HAZARD)
    await world.set_person("deputy", active=False)
    await world.set_person("secretary", active=False)
    await world.press("leader", Move.NOT_MINE, item=item.id)
    await world.settle()
    waiting = [one for one in await world.notices(NoticeState.PENDING) if one.item == item.id]
    assert {one.person for one in waiting} == {"desk"}, "it waits for company"
    await world.press("leader", Move.UNDO, item=item.id)
    await world.press("leader", Move.NEED_HELP, item=item.id)
    await world.settle()
    assert "支援" in world.heard("desk")[-1]
    assert [one.person for one in await world.notices(NoticeState.PENDING) if one.person == "desk"] == []


class TestReceipts:
    async def notice(self, world):
        async with world.database.read() as session:
            from sqlalchemy import select

            return await session.scalar(select(Notice).where(Notice.channel == "sms"))

    async def apply(self, world, receipt):
        async with world.database.write() as session:
            found = await find_notice(session, receipt="biz-1")
            return await apply_receipt(session, found, receipt, now=world.clock.now(), detail="code")

    @pytest.fixture
    async def sent(self, world):
        await use_channels(world, ChannelKind.SMS)
        world.channel.answers["leader"] = Outcome(verdict=Verdict.SENT, receipt="biz-1", provider="first")
        await world.set_person("leader", webhook_url=None)
        await world.raise_alarm()
        await world.settle()
        return world

    async def test_a_receipt_counts_once(self, sent):
        assert await self.apply(sent, Receipt.DELIVERED)
        assert not await self.apply(sent, Receipt.DELIVERED)
        assert (await self.notice(sent)).state is NoticeState.DELIVERED

    async def test_a_later_state_is_not_taken_back(self, sent):
        assert await self.apply(sent, Receipt.READ)
        assert not await self.apply(sent, Receipt.DELIVERED)
        assert not await self.apply(sent, Receipt.FAILED)
        assert (await self.notice(sent)).state is NoticeState.READ

    async def test_a_failure_is_tried_again(self, sent):
        await self.apply(sent, Receipt.FAILED)
        notice = await self.notice(sent)
        assert (notice.state, notice.last_error) == (NoticeState.FAILED_TEMPORARY, "code")
        before = len(sent.channel.sent)
        await sent.pass_time(5)
        assert [m.person for m in sent.channel.sent[before:]] == ["leader"]

    async def test_silence_of_a_provider_is_unknown(self, sent):
        await sent.pass_time(179)
        assert (await self.notice(sent)).state is NoticeState.SENT
        await sent.pass_time(1)
        assert (await self.notice(sent)).state is NoticeState.UNKNOWN
        assert await self.apply(sent, Receipt.DELIVERED)

    async def test_a_failure_that_is_faster_than_the_answer_is_tried_again(self, sent, monkeypatch):
        hand_over = sent.channel.send
        sent.channel.answers["leader"] = Outcome(verdict=Verdict.SENT, receipt="biz-2")

        async def send(message):
            outcome = await hand_over(message)
            async with sent.database.write() as session:
                found = await find_notice(session, notice=message.id)
                word = {"detail": "no such number", "message": "biz-2"}
                await apply_receipt(session, found, Receipt.FAILED, now=sent.clock.now(), **word)
            return outcome

        await self.apply(sent, Receipt.FAILED)
        monkeypatch.setattr(sent.channel, "send", send)
        await sent.pass_time(2)
        notice = await self.notice(sent)
        assert (notice.state, notice.last_error) == (NoticeState.FAILED_TEMPORARY, "no such number")

    async def test_a_failure_that_is_said_again_after_another_attempt_changes_nothing(self, sent):
        await self.apply(sent, Receipt.FAILED)
        sent.channel.answers["leader"] = Outcome(verdict=Verdict.SENT, receipt="biz-2")
        await sent.pass_time(2)
        async with sent.database.write() as session:
            found = await find_notice(session, notice=(await self.notice(sent)).id)
            word = {"detail": "code", "message": "biz-1"}
            assert not await apply_receipt(session, found, Receipt.FAILED, now=sent.clock.now(), **word)
        assert (await self.notice(sent)).state is NoticeState.SENT
