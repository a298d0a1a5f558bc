"""A curve in a real browser: drawn, readable without it, nothing forbidden asked for."""

from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.browser.test_leader_page import MEASURE
from tests.server.history.recording import record
from tests.server.web.running_site import OPERATOR, PASSWORD, open_site

pytestmark = pytest.mark.browser

DRAWN = """() => { const c = document.querySelector('.chart canvas');
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n / (d.length / 4); }"""


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def recorded(site):
    await site.operator()  # makes the first one, while the code for that is good
    begin = site.clock.now()
    values = [1.0 + (n % 7) / 10 for n in range(600)] + [30.0 + n / 4 for n in range(40)] + [3.0] * 200
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", begin, values)
    site.clock.advance(seconds=600 * 60)
    await site.world.raise_alarm("a1", point="gas_lel", value=31.5, unit="%{LEL}", limit=25.0)
    site.clock.advance(seconds=40 * 60)
    said = {"point": "gas_lel", "limit": 25.0, "raised_at": begin + timedelta(minutes=600)}
    await site.world.clear_alarm("a1", **said)
    site.clock.advance(seconds=200 * 60)


async def open_curve(site, browser, path="/desk/trends?gateway=gw-one&device=gas-1", **options):
    context = await browser.new_context(viewport={"width": 1366, "height": 900}, locale="zh-CN", **options)
    page = await context.new_page()
    page.problems, page.asked = [], []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    form = {"name": OPERATOR, "password": PASSWORD}
    signed_in = await context.request.post(f"{site.url}/login", form=form)
    assert signed_in.url.endswith("/desk")
    await page.goto(f"{site.url}{path}", wait_until="domcontentloaded")
    return page


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_a_curve_is_drawn_and_nothing_is_forbidden_or_foreign(site, browser, colours):
    await recorded(site)
    page = await open_curve(site, browser, color_scheme=colours)
    await expect(page.locator(".chart[data-drawn=yes] canvas")).to_have_count(1, timeout=20_000)
    assert await page.evaluate(DRAWN) > 0.02
    await page.locator(".chart").hover(position={"x": 500, "y": 150})
    assert page.problems == [], "the page's policy holds, the tooltip included"
    assert [url for url in page.asked if not url.startswith(site.url)] == []
    found = await page.evaluate(MEASURE)
    assert [text for text in found["texts"] if text[2] < 4.5] == []


async def test_without_a_script_the_picture_and_the_table_tell_it(site, browser):
    await recorded(site)
    page = await open_curve(site, browser, java_script_enabled=False)
    await expect(page.locator(".chart svg path.spark-line")).to_have_count(1)
    await expect(page.locator("main table").last.locator("tbody tr")).to_have_count(14)


async def test_figures_that_do_not_come_are_said_and_the_picture_stays(site, browser):
    await recorded(site)
    page = await open_curve(site, browser, "/desk")
    await page.route("**/api/v1/trends**", lambda route: route.abort())
    await page.goto(f"{site.url}/desk/trends?gateway=gw-one&device=gas-1")
    await expect(page.locator(".chart-problem")).to_contain_text("下面的表格仍然有效", timeout=20_000)
    await expect(page.locator(".chart svg")).to_have_count(1)
