"""Why a device did not alarm: each reason in words, from what was read and from what kept it back."""

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from server.alarms.tables import Alarm
from server.devices.configuration import keep_part
from server.devices.tables import Command, CommandState, Gateway
from server.devices.whynot import (
    Absence,
    AlarmThen,
    Circumstances,
    Finding,
    HeldBack,
    Sample,
    choose_first,
    is_in_hours,
    judge_rule,
    longest_beyond,
)
from server.devices.whynotfacts import Judged
from server.devices.whynotpages import MOST_SHOWN, samples_beside, shown
from server.devices.whynotwords import SENTENCES, Reason
from server.intake import status as statuses
from tests.server.history.recording import record
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY, at
from wire import codec
from wire.configuration import ConfigurationReport, DeviceInForce, RuleInForce, RuleLimit
from wire.messages import StatusMessage
from wire.statusparts import ConfigState, WarmingRule
from wire.topics import Up
from wire.vocabulary import (
    AlarmClass,
    CommandOutcome,
    Kind,
    LimitSide,
    Measure,
    Mode,
    Presence,
    Quality,
    Suppression,
)

GAS = RuleInForce(
    rule="gas-high",
    type="threshold",
    hash="0123456789abcdef",
    kind=Kind.GAS,
    class_=AlarmClass.LIFE_SAFETY,
    devices=("gas-1", "gas-2"),
    watches=("meter-1",),
    point="gas_lel",
    unit="%{LEL}",
    limits=(
        RuleLimit(side=LimitSide.ABOVE, limit=5, stage=1, class_=AlarmClass.LIFE_SAFETY),
        RuleLimit(side=LimitSide.ABOVE, limit=25, stage=2, class_=AlarmClass.LIFE_SAFETY),
    ),
    on_delay_ms=10_000,
    sentence="燃气高于 5 %LEL",
    sentence_en="gas above 5 %LEL",
)
CONTACT = RuleInForce(
    rule="contact-gas-1",
    type="contact",
    hash="c",
    kind=Kind.CONTACT,
    class_=AlarmClass.FAULT,
    devices=("gas-1",),
    unit="s",
    measure=Measure.AGE,
    limits=(RuleLimit(side=LimitSide.ABOVE, limit=30, class_=AlarmClass.FAULT),),
    sentence="30 秒没有应答",
)
HOUR = Circumstances(since=at(), until=at(seconds=60))
AWAY = (Absence(since=at(minutes=5), until=at(minutes=40)),)
LONG_AGO, LATER = at(hours=-3), at(hours=2)


def changed(**values) -> RuleInForce:
    return msgspec.structs.replace(GAS, **values)


def samples(*values: float | None, every_s: float = 5) -> list[Sample]:
    return [
        Sample(
            at=at(seconds=n * every_s),
            value=value,
            quality=Quality.GOOD if value is not None else Quality.COMM_FAULT,
        )
        for n, value in enumerate(values)
    ]


def then(**values) -> Circumstances:
    return replace(HOUR, **values)


def stated(**values) -> Circumstances:
    said = {"since": at(seconds=5), "item": "i1", "opened_at": at(seconds=6), "told": True, **values}
    return then(alarms={"gas-high": (AlarmThen(**said),)})


def held(rule: str, since: datetime = LONG_AGO, until: datetime = LATER) -> Circumstances:
    return then(held_back=(HeldBack(since=since, until=until, by="维护员", rule=rule),))


HIGH = (30, 30, 30, 30)


@pytest.mark.parametrize(
    ("rule", "read", "circumstances", "reason"),
    [
        (GAS, samples(1, 4.8, 2), HOUR, Reason.NEVER_REACHED),
        (GAS, samples(1, 5, 2), HOUR, Reason.NEVER_REACHED),
        (GAS, samples(1, 4.8), then(until=at(minutes=30)), Reason.GAP),
        (GAS, samples(1, 4.8), then(until=at(minutes=30), expected=timedelta(minutes=10)), Reason.NEVER_REACHED),
        (GAS, samples(1, 6, 2), HOUR, Reason.NOT_LONG_ENOUGH),
        (GAS, samples(1, 6, 4.9, 6, 2), HOUR, Reason.NOT_LONG_ENOUGH),
        (changed(hysteresis=0.5), samples(1, 6, 4.9, 6, 2), HOUR, Reason.UNCLEAR),
        (GAS, samples(1, 6, 6, 6, 2), HOUR, Reason.UNCLEAR),
        (GAS, samples(1, 6), HOUR, Reason.UNCLEAR),
        (GAS, samples(1, 4, 30, *HIGH), HOUR, Reason.UNCLEAR),
        (GAS, samples(*HIGH), held("gas-high"), Reason.SHELVED),
        (GAS, samples(*HIGH), held(""), Reason.OUT_OF_SERVICE),
        (GAS, samples(*HIGH), held("another"), Reason.UNCLEAR),
        (GAS, samples(*HIGH), held("gas-high", until=at(hours=-1)), Reason.UNCLEAR),
        (GAS, samples(1, 2), held("gas-high"), Reason.NEVER_REACHED),
        (GAS, samples(), held(""), Reason.OUT_OF_SERVICE),
        (GAS, samples(*HIGH), then(warming=frozenset({"gas-high"})), Reason.WARMING),
        (GAS, samples(*HIGH), then(warming=frozenset({"another"})), Reason.UNCLEAR),
        (changed(schedule="sat sun 08:00-18:00 Asia/Shanghai"), samples(*HIGH), HOUR, Reason.OUTSIDE_HOURS),
        (changed(schedule="mon tue wed thu fri sat sun 00:00-00:00 Asia/Shanghai"), samples(*HIGH), HOUR, Reason.UNCLEAR),
        (GAS, samples(None, None), HOUR, Reason.BAD_QUALITY),
        (GAS, samples(None, None), then(device_silent=AWAY), Reason.DEVICE_SILENT),
        (GAS, samples(None, None), then(gateway_away=AWAY), Reason.BAD_QUALITY),
        (GAS, samples(), HOUR, Reason.NOT_READ),
        (GAS, samples(), then(clock_wrong=True), Reason.CLOCK_WRONG),
        (GAS, samples(), then(gateway_away=AWAY, clock_wrong=True), Reason.GATEWAY_AWAY),
        (GAS, samples(), then(device_silent=AWAY), Reason.DEVICE_SILENT),
        (GAS, samples(*HIGH), stated(), Reason.ALARMED),
        (GAS, samples(*HIGH), stated(told=False), Reason.UNTOLD),
        (GAS, samples(*HIGH), stated(opened_at=at(minutes=9)), Reason.LATE),
        (GAS, samples(*HIGH), stated(since=LONG_AGO, opened_at=LONG_AGO), Reason.STANDING),
        (GAS, samples(*HIGH), stated(opened_at=LONG_AGO), Reason.REPEATED),
        (GAS, samples(*HIGH), stated(laid_aside_until=LATER), Reason.LAID_ASIDE),
        (GAS, samples(*HIGH), stated(parent="i0", told=False), Reason.FOLDED),
        (GAS, samples(*HIGH), stated(item=None), Reason.NO_ITEM),
        (GAS, samples(*HIGH), stated(mode=Mode.DRILL), Reason.ONLY_A_TEST),
        (GAS, samples(*HIGH), stated(suppression=Suppression.SHELVED), Reason.SHELVED),
        (GAS, samples(*HIGH), stated(suppression=Suppression.OUT_OF_SERVICE), Reason.OUT_OF_SERVICE),
        (GAS, samples(*HIGH), stated(suppression=Suppression.BY_DESIGN), Reason.EXPLAINED),
        (changed(measure=Measure.MEAN), samples(30), HOUR, Reason.OVER_TIME),
        (changed(votes_needed=2), samples(30), HOUR, Reason.OVER_TIME),
        (changed(measure=Measure.MEAN), samples(30), held("gas-high"), Reason.SHELVED),
        (changed(measure=Measure.MEAN), samples(30), then(warming=frozenset({"gas-high"})), Reason.WARMING),
        (CONTACT, samples(3, 3, 3, every_s=20), HOUR, Reason.ANSWERED),
        (CONTACT, samples(3, 3), then(until=at(minutes=20)), Reason.QUIET),
        (CONTACT, samples(3, 3), then(until=at(minutes=20), expected=timedelta(minutes=30)), Reason.ANSWERED),
        (CONTACT, samples(None, None), then(device_silent=AWAY), Reason.DEVICE_SILENT),
    ],
)  # fmt: skip
def test_each_reason_has_its_sentence(rule, read, circumstances, reason):
    finding = judge_rule(rule, read, circumstances)
    assert finding.reason is reason
    sentence = SENTENCES[reason] % shown(finding)
    assert "None" not in sentence
    assert "%(" not in sentence


def test_every_reason_of_a_rule_is_tried_above():
    (marks,) = test_each_reason_has_its_sentence.pytestmark
    tried = {reason for *_, reason in marks.args[1]}
    assert set(Reason) - tried == {Reason.NOT_WATCHED, Reason.NO_RULES_TOLD}, "those are said of no rule"


def test_what_nobody_can_explain_is_said_first():
    reasons = (Reason.NEVER_REACHED, Reason.ALARMED, Reason.UNCLEAR, Reason.SHELVED)
    first = choose_first([Finding(reason=one) for one in reasons])
    assert first is not None
    assert first.reason is Reason.UNCLEAR
    assert choose_first([]) is None


def test_the_item_that_speaks_is_the_one_that_is_named():
    assert judge_rule(GAS, [], stated(parent="i0")).item == "i0"
    assert judge_rule(GAS, [], stated()).item == "i1"


def test_the_nearest_limit_is_the_one_that_is_named():
    said = {"value": 4.8, "when": at(seconds=5), "unit": "%{LEL}", "limit": 5}
    assert judge_rule(GAS, samples(1, 4.8, 2), HOUR).values == said
    low = RuleLimit(side=LimitSide.BELOW, limit=140, class_=AlarmClass.FAULT)
    hydrant = changed(limits=(low,), unit="kPa")
    assert judge_rule(hydrant, samples(150, 160), HOUR).values["value"] == 150


def test_what_stands_beyond_a_limit_stands_until_another_value_comes():
    limit = GAS.limits[0]
    begin, end = longest_beyond(limit, samples(6, 6, 1, 6, 1), until=at(hours=1))
    assert end - begin == timedelta(seconds=10)
    begin, end = longest_beyond(limit, samples(1, 6), until=at(seconds=65))
    assert end - begin == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("schedule", "moment", "inside"),
    [
        ("wed 08:00-18:00 Asia/Shanghai", "2026-11-25T08:00+08:00", True),
        ("wed 08:00-18:00 Asia/Shanghai", "2026-11-25T18:00+08:00", False),
        ("tue 08:00-18:00 Asia/Shanghai", "2026-11-25T12:00+08:00", False),
        ("tue 22:00-06:00 Asia/Shanghai", "2026-11-25T05:59+08:00", True),
        ("wed 22:00-06:00 Asia/Shanghai", "2026-11-25T05:59+08:00", False),
        ("wed 00:00-00:00 Asia/Shanghai", "2026-11-25T13:00+08:00", True),
        ("whenever it suits", "2026-11-25T13:00+08:00", True),
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(schedule, moment, inside):
    assert is_in_hours(schedule, datetime.fromisoformat(moment)) is inside


def test_the_readings_nearest_to_the_moment_are_shown():
    read = samples(*range(100), None)
    judged = Judged(rule=GAS, finding=Finding(reason=Reason.UNCLEAR), samples=read)
    beside = samples_beside(judged, at(seconds=25))
    assert len(beside) == MOST_SHOWN
    assert [(one.value, beyond) for one, beyond in beside][4:7] == [(4, False), (5, False), (6, True)]
    assert samples_beside(judged, at(hours=1))[-1][1] is None, "no value, no comparison"


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


async def test_a_time_that_cannot_be_read_or_is_yet_to_come_is_refused(site, desk):
    later = (site.clock.now() + timedelta(hours=1)).isoformat()
    for typed, said in (("gestern", "时间写成"), (later, "还没有到")):
        answer = await desk.get(PAGE, params={"at": typed})
        assert answer.status_code == 422
        assert said in answer.text
    assert (await desk.get(f"/desk/devices/{GATEWAY}/nothing/why-not")).status_code == 404
