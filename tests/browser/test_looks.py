"""Every page can be read by everyone: letters, colours, labels, language; in the light and at night."""

import pytest
from playwright.async_api import expect

from tests.browser.test_desk import sign_in
from tests.browser.test_leader_page import LEAST_CONTRAST, MEASURE, SMALLEST, leak, open_page

pytestmark = pytest.mark.browser

NAMELESS = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href]')]
  .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
  .map(e => e.outerHTML)"""
DOUBLED_IDS = """() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  return ids.filter((id, n) => ids.indexOf(id) !== n); }"""


async def check(page) -> None:
    found = await page.evaluate(MEASURE)
    assert found["texts"], "the page says something"
    assert [text for text in found["texts"] if text[2] < LEAST_CONTRAST] == []
    assert await page.evaluate(NAMELESS) == []
    assert await page.evaluate(DOUBLED_IDS) == []
    assert await page.locator("h1").count() == 1
    assert await page.get_attribute("html", "lang") in ("zh-CN", "en")
    assert (await page.title()).strip()


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_page_of_the_desk(street, browser, colours):
    await leak(street)
    item = await street.item_of("gas-kitchen")
    page = await sign_in(street, browser, color_scheme=colours)
    for path in (
        "/desk",
        "/desk?show=closed",
        f"/desk/items/{item['id']}",
        "/desk/unassigned",
        "/desk/gateways",
        "/desk/quarantine",
    ):
        await page.goto(f"{street.desk.url}{path}", wait_until="domcontentloaded")
        await check(page)
    await page.get_by_role("button", name="退出").click()
    await page.wait_for_url("**/login")
    await check(page)
    assert page.problems == []


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_page_of_a_leader(street, browser, colours):
    await leak(street)
    page = await open_page(street, browser, color_scheme=colours)
    await check(page)
    await page.get_by_role("button", name="已收到", exact=True).tap()
    await page.locator(".said").wait_for()
    await check(page)
    for path in ("/my", "/feedback"):
        await page.goto(f"{street.desk.url}{path}", wait_until="domcontentloaded")
        await check(page)
    assert page.problems == []


async def test_the_largest_letters_fit_the_smallest_phone(street, browser):
    await leak(street)
    page = await open_page(street, browser, viewport=SMALLEST)
    await page.get_by_role("button", name="特大").tap()
    await expect(page.locator("html")).to_have_attribute("data-size", "30")
    assert (await page.evaluate(MEASURE))["overflow"] <= 0


async def test_a_reason_can_be_given_and_is_read_at_the_desk(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await page.get_by_text("想说明原因").tap()
    await page.get_by_label("先写原因").fill("我在外地，明天回来")
    await page.get_by_role("button", name="不是我的").tap()
    await page.get_by_text("已转给下一位").wait_for()
    item = await street.item_of("gas-kitchen")
    moves = (await street.desk.item(item["id"]))["moves"]
    assert [move["reason"] for move in moves if move["move"] == "not_mine"] == ["我在外地，明天回来"]
