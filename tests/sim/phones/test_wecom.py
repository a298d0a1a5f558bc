"""WeCom as its documents describe it: tokens, quotas with silent drops, cards that call back."""

import pytest

from tests.sim.phones.network import CARD


async def test_a_message_arrives_on_the_members_phone(sender):
    answer = await sender.text("wang|li")
    assert answer["errcode"] == 0
    for member in ("wang", "li"):
        (message,) = await sender.on_phone(member)
        assert (message["title"], message["channel"]) == ("燃气泄漏", "wecom")


async def test_a_token_is_the_same_until_it_expires(sender):
    token = await sender.token()
    assert await sender.token() == token
    await sender.wait(7200)
    body = {"touser": "wang", "msgtype": "text", "text": {"content": "x"}}
    assert (await sender.wecom("send", body, token=token))["errcode"] == 42001
    assert await sender.token() != token
    assert (await sender.wecom("send", body, token="made-up"))["errcode"] == 40014
    assert (await sender.http.post("/cgi-bin/message/send", json=body)).json()["errcode"] == 41001


async def test_a_wrong_company_or_secret_gets_no_token(sender):
    account = sender.network.accounts.wecom
    for corpid, secret, code in (("other", account.secret, 40013), (account.corpid, "other", 40001)):
        asked = {"corpid": corpid, "corpsecret": secret}
        assert (await sender.http.get("/cgi-bin/gettoken", params=asked)).json()["errcode"] == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "video"}, 40008),
        ({"msgtype": "text", "text": {"content": "x"}, "agentid": 1}, 301002),
        ({"msgtype": "template_card", "template_card": CARD | {"button_list": []}}, 40058),
        ({"msgtype": "template_card", "template_card": CARD | {"card_type": "other"}}, 40058),
    ],
)
async def test_what_is_wrong_with_a_message_is_said_by_number(sender, body, code):
    assert (await sender.wecom("send", {"touser": "wang", **body}))["errcode"] == code
    assert await sender.on_phone("wang") == []


async def test_members_that_do_not_exist_are_named_and_all_unknown_is_an_error(sender):
    await sender.api("POST", "people", json=[{"person": "wang", "wecom": "WangFang"}])
    await sender.api("POST", "settings", json={"strangers": False})
    answer = await sender.text("WangFang|nobody")
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody")
    assert len(await sender.on_phone("wang")) == 1
    assert (await sender.text("nobody"))["errcode"] == 81013


async def test_what_exceeds_thirty_a_minute_is_dropped_without_a_word(sender):
    answers = [await sender.text() for _ in range(31)]
    assert [answer["errcode"] for answer in answers] == [0] * 31
    assert len(await sender.on_phone("wang")) == 30
    await sender.text("li")
    assert len(await sender.on_phone("li")) == 1, "the quota is each member's own"
    await sender.wait(61)
    await sender.text()
    assert len(await sender.on_phone("wang")) == 31
    dropped = [a for a in await sender.api("GET", "attempts") if a["outcome"] == "dropped"]
    assert [a["detail"] for a in dropped] == ["over the member's quota"]


async def test_what_exceeds_a_thousand_an_hour_is_dropped_too(sender):
    for _ in range(34):
        for _ in range(30):
            await sender.text()
        await sender.wait(61)
    assert len(await sender.on_phone("wang")) == 1000


async def test_a_press_calls_back_sealed_and_signed_and_rewrites_the_card_once(sender):
    answer = await sender.card()
    (message,) = await sender.on_phone("wang")
    assert [b["text"] for b in message["buttons"]] == ["已收到", "不归我管"]
    await sender.api("POST", "press", json={"message": message["id"], "key": "accept"})
    (event,) = sender.ears.heard["wecom"]
    assert (event["Event"], event["EventKey"], event["TaskId"], event["FromUserName"]) == (
        "template_card_event",
        "accept",
        "item-1",
        "wang",
    )
    for code in (event["ResponseCode"], answer["response_code"]):
        body = {"userids": ["wang"], "response_code": code, "button": {"replace_name": "王芳已收到"}}
        assert (await sender.wecom("update_template_card", body))["errcode"] == 0
        assert (await sender.wecom("update_template_card", body))["errcode"] == 40058, "a code works once"
    (message,) = await sender.on_phone("wang")
    assert (message["buttons"], message["note"]) == ([], "王芳已收到")


async def test_a_code_is_worth_nothing_after_three_days(sender):
    answer = await sender.card()
    await sender.wait(72 * 3600 + 1)
    body = {"userids": ["wang"], "response_code": answer["response_code"], "button": {"replace_name": "x"}}
    assert (await sender.wecom("update_template_card", body))["errcode"] == 40058


async def test_a_card_can_be_replaced_whole(sender):
    answer = await sender.card("wang|li")
    fresh = CARD | {
        "main_title": {"title": "已由王芳接手"},
        "button_list": [{"text": "我也去", "key": "join"}],
    }
    body = {"userids": ["li"], "response_code": answer["response_code"], "template_card": fresh}
    assert (await sender.wecom("update_template_card", body))["errcode"] == 0
    assert [(await sender.on_phone(p))[0]["title"] for p in ("wang", "li")] == ["燃气泄漏", "已由王芳接手"]


async def test_a_message_can_be_recalled(sender):
    answer = await sender.text()
    await sender.wecom("recall", {"msgid": answer["msgid"]})
    assert (await sender.on_phone("wang"))[0]["state"] == "recalled"


async def test_the_callback_is_tried_three_times_and_may_come_twice(sender):
    await sender.card()
    (message,) = await sender.on_phone("wang")
    sender.ears.deaf = True
    await sender.api("POST", "press", json={"message": message["id"], "key": "accept"})
    tries = [a for a in await sender.api("GET", "attempts") if a["outcome"] == "not_reported"]
    assert len(tries) == 3
    sender.ears.deaf = False
    await sender.rule("wecom", "repeated_receipt", times=2)
    await sender.card("li")
    (message,) = await sender.on_phone("li")
    await sender.api("POST", "press", json={"message": message["id"], "key": "accept"})
    await sender.wait(5)
    first, second = sender.ears.heard["wecom"]
    assert first == second | {"CreateTime": first["CreateTime"]}


async def test_the_callbacks_address_is_verified_as_by_the_administration_page(sender):
    assert (await sender.api("POST", "wecom/verify"))["verified"] is True
    sender.ears.deaf = True
    assert (await sender.api("POST", "wecom/verify"))["verified"] is False


async def test_tokens_may_expire_before_their_time(sender):
    token = await sender.token()
    await sender.api("POST", "settings", json={"expire_tokens": True})
    body = {"touser": "wang", "msgtype": "text", "text": {"content": "x"}}
    assert (await sender.wecom("send", body, token=token))["errcode"] == 42001
    assert (await sender.text())["errcode"] == 0
