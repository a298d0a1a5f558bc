"""Short messages with their reports, calls with their keys."""

import pytest


async def test_a_short_message_arrives_and_is_reported(sender):
    await sender.api("POST", "people", json=[{"person": "wang", "numbers": ["19900000001"]}])
    answer = await sender.sms()
    assert answer["Code"] == "OK"
    (message,) = await sender.on_phone("wang")
    assert message["text"] == "【网格哨兵】燃气泄漏，请打开 http://127.0.0.1:1/i/x 处理"
    assert message["link"] == "http://127.0.0.1:1/i/x"
    assert sender.ears.heard["sms"] == []
    await sender.wait(3)
    (report,) = sender.ears.heard["sms"]
    assert (report["success"], report["err_code"], report["biz_id"], report["out_id"]) == (
        True,
        "DELIVERED",
        answer["BizId"],
        "notice-1",
    )


async def test_both_signatures_are_taken_and_wrong_ones_are_not(sender):
    asked = {"PhoneNumbers": "19900000001", "SignName": "网格哨兵", "TemplateCode": "SMS_2"}
    assert (await sender.acs3("SendSms", **asked)).json()["Code"] == "OK"
    assert (await sender.rpc("SendSms", **asked)).json()["Code"] == "OK"
    wrong = await sender.rpc("SendSms", **asked, Signature="x")
    assert (wrong.status_code, wrong.json()["Code"]) == (400, "SignatureDoesNotMatch")
    unknown = await sender.rpc("SendSms", **asked, AccessKeyId="other")
    assert (unknown.status_code, unknown.json()["Code"]) == (404, "InvalidAccessKeyId.NotFound")
    old = await sender.rpc("SendSms", **asked, Timestamp="2020-01-01T00:00:00Z")
    assert old.json()["Code"] == "InvalidTimeStamp.Expired"
    assert (await sender.rpc("SendSms", **asked, SignatureNonce="n")).json()["Code"] == "OK"
    assert (await sender.rpc("SendSms", **asked, SignatureNonce="n")).json()["Code"] == "SignatureNonceUsed"
    assert (await sender.rpc("SendFax", **asked)).json()["Code"] == "InvalidAction.NotFound"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"number": "12"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"SignName": "别人"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateCode": ""}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParam": "{}"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": "no"}, "isv.INVALID_JSON_PARAM"),
    ],
)
async def test_a_short_message_is_refused_with_the_services_code(sender, more, code):
    assert (await sender.sms(**more))["Code"] == code


async def test_fifty_a_day_for_each_number_and_template(sender):
    codes = [(await sender.sms())["Code"] for _ in range(51)]
    assert codes == ["OK"] * 50 + ["isv.BUSINESS_LIMIT_CONTROL"]
    assert (await sender.sms(TemplateCode="SMS_2"))["Code"] == "OK"
    await sender.wait(86_401)
    assert (await sender.sms())["Code"] == "OK"


async def test_a_report_may_come_again_not_at_all_or_as_a_failure(sender):
    await sender.rule("sms", "repeated_receipt", times=3, count=1)
    await sender.sms()
    await sender.wait(10)
    assert len(sender.ears.heard["sms"]) == 3
    assert sender.ears.heard["sms"][0] == sender.ears.heard["sms"][2]
    await sender.rule("sms", "no_receipt", count=1)
    await sender.sms()
    await sender.wait(10)
    assert len(sender.ears.heard["sms"]) == 3
    await sender.rule("sms", "undelivered", code="MK:0005", count=1)
    before = len(await sender.on_phone("19900000001"))
    assert (await sender.sms())["Code"] == "OK"
    await sender.wait(10)
    assert sender.ears.heard["sms"][3]["success"] is False
    assert sender.ears.heard["sms"][3]["err_code"] == "MK:0005"
    assert len(await sender.on_phone("19900000001")) == before


async def test_a_report_that_is_not_taken_comes_again(sender):
    sender.ears.deaf = True
    await sender.sms()
    await sender.wait(5)
    sender.ears.deaf = False
    await sender.wait(30)
    assert len(sender.ears.heard["sms"]) == 1


async def test_people_can_answer_a_short_message(sender):
    reply = {"person": "wang", "number": "19900000001", "text": "1"}
    await sender.api("POST", "reply", json=reply)
    (heard,) = sender.ears.heard["sms_reply"]
    assert (heard["phone_number"], heard["content"]) == ("19900000001", "1")


async def test_a_key_is_reported_at_once_and_the_call_after_it(sender):
    answer = await sender.call()
    (message,) = await sender.on_phone("19900000001")
    assert (message["state"], message["text"]) == ("ringing", "燃气泄漏，收到请按1，需要帮助请按2")
    assert message["buttons"] == [{"key": "1", "text": "已收到"}, {"key": "2", "text": "需要帮助"}]
    await sender.api("POST", "press", json={"message": answer["CallId"], "key": "1"})
    (key,) = sender.ears.heard["voice_key"]
    assert (key["status_code"], key["dtmf"], key["out_id"]) == ("300000", "1", "notice-2")
    await sender.wait(2)
    (report,) = sender.ears.heard["voice"]
    assert (report["status_code"], report["dtmf"], report["call_id"]) == ("200000", "1", answer["CallId"])


async def test_a_call_that_nobody_takes_rings_out(sender):
    await sender.call()
    await sender.wait(29)
    assert sender.ears.heard["voice"] == []
    await sender.wait(3)
    assert [r["status_code"] for r in sender.ears.heard["voice"]] == ["200003"]
    assert (await sender.on_phone("19900000001"))[0]["state"] == "ended"


@pytest.mark.parametrize(("habit", "status"), [("busy", "200002"), ("switched_off", "200010")])
async def test_a_phone_that_is_busy_or_off_does_not_ring(sender, habit, status):
    await sender.api("POST", "scripts", json={"person": "19900000001", "does": habit})
    assert (await sender.call())["Code"] == "OK"
    await sender.wait(2)
    assert [r["status_code"] for r in sender.ears.heard["voice"]] == [status]
    assert await sender.on_phone("19900000001") == []


async def test_a_wrong_key_is_reported_and_the_menu_runs_out(sender):
    answer = await sender.call()
    await sender.api("POST", "press", json={"message": answer["CallId"], "key": "9"})
    assert [r["dtmf"] for r in sender.ears.heard["voice_key"]] == ["9"]
    await sender.wait(12)
    assert [r["status_code"] for r in sender.ears.heard["voice"]] == ["200008"]


async def test_one_call_a_minute_five_an_hour_twenty_a_day(sender):
    taken = []
    for _ in range(24 * 60):
        answer = await sender.call()
        if answer["Code"] == "OK":
            taken.append(sender.network.agenda.now())
        else:
            assert answer["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
        await sender.wait(30 if len(taken) < 7 else 3600)
        if len(taken) == 20:
            break
    assert (taken[1] - taken[0]).total_seconds() == 60
    assert (taken[5] - taken[0]).total_seconds() == 3600
    assert (await sender.call())["Code"] == "isv.BUSINESS_LIMIT_CONTROL"


async def test_a_call_to_a_number_that_is_not_in_use_fails(sender):
    await sender.api("POST", "settings", json={"strangers": False})
    await sender.call()
    await sender.wait(2)
    assert [r["status_code"] for r in sender.ears.heard["voice"]] == ["200004"]
