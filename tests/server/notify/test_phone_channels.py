"""WeCom cards, short messages and calls, told against the simulated providers."""

import pytest

from server.items.model import ItemState, Move
from server.notify.tables import NoticeState
from tests.server.notify.telephones import KEY, open_telephones
from wire.vocabulary import AlarmClass, Kind


@pytest.fixture
async def phones(world, tmp_path):
    async with open_telephones(world, tmp_path) as telephones:
        yield telephones


async def states(world, channel, person="leader"):
    return [n.state for n in await world.notices() if (n.channel, n.person) == (channel, person)]


async def test_life_safety_rings_over_two_kinds_at_once_and_the_desk_is_called(phones):
    await phones.world.raise_alarm()
    await phones.world.settle()
    for person in ("leader", "officer", "room"):
        channels = {message["channel"] for message in await phones.on_phone(person)}
        assert channels == {"wecom", "sms"}
    assert await phones.on_phone("desk") == []
    await phones.settle(60)
    await phones.settle(120)
    assert {message["channel"] for message in await phones.on_phone("desk")} >= {"wecom", "sms", "voice"}


async def test_a_card_says_what_and_where_and_its_buttons_act(phones):
    await phones.world.raise_alarm()
    await phones.world.settle()
    [card] = await phones.on_phone("leader", "wecom")
    assert "燃气泄漏" in card["title"]
    assert "3号楼" in card["text"]
    assert [button["key"] for button in card["buttons"]] == ["accept", "need_help", "not_mine"]
    await phones.press(card, "accept")
    item = await phones.world.item()
    assert (item.state, item.owner, item.accepted) == (ItemState.ACCEPTED, "leader", True)
    assert await states(phones.world, "wecom") == [NoticeState.READ]


async def test_the_cards_of_everybody_say_who_has_it(phones):
    await phones.world.raise_alarm()
    await phones.world.settle()
    [card] = await phones.on_phone("leader", "wecom")
    await phones.press(card, "accept")
    [mine] = await phones.on_phone("leader", "wecom")
    assert [button["key"] for button in mine["buttons"]] == ["arrive", "finish", "need_help"]
    [other] = await phones.on_phone("officer", "wecom")
    assert (other["buttons"], other["note"]) == ([], "已由leader某接手")
    await phones.press(mine, "arrive")
    assert (await phones.world.item()).state is ItemState.ON_SITE


async def test_a_press_that_is_reported_three_times_counts_once(phones):
    await phones.rule("wecom", "repeated_receipt", times=3)
    await phones.world.raise_alarm()
    await phones.world.settle()
    [card] = await phones.on_phone("leader", "wecom")
    await phones.press(card, "accept")
    await phones.settle(5)
    assert [move for move, _ in await phones.world.moves()].count(Move.ACCEPT) == 1


async def test_a_callback_of_a_stranger_is_refused(phones):
    query = {"msg_signature": "0" * 40, "timestamp": "1", "nonce": "n"}
    body = "<xml><Encrypt>AAAA</Encrypt></xml>"
    answer = await phones.callbacks.post(f"/callbacks/{KEY}/wecom", params=query, content=body)
    assert answer.status_code == 404
    assert (await phones.callbacks.post("/callbacks/wrong/sms", json=[])).status_code == 404
    assert (await phones.callbacks.post(f"/callbacks/{KEY}/sms", content=b"\xff{")).status_code == 200
    unknown = [{"out_id": "none", "success": True}, 7]
    assert (await phones.callbacks.post(f"/callbacks/{KEY}/sms", json=unknown)).json()["code"] == 0


async def test_the_callback_is_verified_as_the_administration_page_does(phones):
    assert (await phones.api("POST", "wecom/verify"))["verified"]


async def test_an_expired_token_is_fetched_anew(phones):
    await phones.world.raise_alarm()
    await phones.world.settle()
    await phones.api("POST", "settings", json={"expire_tokens": True})
    await phones.world.raise_alarm("a2", "gas-2")
    await phones.world.settle()
    assert len(await phones.on_phone("leader", "wecom")) == 2


async def test_a_short_message_is_delivered_by_its_report(phones):
    await phones.world.raise_alarm()
    await phones.world.settle()
    assert await states(phones.world, "sms") == [NoticeState.SENT]
    await phones.settle(10)
    assert await states(phones.world, "sms") == [NoticeState.DELIVERED]
    [sms] = await phones.on_phone("leader", "sms")
    assert "http://server.example/i/" in sms["text"]


async def test_a_short_message_that_does_not_arrive_is_sent_again(phones):
    await phones.rule("sms", "undelivered", person="leader", count=1)
    await phones.world.raise_alarm()
    await phones.world.settle()
    await phones.settle(4)
    await phones.settle(10)
    await phones.settle(10)
    assert await states(phones.world, "sms") == [NoticeState.DELIVERED]


async def test_key_one_accepts_and_key_two_asks_for_help(phones):
    await phones.world.raise_alarm()
    await phones.world.settle()
    await phones.settle(60)
    await phones.settle(120)
    [call] = await phones.on_phone("desk", "voice")
    assert "燃气泄漏" in call["text"]
    await phones.press(call, "2")
    assert (await phones.world.item()).help_wanted
    # The call was answered; whoever asks is not called back in the middle of it, only if nobody came.
    assert await states(phones.world, "voice", "desk") == [NoticeState.READ]
    await phones.settle(180)
    assert len(await states(phones.world, "voice", "desk")) == 2


async def test_a_call_that_nobody_takes_is_made_again_after_a_minute(phones):
    await phones.api("POST", "scripts", json={"person": "desk", "does": "switched_off"})
    await phones.world.raise_alarm()
    await phones.world.settle()
    await phones.settle(60)
    await phones.settle(120)
    await phones.settle(2)
    assert await states(phones.world, "voice", "desk") == [NoticeState.FAILED_TEMPORARY]
    await phones.api("POST", "scripts", json={"person": "desk", "does": "ignore"})
    await phones.settle(66)
    assert len(await phones.on_phone("desk", "voice")) >= 1
    refused = [one for one in await phones.attempts("refused") if one["provider"] == "voice"]
    assert refused == []


async def test_the_second_provider_stands_in_and_the_first_comes_back(world, tmp_path):
    async with open_telephones(world, tmp_path, spare=True) as phones:
        await world.raise_alarm()
        await world.settle()
        assert {n.provider for n in await world.notices() if n.channel == "sms"} == {"main"}
        weights = world.worker._channels["sms"].weights
        assert weights.order(world.clock.now())[0] == "main"
        world.clock.advance(seconds=1200)
        assert weights.order(world.clock.now())[0] == "broken"
        assert await phones.on_phone("leader", "sms")


async def test_our_count_stops_before_the_provider_drops(phones):
    for number in range(25):
        device = ("gas-1", "gas-2", "meter-1")[number % 3]
        await phones.world.raise_alarm(
            f"a{number}", device, class_=AlarmClass.LIFE_SAFETY, kind=Kind.GAS, count=number + 1
        )
        await phones.world.settle()
    await phones.settle(1)
    assert await phones.attempts("dropped") == []
