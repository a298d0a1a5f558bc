"""A screen that hears nothing says so within ten seconds, and misses nothing of what was while it was deaf.

The page's clock is the test's: it stands still, and is moved. The line to the server is a real one that can
be stalled; the server is a process that can be stopped.
"""

import os
import re
import signal
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, expect

from firmware_sim.relay import Relay
from tests.browser.test_cockpit import open_cockpit
from tests.harness.surfaces import PASSWORD
from tests.harness.waiting import until
from tests.server.web.running_site import open_site

pytestmark = pytest.mark.browser

STALE = re.compile(r"\bstale\b")
BOUND_S = 10
"""A screen that hears nothing for so long is grey."""
AGES = """() => Object.fromEntries([...document.querySelectorAll('[data-age]')].map(one =>
  [one.dataset.age, {words: one.textContent, old: one.classList.contains('old')}]))"""
GREY = "() => getComputedStyle(document.querySelector('main')).filter"
TWO_BEATS = """(after) => new Promise((done) => {
  const source = new EventSource('/api/v1/cockpit/stream?after=' + after);
  let heard = 0;
  source.addEventListener('beat', () => { if (++heard === 2) { source.close(); done(); } });
})"""
WHOLE = "**/api/v1/cockpit"
_SPAN_S = {"秒": 1, "分": 60, "小时": 3_600}


@dataclass
class Wall:
    """A cockpit whose clock is the test's."""

    page: Page

    async def ages(self) -> dict[str, int]:
        """Return what every panel says of its age, in seconds."""
        found = {}
        for name, shown in (await self.page.evaluate(AGES)).items():
            said = re.fullmatch(r"(\d+) (秒|分|小时)前", shown["words"])
            assert said, f"panel {name} does not tell its age: {shown}"
            found[name] = int(said[1]) * _SPAN_S[said[2]]
        return found

    async def run_deaf(self, seconds: int) -> None:
        """Let the page's time run until its data are so old; what was under way arrives in the meantime."""

        async def passed() -> bool:
            left = seconds - (await self.ages())["items"]
            await self.page.clock.run_for(1_000 * max(left, 0))
            return left <= 0

        await until(passed, what=f"data {seconds} s old")

    async def says_so(self) -> None:
        """Go deaf: at three seconds nothing is said, at ten the screen is grey and says since when."""
        await self.run_deaf(3)
        await expect(self.page.locator("body")).not_to_have_class(STALE)
        before = await self.ages()
        await self.page.clock.run_for(1_000 * (BOUND_S - 3))
        await expect(self.page.locator("body")).to_have_class(STALE, timeout=1)
        assert await self.page.evaluate(GREY) == "grayscale(1)"
        assert re.fullmatch(r"已中断 (9|10) 秒", await self.page.locator("#link").inner_text())
        await expect(self.page.locator(".stale-note")).to_be_visible()
        after = await self.ages()
        assert dict.fromkeys(before, BOUND_S - 3) == {name: after[name] - before[name] for name in after}

    async def is_back(self, rows: int) -> None:
        """Hear again: the screen is as it was, without a reload, with what came meanwhile."""
        await self.page.clock.resume()
        await expect(self.page.locator("#stream .row")).to_have_count(rows)
        await expect(self.page.locator("body")).not_to_have_class(STALE)
        await expect(self.page.locator("#link")).to_have_text("实时")
        assert await self.page.evaluate("window.stayed") is True

    async def hold_still(self) -> None:
        """Stop the page's clock where it is."""
        await self.page.clock.pause_at(await self.page.evaluate("Date.now() / 1000 + 1"))


async def open_wall(street, browser, port: int) -> Wall:
    context = await browser.new_context(locale="zh-CN", viewport={"width": 1920, "height": 1080})
    page = await context.new_page()
    await page.clock.install()
    form = {"name": "值班员", "password": PASSWORD}
    await context.request.post(f"http://127.0.0.1:{port}/login", form=form)
    await page.goto(f"http://127.0.0.1:{port}/cockpit", wait_until="domcontentloaded")
    await expect(page.locator("#link")).to_have_text("实时")
    await page.evaluate("window.stayed = true")
    return Wall(page)


async def test_a_line_without_a_word_and_a_server_that_stands_still_grey_the_screen_in_time(street, browser):
    async with Relay(street.server_port).serve() as line:
        wall = await open_wall(street, browser, line.port)
        await wall.hold_still()
        line.stall()
        await street.set_values("gas-kitchen", gas_lel=60)
        await street.item_of("gas-kitchen")
        await wall.says_so()
        assert await wall.page.locator("#stream .row").count() == 0, "the line carried nothing"
        await wall.page.clock.fast_forward(140_000)
        shown = await wall.page.evaluate(AGES)
        assert all(one["old"] for one in shown.values()), "every panel that is too old says so"
        line.mend()
        await wall.is_back(rows=1)

        await wall.hold_still()
        server = street.parts["server"].process.pid
        os.kill(server, signal.SIGSTOP)
        await wall.says_so()
        await street.set_values("leakage-kitchen", residual_current_ma=500)
        await street.journalled("leakage", "raised")
        os.kill(server, signal.SIGCONT)
        await wall.is_back(rows=2)

        await wall.hold_still()
        await street.kill("server")
        await wall.says_so()
        await street.set_values("hydrant-1", pressure_kpa=50)
        await street.journalled("hydrant-low", "raised")
        await street.start_server()
        await wall.is_back(rows=3)


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def test_a_first_answer_that_never_comes_is_said_and_asked_for_again(site, browser):
    page = await open_cockpit(site, browser)
    await page.clock.install()

    async def keep(route) -> None:
        del route  # never answered, never refused

    await page.route(WHOLE, keep)
    await page.reload(wait_until="domcontentloaded")
    await expect(page.locator("#link")).to_have_text("正在连接")
    await page.clock.run_for(1_000 * BOUND_S)
    await expect(page.locator("body")).to_have_class(STALE)
    await expect(page.locator("#link")).to_contain_text("已中断")
    await page.unroute(WHOLE)
    await page.clock.run_for(1_000 * BOUND_S)
    await expect(page.locator("#link")).to_have_text("实时")
    await expect(page.locator("body")).not_to_have_class(STALE)


async def test_what_a_proxy_holds_back_is_no_sign_of_life_and_the_whole_is_asked_for(site, browser):
    page = await open_cockpit(site, browser)
    await page.clock.install()
    await page.reload(wait_until="domcontentloaded")
    await expect(page.locator("#link")).to_have_text("实时")
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1"))
    await page.route(WHOLE, lambda route: route.abort())
    await page.clock.fast_forward(30_000)  # as long before it arrives was everything said that comes now
    await page.evaluate(TWO_BEATS, "")
    await page.clock.run_for(1_000)
    await expect(page.locator("#link")).to_have_text(re.compile(r"^已中断 3\d 秒$"))
    await page.unroute(WHOLE)

    async def lives() -> bool:
        await page.clock.run_for(1_000)
        return await page.locator("#link").inner_text() == "实时"

    await until(lives, what="the whole is asked for")
    await expect(page.locator("body")).not_to_have_class(STALE)
