"""The installer's pages: whoever stands beside a device adopts it, reads it and tries it."""

import re
from datetime import timedelta

import pytest

from server.audit.tables import AuditRow
from server.devices.configuration import keep_part
from server.devices.tables import Device, WalkTest
from server.places.tables import Building, Unit
from tests.server.access.street_of_two import FOREIGN, build
from tests.server.devices.installer import ADOPT, FORM, HERE, NEW, WHY, come_back, connect, device, hear
from tests.server.history.recording import record
from tests.server.world import GATEWAY
from wire.configuration import ConfigurationReport, DeviceInForce, RuleInForce
from wire.vocabulary import AlarmClass, Condition, Kind, Mode


async def test_a_device_is_adopted_where_it_hangs_and_its_alarms_find_their_leader(site, installer):
    await hear(site)
    assert NEW in (await installer.get("/desk/adopt")).text, "it waits there to be adopted"
    assert ADOPT in (await installer.get("/desk/unassigned")).text
    page = (await installer.get(ADOPT)).text
    assert 'value="三楼的"' in page, "what the gateway calls it is there already"
    answer = await installer.post(ADOPT, data=FORM)
    assert answer.headers["location"] == f"{HERE}/{NEW}/check?done=kept"
    row = await device(site, NEW)
    assert (row.adopted, row.building, row.door, row.kind, str(row.installed_on)) == (
        True,
        "b1",
        "301",
        "gas",
        "2026-11-20",
    )
    [audited] = [one for one in await site.world.rows(AuditRow) if one.action == "device_adopted"]
    assert (audited.actor, audited.reason, audited.subject) == ("安装工", "现场安装", f"{GATEWAY}/{NEW}")
    await site.world.raise_alarm("a9", NEW)
    [leak] = [one for one in await site.world.items() if one.kind is Kind.GAS]
    assert (leak.owner, leak.where) == ("leader", "东社区 东苑 3号楼 3层 301")


async def test_what_the_gateway_knows_of_a_stranger_is_filled_in(site, installer):
    await hear(site)
    await connect(site)
    rule = RuleInForce(
        rule="gas",
        type="threshold",
        hash="h",
        kind=Kind.GAS,
        class_=AlarmClass.LIFE_SAFETY,
        devices=(NEW,),
        sentence="高于 25",
        sentence_en="above 25",
    )
    wired = DeviceInForce(device=NEW, bus="kitchen", address="unit 7", model="honeywell-midas", label="厨房")
    told = ConfigurationReport(content_hash="c", file_hash="f", rules=(rule,), devices=(wired,))
    async with site.world.database.write() as session:
        assert await keep_part(session, GATEWAY, told, now=site.clock.now())
    page = (await installer.get(ADOPT)).text
    for shown in ("<dd>kitchen</dd>", "<dd>unit 7</dd>", 'name="model" value="honeywell-midas"'):
        assert shown in page, shown
    assert 'value="三楼的"' in page, "an alarm says what it is called now"
    assert '<option value="gas" selected>' in page
    await installer.post(ADOPT, data={**FORM, "model": "XY-100"})
    assert "honeywell-midas" not in (await installer.get(ADOPT)).text, "the register has the last word"


async def test_one_that_no_gateway_spoke_of_yet_can_be_adopted_ahead(site, installer):
    page = (await installer.get(f"/desk/adopt?code={GATEWAY}/spare-7")).headers["location"]
    assert "网关还没有报过这台设备" in (await installer.get(page)).text
    assert (await installer.post(page, data=FORM)).status_code == 303
    assert (await device(site, "spare-7")).adopted


async def test_what_is_registered_is_shown_before_it_is_corrected_and_a_reason_is_asked(site, installer):
    page = (await installer.get(f"{HERE}/gas-1/adopt")).text
    assert "已经登记" in page
    assert "东苑 3号楼 2层 201" in page
    refused = await installer.post(f"{HERE}/gas-1/adopt", data={**FORM, "ends_on": "2031-01-01"})
    assert refused.status_code == 422
    assert "请写明原因" in refused.text
    assert 'value="2031-01-01"' in refused.text, "what was typed is kept"
    await installer.post(f"{HERE}/gas-1/adopt", data={**FORM, "ends_on": "2031-01-01", "reason": "写错了"})
    assert str((await device(site, "gas-1")).ends_on) == "2031-01-01"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"installed_on": "2026-11-20", "ends_on": "2020-01-01"}, "到期日期比安装日期早"),
        ({"tested_on": "2026-11-20", "test_due_on": "2020-01-01"}, "下次检测比检测日期早"),
        ({"installed_on": "soon"}, "日期写成"),
        ({"kind": "colour"}, "没有这个类别"),
        ({"name": "x" * 201}, "太长"),
    ],
)
async def test_what_cannot_be_is_said_in_the_form(site, installer, form, said):
    answer = await installer.post(ADOPT, data={**FORM, **form})
    assert answer.status_code == 422
    assert said in answer.text
    assert await device(site, NEW) is None


async def test_buildings_are_found_by_name_and_only_ones_own(site, installer):
    async with site.world.database.write() as session:
        session.add(Building(code="b2", estate="e1", name="8号楼", grid="g1"))
        await session.flush()
        session.add(Unit(code="b2-1", building="b2", name="一单元"))
    await build(site)
    assert 'value="b2"' in (await installer.get(ADOPT)).text, "the estate of its gateway comes first"
    found = (await installer.get(ADOPT, params={"q": "8号"})).text
    assert 'value="b2-1"' in found
    assert 'value="b1"' not in found
    assert FOREIGN not in (await installer.get(ADOPT, params={"q": FOREIGN})).text.replace(
        f'value="{FOREIGN}"', ""
    )
    await installer.post(ADOPT, data={**FORM, "building": "b2", "unit": "b2-1"})
    assert (await device(site, NEW)).unit == "b2-1"
    wrong = await installer.post(
        f"{HERE}/gas-1/adopt", data={**FORM, **WHY, "building": "b1", "unit": "b2-1"}
    )
    assert "这个单元不在这栋楼" in wrong.text


async def test_what_is_foreign_is_not_found_by_scanning_typing_or_choosing(site, installer):
    await build(site)
    for code in (f"{FOREIGN}-gw/{FOREIGN}-gas", f"{FOREIGN}-gw/anything", "gw-none/gas-1"):
        answer = await installer.get("/desk/adopt", params={"code": code})
        assert answer.status_code == 404, code
        assert "核对编号" in answer.text
        assert "消息" not in answer.text, "no message led here"
    assert (await installer.post(ADOPT, data={**FORM, "building": f"{FOREIGN}-b"})).status_code == 404
    assert await device(site, NEW) is None
    moved = await installer.post(f"{HERE}/gas-1/move", data={**WHY, "building": f"{FOREIGN}-b"})
    assert moved.status_code == 404
    async with site.world.database.write() as session:
        (await session.get_one(Device, (GATEWAY, "gas-2"))).building = f"{FOREIGN}-b"
    for path in ("", "/adopt", "/check", "/check/state", "/move", "/replace", "/retire"):
        assert (await installer.get(f"{HERE}/gas-2{path}")).status_code == 404, path
    assert f"{FOREIGN}-gas" not in (await installer.get("/desk/devices")).text
    taken = {**WHY, "new_device": f"{FOREIGN}-gw/{FOREIGN}-gas"}
    assert (await installer.post(f"{HERE}/gas-1/replace", data=taken)).status_code == 404


async def test_a_reading_is_shown_live_with_its_age_and_what_is_wrong_is_said(site, installer):
    check = f"{HERE}/gas-1/check"
    assert "网关没有连上" in (await installer.get(check)).text
    await connect(site)
    assert "五分钟内没有读数" in (await installer.get(check)).text
    await record(
        site.readings,
        "gas-1/gas_lel",
        "%{LEL}",
        site.clock.now() - timedelta(seconds=4),
        [3.25, 4.5],
        every=timedelta(seconds=2),
    )
    shown = (await installer.get(check)).text
    assert "4.5 %LEL" in shown
    assert 'hx-trigger="every 2s"' in shown
    site.clock.advance(seconds=100)
    assert "下面是断开以前的读数" in (await installer.get(check)).text, "its gateway said nothing since"
    site.clock.advance(seconds=500)
    since = re.search(r"since=(\d+)", shown)[1]
    later = (await installer.get(f"{check}/state?since={since}")).text
    assert "hx-trigger" not in later, "a phone in a pocket asks for ten minutes at most"
    assert "4.5" not in later


async def test_a_test_comes_back_to_the_page_marked_and_wakes_nobody(site, installer):
    await connect(site)
    await installer.post(f"{HERE}/gas-1/check")
    [command] = await site.world.commands()
    assert command.order == {"order": "test", "device": "gas-1"}
    waiting = (await installer.get(f"{HERE}/gas-1/check")).text
    assert "等它答复" in waiting
    await come_back(site, "gas-1")
    await site.world.pass_time(300)
    page = (await installer.get(f"{HERE}/gas-1/check")).text
    assert "测试报警回来了" in page
    assert "可燃气体超过 25 %LEL" in page
    assert "hx-trigger" not in page, "done is done"
    assert await site.world.items() == []
    assert site.world.channel.sent == []
    await come_back(site, "gas-1", condition=Condition.NORMAL)
    assert await site.world.items() == [], "nor when it ends"
    [test] = await site.world.rows(WalkTest)
    assert (test.by, test.alarm) == ("安装工", "t1")
    assert test.over_at is not None


async def test_a_real_alarm_during_a_walk_test_is_told_as_ever(site, installer):
    await installer.post(f"{HERE}/gas-1/check")
    await site.world.raise_alarm("a1", "gas-1")
    await site.world.settle()
    assert site.world.heard("leader")
    await come_back(site, "gas-1")
    assert [item.mode for item in await site.world.items()] == [Mode.LIVE]


async def test_only_the_test_that_was_asked_for_is_kept_back(site, installer):
    await installer.post(f"{HERE}/gas-1/check")
    await come_back(site, "gas-2", alarm="t0")
    assert [item.device for item in await site.world.items()] == ["gas-2"], "another device"
    await come_back(site, "gas-1")
    second = site.world.state("t2", "gas-1", mode=Mode.TEST)
    await site.world.take(site.world.alarm_message(second))
    assert len(await site.world.items()) == 2, "a second alarm is somebody else's"


async def test_a_test_that_comes_too_late_is_told_like_any_other(site, installer):
    await installer.post(f"{HERE}/gas-1/check")
    site.clock.advance(seconds=121)
    assert "测试报警没有回来" in (await installer.get(f"{HERE}/gas-1/check")).text
    await come_back(site, "gas-1")
    assert [item.mode for item in await site.world.items()] == [Mode.TEST]
