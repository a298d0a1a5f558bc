"""The card on the pages and in the API, playbooks that the owner edits, and who is asked how much."""

import pytest
from sqlalchemy import select

from server.access.model import AccessRole
from server.audit.tables import AuditRow
from server.items import playbooks
from server.items.tables import Playbook
from server.places.tables import Camera
from tests.server.access.street_of_two import PLACES, account
from tests.server.world import Action
from wire.vocabulary import ActionState, AlarmClass, Kind

BOOKS = "/api/v1/playbooks"
GAS = f"{BOOKS}/gas/life_safety"
OWN = {"zh": ["守在门外等燃气公司", "不要进屋"], "en": ["Wait outside for the gas company"]}


@pytest.fixture
async def desk(site):
    return await site.operator()


async def signed_in(site, role):
    return await account(site, f"account-{role.value}", (role, *PLACES[role]))


async def put(client, lines, *, after=0, reason="街道规定", path=GAS):
    return await client.put(path, json={"lines": lines, "after": after, "reason": reason})


# --- the shipped words ---------------------------------------------------------------------------


def test_every_kind_and_class_has_shipped_words_in_both_languages():
    assert set(playbooks.shipped()) == {(kind, class_) for kind in Kind for class_ in AlarmClass}
    for lines in playbooks.shipped().values():
        assert playbooks.problem_of(lines) == ""
        assert 1 <= len(lines.en) == len(lines.zh)


@pytest.mark.parametrize("class_", [AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD])
def test_for_gas_stay_outside_touch_no_switch_warn_the_neighbours_call_from_outside(class_):
    lines = playbooks.shipped()[Kind.GAS, class_]
    for words in ("不要进屋", "不要碰任何开关", "叫邻居", "到屋外再打电话"):
        assert words in "".join(lines.zh)
    for words in ("outside", "no switch", "Warn the neighbours", "from outside"):
        assert words in " ".join(lines.en)


# --- written anew --------------------------------------------------------------------------------


async def test_new_lines_are_on_the_page_at_once_and_the_old_ones_come_back(site, desk):
    item = await site.world.raise_alarm()
    link = await site.link(item.id, "leader")
    phone, foreign = await site.visitor(), await site.visitor(**{"Accept-Language": "en"})
    assert "不要碰任何开关" in (await phone.get(link)).text
    assert "touch no switch" in (await foreign.get(link)).text
    written = await put(desk, OWN)
    assert written.status_code == 200, written.text
    assert (written.json()["version"], written.json()["lines"]) == (1, OWN)
    page = (await phone.get(link)).text
    assert "守在门外等燃气公司" in page
    assert "不要碰任何开关" not in page
    assert "Wait outside for the gas company" in (await foreign.get(link)).text
    back = await put(desk, None, after=1)
    assert back.json()["lines"] == back.json()["shipped"]
    assert [one["lines"] for one in back.json()["versions"]] == [OWN, None]
    assert "不要碰任何开关" in (await phone.get(link)).text


async def test_without_english_a_reader_of_english_is_shown_the_owners_chinese(site, desk):
    item = await site.world.raise_alarm()
    await put(desk, {"zh": ["守在门外"]})
    foreign = await site.visitor(**{"Accept-Language": "en"})
    page = (await foreign.get(await site.link(item.id, "leader"))).text
    assert "守在门外" in page
    assert "touch no switch" not in page


@pytest.mark.parametrize(
    "lines",
    [
        {"zh": []},
        {"zh": [], "en": ["Stay outside"]},
        {"zh": ["一", "二", "三", "四"]},
        {"zh": ["一"], "en": ["1", "2", "3", "4"]},
        {"zh": ["  "]},
        {"zh": ["一\n二"]},
        {"zh": ["长" * 25]},
        {"zh": ["一"], "en": ["x" * 61]},
    ],
)
async def test_lines_nobody_can_read_at_a_glance_are_refused(site, desk, lines):
    assert (await put(desk, lines)).status_code == 422
    assert await site.world.rows(Playbook) == []


async def test_a_change_needs_a_reason_and_the_version_it_was_made_from(site, desk):
    assert (await put(desk, OWN, reason="")).status_code == 422
    assert (await put(desk, OWN)).status_code == 200
    assert (await put(desk, {"zh": ["另一个人的"]})).status_code == 409
    assert (await desk.get(GAS)).json()["lines"] == OWN
    [listed] = [one for one in (await desk.get(BOOKS)).json() if one["version"]]
    assert (listed["kind"], listed["class"]) == ("gas", "life_safety")


async def test_a_change_is_in_the_audit_with_what_was_before(site, desk):
    await put(desk, OWN)
    async with site.world.database.read() as session:
        [row] = await session.scalars(select(AuditRow).where(AuditRow.action == "playbook_changed"))
    assert (row.subject, row.reason) == ("gas/life_safety", "街道规定")
    assert row.detail["after"] == OWN
    assert "不要进屋，不要碰任何开关" in row.detail["before"]["zh"]


@pytest.mark.parametrize(
    ("role", "see", "change"),
    [
        (AccessRole.ADMINISTRATOR, 200, 200),
        (AccessRole.DESK, 200, 403),
        (AccessRole.AUDITOR, 200, 403),
        (AccessRole.COMMUNITY, 403, 403),
    ],
)
async def test_who_may_change_what_to_do(site, role, see, change):
    client = await signed_in(site, role)
    assert (await client.get(GAS)).status_code == see
    assert (await put(client, OWN)).status_code == change


# --- the card ------------------------------------------------------------------------------------


async def test_the_card_says_it_all(site, desk):
    async with site.world.database.write() as session:
        session.add(Camera(code="cam-1", name="3号楼大门", building="b1", address="https://video.example/1"))
    await site.world.set_person("room", phone="0571-1")
    closed = Action(action="close_valve", device="valve-1", state=ActionState.CONFIRMED, at=site.clock.now())
    item = await site.world.raise_alarm(
        value=23.0, unit="%{LEL}", limit=20.0, sentence="燃气浓度高", actions=(closed,)
    )
    await site.world.settle()
    card = (await desk.get(f"/api/v1/items/{item.id}")).json()["card"]
    assert (card["what"], card["class"]) == ("燃气泄漏", "life_safety")
    assert (card["where"]["building"], card["where"]["floor"], card["where"]["door"]) == ("3号楼", "2", "201")
    assert (card["sure"]["value"], card["sure"]["limit"], card["sure"]["sentence"]) == (23, 20, "燃气浓度高")
    assert card["do_now"][0] == "不要进屋，不要碰任何开关"
    assert [(one["action"], one["confirmed"]) for one in card["done"]] == [("close_valve", True)]
    assert {one["person"] for one in card["knows"]} == {"leader", "officer", "room"}
    assert {(one["person"], one["phone"]) for one in card["call"]} >= {("room", "0571-1")}
    assert (card["camera"]["name"], card["camera"]["address"]) == ("3号楼大门", "https://video.example/1")
    page = (await desk.get(f"/desk/items/{item.id}")).text
    for text in ("不要进屋，不要碰任何开关", "0571-1", "3号楼大门", "room某", "关闭燃气阀：已完成，已确认"):
        assert text in page
    english = (await desk.get(f"/api/v1/items/{item.id}", headers={"Accept-Language": "en"})).json()["card"]
    assert english["do_now"][0] == "Stay outside, touch no switch"
    assert english["what"] != card["what"]


async def test_a_number_is_not_shown_to_who_may_not_see_it(site):
    await site.world.set_person("room", phone="0571-1")
    await site.world.set_person("deputy", phone="13900000000")
    item = await site.world.raise_alarm()
    leader = await signed_in(site, AccessRole.LEADER)
    answer = await leader.get(f"/api/v1/items/{item.id}")
    assert answer.status_code == 200
    assert all(one["phone"] is None for one in answer.json()["card"]["call"])
    assert "13900000000" not in answer.text


# --- noise and load ------------------------------------------------------------------------------


async def test_the_mark_of_a_chattering_source_is_lifted_when_it_calms_down(site, desk):
    item = await site.world.raise_alarm(class_=AlarmClass.HAZARD)
    for n in range(4):
        await site.world.clear_alarm(class_=AlarmClass.HAZARD)
        site.clock.advance(seconds=5)
        await site.world.raise_alarm(class_=AlarmClass.HAZARD, count=n + 2)
    address = f"/api/v1/items/{item.id}"
    assert (await desk.get(address)).json()["item"]["chattering_since"] is not None
    assert "反复报警" in (await desk.get(f"/desk/items/{item.id}")).text
    site.clock.advance(seconds=600)
    assert (await desk.get(address)).json()["item"]["chattering_since"] is None
    [listed] = (await desk.get("/api/v1/items")).json()["items"]
    assert listed["chattering_since"] is None
    assert "反复报警" not in (await desk.get(f"/desk/items/{item.id}")).text


async def test_the_desk_sees_who_was_asked_how_much(site, desk):
    assert (await desk.get("/api/v1/load")).json() == []
    await site.world.raise_alarm("m1", class_=AlarmClass.ADVICE, rule="battery-low")
    await site.world.raise_alarm("a1")
    await site.world.settle()
    told = [one for one in (await desk.get("/api/v1/load")).json() if one["person"] == "leader"]
    assert told == [{"person": "leader", "told": 1, "waiting": 0}]
    await site.world.pass_time(3601)
    assert [one for one in (await desk.get("/api/v1/load")).json() if one["person"] == "leader"] == []
    administrator = await signed_in(site, AccessRole.ADMINISTRATOR)
    assert (await administrator.get("/api/v1/load")).status_code == 403
