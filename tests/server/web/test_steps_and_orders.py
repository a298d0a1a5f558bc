"""The steps of escalation and orders to gateways, through the API."""

import pytest
from sqlalchemy import select

from server.devices.tables import Command, CommandState
from server.escalation.keeper import PolicyKeeper
from server.notify.channels import Outcome, Verdict
from server.pulse import Pulses
from tests.server.world import GATEWAY
from wire.vocabulary import AlarmClass

STEPS = "/api/v1/escalation/policies/hazard"
UNTIL = "2026-11-24T13:00:00Z"
ORDERS = f"/api/v1/gateways/{GATEWAY}/commands"
NEW = {
    "steps": [
        {"roles": ["secretary"], "window_s": 30, "channels": ["webhook"]},
        {"roles": ["desk"], "window_s": 0, "channels": ["webhook"]},
    ],
    "repeat_s": 300,
}


@pytest.fixture
async def desk(site):
    return await site.operator()


@pytest.fixture
async def keeper(site):
    return PolicyKeeper(
        database=site.world.database, policies=site.world.policies, clock=site.clock, pulses=Pulses()
    )


async def test_steps_of_a_community_are_its_own(site, desk, keeper):
    put = await desk.put(STEPS, params={"community": "c1"}, json={"policy": NEW, "reason": "试行"})
    assert put.status_code == 204, put.text
    assert await keeper.turn()
    own = (await desk.get(STEPS, params={"community": "c1"})).json()
    assert [step["roles"] for step in own["steps"]] == [["secretary"], ["desk"]]
    assert len((await desk.get(STEPS)).json()["steps"]) == 5
    await site.world.raise_alarm(class_=AlarmClass.HAZARD)
    assert await site.world.told() == {"secretary"}
    await site.world.settle()
    await site.world.pass_time(30)
    assert await site.world.told() == {"secretary", "desk"}
    back = await desk.put(STEPS, params={"community": "c1"}, json={"policy": None, "reason": "结束"})
    assert back.status_code == 204
    assert await keeper.turn()
    assert len((await desk.get(STEPS, params={"community": "c1"})).json()["steps"]) == 5
    assert not await keeper.turn()


@pytest.mark.parametrize(
    ("class_", "policy"),
    [
        ("hazard", {**NEW, "steps": NEW["steps"][:1]}),
        ("hazard", {**NEW, "repeat_s": 0}),
        ("life_safety", NEW),
        ("life_safety", {**NEW, "quiet": ["21:00", "07:00"]}),
    ],
)
async def test_steps_that_could_end_in_silence_are_refused(desk, class_, policy):
    answer = await desk.put(STEPS.replace("hazard", class_), json={"policy": policy, "reason": "x"})
    assert answer.status_code == 422


async def test_a_dry_run_says_who_would_be_told_when_and_tells_nobody(site, desk):
    asked = {"gateway": GATEWAY, "device": "gas-1", "class": "life_safety"}
    answer = await desk.post("/api/v1/escalation/dry-run", json=asked)
    steps = answer.json()
    assert [step["after_s"] for step in steps] == [0, 60, 180]
    assert {one["person"] for one in steps[0]["people"]} == {"leader", "officer", "room"}
    assert steps[0]["people"][0]["reason"]
    other = (
        await desk.post("/api/v1/escalation/dry-run", json={**asked, "class": "hazard", "policy": NEW})
    ).json()
    assert [one["person"] for step in other for one in step["people"]] == ["secretary", "desk"]
    assert await site.world.notices() == []


async def test_the_api_says_that_nobody_was_reached(site, desk):
    for person in ("leader", "officer", "room", "deputy", "secretary", "desk"):
        site.world.channel.answers[person] = Outcome(verdict=Verdict.TEMPORARY, reason="status 503")
    await site.world.raise_alarm()
    await site.world.settle()
    await site.world.pass_time(45)
    [item] = (await desk.get("/api/v1/items")).json()["items"]
    assert item["nobody_reached"]
    assert "还没有通知到任何人" in (await desk.get("/desk")).text
    site.world.channel.answers.clear()
    await site.world.pass_time(60)
    [item] = (await desk.get("/api/v1/items")).json()["items"]
    assert not item["nobody_reached"]


@pytest.mark.parametrize(
    "order",
    [
        {"order": "unshelve", "device": "meter-1", "rule": "r"},
        {"order": "back_in_service", "device": "meter-1"},
        {"order": "silence"},
        {"order": "reset", "alarm": "a1"},
        {"order": "close_valve", "device": "meter-1"},
        {"order": "re_enrol", "device": "meter-1"},
        {"order": "raw_traffic", "bus": "rs485", "seconds": 60},
        {"order": "test", "device": "meter-1", "rule": "r"},
        {"order": "shelve", "device": "meter-1", "rule": "r", "until": UNTIL},
    ],
)
async def test_every_order_can_be_given_with_a_reason(desk, order):
    answer = await desk.post(ORDERS, json={**order, "reason": "检修"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "waiting"
    assert (await desk.post(ORDERS, json=order)).status_code == 422


@pytest.mark.parametrize("order", ["shelve", "out_of_service"])
async def test_two_log_ins_must_want_what_hides_an_alarm_about_lives(site, desk, order):
    await site.world.raise_alarm()
    rule = {"rule": "gas-high"} if order == "shelve" else {}
    wanted = {"order": order, "device": "gas-1", "until": UNTIL, "reason": "更换探测器", **rule}
    command = (await desk.post(ORDERS, json=wanted)).json()
    assert command["state"] == "proposed"
    agreement = f"{ORDERS}/{command['id']}/agreement"
    assert (await desk.post(agreement)).status_code == 409
    second = await site.colleague("接班人")
    agreed = await second.post(agreement)
    assert agreed.status_code == 202
    assert agreed.json()["order"]["agreed_by"] == "接班人"
    assert agreed.json()["state"] == CommandState.WAITING


@pytest.mark.parametrize("order", ["shelve", "out_of_service"])
async def test_naming_a_colleague_is_not_their_agreement(site, desk, order):
    await site.world.raise_alarm()
    await site.colleague("接班人")
    rule = {"rule": "gas-high"} if order == "shelve" else {}
    wanted = {"order": order, "device": "gas-1", "until": UNTIL, "reason": "更换探测器", **rule}
    named = await desk.post(ORDERS, json={**wanted, "agreed_by": "接班人"})
    assert named.status_code == 422
    async with site.world.database.read() as session:
        assert list(await session.scalars(select(Command))) == []


async def test_a_second_person_may_be_asked_for_where_the_server_sees_no_need(site, desk):
    wanted = {"order": "shelve", "device": "meter-1", "rule": "r", "until": UNTIL, "reason": "检修"}
    command = (await desk.post(ORDERS, json={**wanted, "ask_second": True})).json()
    assert command["state"] == "proposed"


async def test_a_programs_key_is_no_second_person(site, desk):
    await site.world.raise_alarm()
    wanted = {"order": "out_of_service", "device": "gas-1", "until": UNTIL, "reason": "更换探测器"}
    command = (await desk.post(ORDERS, json=wanted)).json()
    await site.colleague("接班人")
    key = (await desk.post("/api/v1/keys", json={"account": "接班人", "title": "程序", "days": 1})).json()
    program = await site.visitor(Authorization=f"Bearer {key['key']}")
    refused = await program.post(f"{ORDERS}/{command['id']}/agreement")
    assert refused.status_code == 403, refused.text
    assert (await desk.get(f"{ORDERS}/{command['id']}")).json()["state"] == "proposed"


async def test_an_order_that_waited_too_long_for_its_second_person_is_not_sent(site, desk):
    await site.world.raise_alarm()
    order = {"order": "out_of_service", "device": "gas-1", "until": UNTIL, "reason": "更换探测器"}
    command = (await desk.post(ORDERS, json=order)).json()
    async with site.world.database.write() as session:
        (await session.get(Command, command["id"])).issuer = "somebody-else"
    site.clock.advance(seconds=601)
    assert (await desk.post(f"{ORDERS}/{command['id']}/agreement")).status_code == 409


async def test_what_is_to_be_shelved_must_be_named(desk):
    assert (
        await desk.post(ORDERS, json={"order": "shelve", "until": UNTIL, "reason": "x"})
    ).status_code == 422
