"""The cockpit in a real browser: it shows what is, says when it cannot, and misses nothing."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from server.cockpit.board import Board
from tests.browser.test_leader_page import MEASURE
from tests.server.devices.test_gateway_page import tell
from tests.server.web.running_site import OPERATOR, PASSWORD, open_site
from tests.server.world import GATEWAY
from wire.vocabulary import AlarmClass, Kind, Mode

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "server/web/assets/node_modules/axe-core/axe.min.js"
VIOLATIONS = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']}))
  .violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 120) + ' ' + n.failureSummary.slice(0, 200))])"""
CUT = """() => [...document.querySelectorAll('.card .body')]
  .filter(e => e.scrollHeight > e.clientHeight).map(e => e.innerText)"""
SHOWN_MS = 20_000


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def open_cockpit(site, browser, **options):
    await site.operator()  # makes the first one, if there is none yet
    return await open_cockpit_at(site.url, browser, **options)


async def open_cockpit_at(url, browser, *, locale="zh-CN", name=OPERATOR, **options):
    options.setdefault("viewport", {"width": 1920, "height": 1080})
    context = await browser.new_context(locale=locale, **options)
    page = await context.new_page()
    page.problems, page.asked = [], []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    await context.request.post(f"{url}/login", form={"name": name, "password": PASSWORD})
    await page.goto(f"{url}/cockpit", wait_until="domcontentloaded")
    await expect(page.locator("#map[data-drawn=yes]")).to_have_count(1, timeout=SHOWN_MS)
    return page


@pytest.mark.parametrize(("colours", "locale"), [("light", "zh-CN"), ("dark", "en")])
async def test_everybody_can_read_and_work_it_and_nothing_leaves_the_host(site, browser, colours, locale):
    await site.world.raise_alarm()
    site.world.clock.advance(seconds=300)
    page = await open_cockpit(site, browser, locale=locale, color_scheme=colours)
    await expect(page.locator("#stream .row")).to_have_count(1, timeout=SHOWN_MS)
    await expect(page.locator("[data-concern=unreached]")).to_have_class("tile must bad some")
    found = await page.evaluate(MEASURE)
    assert [text for text in found["texts"] if text[2] < 4.5] == []
    assert await page.evaluate(CUT) == [], "a card shows all it says"
    source = AXE.read_text(encoding="utf-8")
    await page.evaluate(source)
    assert await page.evaluate(VIOLATIONS) == []
    assert page.problems == []
    assert [url for url in page.asked if not url.startswith(site.url)] == []


async def test_an_alarm_appears_by_itself_and_a_dispatcher_acts_by_keyboard(site, browser):
    page = await open_cockpit(site, browser, viewport={"width": 1366, "height": 768})
    await expect(page.locator("#sound")).to_have_class("sound off")
    await page.locator("#sound").click()
    await expect(page.locator("#sound")).to_have_class("sound", timeout=SHOWN_MS)
    item = await site.world.raise_alarm()
    row = page.locator("#stream .row button")
    await expect(row).to_contain_text("leader某", timeout=SHOWN_MS)
    await row.press("Enter")
    await expect(page.locator("#dispatch")).to_be_visible()
    await page.get_by_label("原因").first.fill("楼里老人多")
    await page.get_by_role("button", name="通知下一级").press("Enter")
    await expect(page.locator("#dispatch-said")).to_contain_text("正在通知下一级", timeout=SHOWN_MS)
    assert "deputy" in await site.world.told()
    await page.get_by_role("button", name="由指挥中心接手").press("Enter")
    await expect(row).to_contain_text("指挥中心", timeout=SHOWN_MS)
    assert next(one for one in await site.world.items() if one.id == item.id).accepted
    await page.keyboard.press("Escape")
    await page.locator("#places button").first.press("Enter")
    await page.locator("#places button").first.press("Enter")
    await expect(page.locator("#path")).to_contain_text("1号微网格")
    await tell(site.world, content_hash="one", limit=25, file_hash="f1")
    await page.locator("#open-drill").press("Enter")
    drill = page.locator("#drill-form")
    await drill.locator("[name=gateway]").fill("没有的网关")
    await expect(page.locator("#drill-rules-note")).to_have_text("没有这个网关，请从列表里选")
    assert not await drill.evaluate("form => form.checkValidity()")
    await drill.locator("[name=gateway]").fill(GATEWAY)
    await drill.locator("[name=pair]").select_option(label="厨房 · 可燃气体超过 25 %LEL")
    await drill.locator("[name=reason]").fill("每月演练")
    await drill.locator("button").press("Enter")
    await expect(page.locator("#drill-said")).not_to_be_empty(timeout=SHOWN_MS)
    (order,) = [one.order for one in await site.world.commands() if one.order.get("mode") == "drill"]
    assert (order["device"], order["rule"]) == ("gas-1", "gas-high")
    assert page.problems == []


async def test_a_board_that_cannot_be_read_greys_the_screen_and_nothing_is_missed(site, browser, monkeypatch):
    page = await open_cockpit(site, browser)
    await expect(page.locator("#link")).to_have_text("实时", timeout=SHOWN_MS)
    with monkeypatch.context() as broken:
        broken.setattr(Board, "turn", fail)
        await site.world.raise_alarm()
        await expect(page.locator("body")).to_have_class(re.compile(r"\bstale\b"), timeout=SHOWN_MS)
        await expect(page.locator("#link")).to_contain_text("已中断")
        await expect(page.locator("#stream .row")).to_have_count(0)
    await expect(page.locator("#stream .row")).to_have_count(1, timeout=SHOWN_MS)
    await expect(page.locator("body")).not_to_have_class(re.compile(r"\bstale\b"))


async def fail(_board) -> None:
    raise OSError("the disk does not answer")


async def test_a_server_that_begins_anew_is_followed_without_a_reload(site, browser):
    page = await open_cockpit(site, browser)
    await page.evaluate("window.stayed = true")
    await site.world.raise_alarm()
    await expect(page.locator("#stream .row")).to_have_count(1, timeout=SHOWN_MS)
    await site.restart()
    await site.world.raise_alarm("a2", "meter-1")
    await expect(page.locator("#stream .row")).to_have_count(2, timeout=SHOWN_MS)
    assert await page.evaluate("window.stayed") is True
    await expect(page.locator("#link")).to_have_text("实时")


async def test_a_drill_is_listed_as_one_after_all_that_is_real_and_is_no_figure(site, browser):
    await site.world.raise_alarm("d1", mode=Mode.DRILL)
    await site.world.raise_alarm("a1", "meter-1", kind=Kind.ELECTRIC, class_=AlarmClass.ADVICE)
    page = await open_cockpit(site, browser, locale="en-GB")
    await expect(page.locator("#stream .row")).to_have_count(2, timeout=SHOWN_MS)
    await expect(page.locator("#stream .row").last).to_contain_text("Drill")
    await page.locator("#stream .row button").last.click()
    await expect(page.locator("#dispatch-title")).to_have_text("Gas leak · Drill")
    await page.keyboard.press("Escape")
    await expect(page.locator("#stream-count")).to_have_text("1 · Drills and tests: 1")
    await expect(page.locator("[data-class=life_safety] b")).to_have_text("0")
    await expect(page.locator("#places li")).to_have_class("advice")
    await tell(site.world, content_hash="one", limit=25, file_hash="f1")
    await page.locator("#open-drill").click()
    await expect(page.locator("#drill-form [name=gateway]")).to_have_value("一号网关")
    await expect(page.locator("#drill-form option[value^='[']")).to_have_text(
        "厨房 · combustible gas above 25 %LEL"
    )
    assert page.problems == []


async def test_what_becomes_of_an_order_is_not_said_in_the_window_of_another_item(site, browser):
    gas = await site.world.raise_alarm()
    await site.world.raise_alarm("a2", "meter-1", kind=Kind.ELECTRIC, class_=AlarmClass.HAZARD)
    page = await open_cockpit(site, browser)
    rows, said = page.locator("#stream .row button"), page.locator("#dispatch-said")
    await expect(rows).to_have_count(2, timeout=SHOWN_MS)
    await page.clock.install()
    await rows.first.click()
    await give_order(page)
    await expect(said).to_have_text("等网关执行", timeout=SHOWN_MS)
    await page.keyboard.press("Escape")
    await rows.last.click()
    await expect(page.locator("#dispatch-title")).not_to_have_text("燃气泄漏")
    await page.clock.run_for(3_000)
    await expect(said).to_be_empty()
    await give_order(page)
    await expect(said).to_have_text("等网关执行", timeout=SHOWN_MS)
    async with page.expect_request(re.compile("/commands/")):
        await page.clock.run_for(3_000)
    asked = {url.rpartition("/")[2] for url in page.asked if "/commands/" in url}
    assert asked == {one.id for one in await site.world.commands() if one.item != gas.id}


async def give_order(page):
    await page.get_by_label("原因").first.fill("核对一遍")
    await page.get_by_label("给网关的指令").select_option(label="重新核对")
    await page.get_by_role("button", name="发指令").click()
