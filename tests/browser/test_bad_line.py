"""A bad line: what was pressed stays on the telephone until the server has it, whatever happens meanwhile."""

import asyncio
import json
from datetime import timedelta

import pytest
from playwright.async_api import async_playwright, expect

from server.items.model import Move
from server.items.tables import ItemMove
from tests.browser.chromium import open_phone_folder
from tests.browser.test_leader_page import PHONE
from tests.harness.waiting import until
from tests.server.web.running_site import open_site
from wire.vocabulary import Kind

pytestmark = pytest.mark.browser
KEPT = "localStorage.getItem('gridwarden.presses')"
OPTIONS = {"viewport": PHONE, "locale": "zh-CN", "has_touch": True}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def moves_of(site, move: Move) -> list[ItemMove]:
    return [row for row in await site.world.rows(ItemMove) if row.move is move]


async def test_a_press_outlives_the_browser_and_a_clock_that_is_hours_wrong(site, tmp_path):
    item = await site.world.raise_alarm(value=60.0, limit=25.0)
    link = f"{site.url}{await site.link(item.id, 'leader')}"
    async with async_playwright() as playwright:
        phone = await open_phone_folder(playwright, tmp_path / "phone", **OPTIONS)
        page = await phone.new_page()
        await page.clock.install(time=site.clock.now() + timedelta(hours=7))
        await page.goto(link, wait_until="domcontentloaded")
        await page.locator("button.press", has_text="已收到").tap()
        await page.locator("button.press", has_text="已到场").wait_for()
        await phone.set_offline(True)
        site.clock.advance(seconds=60)
        await page.locator("button.press", has_text="已到场").tap()
        await expect(page.locator(".kept-note")).to_contain_text("已记在手机上")
        await phone.close()
        assert await moves_of(site, Move.ARRIVE) == []

        site.clock.advance(seconds=3600)
        phone = await open_phone_folder(playwright, tmp_path / "phone", **OPTIONS)
        page = await phone.new_page()
        await page.goto(f"{site.url}/my", wait_until="domcontentloaded")
        await until(lambda: page.evaluate(f"{KEPT} === '[]'"), what="the kept press went out")
        [arrived] = await moves_of(site, Move.ARRIVE)
        assert item.opened_at <= arrived.at <= site.clock.now(), (
            "a telephone's clock is believed within reason"
        )
        await page.goto(link, wait_until="domcontentloaded")
        await expect(page.locator("button.press", has_text="已处理")).to_be_visible()
        await phone.close()


async def test_of_two_telephones_with_one_link_the_first_counts_and_the_other_is_told(site, browser):
    item = await site.world.raise_alarm(value=60.0, limit=25.0)
    link = f"{site.url}{await site.link(item.id, 'leader')}"
    first, second = [await (await browser.new_context(**OPTIONS)).new_page() for _ in range(2)]
    for page in (first, second):
        await page.goto(link, wait_until="domcontentloaded")
    await second.context.set_offline(True)
    await second.locator("button.press", has_text="已收到").tap()
    await expect(second.locator(".kept-note")).to_contain_text("已记在手机上")
    await first.locator("button.press", has_text="已收到").tap()
    await first.locator("button.press", has_text="已到场").wait_for()
    await second.context.set_offline(False)
    await expect(second.locator("main")).to_contain_text("请用第一次按过按钮的那部手机")
    assert len(await moves_of(site, Move.ACCEPT)) == 1
    assert await second.evaluate(KEPT) == "[]"


async def test_two_pages_of_one_telephone_lose_no_press(site, browser):
    """Each sends what both kept: what one has sent already is not taken for something else."""
    leak = await site.world.raise_alarm(value=60.0, limit=25.0)
    site.clock.advance(seconds=1)
    wire = await site.world.raise_alarm("a2", "meter-1", kind=Kind.ELECTRIC)
    phone = await browser.new_context(**OPTIONS)
    pages = [await phone.new_page() for _ in range(2)]
    for page, item in zip(pages, (leak, wire), strict=True):
        await page.goto(f"{site.url}{await site.link(item.id, 'leader')}", wait_until="domcontentloaded")
        # The first answer is lost where both wait for it: both pages then have both presses to send.
        await page.route("**/moves", lambda route: route.abort())
    for page in pages:
        await page.locator("button.press", has_text="已收到").tap()
        await expect(page.locator(".kept-note")).to_contain_text("已记在手机上")
    answers = Answers(expected=2)
    for page in pages:
        await page.unroute("**/moves")
        await page.route("**/moves", answers.hold)
    for page in pages:
        await page.evaluate("window.dispatchEvent(new Event('online'))")
    for page in pages:
        await page.locator("button.press", has_text="已到场").wait_for()
    assert {row.item for row in await moves_of(site, Move.ACCEPT)} == {leak.id, wire.id}
    assert await pages[0].evaluate(KEPT) == "[]"


class Answers:
    """Lets the first requests through only when as many have come: they cross."""

    def __init__(self, expected: int) -> None:
        self.left, self.all_came = expected, asyncio.Event()

    async def hold(self, route) -> None:
        self.left -= 1
        if self.left <= 0:
            self.all_came.set()
        await self.all_came.wait()
        await route.continue_()


async def test_a_press_that_the_server_cannot_take_holds_up_no_other_alarm(site, browser):
    leak = await site.world.raise_alarm(value=60.0, limit=25.0)
    site.clock.advance(seconds=1)
    wire = await site.world.raise_alarm("a2", "meter-1", kind=Kind.ELECTRIC)
    links = [f"{site.url}{await site.link(item.id, 'leader')}" for item in (leak, wire)]
    page = await (await browser.new_context(**OPTIONS)).new_page()
    await page.goto(links[0], wait_until="domcontentloaded")
    await page.route(f"{links[0]}/moves", lambda route: route.fulfill(status=500, body="trouble"))
    await page.locator("button.press", has_text="已收到").tap()
    await expect(page.locator(".kept-note")).to_contain_text("已记在手机上")
    await page.goto(links[1], wait_until="domcontentloaded")
    await page.locator("button.press", has_text="已收到").tap()
    await page.locator("button.press", has_text="已到场").wait_for()
    assert [row.item for row in await moves_of(site, Move.ACCEPT)] == [wire.id]
    [kept] = json.loads(await page.evaluate(KEPT))
    assert kept["address"] == f"{links[0]}/moves"
