"""A dispatcher at the wall and at the desk, a gateway that does what it is told, and a device that falls silent."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_cockpit import open_cockpit_at
from tests.browser.test_desk import sign_in
from tests.harness.coils import coil_of
from tests.stories.test_orders import colleague_of

pytestmark = pytest.mark.browser

SECOND = "接班人"


def given(page: Page, what: str):
    """The entry of an order among those that were given, with who did what when."""
    return page.locator("#orders .given > li").filter(has=page.locator("b", has_text=re.compile(f"^{what}$")))


async def test_what_a_dispatcher_orders_is_done_where_two_agree_and_who_did_it_stands_there(street, browser):
    await colleague_of(street, SECOND)
    await street.set_values("leakage-kitchen", residual_current_ma=500)
    await street.item_of("leakage-kitchen")
    page = await open_cockpit_at(street.desk.url, browser)
    await page.locator("#stream .row button").click()
    wall = page.locator("#dispatch-form")
    await wall.get_by_label("原因").fill("核对一遍")
    await wall.get_by_label("给网关的指令").select_option(label="重新核对")
    await wall.get_by_role("button", name="发指令").click()
    await expect(page.locator("#dispatch-said")).to_have_text("已完成")
    await page.get_by_role("link", name="关闭阀门和其他指令").click()
    await expect(given(page, "重新核对")).to_contain_text("下达 · 值班员")
    await expect(given(page, "重新核对")).to_contain_text("网关答复")

    assert not await coil_of(street.ports["relays"], unit=1)
    await page.locator("summary", has_text="关闭阀门").click()
    await page.get_by_role("button", name="关闭阀门…").click()
    await expect(page.locator("h1")).to_have_text("关闭阀门：厨房燃气阀")
    await page.get_by_label("原因").fill("住户说闻到气味")
    await page.get_by_role("button", name="确定，现在关闭").click()
    await expect(given(page, "关闭阀门")).to_contain_text("已完成")
    await expect(given(page, "关闭阀门")).to_contain_text("住户说闻到气味")
    assert await coil_of(street.ports["relays"], unit=1), "it was read back at the relay itself"

    await page.locator("summary", has_text="停用检修").click()
    service = page.locator("form", has=page.locator("[name=order][value=out_of_service]"))
    await service.get_by_label("设备").select_option(label="厨房燃气探测器")
    await service.get_by_label("原因").fill("换探测器")
    await service.get_by_role("button", name="停用这台设备").click()
    await expect(given(page, "停用检修")).to_contain_text("要由 值班员 以外的另一个账号")
    second = await sign_in(street, browser, name=SECOND)
    await second.goto(page.url.partition("?")[0])
    await second.get_by_role("button", name="我同意，发出去").click()
    await expect(given(page, "停用检修")).to_contain_text("已完成")
    await expect(given(page, "停用检修")).to_contain_text(f"同意 · {SECOND}")
    await page.goto(f"{street.desk.url}/desk/audit")
    for why in ("核对一遍", "住户说闻到气味", "换探测器"):
        await expect(page.locator("main")).to_contain_text(why)
    assert page.problems == second.problems == []


async def test_a_device_that_is_unplugged_shows_at_the_desk_and_goes_by_itself_when_it_is_back(
    street, browser
):
    page = await sign_in(street, browser)
    await expect(page.locator("main")).to_contain_text("没有事项。")
    await street.set_fault("hydrant-1", "mute")
    row = page.locator("tbody tr")
    await expect(row).to_contain_text("室外消火栓")
    await expect(row).to_contain_text("设备故障")
    await row.get_by_role("link").click()
    await expect(page.locator("main")).to_contain_text("报警中")
    await street.set_fault("hydrant-1", "none")
    await expect(page.locator("main")).to_contain_text("已恢复正常")
    assert page.problems == []
