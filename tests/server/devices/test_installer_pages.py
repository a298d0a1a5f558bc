"""The installer's pages: whoever stands beside a device adopts it, tries it, moves it, replaces it, retires it."""

import re
from datetime import timedelta

import pytest

from server.access.model import AccessRole
from server.audit.tables import AuditRow
from server.devices.labelcode import DeviceCode, address_of, read_code
from server.devices.service import apply_status
from server.devices.tables import Device, WalkTest
from server.items.model import Move
from server.items.tables import Item, ItemMove
from server.people.model import Scope
from server.places.tables import Building, Unit
from tests.server.access.street_of_two import FOREIGN, account, build
from tests.server.history.recording import record
from tests.server.web.running_site import OPERATOR, PASSWORD, open_site
from tests.server.world import GATEWAY
from wire.messages import StatusMessage
from wire.vocabulary import AlarmClass, Condition, Kind, Mode, Presence

NEW = "new-1"
HERE = f"/desk/devices/{GATEWAY}"
ADOPT = f"{HERE}/{NEW}/adopt"
FORM = {
    "building": "b1",
    "floor": "3",
    "door": "301",
    "name": "新探测器",
    "kind": "gas",
    "installed_on": "2026-11-20",
}
WHY = {"reason": "现场", "meant": "yes"}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def installer(site):
    return await account(site, "安装工", (AccessRole.MAINTAINER, Scope.COMMUNITY, "c1"))


async def hear(site, device: str = NEW) -> None:
    """Let the gateway speak of a device that nobody registered."""
    lost = site.world.state(
        f"heard-{device}", device, kind=Kind.CONTACT, class_=AlarmClass.FAULT, label="三楼的"
    )
    await site.world.take(site.world.alarm_message(lost))


async def connect(site) -> None:
    status = StatusMessage(**site.world.envelope(), presence=Presence.ONLINE)
    async with site.world.database.write() as session:
        await apply_status(session, GATEWAY, status, now=site.clock.now())


async def device(site, name: str) -> Device:
    async with site.world.database.read() as session:
        return await session.get(Device, (GATEWAY, name))


async def come_back(site, name: str = NEW, **changes) -> None:
    state = {"alarm": "t1", "mode": Mode.TEST, "sentence": "可燃气体超过 25 %LEL", **changes}
    await site.world.take(site.world.alarm_message(site.world.state(device=name, **state)))


# --- coming from a label ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gw-one/gas-1", "gw-one/gas-1"),
        ("  GW-ONE/ 厨房 1 ", "gw-one/厨房 1"),
        ("https://grid.example/desk/adopt?code=gw-one/a%20b", "gw-one/a b"),
        (address_of("http://127.0.0.1:8080", DeviceCode("gw-one", "a&b=c#d")), "gw-one/a&b=c#d"),
    ],
)
def test_a_label_is_read_as_it_is_scanned_or_typed(text, code):
    assert str(read_code(text)) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gas-1",
        "gw_one/gas-1",
        "gw-one/",
        "/gas-1",
        "gw/a/b",
        "https://evil.example/?code=x",
        f"gw/{'x' * 129}",
    ],
)
def test_what_is_no_label_is_none(text):
    assert read_code(text) is None


async def test_whoever_scans_signs_in_first_and_comes_back_to_the_device(site):
    await hear(site)
    await site.operator()
    phone = await site.visitor(Accept="text/html")
    scanned = f"/desk/adopt?code={GATEWAY}/{NEW}"
    assert (await phone.get(scanned)).headers["location"] == "/login"
    entered = await phone.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    assert entered.headers["location"] == f"/desk/adopt?code={GATEWAY}/{NEW}"
    assert (await phone.get(entered.headers["location"])).headers["location"] == ADOPT
    assert (await phone.get("/login")).cookies.get("back") is None
    again = await phone.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    assert again.headers["location"] == "/desk", "once"


@pytest.mark.parametrize(
    "kept", ["https://evil.example/desk/", "//evil.example", "/logout", "/desk/\\evil", "%2F%2Fevil"]
)
async def test_nobody_is_led_out_of_the_house_after_signing_in(site, kept):
    await site.operator()
    phone = await site.visitor(Cookie=f"back={kept}")
    entered = await phone.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    assert entered.headers["location"] == "/desk"


async def test_what_a_page_fetches_for_itself_is_no_page_to_come_back_to(site):
    for headers in ({"HX-Request": "true", "Accept": "text/html"}, {"Accept": "text/event-stream"}):
        phone = await site.visitor(**headers)
        assert "set-cookie" not in (await phone.get(f"{HERE}/{NEW}/check/state")).headers


async def test_only_the_page_that_scans_may_ask_for_the_camera(site, installer):
    for path, camera in (
        ("/desk/adopt", "camera=(self)"),
        ("/desk/devices", "camera=()"),
        ("/login", "camera=()"),
    ):
        assert camera in (await installer.get(path)).headers["permissions-policy"]


async def test_a_code_that_is_none_is_said_so_and_kept_to_be_mended(site, installer):
    answer = await installer.get("/desk/adopt", params={"code": "gas 1"})
    assert answer.status_code == 422
    assert "这个码不是设备标签" in answer.text
    assert 'value="gas 1"' in answer.text


# --- adopting --------------------------------------------------------------------------------------


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
    assert (leak.owner, leak.where) == ("leader", "东社区 东苑 3号楼 3 301")


async def test_one_that_no_gateway_spoke_of_yet_can_be_adopted_ahead(site, installer):
    page = (await installer.get(f"/desk/adopt?code={GATEWAY}/spare-7")).headers["location"]
    assert "网关还没有报过这台设备" in (await installer.get(page)).text
    assert (await installer.post(page, data=FORM)).status_code == 303
    assert (await device(site, "spare-7")).adopted


async def test_what_is_registered_is_shown_before_it_is_corrected_and_a_reason_is_asked(site, installer):
    page = (await installer.get(f"{HERE}/gas-1/adopt")).text
    assert "已经登记" in page
    assert "东苑 3号楼 2 201" in page
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
        assert (await installer.get("/desk/adopt", params={"code": code})).status_code == 404, code
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


# --- reading and testing ---------------------------------------------------------------------------


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
    site.clock.advance(seconds=600)
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


# --- moved, replaced, retired ----------------------------------------------------------------------


async def test_a_move_takes_future_alarms_along_and_leaves_the_open_item_where_it_is(site, installer):
    async with site.world.database.write() as session:
        session.add(Building(code="b2", estate="e1", name="8号楼", grid="g1"))
        (await session.get_one(Device, (GATEWAY, "gas-1"))).grid = "g1"
    item = await site.world.raise_alarm()
    page = (await installer.get(f"{HERE}/gas-1/move")).text
    assert "1 件未结束的事项" in page
    to = {"building": "b2", "floor": "1", "door": "101"}
    refused = await installer.post(f"{HERE}/gas-1/move", data={**to, **WHY})
    assert "正在报警" in refused.text
    await site.world.clear_alarm()
    untold = await installer.post(f"{HERE}/gas-1/move", data={**to, "reason": "换地方"})
    assert untold.status_code == 409, "it has to be seen that something is open"
    await installer.post(f"{HERE}/gas-1/move", data={**to, "reason": "换地方", "meant": "yes"})
    row = await device(site, "gas-1")
    assert (row.building, row.door, row.grid) == ("b2", "101", None), "what was said of the old place is gone"
    async with site.world.database.read() as session:
        same = await session.get(Item, item.id)
    assert (same.where, same.owner) == (item.where, item.owner)
    [note] = [one for one in await site.world.rows(ItemMove) if one.move is Move.NOTE]
    assert note.reason == "设备从“东苑 3号楼 2 201”移到“东苑 8号楼 1 101”：换地方"
    assert "换地方" in (await installer.get(f"{HERE}/gas-1")).text


async def test_a_replacement_keeps_the_place_and_the_old_ones_history(site, installer):
    form = {"new_device": "gas-9", "model": "M2 序列号 77", "installed_on": "2026-11-24", **WHY}
    answer = await installer.post(f"{HERE}/gas-1/replace", data=form)
    assert answer.headers["location"] == f"{HERE}/gas-1?done=replaced"
    new, old = await device(site, "gas-9"), await device(site, "gas-1")
    assert (new.building, new.door, new.model) == ("b1", "201", "M2 序列号 77")
    assert old.replaced_by == f"{GATEWAY}/gas-9"
    assert "更换设备" in (await installer.get(f"{HERE}/gas-1")).text
    same = await installer.post(f"{HERE}/gas-2/replace", data={"new_device": "gas-2", "model": "M3", **WHY})
    assert same.status_code == 303
    assert (await device(site, "gas-2")).retired_at is None


async def test_a_retired_device_is_silent_its_open_item_stays_and_danger_is_still_told(site, installer):
    item = await site.world.raise_alarm()
    assert (await installer.post(f"{HERE}/gas-1/retire", data={"reason": "拆了"})).status_code == 409
    await installer.post(f"{HERE}/gas-1/retire", data={"reason": "拆了", "meant": "yes"})
    assert [one.id for one in await site.world.items()] == [item.id]
    assert (await site.world.item()).state == item.state
    async with site.world.database.write() as session:
        (await session.get_one(Device, (GATEWAY, "gas-2"))).retired_at = site.clock.now()
    for alarm, kind, class_ in (("c1", Kind.CONTACT, AlarmClass.FAULT), ("c2", Kind.GAS, AlarmClass.ADVICE)):
        lost = site.world.state(alarm, "gas-2", rule=alarm, kind=kind, class_=class_)
        await site.world.take(site.world.alarm_message(lost))
    assert len(await site.world.items()) == 1, "nobody is sent to what was taken away"
    await site.world.take(site.world.alarm_message(site.world.state("a5", "gas-2")))
    assert len(await site.world.items()) == 2, "gas is gas"


async def test_what_stands_is_raised_when_a_device_comes_back_into_use(site, installer):
    await installer.post(f"{HERE}/gas-1/retire", data=WHY)
    lost = site.world.state("c1", "gas-1", rule="contact", kind=Kind.CONTACT, class_=AlarmClass.FAULT)
    await site.world.take(site.world.alarm_message(lost))
    assert await site.world.items() == []
    assert "恢复使用" in (await installer.get(f"{HERE}/gas-1")).text
    answer = await installer.post(f"{HERE}/gas-1/return", data={"reason": "又装回去"})
    assert answer.headers["location"] == f"{HERE}/gas-1?done=returned"
    assert [one.device for one in await site.world.items()] == ["gas-1"]


async def test_every_act_stands_in_the_audit_with_who_and_why(site, installer):
    await installer.post(f"{HERE}/gas-1/move", data={"building": "b1", "door": "305", **WHY})
    await installer.post(f"{HERE}/gas-1/replace", data={"new_device": "gas-1", **WHY})
    await installer.post(f"{HERE}/gas-1/retire", data=WHY)
    await installer.post(f"{HERE}/gas-1/return", data=WHY)
    await installer.post(f"{HERE}/gas-1/check")
    await installer.post("/desk/labels/printed", data={"code": [f"{GATEWAY}/gas-1", f"{GATEWAY}/gas-2"]})
    rows = [(row.action, row.reason) for row in await site.world.rows(AuditRow) if row.actor == "安装工"]
    assert rows[-6:] == [
        ("device_moved", "现场"),
        ("device_replaced", "现场"),
        ("device_retired", "现场"),
        ("device_returned", "现场"),
        ("command_ordered", "安装时测试，不通知人员"),
        ("labels_printed", ""),
    ]


# --- labels ----------------------------------------------------------------------------------------


async def test_labels_say_where_and_open_the_device_and_are_printed_once(site, installer):
    sheet = (await installer.get("/desk/labels/sheet", params={"estate": "e1", "only": "new"})).text
    assert sheet.count('class="label"') == 3
    assert "东苑 3号楼 2 201" in sheet
    assert f"{GATEWAY}/gas-1" in sheet
    codes = re.findall(r'name="code" value="([^"]+)"', sheet)
    assert (await installer.post("/desk/labels/printed", data={"code": codes[:2]})).status_code == 303
    rest = (await installer.get("/desk/labels/sheet", params={"gateway": GATEWAY, "only": "new"})).text
    assert rest.count('class="label"') == 1
    again = (await installer.get("/desk/labels/sheet", params={"code": f"{GATEWAY}/gas-1"})).text
    assert again.count('class="label"') == 1, "a single one once more, from the device's own page"
    assert "1 台没有标签" in (await installer.get("/desk/labels")).text


async def test_spare_labels_leave_the_place_to_the_hand(site, installer):
    asked = {"gateway": GATEWAY, "only": "none", "spare": "gas-31\ngas-32，gas-33\n\n"}
    sheet = (await installer.get("/desk/labels/sheet", params=asked)).text
    assert sheet.count('class="by-hand"') == 6
    assert "gas-33" in sheet
    wrong = await installer.get("/desk/labels/sheet", params={**asked, "spare": "a/b"})
    assert wrong.status_code == 422
    assert (await installer.get("/desk/labels/sheet", params={"spare": "x"})).status_code == 422
    nothing = await installer.get("/desk/labels/sheet")
    assert "没有要打印的设备" in nothing.text


async def test_nobody_prints_labels_of_somebody_elses(site, installer):
    await build(site)
    for asked in (
        {"code": f"{FOREIGN}-gw/{FOREIGN}-gas"},
        {"estate": f"{FOREIGN}-e"},
        {"building": f"{FOREIGN}-b"},
        {"gateway": f"{FOREIGN}-gw", "spare": "x"},
    ):
        assert (await installer.get("/desk/labels/sheet", params=asked)).status_code == 404, asked
    noted = await installer.post("/desk/labels/printed", data={"code": f"{FOREIGN}-gw/{FOREIGN}-gas"})
    assert noted.status_code == 404
