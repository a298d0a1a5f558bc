"""The first visit to a fresh server, as an owner makes it: plain HTTP, a name in the local network."""

import pytest
from playwright.async_api import async_playwright, expect

from tests.browser.chromium import open_chromium
from tests.harness.street import _CODE, open_street
from tests.harness.surfaces import PASSWORD

pytestmark = pytest.mark.browser
NAME = "grid.example"


@pytest.fixture
async def fresh(tmp_path):
    """The address of a server without any operator."""
    async with open_street(tmp_path) as street:
        await street._start("server", "gridwarden-server", "run", until_event="server_started")
        yield f"http://{NAME}:{street.server_port}"


@pytest.fixture
async def page():
    """A browser that finds the server by a name, so that nothing is trusted for being local."""
    async with async_playwright() as playwright:
        browser = await open_chromium(playwright, f"--host-resolver-rules=MAP {NAME} 127.0.0.1")
        page = await browser.new_page(locale="zh-CN")
        yield page
        await browser.close()


async def fill(page, **values: str) -> None:
    for name, value in values.items():
        await page.locator(f"input[name={name}]").fill(value)
    await page.locator("form button").click()


async def test_the_owner_sets_up_the_first_operator_and_signs_in(fresh, page):
    problems = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))

    await page.goto(f"{fresh}/")
    await expect(page.locator("h1")).to_have_text("首次启动")
    await fill(page, code="not-the-code", name="值班员", password=PASSWORD)
    await expect(page.get_by_role("alert")).to_contain_text("首次启动码不对或已过期")
    assert await page.locator("input[name=name]").input_value() == "值班员", "what was right is kept"
    assert len(problems) == 1, "the browser itself notes the answer 403"
    problems.clear()

    await fill(page, code=_CODE, password=PASSWORD)
    await page.wait_for_url("**/login")
    await fill(page, name="值班员", password=PASSWORD)
    await page.wait_for_url("**/desk")
    await expect(page.locator("main")).to_contain_text("没有事项。")
    await expect(page.locator("header")).to_contain_text("值班员")
    assert problems == []


async def test_a_short_password_is_stopped_by_the_form_itself(fresh, page):
    await page.goto(f"{fresh}/setup")
    await fill(page, code=_CODE, name="值班员", password="short")
    assert page.url.endswith("/setup")
    assert await page.locator("input[name=password]").evaluate("e => e.validity.tooShort")
