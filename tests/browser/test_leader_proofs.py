"""Proofs on every page of a leader: each size of letters, in the light and at night, on a bad line."""

import gzip
import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect
from sqlalchemy import delete

from server.access.dutylinks import DutyLinks
from server.access.tables import Link
from server.items.model import Move
from server.people.duties import Span
from server.people.model import DutyFacts, Role, Scope
from server.people.proposals import by_person, propose
from server.people.rostertables import RosterMessage
from tests.browser.test_leader_page import MEASURE, PHONE
from tests.harness.waiting import until
from tests.server.web.running_site import open_site
from wire.vocabulary import AlarmClass, Kind

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "server" / "web" / "assets" / "node_modules" / "axe-core" / "axe.min.js"
LEAST_TEXT_PX = 20
LEAST_MAIN_PX = 72
LEAST_TARGET_PX = 60
LEAST_CONTRAST = 7
MOST_PAGE_BYTES = 60_000
SIZES = ("20", "24", "30")

REFUSALS = {
    "taken": "leader某已经接手",
    "done": "leader某已经处理",
    "over": "这件事已经结束",
    "given away": "现在由deputy某负责",
    "expired": "这个链接已过期",
    "other phone": "请用第一次按过按钮的那部手机",
    "lost": "请重新点开消息里的链接",
}
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
    """A leak, a visit with two matters, and every way in which a link does not work."""
    await site.world.set_person("desk", phone="12345")
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
        "duty": "/my/duty",
        "asked": await _ask_her_for_a_swap(site),
        **await _play_refusals(site),
    }


async def _ask_her_for_a_swap(site) -> str:
    """The deputy asks the leader to take a night over; returns the link of the leader's message."""
    begins = site.clock.now() + timedelta(hours=30)
    duty = DutyFacts(person="deputy", role=Role.DEPUTY, scope=Scope.GRID, code="g1")
    async with site.world.database.write() as session:
        span = Span(begins=begins, ends=begins + timedelta(hours=12))
        await propose(session, duty, span, "leader", by=by_person("deputy"), now=site.clock.now())
    [message] = await site.world.rows(RosterMessage)
    return f"/my/duty/links/{DutyLinks(site.settings.signing_key()).make(message.id)}"


async def _play_refusals(site) -> dict[str, str]:
    """Links of items that are over, taken or done by others, given away, on another phone, or forgotten."""
    raise_alarm = site.world.raise_alarm
    site.clock.advance(seconds=1)
    taken = await raise_alarm("g2", "gas-1", kind=Kind.FIRE, value=60.0, limit=25.0)
    await site.world.press("leader", Move.ACCEPT, item=taken.id)
    site.clock.advance(seconds=1)
    done = await raise_alarm("g3", "gas-1", kind=Kind.WATER)
    await site.world.press("leader", Move.FINISH, item=done.id)
    site.clock.advance(seconds=1)
    over = await raise_alarm("g4", "gas-2", kind=Kind.FIRE)
    await site.world.press("leader", Move.FINISH, item=over.id)
    await site.world.clear_alarm("g4", "gas-2", kind=Kind.FIRE)
    site.clock.advance(seconds=1)
    away = await raise_alarm("g5", "gas-2", kind=Kind.WATER)
    links = {
        "taken": await site.link(taken.id, "room"),
        "done": await site.link(done.id, "room"),
        "over": await site.link(over.id, "leader"),
        "given away": await site.link(away.id, "leader"),
        "expired": await site.link(over.id, "officer"),
        "other phone": await site.link(taken.id, "officer"),
    }
    await site.world.press("op-li", Move.REASSIGN, item=away.id, to="deputy")
    async with site.world.database.write() as session:
        await session.execute(delete(Link).where(Link.person == "officer", Link.item == over.id))
    owned = await site.visitor()
    await owned.post(f"{links['other phone']}/moves", data={"move": "need_help", "press": "press-0001"})
    return links


async def choose(page, site, size: str) -> None:
    await page.context.add_cookies([{"name": "size", "value": size, "url": site.url}])


async def check(page, where: str) -> None:
    if where.startswith("duty"):  # its forms are folded
        await page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
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
    for name, sentence in REFUSALS.items():
        await page.goto(f"{site.url}{addresses[name]}", wait_until="domcontentloaded")
        await expect(page.locator("main")).to_contain_text(sentence)
    axe = AXE.read_text(encoding="utf-8")
    for size in SIZES:
        await choose(page, site, size)
        for name, address in addresses.items():
            await page.goto(f"{site.url}{address}", wait_until="domcontentloaded")
            await expect(page.locator("html")).to_have_attribute("data-size", size)
            await page.evaluate(axe)
            await check(page, f"{name} at {size}")
    assert [said for said in page.problems if "status of 4" not in said] == [], "no policy was broken"
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


async def count_of(site, name: str) -> int:
    return [move.value for move, _ in await site.world.moves()].count(name)


async def test_done_is_kept_on_the_phone_without_a_line_and_sent_later(site, browser):
    addresses = await play(site)
    page = await open_phone(site, browser)
    await page.goto(f"{site.url}{addresses['danger']}", wait_until="domcontentloaded")
    for press, following in (("已收到", "已到场"), ("已到场", "已处理")):
        await page.locator("button.press", has_text=press).tap()
        await page.locator("button.press", has_text=following).wait_for()

    before = await count_of(site, "finish")
    await page.context.set_offline(True)
    await page.locator("button.press", has_text="已处理").tap()
    await expect(page.locator(".kept-note")).to_contain_text("已记在手机上")
    assert await count_of(site, "finish") == before

    await page.context.set_offline(False)
    await expect(page.locator(".said", has_text="您已处理")).to_be_visible()
    assert await count_of(site, "finish") == before + 1
    assert await page.evaluate("localStorage.getItem('gridwarden.presses')") == "[]"


async def test_a_press_kept_by_a_page_that_was_closed_goes_out_with_the_next_one(site, browser):
    addresses = await play(site)
    page = await open_phone(site, browser)
    await page.goto(f"{site.url}{addresses['danger']}", wait_until="domcontentloaded")
    before = await count_of(site, "accept")
    await page.context.set_offline(True)
    await page.get_by_role("button", name="已收到", exact=True).tap()
    await expect(page.locator(".kept-note")).to_contain_text("已记在手机上")
    again = await page.context.new_page()
    await page.close()
    await page.context.set_offline(False)
    async with again.expect_response(lambda answer: answer.url.endswith("/moves")):
        await again.goto(f"{site.url}/feedback", wait_until="domcontentloaded")
    await until(lambda: again.evaluate("localStorage.getItem('gridwarden.presses') === '[]'"), what="sent")
    assert await count_of(site, "accept") == before + 1
