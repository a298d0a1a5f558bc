"""The desk's list and the page of one item: true figures, choices instead of codes, and no form that breaks."""

import re
from datetime import timedelta

import pytest

from server.items.model import ItemState, Move
from server.people.tables import Absence, Person
from server.web import desk as pages
from tests.server.world import PEOPLE
from wire.vocabulary import AlarmClass, Kind, Mode

PRESS = "0190f2b4-0000-7000-8000-00000000000"


@pytest.fixture
async def desk(site):
    return await site.operator()


def counts(page: str) -> dict[str, int]:
    """The figures at the head of the list."""
    return {name: int(number) for number, name in re.findall(r"<li[^>]*><b>(\d+)</b>([^<]+)</li>", page)}


def options(page: str, move: str) -> dict[str, str]:
    """What the form of a move offers to choose from, by value."""
    _, _, form = page.partition(f'name="move" value="{move}"')
    return dict(re.findall(r'<option value="([^"]*)">([^<]*)</option>', form.partition("</form>")[0]))


async def press(client, item: str, move: str, **more: str):
    form = {"move": move, "press": f"{PRESS}{len(more)}", **more}
    return await client.post(f"/desk/items/{item}/moves", data=form)


async def said(client, answer) -> str:
    """The sentence on the page that a press leads to."""
    assert answer.status_code == 303, answer.text[:500]
    page = (await client.get(answer.headers["location"])).text
    return "".join(re.findall(r'<p class="said" role="status">([^<]+)</p>', page))


async def test_the_figures_are_of_all_open_items_however_many_are_listed(site, desk, monkeypatch):
    monkeypatch.setattr(pages, "_MOST_ROWS", 2)
    for n, device in enumerate(("gas-1", "gas-2", "meter-1")):
        await site.world.raise_alarm(f"a{n}", device)
    await site.world.raise_alarm("d1", mode=Mode.DRILL)
    first = (await desk.get("/desk")).text
    assert (counts(first)["未结束"], counts(first)["没人接手"], counts(first)["演练、测试"]) == (3, 3, 1)
    assert first.count('href="/desk/items/') == 2
    assert "第 1 到 2 件，共 4 件。" in first
    assert "/desk?show=open&amp;after=2" in first
    second = (await desk.get("/desk?after=2")).text
    assert second.count('href="/desk/items/') == 2
    assert counts(second) == counts(first)
    beyond = (await desk.get("/desk?after=99999999999999999999")).text
    assert beyond.count('href="/desk/items/') == 2, "the last part, not an empty page"
    assert (await desk.get("/desk?after=-5")).status_code == 200


async def test_the_list_of_closed_items_does_not_say_that_none_is_open(site, desk):
    await site.world.raise_alarm()
    assert counts((await desk.get("/desk?show=closed")).text)["未结束"] == 1


async def test_an_item_is_merged_by_choosing_where_it_goes(site, desk):
    grave = await site.world.raise_alarm()
    site.clock.advance(seconds=1)
    lesser = await site.world.raise_alarm("a2", "meter-1", kind=Kind.ELECTRIC, class_=AlarmClass.HAZARD)
    site.clock.advance(seconds=1)
    exercise = await site.world.raise_alarm("d1", "gas-2", mode=Mode.DRILL)
    page = (await desk.get(f"/desk/items/{lesser.id}")).text
    offered = options(page, "merge")
    assert list(offered) == ["", grave.id], "no drill, and not itself"
    assert "东苑 3号楼" in offered[grave.id]
    grave_page = (await desk.get(f"/desk/items/{grave.id}")).text
    assert options(grave_page, "merge") == {}, "nothing hides under what is less grave"
    assert "没有可以并入的事项" in grave_page
    for wrong in (exercise.id, lesser.id, "", "x" * 400):
        assert await said(desk, await press(desk, lesser.id, "merge", to=wrong))
    assert await said(desk, await press(desk, lesser.id, "merge", to=grave.id, reason="同一处")) == ""
    (child,) = [one for one in await site.world.items() if one.parent is not None]
    assert (child.id, child.parent) == (lesser.id, grave.id)


async def test_an_item_is_given_to_somebody_who_is_chosen_and_no_name_stands_for_two(site, desk):
    item = await site.world.raise_alarm()
    now = site.clock.now()
    async with site.world.database.write() as session:
        session.add(Person(code="namesake", name="deputy某"))
        session.add(Person(code="gone", name="走了的人", active=False))
        session.add(Absence(person="officer", from_at=now, until_at=now.replace(year=now.year + 1)))
    await site.world.set_person("leader")  # the register is read anew
    offered = options((await desk.get(f"/desk/items/{item.id}")).text, "reassign")
    assert next(iter(offered)) == "", "nobody is given it by a press too many"
    assert offered["room"] == "room某 · 值班室"
    assert offered["officer"] == "officer某 · 综合网格专员 · 现在不当班"
    assert (offered["deputy"], offered["namesake"]) == ("deputy某 · 副网格长 · deputy", "deputy某 · namesake")
    assert "gone" not in offered
    assert list(offered)[-1] == "namesake", "who has nothing to do with the place comes last"
    wall = (await desk.get(f"/api/v1/cockpit/items/{item.id}")).json()["people"]
    assert [one["code"] for one in wall] == list(offered)[1:]
    for left in ("gone", "", "nobody-of-that-code"):
        sentence = await said(desk, await press(desk, item.id, "reassign", to=left))
        assert sentence == "没有找到要转交的人，或此人已停用。"
    assert await said(desk, await press(desk, item.id, "reassign", to="deputy")) == ""
    assert (await site.world.item()).owner == "deputy"
    await site.world.set_person("deputy", active=False)
    assert "deputy某" in (await desk.get("/desk")).text, "who has it is called by name, in service or not"
    assert "deputy某" in (await desk.get(f"/desk/items/{item.id}")).text.partition("<h2>通知")[2]
    assert set(offered) >= set(PEOPLE)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"move": "note", "reason": "很" * 1001}, "原因太长，最多 1000 个字。"),
        ({"move": "note", "reason": "   "}, "请写明原因。"),
        ({"move": "accept", "press": ""}, None),
        ({"move": "accept", "press": "短"}, "页面太旧，请刷新后再按。"),
        ({"move": "accept", "press": "长" * 4000}, "页面太旧，请刷新后再按。"),
        *(
            ({"move": "shelve", "reason": "检修", "hours": hours}, "搁置时间不对，或超过这一等级允许的上限。")
            for hours in ("", "-1", "0", "nan", "inf", "1e300", "9999999", "很久", "2026-01-01")
        ),
        ({"move": "unmerge"}, "这件事没有并入别的事项。"),
        ({"move": "arrive"}, "这个操作不在您的权限内。"),
    ],
)
async def test_rubbish_is_answered_with_a_sentence(site, desk, form, sentence):
    item = await site.world.raise_alarm()
    answer = await desk.post(f"/desk/items/{item.id}/moves", data={"press": f"{PRESS}0", **form})
    if sentence is None:
        assert answer.status_code == 422
    else:
        assert await said(desk, answer) == sentence
    assert (await site.world.moves())[-1] == (Move.OPEN, ItemState.NEW)


async def test_a_press_at_the_desk_can_be_taken_back_there(site, desk):
    item = await site.world.raise_alarm()
    assert 'value="undo"' not in (await desk.get(f"/desk/items/{item.id}")).text
    await press(desk, item.id, "accept")
    assert 'value="undo"' in (await desk.get(f"/desk/items/{item.id}")).text
    assert await said(desk, await press(desk, item.id, "undo", reason="点错了")) == ""
    assert (await site.world.item()).state is ItemState.NEW


async def test_a_request_to_lay_aside_that_nobody_answered_ends_with_its_time(site, desk):
    item = await site.world.raise_alarm()
    second = await site.colleague("林海")
    await press(desk, item.id, "shelve", reason="换探测器", hours="1")
    assert "申请搁置到" in (await second.get(f"/desk/items/{item.id}")).text
    assert "申请搁置" in (await second.get("/desk")).text
    site.clock.advance(seconds=3601)
    page = (await second.get(f"/desk/items/{item.id}")).text
    assert "申请搁置到" not in page
    assert "同意搁置" not in page
    assert "申请搁置</span>" not in (await second.get("/desk")).text
    assert await said(second, await press(second, item.id, "confirm_shelf")) == "没有人申请搁置。"
    again = await press(desk, item.id, "shelve", reason="还没换完", hours="1", to="x")
    assert await said(desk, again) == ""
    assert await said(second, await press(second, item.id, "confirm_shelf", to="x")) == ""
    assert (await site.world.item()).shelved_until is not None


async def test_a_program_says_for_how_long_by_the_servers_clock(site, desk):
    item = await site.world.raise_alarm(class_=AlarmClass.HAZARD)
    address = f"/api/v1/items/{item.id}/moves"
    form = {"move": "shelve", "press": f"{PRESS}0", "reason": "检修", "hours": 0}
    assert (await desk.post(address, json=form)).status_code == 409
    assert (await desk.post(address, json={**form, "hours": 8})).status_code == 200
    assert (await site.world.item()).shelved_until == site.clock.now() + timedelta(hours=8)


async def test_whoever_reads_english_is_refused_in_english(site, desk):
    item = await site.world.raise_alarm()
    english = {"Accept-Language": "en-GB"}
    answer = await desk.post(
        f"/api/v1/items/{item.id}/moves", json={"move": "unmerge", "press": f"{PRESS}0"}, headers=english
    )
    assert answer.status_code == 409
    assert not re.search(r"[\u4e00-\u9fff]", answer.json()["detail"]), answer.text
    widened = await desk.post(f"/api/v1/cockpit/items/{item.id}/widen", json={"reason": "x"}, headers=english)
    assert not re.search(r"[\u4e00-\u9fff]", widened.json()["sentence"]), widened.text
