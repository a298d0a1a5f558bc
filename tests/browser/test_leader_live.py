"""What happens elsewhere while a leader looks at a page: it says so by itself, and never goes blank."""

import pytest
from playwright.async_api import expect

from server.items.model import Move
from tests.browser.test_leader_page import PHONE
from tests.server.web.running_site import open_site
from wire.vocabulary import Kind

pytestmark = pytest.mark.browser
OPTIONS = {"viewport": PHONE, "locale": "zh-CN", "has_touch": True}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def open_item(site, browser, item, person="leader"):
    """A phone that looks at an item and hears of it; returns the page and its address."""
    page = await (await browser.new_context(**OPTIONS)).new_page()
    link = f"{site.url}{await site.link(item.id, person)}"
    async with page.expect_response(f"{link}/live"):
        await page.goto(link, wait_until="domcontentloaded")
    return page, link


async def test_what_the_desk_gives_to_another_says_so_on_the_open_page(site, browser):
    item = await site.world.raise_alarm()
    page, _ = await open_item(site, browser, item)
    await site.world.press("op-li", Move.REASSIGN, item=item.id, to="deputy")
    await expect(page.locator("h1")).to_have_text("已转给别人")
    await expect(page.locator("main")).to_contain_text("现在由deputy某负责")


async def test_an_answer_of_trouble_leaves_the_page_as_it_is_and_is_asked_for_again(site, browser):
    item = await site.world.raise_alarm()
    page, link = await open_item(site, browser, item)
    bad_gateway = "<html><body><h1>Bad Gateway</h1></body></html>"
    asked = []

    async def refuse(route):
        asked.append(route.request.url)
        await route.fulfill(status=502, body=bad_gateway, content_type="text/html")

    await page.route(link, refuse)
    await site.world.press("op-li", Move.ACCEPT, item=item.id)
    async with page.expect_response(link):
        pass
    await expect(page.locator("h1")).to_have_text("燃气泄漏")
    await expect(page.locator(".now-do li")).to_have_count(3)
    await page.unroute(link)
    await expect(page.locator(".when")).to_contain_text("已收到")  # without another change
    assert asked


async def test_a_stream_that_something_on_the_way_refused_is_opened_again(site, browser):
    item = await site.world.raise_alarm()
    page = await (await browser.new_context(**OPTIONS)).new_page()
    link = f"{site.url}{await site.link(item.id, 'leader')}"
    answers = iter((502,))

    async def refuse_once(route):
        status = next(answers, None)
        await (route.continue_() if status is None else route.fulfill(status=status, body="Bad Gateway"))

    await page.route(f"{link}/live", refuse_once)
    await page.goto(link, wait_until="domcontentloaded")
    async with page.expect_response(lambda one: one.url == f"{link}/live" and one.ok):
        pass
    await site.world.press("op-li", Move.ACCEPT, item=item.id)
    await expect(page.locator(".when")).to_contain_text("已收到")


async def test_a_new_alarm_shows_on_her_open_list(site, browser):
    item = await site.world.raise_alarm()
    page, _ = await open_item(site, browser, item)
    await page.locator("button.press", has_text="已收到").tap()
    await page.locator("button.press", has_text="已到场").wait_for()
    await site.world.press("leader", Move.FINISH, item=item.id)
    await site.world.clear_alarm()
    async with page.expect_response(f"{site.url}/my/live"):
        await page.goto(f"{site.url}/my", wait_until="domcontentloaded")
    await expect(page.locator("main")).to_contain_text("现在没有要处理的事。")
    await site.world.raise_alarm("a2", "meter-1", kind=Kind.ELECTRIC)
    await expect(page.locator("main")).to_contain_text("用电异常")
    await expect(page.locator("main")).not_to_contain_text("现在没有要处理的事。")


async def test_what_she_began_to_write_on_a_slow_line_is_not_folded_away(site, browser):
    item = await site.world.raise_alarm()
    page, link = await open_item(site, browser, item)
    held = []

    async def hold(route):
        held.append(route)

    await page.route(link, hold)
    async with page.expect_request(link):
        await site.world.press("op-li", Move.NOTE, item=item.id, reason="看一下")
    await page.get_by_text("想说明原因（可以不写）").tap()
    async with page.expect_response(link):
        for route in held:
            await route.continue_()
    await page.evaluate("new Promise(done => setTimeout(done, 0))")
    await expect(page.get_by_label("先写原因，再按上面的按钮")).to_be_visible()
