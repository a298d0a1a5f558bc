"""A dispatcher at the wall at three in the morning: many items, others at work too, a server begun anew."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import expect

from server.items.model import Move
from tests.browser.test_cockpit import SHOWN_MS, open_cockpit, open_cockpit_at
from tests.server.devices.test_gateway_page import tell
from tests.server.web.running_site import open_site
from wire.vocabulary import AlarmClass, Kind, Mode

pytestmark = pytest.mark.browser

LEAK = {"kind": Kind.GAS, "class_": AlarmClass.LIFE_SAFETY}
HEAT = {"kind": Kind.ELECTRIC, "class_": AlarmClass.HAZARD}
TONES = """() => {
  window.tones = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };
}"""


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def figure(page, which: str) -> int:
    return int(await page.locator(f".tile[data-class={which}] b").inner_text())


async def test_every_figure_of_a_burst_agrees_with_the_list_behind_it(site, browser):
    kinds = (LEAK, HEAT, {"kind": Kind.CONTACT, "class_": AlarmClass.HAZARD})
    for n in range(30):
        mode = Mode.DRILL if n % 10 == 9 else Mode.LIVE
        await site.world.raise_alarm(f"a{n}", f"device-{n}", mode=mode, **kinds[n % 3])
    for n in range(30, 40):
        class_ = AlarmClass.FAULT if n % 2 else AlarmClass.ADVICE
        await site.world.raise_alarm(f"a{n}", f"device-{n}", kind=Kind.WATER, class_=class_)
    desk = await site.operator()
    hazard = next(one for one in await site.world.items() if one.class_ is AlarmClass.HAZARD)
    until = site.clock.now() + timedelta(hours=2)
    await site.world.press("op-li", Move.SHELVE, item=hazard.id, reason="检修", until=until)
    page = await open_cockpit(site, browser)
    await expect(page.locator("#stream-count")).to_contain_text("演练", timeout=SHOWN_MS)
    for which in ("life_safety", "hazard", "fault", "advice", "shelved"):
        tile = page.locator(f".tile[data-class={which}]")
        shown = await figure(page, which)
        await tile.click()
        await expect(page.locator("#stream-count")).to_have_text(re.compile(rf"^{shown}( ·|$)"))
        await tile.click()
    total = sum([await figure(page, one) for one in ("life_safety", "hazard", "fault", "advice", "shelved")])
    await expect(page.locator("#stream-count")).to_have_text(re.compile(rf"^{total} · 演练、测试 3 件$"))
    listed = (await desk.get("/desk")).text
    assert f"<b>{total}</b>未结束" in listed
    for row in await page.locator("#stream .row", has=page.locator(".mark.drill")).all():
        await expect(row.locator(".mark.drill")).to_have_text("演练")
    await expect(page.locator("#stream .row .mark.drill")).to_have_count(3)
    beyond = "() => document.documentElement.scrollHeight - window.innerHeight"
    assert await page.evaluate(beyond) == 0, "a wall cannot be scrolled into nothing"
    assert page.problems == []


async def test_an_empty_choice_does_not_say_that_nothing_is_open(site, browser):
    await site.world.raise_alarm()
    page = await open_cockpit(site, browser)
    await expect(page.locator("#stream .row")).to_have_count(1, timeout=SHOWN_MS)
    await page.locator(".tile[data-class=advice]").click()
    await expect(page.locator("#stream-more")).to_have_text("没有符合所选范围和类别的未结束事项")


async def test_a_window_is_closed_by_its_button_as_often_as_it_is_opened(site, browser):
    await site.world.raise_alarm()
    page = await open_cockpit(site, browser)
    for _ in range(3):
        await page.locator("#stream .row button").click()
        await expect(page.locator("#dispatch")).to_be_visible()
        await page.locator("#dispatch").get_by_role("button", name="关闭").click()
        await expect(page.locator("#dispatch")).to_be_hidden()


async def test_what_was_written_about_one_item_is_not_sent_with_another(site, browser):
    await site.world.raise_alarm()
    await site.world.raise_alarm("a2", "meter-1", **HEAT)
    page = await open_cockpit(site, browser)
    rows, form = page.locator("#stream .row button"), page.locator("#dispatch-form")
    await expect(rows).to_have_count(2, timeout=SHOWN_MS)
    await rows.first.click()
    await form.locator("[name=reason]").fill("只说这一件")
    await expect(form.locator("[name=to] option")).not_to_have_count(0)
    await form.locator("[name=to]").select_option(label="deputy某 · 副网格长")
    await page.keyboard.press("Escape")
    await rows.last.click()
    await expect(form.locator("[name=to] option").first).to_have_text("请选择")
    await expect(form.locator("[name=reason]")).to_have_value("")
    await expect(form.locator("[name=to]")).to_have_value("")
    await form.get_by_role("button", name="转交", exact=True).click()
    await expect(page.locator("#dispatch-said")).to_have_text("没有成功：请选择转交给谁")
    assert {one.owner for one in await site.world.items()} == {"leader"}


async def test_two_dispatchers_press_at_once_and_each_learns_what_became_of_it(site, browser):
    await site.world.raise_alarm()
    await site.colleague("林海")
    first = await open_cockpit(site, browser)
    second = await open_cockpit_at(site.url, browser, locale="en-GB", name="林海")
    for page in (first, second):
        await page.locator("#stream .row button").click()
    await expect(second.locator("#dispatch-now")).to_have_text("leader某 · Not taken")
    await first.get_by_role("button", name="由指挥中心接手").click()
    await expect(first.locator("#dispatch-said")).to_have_text("已完成")
    await expect(second.locator("#dispatch-now")).to_contain_text("Desk")
    await second.locator("#dispatch-form button[value=accept]").click()
    await expect(second.locator("#dispatch-said")).to_contain_text("Failed: ")
    assert not re.search(r"[\u4e00-\u9fff]", await second.locator("#dispatch-said").inner_text())
    await second.locator("#dispatch-form [name=reason]").fill("detector is being changed")
    await second.locator("#dispatch-form button[value=shelve]").click()
    await expect(second.locator("#dispatch-said")).to_contain_text("another account")
    await expect(first.locator("#stream .row")).to_contain_text("申请搁置")
    assert (await site.world.item()).shelved_until is None
    await site.world.press("op-x", Move.CLOSE_EXCEPTION, reason="拆了")
    await expect(first.locator("#dispatch-now")).to_have_text("这件事项已经结束，或已并入别的事项")


async def test_a_drill_that_is_clicked_twice_is_one_drill(site, browser):
    await tell(site.world, content_hash="one", limit=25, file_hash="f1")
    page = await open_cockpit(site, browser)
    await page.locator("#open-drill").click()
    await expect(page.locator("#drill-form option[value^='[']")).to_have_count(1)
    await page.locator("#drill-form [name=reason]").fill("每月演练")
    await page.locator("#drill-form button").dblclick()
    await expect(page.locator("#drill-said")).not_to_be_empty()
    assert len(await site.world.commands()) == 1


async def test_a_server_begun_anew_under_an_open_window_is_told_of_truly_and_what_came_is_heard(
    site, browser
):
    await site.world.raise_alarm()
    page = await open_cockpit(site, browser)
    await page.locator("#sound").click()
    await expect(page.locator("#sound")).to_have_class("sound")
    await page.locator("#stream .row button").click()
    await page.locator("#dispatch-form [name=reason]").fill("楼里老人多")
    await page.route("**/moves", lambda route: route.abort())
    await page.get_by_role("button", name="由指挥中心接手").click()
    await expect(page.locator("#dispatch-said")).to_contain_text("服务器没有应答")
    await page.unroute("**/moves")
    await page.evaluate(TONES)
    await site.world.press("leader", Move.ACCEPT)  # nothing cries any more
    await site.restart()
    await site.world.raise_alarm("a2", "meter-1", **HEAT)
    await expect(page.locator("#stream .row")).to_have_count(2, timeout=SHOWN_MS)
    await expect(page.locator("#dispatch-form [name=reason]")).to_have_value("楼里老人多")
    await page.wait_for_function("window.tones > 0", timeout=SHOWN_MS)
