"""Every provider can fail in every way that providers fail, and says so to whoever asks the network."""

import asyncio

import httpx2
import pytest
from standardwebhooks import Webhook

from firmware_sim.phone import network as network_module
from tests.sim.phones.network import SECRET, START


async def webhook(sender):
    from datetime import UTC, datetime

    now, body = datetime.now(UTC), '{"title": "燃气泄漏", "link": ""}'
    headers = {
        "webhook-id": "n1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("n1", now, body),
    }
    return await sender.http.post("/hook/wang", content=body, headers=headers)


SENDS = {
    "wecom": lambda s: s.http.get("/cgi-bin/gettoken"),
    "wecom_robot": lambda s: s.http.post("/cgi-bin/webhook/send", params={"key": "simulated-robot"}, json={}),
    "dingtalk": lambda s: s.http.post("/robot/send", json={}),
    "feishu": lambda s: s.http.post("/open-apis/bot/v2/hook/simulated-feishu", json={}),
    "sms": lambda s: s.rpc("SendSms", PhoneNumbers="19900000001"),
    "voice": lambda s: s.rpc("IvrCall", CalledNumber="19900000001"),
    "webhook": webhook,
}


@pytest.mark.parametrize("provider", SENDS)
async def test_an_outage_answers_503_and_ends_when_it_is_lifted(sender, provider):
    await sender.rule(provider, "outage")
    assert (await SENDS[provider](sender)).status_code == 503
    await sender.api("DELETE", "rules", params={"provider": provider})
    assert (await SENDS[provider](sender)).status_code == 200
    assert next(a["outcome"] for a in await sender.api("GET", "attempts")) == "down"


@pytest.mark.parametrize("provider", SENDS)
async def test_something_in_between_may_answer_in_its_stead(sender, provider):
    await sender.rule(provider, "garbage", count=1)
    answer = await SENDS[provider](sender)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await SENDS[provider](sender)).headers["content-type"] == "application/json"


@pytest.mark.parametrize("provider", SENDS)
async def test_a_provider_may_hang_or_be_slow(sender, provider, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(network_module.asyncio, "sleep", sleep)
    await sender.rule(provider, "hang", count=1)
    assert (await SENDS[provider](sender)).status_code == 504
    await sender.rule(provider, "slow", seconds=7, count=1)
    assert (await SENDS[provider](sender)).status_code == 200
    assert slept.count(60.0) == 1
    assert slept.count(7.0) == 1


@pytest.mark.parametrize(
    ("provider", "code", "send"),
    [
        ("wecom", "45009", lambda s: s.text()),
        ("wecom_robot", "45009", lambda s: s.robot("wecom_robot")),
        ("dingtalk", "130101", lambda s: s.robot("dingtalk")),
        ("feishu", "11232", lambda s: s.robot("feishu")),
        ("sms", "isv.AMOUNT_NOT_ENOUGH", lambda s: s.sms()),
        ("voice", "isv.OUT_OF_SERVICE", lambda s: s.call()),
    ],
)
async def test_a_provider_refuses_with_any_code_of_its_own(sender, provider, code, send):
    if provider == "wecom":
        await sender.token()
        await sender.rule(provider, "error", code=code, person="wang")
    else:
        await sender.rule(provider, "error", code=code)
    answer = await send(sender)
    assert str(answer.get("errcode", answer.get("code", answer.get("Code")))) == code
    assert await sender.api("GET", "messages") == []


@pytest.mark.parametrize(
    ("provider", "send"),
    [
        ("wecom", lambda s: s.text()),
        ("wecom_robot", lambda s: s.robot("wecom_robot")),
        ("dingtalk", lambda s: s.robot("dingtalk")),
        ("feishu", lambda s: s.robot("feishu")),
        ("sms", lambda s: s.sms()),
        ("voice", lambda s: s.call()),
        ("webhook", webhook),
    ],
)
async def test_ok_does_not_mean_delivered(sender, provider, send):
    await sender.rule(provider, "lost")
    answer = await send(sender)
    if isinstance(answer, httpx2.Response):
        assert answer.status_code == 200
    else:
        assert answer.get("errcode", answer.get("code", answer.get("Code"))) in (0, "OK")
    await sender.wait(600)
    assert await sender.api("GET", "messages") == []
    assert all(heard == [] for heard in sender.ears.heard.values())


async def test_a_message_may_arrive_late_and_its_report_after_it(sender):
    await sender.rule("sms", "late", seconds=300)
    await sender.sms()
    await sender.wait(299)
    assert await sender.on_phone("19900000001") == []
    await sender.wait(1)
    assert len(await sender.on_phone("19900000001")) == 1
    assert sender.ears.heard["sms"] == []
    await sender.wait(3)
    assert len(sender.ears.heard["sms"]) == 1


async def test_a_rule_for_one_person_leaves_the_others_alone(sender):
    await sender.rule("wecom", "lost", person="wang")
    await sender.text("wang")
    await sender.text("li")
    assert len(await sender.on_phone("wang")) == 0
    assert len(await sender.on_phone("li")) == 1


async def test_a_webhook_with_a_wrong_signature_or_refused_stays_outside(sender):
    assert (await sender.http.post("/hook/wang", content="{}")).status_code == 401
    await sender.rule("webhook", "error", code="410", person="wang")
    assert (await webhook(sender)).status_code == 410


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("rules", {"provider": "pigeon", "kind": "lost"}),
        ("rules", {"provider": "sms", "kind": "lost", "typo": 1}),
        ("scripts", {"person": "wang", "does": "dance"}),
        ("settings", {"callbacks": {"fax": "http://x"}}),
        ("clock", {}),
    ],
)
async def test_a_wrong_request_is_explained(sender, path, body):
    answer = await sender.http.post(f"/api/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_pressing_what_is_not_there_is_not_found(sender):
    answer = await sender.http.post("/api/press", json={"message": "none", "key": "x"})
    assert answer.status_code == 404


async def test_time_runs_by_itself_too(sender):
    network = sender.network
    done = asyncio.Event()

    async def ring() -> None:
        done.set()

    async with network.running():
        network.agenda.after(0.0, "ring", ring)
        await asyncio.wait_for(done.wait(), 10)
    assert network.agenda.now() == START
