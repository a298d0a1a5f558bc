"""The editor of playbooks: written with a reason, seen beforehand, and taken back."""

import re

import pytest

from server.access.model import AccessRole
from server.audit.tables import AuditRow
from tests.server.access.street_of_two import PLACES, account
from tests.server.web.running_site import OPERATOR, open_site

GAS = "/desk/playbooks/gas/life_safety"
OWN = {"zh": ["守在门外等燃气公司", "不要进屋", ""], "en": ["Wait outside for the gas company", "", ""]}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(site):
    return await site.operator()


async def write(desk, *, after=0, reason="街道规定", **lines):
    return await desk.post(GAS, data={**OWN, **lines, "after": after, "reason": reason})


def in_force(text: str) -> list[str]:
    """What a leader would read, by the preview's first card."""
    card = re.search(r'<ol class="now-do">(.*?)</ol>', text, re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", card[1]) if card else []


async def test_new_lines_are_on_the_leaders_page_and_in_the_list(site, desk):
    item = await site.world.raise_alarm()
    assert (await write(desk)).headers["location"] == f"{GAS}?done=written"
    phone = await site.visitor()
    assert "守在门外等燃气公司" in (await phone.get(await site.link(item.id, "leader"))).text
    listed = (await desk.get("/desk/playbooks")).text
    assert "守在门外等燃气公司；不要进屋" in listed
    assert OPERATOR in listed
    (row,) = [one for one in await site.world.rows(AuditRow) if one.action == "playbook_changed"]
    assert (row.actor, row.reason) == (OPERATOR, "街道规定")


async def test_what_is_typed_is_seen_beforehand_and_changes_nothing(desk):
    seen = (await desk.get(GAS, params={"zh": ["先关总阀", "", ""], "en": ["", "", ""]})).text
    assert in_force(seen) == ["先关总阀"]
    assert in_force((await desk.get(GAS)).text)[0] == "不要进屋，不要碰任何开关"
    too_long = (await desk.get(GAS, params={"zh": ["长" * 25]})).text
    assert "处置要点太长" in too_long


async def test_versions_say_who_when_why_and_an_older_one_comes_back(desk):
    await write(desk)
    await write(desk, after=1, reason="演练后改短", zh=["守在门外", "", ""])
    page = (await desk.get(GAS)).text
    for words in ("第 2 版", "第 1 版", "演练后改短", "街道规定", OPERATOR):
        assert words in page
    form = {"version": 1, "after": 2, "reason": "用回第 1 版"}
    assert (await desk.post(f"{GAS}/restore", data=form)).status_code == 303
    assert in_force((await desk.get(GAS)).text) == ["守在门外等燃气公司", "不要进屋"]
    assert (await desk.post(f"{GAS}/restore", data={**form, "version": 9, "after": 3})).status_code == 404
    assert (await desk.post(f"{GAS}/restore", data={**form, "version": 0, "after": 3})).status_code == 303
    assert in_force((await desk.get(GAS)).text)[0] == "不要进屋，不要碰任何开关"


async def test_what_cannot_be_kept_comes_back_with_the_reason_and_what_was_typed(desk):
    await write(desk)
    for answer, status, why in (
        (await write(desk, after=0, zh=["先关阀", "", ""]), 409, "别人刚改过"),
        (await write(desk, after=1, zh=["先关阀" * 10, "", ""]), 422, "太长"),
        (await write(desk, after=1, zh=["", "", ""]), 422, "必须有中文"),
        (await write(desk, after=1, reason=" "), 422, "为什么"),
    ):
        assert answer.status_code == status
        assert why in answer.text
    assert 'value="先关阀"' in (await write(desk, after=0, zh=["先关阀", "", ""])).text


async def test_who_may_only_read_sees_no_button(site):
    role = AccessRole.AUDITOR
    auditor = await account(site, "审计", (role, *PLACES[role]))
    page = await auditor.get(GAS)
    assert "不要碰任何开关" in page.text
    assert f'action="{GAS}"' not in page.text
    assert (await write(auditor)).status_code == 403
