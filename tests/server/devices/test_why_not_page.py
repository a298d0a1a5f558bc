"""The page on which a maintainer reads why a device did not alarm."""

from datetime import timedelta

import pytest

from server.alarms.tables import Alarm
from server.devices.configuration import keep_part
from server.devices.tables import Command, CommandState, Device, Gateway
from server.intake import status as statuses
from tests.server.devices.rulesinforce import CONTACT, GAS
from tests.server.history.recording import record
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY
from wire import codec
from wire.configuration import ConfigurationReport, DeviceInForce
from wire.messages import StatusMessage, SuppressionState
from wire.statusparts import ConfigState, WarmingRule
from wire.topics import Up
from wire.vocabulary import (
    AlarmClass,
    CommandOutcome,
    Kind,
    Presence,
    Suppression,
)

PAGE = f"/desk/devices/{GATEWAY}/gas-1/why-not"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def say(world, **changes):
    config = ConfigState(hash="f1", version="三月")
    message = StatusMessage(
        **world.envelope(), presence=Presence.ONLINE, software="edge 1", config=config, **changes
    )
    received = world.bytes(codec.encode(message), Up.STATUS)
    await statuses.keep(world.database, [received], now=world.clock.now())


@pytest.fixture
async def desk(site):
    device = DeviceInForce(device="gas-1", bus="kitchen", address="7", model="midas", period_ms=1000)
    report = ConfigurationReport(
        content_hash="c1",
        file_hash="f1",
        version="三月",
        software="edge 1",
        devices=(device,),
        rules=(GAS, CONTACT),
    )
    await site.operator()
    await say(site.world)
    async with site.world.database.write() as session:
        await keep_part(session, GATEWAY, report, now=site.clock.now())
    site.clock.advance(seconds=4 * 3600)
    await say(site.world)
    return await site.operator()


async def read(site, *values: float | None, minutes_ago: float = 59) -> None:
    begin = site.clock.now() - timedelta(minutes=minutes_ago)
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", begin, values)


async def test_the_page_says_that_the_value_never_reached_the_limit(site, desk):
    await read(site, *[1.0, 4.8, *[2.0] * 57])
    page = (await desk.get(PAGE, params={"about": "kind:gas"})).text
    for said in (
        "最接近的读数是 4.8 %LEL（",
        "燃气高于 5 %LEL",
        "0123456789abcdef",
        "三月",
        "没有记录到网关失联",
        "没有搁置，没有停用检修",
        "有 59 个读数",
    ):
        assert said in page, said
    assert page.index("最接近的读数") < page.index("看着它的规则"), "the verdict comes first"
    assert "30 秒没有应答</h3>" not in page, "it was asked about gas"
    assert "30 秒没有应答" in (await desk.get(PAGE)).text
    english = (await desk.get(PAGE, headers={"Accept-Language": "en"})).text
    assert "gas above 5 %LEL" in english


async def test_an_alarm_that_did_come_leads_to_its_reasons(site, desk):
    await read(site, *[30.0] * 59)
    item = await site.world.raise_alarm(rule="gas-high", raised_at=site.clock.now())
    assert "没有发出通知" in (await desk.get(PAGE)).text, "nobody was told yet"
    await site.world.settle()
    page = (await desk.get(PAGE, params={"about": "rule:gas-high"})).text
    assert "也通知了人" in page
    assert f'href="/desk/items/{item.id}/why"' in page
    why = (await desk.get(f"/desk/items/{item.id}/why")).text
    assert "/why-not?at=" in why, "and back again"
    neighbour = (await desk.get(f"/desk/devices/{GATEWAY}/gas-2/why-not")).text
    assert "报过警" not in neighbour, "the same rule has an alarm of its own for each device"
    listener = (await desk.get(f"/desk/devices/{GATEWAY}/meter-1/why-not")).text
    assert "也通知了人" in listener, "one that listens to another device alarms there"
    assert "/why-not?at=" in (await desk.get(f"/desk/items/{item.id}")).text
    assert f'href="{PAGE}"' in (await desk.get(f"/desk/devices/{GATEWAY}/gas-1")).text


async def test_the_page_says_who_shelved_the_rule_and_until_when(site, desk):
    now = site.clock.now()
    order = {
        "order": "shelve",
        "device": "gas-1",
        "rule": "gas-high",
        "until": (now + timedelta(hours=2)).isoformat(),
        "agreed_by": "第二人",
    }
    async with site.world.database.write() as session:
        session.add(
            Command(
                id="k1",
                gateway=GATEWAY,
                order=order,
                issuer="维护员",
                issued_at=now - timedelta(hours=2),
                expires_at=now,
                state=CommandState.ANSWERED,
                send_at=now,
                outcome=CommandOutcome.DONE,
                answered_at=now - timedelta(hours=2),
            )
        )
    await read(site, *[30.0] * 59)
    assert "规则被 维护员、第二人 搁置到" in (await desk.get(PAGE)).text
    before = (now - timedelta(hours=4)).isoformat()
    assert "搁置到" not in (await desk.get(PAGE, params={"at": before})).text, "then nobody had shelved it"


async def test_what_is_known_only_of_now_is_said_of_now_alone(site, desk):
    await say(site.world, warming=(WarmingRule(rule="gas-high", device="gas-1"),), warming_count=1)
    await read(site, *[30.0] * 59)
    assert "还没有攒够读数" in (await desk.get(PAGE)).text
    earlier = (site.clock.now() - timedelta(minutes=50)).isoformat()
    assert "还没有攒够读数" not in (await desk.get(PAGE, params={"at": earlier})).text
    shelved = {"device": "gas-1", "suppression": Suppression.OUT_OF_SERVICE, "until": site.clock.now()}
    await say(site.world, suppressions=(SuppressionState(**shelved),))
    assert "停用检修到" in (await desk.get(PAGE)).text
    assert "停用检修到" not in (await desk.get(PAGE, params={"at": earlier})).text


async def test_the_page_says_that_the_gateway_was_away(site, desk):
    now = site.clock.now()
    away = site.world.state(
        "silent-1", "gateway", rule="gateway-silent", kind=Kind.CONTACT, class_=AlarmClass.FAULT
    )
    await site.world.take(site.world.alarm_message(away))
    async with site.world.database.write() as session:
        row = await session.get_one(Alarm, (GATEWAY, "silent-1"))
        row.raised_at, row.cleared_at = now - timedelta(minutes=40), now - timedelta(minutes=10)
    assert "没有连上，没有读数送到" in (await desk.get(PAGE)).text
    async with site.world.database.write() as session:
        (await session.get_one(Alarm, (GATEWAY, "silent-1"))).raised_at = now - timedelta(days=2)
        (await session.get_one(Alarm, (GATEWAY, "silent-1"))).cleared_at = now - timedelta(days=1)
        (await session.get_one(Gateway, GATEWAY)).heard_at = now - timedelta(minutes=20)
    assert "没有连上，没有读数送到" in (await desk.get(PAGE)).text, "before anybody has raised that either"


async def test_the_rules_of_then_are_the_ones_that_are_asked(site, desk):
    async with site.world.database.write() as session:
        second = ConfigurationReport(content_hash="c2", file_hash="f2", software="edge 1")
        message = StatusMessage(
            **site.world.envelope(),
            presence=Presence.ONLINE,
            software="edge 1",
            config=ConfigState(hash="f2"),
        )
        received = site.world.bytes(codec.encode(message), Up.STATUS)
    await statuses.keep(site.world.database, [received], now=site.clock.now())
    async with site.world.database.write() as session:
        await keep_part(session, GATEWAY, second, now=site.clock.now())
    assert "没有任何规则看着它" in (await desk.get(PAGE)).text
    earlier = (site.clock.now() - timedelta(hours=2)).isoformat()
    assert "燃气高于 5 %LEL" in (await desk.get(PAGE, params={"at": earlier})).text


async def test_a_gateway_that_told_no_rules_is_said_to_have_told_none(site):
    desk = await site.operator()
    assert "网关没有上报过它的规则" in (await desk.get(PAGE)).text
    await site.world.raise_alarm(rule="gas-old", sentence="旧网关的规则", raised_at=site.clock.now())
    await site.world.settle()
    page = (await desk.get(PAGE)).text
    assert "旧网关的规则" in page, "what its alarm says of its rule"
    assert "也通知了人" in page


async def test_a_device_that_was_put_in_within_the_hour_missed_nothing_before(site, desk):
    async with site.world.database.write() as session:
        row = await session.get_one(Device, (GATEWAY, "gas-1"))
        row.first_heard_at = site.clock.now() - timedelta(minutes=20)
    await read(site, *[2.0] * 21, minutes_ago=20)
    page = (await desk.get(PAGE, params={"about": "kind:gas"})).text
    assert "最接近的读数是 2 %LEL" in page
    assert "没有可信的读数；" not in page, "nobody can have read it before"


async def test_readings_that_cannot_be_read_now_are_not_said_to_be_missing(site, desk, monkeypatch):
    async def fail(*_args, **_options):
        raise OSError("disk I/O error")

    monkeypatch.setattr("server.devices.whynotfacts.read_range", fail)
    page = (await desk.get(PAGE)).text
    assert "现在读不到读数库，不能判断这条规则" in page
    assert "服务器没有这段时间的读数，" not in page
    item = await site.world.raise_alarm(rule="gas-high", raised_at=site.clock.now())
    assert f'href="/desk/items/{item.id}/why"' in (await desk.get(PAGE)).text, (
        "an alarm that stood is known still"
    )


async def test_a_time_that_cannot_be_read_or_is_yet_to_come_is_refused(site, desk):
    later = (site.clock.now() + timedelta(hours=1)).isoformat()
    refused = {
        "gestern": "时间写成",
        "0001-01-01T00:00": "请检查年份",
        "9999-12-31T23:59:59-12:00": "请检查年份",
        later: "还没有到",
    }
    for typed, said in refused.items():
        answer = await desk.get(PAGE, params={"at": typed})
        assert answer.status_code == 422
        assert said in answer.text
    assert (await desk.get(f"/desk/devices/{GATEWAY}/nothing/why-not")).status_code == 404
