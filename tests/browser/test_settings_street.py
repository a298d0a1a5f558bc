"""The administrator's desk against the running server, its broker and the simulated phones."""

import pytest
from playwright.async_api import expect

from tests.browser.test_desk import sign_in
from tests.harness.street import BACKUP
from tests.harness.waiting import until

pytestmark = pytest.mark.browser


async def test_a_test_message_rings_a_phone_and_the_whole_way_is_seen_to_be_open(street, browser):
    page = await sign_in(street, browser)
    await page.goto(f"{street.desk.url}/desk/contacts/{BACKUP}", wait_until="domcontentloaded")
    await page.get_by_role("button", name="发测试通知").first.click()
    await expect(page.locator(".said.done")).to_contain_text("测试通知已交给通道")
    await expect(page.locator("section", has_text="测试通知").last).to_contain_text("已发出")

    async def rung() -> list:
        return [one for one in await street.phones.messages(BACKUP) if "测试" in str(one)]

    [message] = await until(rung, what="a test message on the phone")
    assert "不用处理" in str(message)
    assert await street.desk.items() == [], "it is no item"

    async def whole() -> bool:
        await page.goto(f"{street.desk.url}/desk/channels", wait_until="domcontentloaded")
        return "走完了全程" in await page.locator("main").inner_text()

    await until(whole, what="a canary that went the whole way")
    await expect(page.locator("section", has_text="测试通知").last).to_contain_text("李建国")

    async def sealed() -> bool:
        await page.goto(
            f"{street.desk.url}/desk/audit?action=test_message_sent", wait_until="domcontentloaded"
        )
        return await page.locator("tbody tr .tag.advice").count() == 1

    await until(sealed, what="the act under its seal")
    await page.get_by_role("link", name="检查有没有被改过").click()
    await expect(page.locator("main")).to_contain_text("完整，没有被改过")
    assert page.problems == []
