"""Forms of the settings and registers as people in a hurry fill them in: a sentence, never a crash, nothing lost."""

import asyncio
import re

import pytest

from server.access.tables import ApiKey, Operator
from server.audit.tables import AuditRow
from server.escalation.tables import PolicyRow
from server.people.tables import Absence, Contact, DutyTime, Swap
from server.places.tables import StreetUpload
from tests.server.web.running_site import OPERATOR, PASSWORD

ROSTER = "/desk/roster/grid:g1"
STEPS = "/desk/escalation/hazard"
FAR_NUMBER = "9" * 30
CHINESE = re.compile(r'role="alert">([^<]*[\u4e00-\u9fff][^<]*)<')
HAZARD = {
    "roles-0": ["leader"],
    "window-0": "7",
    "window-0-unit": "min",
    "at_least-0": "1",
    "roles-1": ["desk"],
    "window-1": "60",
    "window-1-unit": "s",
    "at_least-1": "1",
    "repeat": "15",
    "repeat-unit": "min",
}


@pytest.fixture
async def desk(site):
    return await site.operator()


def said(answer):
    """What stands in the way, as the page says it."""
    found = CHINESE.search(answer.text)
    assert found, re.sub(r"\s+", " ", answer.text)[:2000]
    return found[1]


ABSENCE = {"person": "leader", "begins": "2026-12-01T10:00", "ends": "2026-12-01T12:34", "stand_in": ""}
SWAP = {
    "duty": "deputy|deputy|grid|g1",
    "begins": "2026-12-01T10:00",
    "ends": "2026-12-01T12:34",
    "taken_by": "officer",
}


CHANGES = [
    ("absences", {"ends": "2026-12-01T09:34"}, "结束必须晚于开始"),
    ("absences", {"begins": "", "ends": ""}, "请填写从什么时候到什么时候"),
    ("absences", {"begins": "2020-12-01T10:00", "ends": "2020-12-01T12:34"}, "已经过了"),
    ("absences", {"ends": "2062-12-01T12:34"}, "请检查年份"),
    ("absences", {"begins": "0001-01-01T00:00"}, "请检查年份"),
    ("absences", {"ends": "9999-12-31T23:59"}, "请检查年份"),
    ("absences", {"begins": "2026-02-29T10:00"}, "时间写成"),
    ("absences", {"stand_in": "leader"}, "不能自己替自己"),
    ("swaps", {"taken_by": "deputy"}, "不能自己替自己"),
    ("swaps", {"taken_by": "deputy", "how": "ask"}, "不能请自己替班"),
    ("swaps", {"begins": "2020-12-01T10:00", "ends": "2020-12-01T12:34"}, "已经过了"),
    ("swaps", {"duty": "deputy|deputy|grid|g9"}, "没有这个值班"),
]


async def test_a_change_of_the_roster_that_cannot_be_leaves_the_form_filled_in(site, desk):
    for form, change, why in CHANGES:
        sent = {**(ABSENCE if form == "absences" else SWAP), **change}
        answer = await desk.post(f"{ROSTER}/{form}", data=sent)
        assert answer.status_code in {404, 422}
        assert why in said(answer)
        for name in ("begins", "ends"):
            if sent[name]:
                assert f'name="{name}" value="{sent[name]}"' in answer.text, "what was typed still stands"
        assert await site.world.rows(Absence) == []
        assert await site.world.rows(Swap) == []


async def test_duty_times_that_cannot_be_are_shown_again_row_by_row(site, desk):
    sent = {"duty": "leader|leader|grid|g1", "days0": ["1", "3"], "begins0": "25:00", "ends0": "12:34"}
    answer = await desk.post(f"{ROSTER}/times", data=sent)
    assert answer.status_code == 422
    assert "时间写成 08:00 这样" in said(answer)
    assert '<details class="sheet" open>' in answer.text
    assert 'name="ends0" value="12:34"' in answer.text
    assert re.findall(r'name="days0" value="(\d)" checked', answer.text) == ["1", "3"]
    assert await site.world.rows(DutyTime) == []


WEEKS = ["0001-01-01", "9999-12-31", "2026-02-29", "soon"]


async def test_a_week_that_no_calendar_shows_leads_to_this_one(desk):
    for week in WEEKS:
        answer = await desk.get(ROSTER, params={"week": week})
        assert answer.status_code == 422
        assert said(answer)
        assert "周一 11-23" in answer.text


NO_STEPS = [
    ({"window-0": "-5"}, "第 1 步：每一步等多久要写成整数"),
    ({"window-1": "bald"}, "第 2 步：每一步等多久要写成整数"),
    ({"window-0": "200", "window-0-unit": "h"}, "第 1 步：时间最长 7 天"),
    ({"roles-0": [], "instead-0": ["deputy"]}, "第 1 步：这一步没有选通知谁"),
    ({"at_least-1": "9" * 5000}, "第 2 步"),
    ({"window-0": "25", "window-0-unit": "h"}, "最迟 24 小时要通知到指挥中心"),
    ({"quiet_from": "21:00+08:00", "quiet_until": "07:00+08:00"}, "免打扰时间要写开始和结束"),
    ({"quiet_from": "08:00", "quiet_until": "08:00"}, "不能一样"),
    ({"place": "g1", "at": "9999-12-31T23:59"}, "请检查年份"),
]


async def test_steps_that_cannot_be_say_which_step_and_stay_filled_in(desk):
    for change, why in NO_STEPS:
        answer = await desk.post(f"{STEPS}/trial", data={**HAZARD, **change})
        assert answer.status_code == 422
        assert why in said(answer)
        if "window-0" not in change and "roles-0" not in change:
            assert 'name="window-0" value="7"' in answer.text


async def test_danger_to_life_reaches_the_desk_within_a_quarter_of_an_hour_whatever_the_unit(desk):
    steps = {**HAZARD, "at_least-0": "2", "window-0": "60", "window-0-unit": "min"}
    late = await desk.post("/desk/escalation/life_safety/trial", data=steps)
    assert late.status_code == 422
    assert "最迟 15 分钟要通知到指挥中心" in said(late)
    soon = await desk.post("/desk/escalation/life_safety/trial", data={**steps, "window-0-unit": "s"})
    assert soon.status_code == 200


async def test_steps_that_were_not_kept_are_still_there_to_be_kept(site, desk):
    shown = await desk.post(f"{STEPS}/trial", data={**HAZARD, "place": "g1"})
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown.text))
    sent = {name: value.replace("&#34;", '"') for name, value in hidden.items()}
    refused = await desk.post(STEPS, data={**sent, "reason": "   "})
    assert refused.status_code == 422
    assert "为什么" in said(refused)
    assert 'name="window-0" value="7"' in refused.text
    stale = await desk.post(STEPS, data={**sent, "before": "x", "reason": "夜里太慢"})
    assert stale.status_code == 409
    assert 'value="夜里太慢"' in stale.text
    assert hidden["policy"] in stale.text
    assert await site.world.rows(PolicyRow) == []
    assert (await desk.post(STEPS, data={**sent, "reason": "夜里太慢"})).status_code == 303


async def test_quiet_hours_of_another_zone_never_come_between_an_alarm_and_its_people(site, desk):
    steps = {"steps": [{"roles": ["desk"], "window_s": 60}], "repeat_s": 900}
    for quiet in (["21:00Z", "07:00Z"], ["21:00+08:00", "07:00+08:00"]):
        body = {"policy": {**steps, "quiet": quiet}, "reason": "夜里"}
        answer = await desk.put("/api/v1/escalation/policies/hazard", json=body)
        assert answer.status_code == 422, answer.text
    assert await site.world.rows(PolicyRow) == []


async def test_the_last_administrator_stays_until_the_next_one_can_sign_in(site, desk):
    me = f"/desk/accounts/{OPERATOR}"
    mine = {"grant": "administrator@street:"}
    assert "至少要留一个管理员" in said(await desk.post(f"{me}/roles/take", data=mine))
    made = await desk.post("/desk/accounts", data={"name": "接替的人", "role": "administrator@street"})
    code = re.search(r"join\?code=([A-Z0-9]+)", made.text)[1]
    for path, form in ((f"{me}/roles/take", mine), (f"{me}/disable", {})):
        refused = await desk.post(path, data=form)
        assert refused.status_code == 409
        assert "邀请码" in said(refused)
    visitor = await site.visitor()
    await visitor.post("/join", data={"code": code, "password": PASSWORD, "again": PASSWORD})
    assert (await desk.post(f"{me}/roles/take", data=mine)).status_code == 303


NO_NAMES = [".", "..", "a/b", "值班\u200b员", "a\u202eb", " ", "长" * 61]


async def test_a_name_that_has_no_page_or_cannot_be_told_from_another_is_refused(site, desk):
    for name in NO_NAMES:
        answer = await desk.post("/desk/accounts", data={"name": name, "role": "desk@street"})
        assert answer.status_code == 422
        assert len(await site.world.rows(Operator)) == 1


NO_KEYS = [
    *(({"days": days}, "1 到 366 天") for days in ("0", "-1", "367", "abc", "1.5", "9" * 12)),
    ({"title": "   "}, "用途"),
    ({"account": "nobody"}, "没有这个账号"),
]


async def test_a_key_that_cannot_be_says_why_and_keeps_what_was_typed(site, desk):
    for change, why in NO_KEYS:
        sent = {"account": OPERATOR, "title": "大屏", "days": "90", **change}
        answer = await desk.post("/desk/keys", data=sent)
        assert answer.status_code in {404, 422}
        assert why in said(answer)
        assert f'name="days" type="number" min="1" max="366" value="{sent["days"]}"' in answer.text
        assert await site.world.rows(ApiKey) == []


async def test_an_account_that_is_shut_out_gets_no_key(site, desk):
    await site.colleague("林海")
    await desk.post("/desk/accounts/林海/disable")
    answer = await desk.post("/desk/keys", data={"account": "林海", "title": "大屏", "days": "90"})
    assert answer.status_code == 409
    assert "已停用" in said(answer)


NO_ADDRESSES = [
    ("sms", "   ", "请填写地址"),
    ("sms", "1.38E+10", "只写数字"),
    ("voice", "王秀兰", "只写数字"),
    ("webhook", "phone.example/x", "https://"),
    ("webhook", "http://[::1", "https://"),
    ("wecom", "wang xiulan", "没有空格"),
]


async def test_an_address_that_cannot_be_one_is_refused_and_stays_typed(site, desk):
    for channel, address, why in NO_ADDRESSES:
        answer = await desk.post("/desk/contacts/leader", data={"channel": channel, "address": address})
        assert answer.status_code == 422
        assert why in said(answer)
        assert f'name="address" value="{address}"' in answer.text
        assert f'<option value="{channel}" selected>' in answer.text
        assert await site.world.rows(Contact) == []


BEYOND = [
    ("GET", f"/desk/audit?before={FAR_NUMBER}", None),
    ("GET", "/desk/audit?since=0001-01-01T00:00", None),
    ("GET", "/desk/audit/export.csv?until=9999-12-31T23:59-12:00", None),
    ("GET", "/api/v1/audit?since=2026-01-01T00:00", None),
    ("GET", f"/api/v1/audit?before={FAR_NUMBER}", None),
    ("GET", "/desk/responsible?building=b1&at=9999-12-31T23:59-12:00", None),
    ("GET", f"{STEPS}?place=g1&at=0001-01-01T00:00", None),
    ("GET", "/api/v1/audit?since=0001-01-01T00:00:00%2B08:00", None),
    ("POST", f"{ROSTER}/links", {"person": "nobody"}),
    ("POST", f"{ROSTER}/times", {f"x{n}": "1" for n in range(300)}),
    ("POST", f"{ROSTER}/absences/end", {"person": "leader", "absence": FAR_NUMBER}),
    ("POST", f"{ROSTER}/swaps/end", {"person": "leader", "swap": FAR_NUMBER}),
    ("POST", f"/desk/contacts/leader/{FAR_NUMBER}/remove", {}),
    ("POST", "/desk/contacts/leader/test", {"channel": "webhook", "contact": FAR_NUMBER}),
]


async def test_numbers_and_days_beyond_every_calendar_and_column_are_no_crash(desk):
    for method, path, form in BEYOND:
        answer = await desk.request(method, path, data=form)
        assert answer.status_code in {200, 400, 404, 422}, answer.text[:500]
        if path.startswith("/desk/escalation"):
            assert "请检查年份" in said(answer)


async def test_what_was_taken_in_is_taken_once_however_often_the_button_is_pressed(site, desk):
    people = "code,name,phone,webhook_url\nneu,新人,,\n"
    answer = await desk.post("/desk/import", files=[("files", ("people.csv", people.encode()))])
    path = answer.headers["location"]
    digest = re.search(r'name="digest" value="(\w+)"', (await desk.get(path)).text)[1]
    pressed = [desk.post(f"{path}/taking", data={"digest": digest}) for _ in range(3)]
    answers = [*await asyncio.gather(*pressed), await desk.post(f"{path}/taking", data={"digest": digest})]
    assert {answer.headers.get("location") for answer in answers} == {"/desk/import?said=taken"}
    assert await site.world.rows(StreetUpload) == []
    acts = [row for row in await site.world.rows(AuditRow) if row.action == "street_imported"]
    assert len(acts) == 1
    assert (await desk.post(f"{path}/cancelling")).status_code == 404, "too late"


async def test_files_of_the_same_name_are_refused_and_none_of_them_is_taken(site, desk):
    rows = [f"code,name,phone,webhook_url\n{code},新人,,\n".encode() for code in ("a", "b")]
    answer = await desk.post("/desk/import", files=[("files", ("people.csv", data)) for data in rows])
    assert answer.status_code == 422
    assert "是同一张表，请只留一份" in answer.text
    assert await site.world.rows(StreetUpload) == []


async def test_what_cannot_be_shown_at_the_desk_is_said_on_a_page_of_the_desk(desk):
    for path, status in (("/desk/grids/nowhere", 404), ("/desk/audit?before=abc", 422)):
        answer = await desk.get(path)
        assert answer.status_code == status
        assert said(answer)
        assert 'href="/desk/grids"' in answer.text, "the way on stands above it"
        assert "回到消息" not in answer.text, "nobody came here by a message"
