"""A test message over real channels, and the provider's report of it."""

import pytest

from server.notify.tables import NoticeState, TrialMessage
from server.notify.trying import newest_trials, try_person
from tests.server.notify.telephones import open_telephones


@pytest.fixture
async def phones(world, tmp_path):
    async with open_telephones(world, tmp_path) as telephones:
        yield telephones


async def try_out(phones, channel) -> None:
    await try_person(
        phones.world.database,
        phones.world.worker._channels,
        "leader",
        channel,
        by="值班员",
        link="http://server.example",
        now=phones.world.clock.now(),
    )


@pytest.mark.parametrize("channel", ["wecom", "sms", "voice"])
async def test_it_rings_and_says_that_it_is_a_test(phones, channel):
    await try_out(phones, channel)
    await phones.settle(1)
    [message] = await phones.on_phone("leader", channel)
    assert "测试" in message["title"] + message["text"]
    assert not [button for button in message.get("buttons") or () if button["key"] == "accept"]


async def test_the_providers_report_says_that_it_arrived(phones):
    await try_out(phones, "sms")
    await phones.settle(60)
    [row] = await phones.world.rows(TrialMessage)
    assert (row.state, row.delivered_at is not None) == (NoticeState.DELIVERED, True)
    async with phones.world.database.read() as session:
        assert [name for _, name in await newest_trials(session)] == ["leader某"]


async def test_a_key_pressed_in_a_call_says_that_it_was_heard(phones):
    await try_out(phones, "voice")
    [call] = await phones.on_phone("leader", "voice")
    await phones.press(call, "1")
    await phones.settle(60)
    [row] = await phones.world.rows(TrialMessage)
    assert (row.state, row.read_at is not None) == (NoticeState.READ, True)
    assert not await phones.world.items(), "the key accepts nothing"


async def test_a_call_that_nobody_took_is_reported_as_failed(phones):
    await try_out(phones, "voice")
    await phones.settle(60)
    [row] = await phones.world.rows(TrialMessage)
    assert row.state is NoticeState.FAILED_PERMANENT


async def test_a_number_that_is_switched_off_is_reported_as_failed(phones):
    await phones.rule("sms", "undelivered", person="leader")
    await try_out(phones, "sms")
    await phones.settle(3600)
    [row] = await phones.world.rows(TrialMessage)
    assert row.state is NoticeState.FAILED_PERMANENT
    assert row.detail
