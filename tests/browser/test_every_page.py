"""Every page of the table: read by everyone, in the light and at night, in both languages; nothing leaves the host.

One site, one browser, one evening; a look goes through all pages. Leaders' pages have stricter limits of their
own in `test_leader_proofs.py`.
"""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.browser.evening import STREET_NAMES, play_evening
from tests.browser.pages import ON_A_PHONE, PAGES, Reader
from tests.browser.test_leader_page import MEASURE, PHONE
from tests.server.web.running_site import open_site

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "server/web/assets/node_modules/axe-core/axe.min.js"
RUN_AXE = """async () => (await axe.run(document, {resultTypes: ['violations'],
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})).violations
  .map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160)).join(' | '))"""
NAMELESS = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href]')]
  .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()
    || e.querySelector('img[alt]:not([alt=""])')))
  .map(e => e.outerHTML)"""
DOUBLED_IDS = """() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  return ids.filter((id, n) => ids.indexOf(id) !== n); }"""
WORDS = """() => [...document.querySelectorAll('h1, h2, h3, th, dt, label, legend, summary, button, nav a')]
  .map(e => [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent.trim()).join(' '))"""
CHINESE = re.compile(r"[\u3400-\u9fff]")
OWN_NAMES = re.compile("|".join(map(re.escape, STREET_NAMES)))
LEAST_CONTRAST = 4.5
LEAST_TARGET_PX = 24
"""WCAG 2.2, 1.4.3 and 2.5.8."""
DESK = {"width": 1280, "height": 900}
WALL = {"width": 1920, "height": 1080}


async def open_readers(evening, browser, **options):
    """A page for each reader, which notes every error and every address it asks for."""
    pages = {}
    for reader in Reader:
        viewport = PHONE if reader in ON_A_PHONE else DESK
        context = await browser.new_context(viewport=viewport, **options)
        cookies = (await evening.cookies(reader)).items()
        where = {"url": evening.site.url, "httpOnly": True}
        await context.add_cookies([{"name": name, "value": value, **where} for name, value in cookies])
        pages[reader] = await noting(context)
    return pages


async def noting(context):
    page = await context.new_page()
    page.problems, page.asked = [], []
    page.on("console", lambda said: note(page, said))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page


def note(page, said) -> None:
    if said.type == "error":
        page.problems.append(f"{page.url}: {said.text}")


async def judge(page, shown) -> list[str]:
    """Everything that is wrong with a page, as sentences."""
    if shown.folded:
        await page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = await page.evaluate(MEASURE)
    wrong = [f"pale: {text}" for text in found["texts"] if text[2] < LEAST_CONTRAST]
    wrong += [f"small: {one}" for one in found["targets"] if one[0] and one[1] < LEAST_TARGET_PX]
    wrong += [f"nameless: {one}" for one in await page.evaluate(NAMELESS)]
    wrong += [f"doubled id: {one}" for one in await page.evaluate(DOUBLED_IDS)]
    if not found["texts"]:
        wrong.append("says nothing")
    if found["overflow"] > 0:
        wrong.append(f"wider than the screen by {found['overflow']} px")
    if await page.locator("h1").count() != 1 or not (await page.title()).strip():
        wrong.append("has not one heading and a title")
    wrong += await page.evaluate(RUN_AXE)
    return [f"{shown.name}: {one}" for one in wrong]


async def untranslated(page) -> list[str]:
    """What a reader of English is told in Chinese by the page itself, not by the street's own names."""
    words = await page.evaluate(WORDS)
    return [one for one in words if CHINESE.search(OWN_NAMES.sub("", one))]


@pytest.mark.timeout(300)  # some fifty pages, each with all of axe-core's rules
@pytest.mark.parametrize(("locale", "colours"), [("zh-CN", "light"), ("en-GB", "dark")])
async def test_every_page_can_be_read_by_everyone_and_nothing_leaves_the_host(
    tmp_path, browser, locale, colours
):
    wrong = []
    options = {"locale": locale, "color_scheme": colours}
    async with open_site(tmp_path) as site:
        stranger = await noting(await browser.new_context(viewport=DESK, **options))
        for shown in (one for one in PAGES if one.before):
            wrong += await visit(stranger, site.url + shown.address, shown, locale)
        evening = await play_evening(site)
        readers = await open_readers(evening, browser, **options)
        for shown in (one for one in PAGES if not one.before):
            wrong += await visit(readers[shown.reader], evening.address(shown), shown, locale)
        for page in (stranger, *readers.values()):
            wrong += [said for said in page.problems if " 404 " not in said]
            foreign = [url for url in page.asked if not url.startswith((site.url, "data:"))]
            wrong += [f"asks elsewhere: {url}" for url in foreign]
    assert wrong == []


async def visit(page, address, shown, locale) -> list[str]:
    if shown.reader is Reader.DESK:
        await page.set_viewport_size(WALL if shown.wall else DESK)
    answer = await page.goto(address, wait_until="domcontentloaded")
    if answer.status != shown.status or page.url.partition("?")[0] != quote(
        address.partition("?")[0], safe=":/"
    ):
        return [f"{shown.name}: {answer.status} at {page.url}"]
    await page.locator(shown.ready).first.wait_for()
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    wrong = await judge(page, shown)
    if await page.get_attribute("html", "lang") != {"zh-CN": "zh-CN", "en-GB": "en"}[locale]:
        wrong.append(f"{shown.name}: says it is in another language")
    if locale == "en-GB":
        wrong += [f"{shown.name}: not English: {one}" for one in await untranslated(page)]
    return wrong
