"""A leader's page with the largest letters on the smallest phone, and with a reason."""

import pytest
from playwright.async_api import expect

from tests.browser.test_leader_page import MEASURE, SMALLEST, leak, open_page

pytestmark = pytest.mark.browser


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
