"""Proofs on every page of a leader: each size of letters, in the light and at night, on a bad line."""

import gzip
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.test_leader_page import MEASURE, PHONE
from tests.harness.waiting import until
from tests.server.web.running_site import open_site
from wire.vocabulary import AlarmClass

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "server" / "web" / "assets" / "node_modules" / "axe-core" / "axe.min.js"
LEAST_TEXT_PX = 20
LEAST_MAIN_PX = 72
LEAST_TARGET_PX = 60
LEAST_CONTRAST = 7
MOST_PAGE_BYTES = 60_000
SIZES = ("20", "24", "30")

MAIN = """() => [...document.querySelectorAll('.press')].map(e => e.getBoundingClientRect().height)"""
OTHERS = """() => [...document.querySelectorAll('button, a[href], input:not([type=hidden]), textarea, summary')]
  .filter(e => e.offsetParent !== null).map(e => [e.textContent.trim().slice(0, 20),
    Math.min(e.getBoundingClientRect().height, e.getBoundingClientRect().width)])"""
RUN_AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '))"""


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def open_phone(site, browser, **options):
    """A leader's phone that notes every error and every address it asks for."""
    options = {"viewport": PHONE, "locale": "zh-CN", "has_touch": True, **options}
    context = await browser.new_context(**options)
    page = await context.new_page()
    page.problems, page.asked = [], []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page


async def play(site) -> dict[str, str]:
    """A leak, a visit with two matters, an item that is over, one that went to somebody else."""
    low = {"class_": AlarmClass.ADVICE}
    await site.world.raise_alarm("m1", "gas-1", **low)
    visit = await site.world.raise_alarm("m2", "gas-2", **low)
    site.clock.advance(seconds=1)
    danger = await site.world.raise_alarm("g1", "meter-1", value=60.0, limit=25.0)
    return {
        "danger": await site.link(danger.id, "leader"),
        "visit": await site.link(visit.id, "leader"),
        "list": "/my",
        "feedback": "/feedback",
        "thanks": "/feedback?said=kept",
        "lost": "/i/nonsense",
    }


async def choose(page, site, size: str) -> None:
    await page.context.add_cookies([{"name": "size", "value": size, "url": site.url}])


async def check(page, where: str) -> None:
    found = await page.evaluate(MEASURE)
    assert found["texts"], where
    assert [text for text in found["texts"] if text[1] < LEAST_TEXT_PX] == [], where
    assert [text for text in found["texts"] if text[2] < LEAST_CONTRAST] == [], where
    assert found["overflow"] <= 0, f"{where}: nothing is cut off at the side"
    assert [height for height in await page.evaluate(MAIN) if height < LEAST_MAIN_PX] == [], where
    assert [one for one in await page.evaluate(OTHERS) if one[1] < LEAST_TARGET_PX] == [], where
    assert await page.evaluate(RUN_AXE) == [], where


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_page_at_every_size_for_old_eyes_and_fingers(site, browser, colours):
    addresses = await play(site)
    page = await open_phone(site, browser, color_scheme=colours)
    await page.goto(f"{site.url}{addresses['danger']}", wait_until="domcontentloaded")
    await page.get_by_role("button", name="已收到", exact=True).tap()
    await page.locator(".said", has_text="记下了").wait_for()  # the phone has its list now
    axe = AXE.read_text(encoding="utf-8")
    for size in SIZES:
        await choose(page, site, size)
        for name, address in addresses.items():
            await page.goto(f"{site.url}{address}", wait_until="domcontentloaded")
            await expect(page.locator("html")).to_have_attribute("data-size", size)
            await page.evaluate(axe)
            await check(page, f"{name} at {size}")
    assert [said for said in page.problems if "404" not in said] == [], "no policy was broken"
    assert [url for url in page.asked if not url.startswith((site.url, "data:"))] == []


async def test_pages_are_light_enough_for_a_bad_line(site, browser):
    addresses = await play(site)
    client = await site.visitor(**{"Accept-Encoding": "gzip"})
    for name, address in addresses.items():
        page = (await client.get(address)).text
        parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert len(parts) == 2, "one script and one style"
        sent = [await client.get(part) for part in parts]
        assert {answer.headers["content-encoding"] for answer in sent} == {"gzip"}
        whole = sum(len(gzip.compress(answer.content)) for answer in sent) + len(gzip.compress(page.encode()))
        assert whole < MOST_PAGE_BYTES, f"{name}: {whole} bytes"


async def test_done_is_kept_on_the_phone_without_a_line_and_sent_later(site, browser):
    addresses = await play(site)
    page = await open_phone(site, browser)
    await page.goto(f"{site.url}{addresses['danger']}", wait_until="domcontentloaded")
    for press, following in (("已收到", "已到场"), ("已到场", "已处理")):
        await page.locator("button.press", has_text=press).tap()
        await page.locator("button.press", has_text=following).wait_for()

    await page.context.set_offline(True)
    await page.locator("button.press", has_text="已处理").tap()
    await expect(page.locator(".kept-note")).to_contain_text("已记在手机上")
    assert [move.value for move, _ in await site.world.moves()].count("finish") == 0

    await page.context.set_offline(False)
    await expect(page.locator(".said", has_text="您已处理")).to_be_visible()
    assert [move.value for move, _ in await site.world.moves()].count("finish") == 1
    assert await page.evaluate("localStorage.getItem('gridwarden.presses')") == "[]"


async def test_a_press_kept_by_a_page_that_was_closed_goes_out_with_the_next_one(site, browser):
    addresses = await play(site)
    page = await open_phone(site, browser)
    await page.goto(f"{site.url}{addresses['danger']}", wait_until="domcontentloaded")
    await page.context.set_offline(True)
    await page.get_by_role("button", name="已收到", exact=True).tap()
    await expect(page.locator(".kept-note")).to_contain_text("已记在手机上")
    again = await page.context.new_page()
    await page.close()
    await page.context.set_offline(False)
    async with again.expect_response(lambda answer: answer.url.endswith("/moves")):
        await again.goto(f"{site.url}/feedback", wait_until="domcontentloaded")
    await until(lambda: again.evaluate("localStorage.getItem('gridwarden.presses') === '[]'"), what="sent")
    assert [move.value for move, _ in await site.world.moves()].count("accept") == 1
