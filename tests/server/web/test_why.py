"""The page that says why: what was read, which rule in which version, who was chosen, each message and receipt."""

from datetime import timedelta

import pytest

from server.history.trends import Reading
from server.items.model import Move
from server.items.sentences import NOBODY_REACHED
from server.items.why import MOST_AFTER, MOST_BEFORE, choose_beside, lies_beyond
from server.notify.channels import Outcome, Verdict
from tests.server.history.recording import record
from tests.server.world import at
from wire.vocabulary import AlarmClass, Quality, Suppression


@pytest.fixture
async def desk(site):
    return await site.operator()


async def test_an_item_says_why_it_came_to_be(site, desk):
    now = site.clock.now()
    await record(
        site.readings,
        "gas-1/gas_lel",
        "%{LEL}",
        now - timedelta(seconds=20),
        (3, 8, 19, 31),
        every=timedelta(seconds=5),
    )
    site.world.channel.answers["officer"] = Outcome(verdict=Verdict.TEMPORARY, reason="status 503")
    item = await site.world.raise_alarm(
        point="gas_lel",
        value=31.0,
        limit=25.0,
        unit="%{LEL}",
        rule_hash="0123456789abcdef",
        sentence="gas_lel 高于 25 %LEL；须人工复位",
    )
    await site.world.settle()
    page = (await desk.get(f"/desk/items/{item.id}/why")).text
    assert "gas_lel 高于 25 %LEL" in page
    assert "0123456789abcdef" in page
    assert page.index("<b>超过</b>") > page.index("没有超过")
    assert "没有抑制" in page
    assert "leader某" in page
    assert "对方的服务器回答 503" in page
    assert "3号楼属于1号微网格" in page
    assert f'href="/desk/items/{item.id}/why"' in (await desk.get(f"/desk/items/{item.id}")).text


async def test_the_items_page_says_who_and_why_as_it_was_when_it_was_raised(site, desk):
    item = await site.world.raise_alarm()
    await site.world.set_person("leader", active=False)
    page = (await desk.get(f"/desk/items/{item.id}")).text
    assert item.reason in page
    assert "谁负责，为什么" in page
    why = (await desk.get(f"/desk/items/{item.id}/why")).text
    assert item.reason in why
    assert "已离岗" in why[why.index("如果现在再报警") :], "what it would be now stands apart"


async def test_a_step_that_was_stopped_says_so(site, desk):
    item = await site.world.raise_alarm()
    await site.world.settle()
    await site.world.press("leader", Move.ACCEPT)
    page = (await desk.get(f"/desk/items/{item.id}/why")).text
    assert "第 2 步" in page
    assert "不再需要" in page


async def test_a_folded_item_shows_what_its_group_sent_and_who_speaks_for_it(site, desk):
    await site.world.raise_alarm("m1", "gas-2", class_=AlarmClass.ADVICE)
    await site.world.settle()
    (matter,) = [one for one in await site.world.items() if one.parent is not None]
    parent = matter.parent
    page = (await desk.get(f"/desk/items/{matter.id}/why")).text
    assert "已并入另一件事项，由它通知" in page
    assert f'href="/desk/items/{parent}/why"' in page
    assert "第 1 步" in page
    assert "没有通知任何人" not in page
    assert "如果现在再报警" not in page, "it would not be told by itself"
    assert "如果现在再报警" not in (await desk.get(f"/desk/items/{parent}/why")).text


async def test_who_may_see_the_audit_is_led_from_an_item_to_its_rows(site, desk):
    item = await site.world.raise_alarm()
    rows = f"/desk/audit?subject={item.id}"
    page = (await desk.get(f"/desk/items/{item.id}")).text
    assert f'href="{rows}"' in page
    assert item.id in (await desk.get(rows)).text
    colleague = await site.colleague("陈敏")
    page = (await colleague.get(f"/desk/items/{item.id}")).text
    assert "为什么没有报警" in page
    assert rows not in page
    assert (await colleague.get(rows)).status_code == 403


async def test_what_suppressed_an_alarm_is_said(site, desk):
    item = await site.world.raise_alarm()
    await site.world.raise_alarm(
        suppression=Suppression.SHELVED,
        suppressed_by="维护员",
        suppressed_why="探头更换",
        suppressed_until=at(hours=2),
    )
    page = (await desk.get(f"/desk/items/{item.id}/why")).text
    assert "探头更换" in page
    assert "已搁置" in page


async def test_programs_and_readers_of_english_are_told_the_reasons_in_english(site, desk):
    item = await site.world.raise_alarm("a1")
    to_desk = "Nobody could be told; the desk takes it."
    why = "To leader某, because 3号楼 belongs to 1号微网格, leader某 is the grid leader."
    await site.world.press("leader", Move.FINISH, item=item.id, reason=NOBODY_REACHED)
    story = (await desk.get(f"/api/v1/items/{item.id}", headers={"Accept-Language": "en"})).json()
    assert story["item"]["reason"].startswith("由leader某负责，因为")
    assert story["item"]["reason_en"] == story["moves"][0]["reason_en"] == why
    assert story["card"]["where"]["text"] == "东社区 东苑 3号楼 floor 2 201"
    (typed,) = [move for move in story["moves"] if move["move"] == "finish"]
    assert typed["reason_en"] == typed["reason"] == NOBODY_REACHED, "as the person wrote it"
    page = (await desk.get(f"/desk/items/{item.id}", headers={"Accept-Language": "en"})).text
    assert why in page
    assert NOBODY_REACHED in page
    assert to_desk not in page


def reading(seconds: float, value: float | None = 1.0) -> Reading:
    return Reading(device="d", point="p", unit="", at=at(seconds=seconds), value=value, quality=Quality.GOOD)


def test_readings_nearest_to_the_raise_are_shown_and_the_others_counted():
    found = [reading(n) for n in range(-100, 100)]
    shown, left_out = choose_beside(found, at())
    assert [one.at for one in shown[:MOST_BEFORE]] == [at(seconds=n) for n in range(1 - MOST_BEFORE, 1)]
    assert len(shown) == MOST_BEFORE + MOST_AFTER
    assert left_out == 101 - MOST_BEFORE


@pytest.mark.parametrize(
    ("value", "limit", "rising", "beyond"),
    [
        (26, 25, True, True),
        (24, 25, True, False),
        (25, 25, True, False),
        (140, 140, False, False),
        (130, 140, False, True),
        (150, 140, False, False),
        (None, 25, True, None),
        (26, None, True, None),
        (26, 25, None, None),
    ],
)
def test_a_reading_is_compared_with_the_limit_on_its_side(value, limit, rising, beyond):
    assert lies_beyond(value, limit, rising=rising) is beyond
