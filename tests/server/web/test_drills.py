"""A drill is marked as one wherever anybody meets it, and counts in no figure.

What is walked is not written here: every kind of incident, every class and occasion, every channel, every
page of the table of pages, every panel of the cockpit. A new one is walked with the next run.
"""

import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from server.cockpit.figures import PANELS
from server.items.model import Move
from server.items.tables import Item
from server.notify.render import NoticeFacts, Occasion, render, render_together
from server.people.model import ChannelKind
from server.web.language import LANGUAGES, translations
from tests.browser.pages import PAGES, Reader
from tests.server.notify.telephones import open_telephones
from tests.server.notify.test_robots_and_accounts import robots
from tests.server.notify.test_webhook_channel import message, receiver
from tests.server.world import GATEWAY, at, open_world
from wire.vocabulary import AlarmClass, Kind, Mode

__all__ = ["robots"]
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

MARKS = {"zh_CN": "演练", "en": "Drill"}
FACTS = [
    NoticeFacts(
        kind=kind,
        class_=class_,
        mode=Mode.DRILL,
        where="东苑 3号楼 2 201",
        device_name="厨房探测器",
        opened_at=at(),
        occasion=occasion,
        readable=readable,
    )
    for kind, class_, occasion, readable in product(Kind, AlarmClass, Occasion, (True, False))
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_begins_with_the_mark_in_its_title_and_on_a_locked_telephone(language):
    translate, mark = translations(language).gettext, MARKS[language]
    for facts in FACTS:
        for said in (render(facts, translate), render_together([facts, facts], translate)):
            assert mark in said.title[:9], said
            assert mark in re.split("[。，.]", said.text)[0] or mark in said.text[:30], said


@pytest.fixture
async def phones(tmp_path):
    async with open_world(tmp_path) as world, open_telephones(world, tmp_path) as telephones:
        yield telephones


async def test_every_channel_says_it_on_the_telephone(phones, robots):
    await phones.world.raise_alarm(mode=Mode.DRILL)
    for seconds in (0, 60, 120, 600):
        await phones.settle(seconds)
    [card] = await phones.on_phone("leader", "wecom")
    await phones.press(card, "accept")
    shown = await phones.api("GET", "messages")
    assert shown
    for one in shown:
        assert "演练" in f"{one.get('title', '')}{one['text']}", one
    # A group robot and e-mail are entries of one library, told alike.
    async with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, requests):
        channel = robots({"desk": f"json://127.0.0.1:{port}"})
        await channel.send(replace(message("desk"), rendered=render(FACTS[0]), mode=Mode.DRILL))
    told = json.loads(requests[0].partition(b"\r\n\r\n")[2])
    assert "演练" in told["title"]
    assert "演练" in told["message"]
    walked = {ChannelKind(one["channel"]) for one in shown} | {ChannelKind.ROBOT}
    assert walked == set(ChannelKind) - {ChannelKind.WEBHOOK}, "the webhook has a test of its own, below"


async def a_drill(site) -> Item:
    """A life-safety alarm that is none, told to everybody and taken by nobody."""
    await site.world.raise_alarm("d1", mode=Mode.DRILL, point="battery_percent", value=9.0, limit=20.0)
    await site.world.settle()
    return next(one for one in await site.world.items() if one.mode is Mode.DRILL)


async def test_the_webhook_tells_the_mode_and_the_mark(site):
    await a_drill(site)
    assert site.world.channel.sent
    for one in site.world.channel.sent:
        assert (one.mode, "演练" in one.rendered.text, "演练" in one.rendered.title) == (
            Mode.DRILL,
            True,
            True,
        )


def blocks_of(page: str, sign: str) -> list[str]:
    """Return the rows and entries of a page in which a sign stands; what stands about its heading if in none."""
    rows = re.findall(r"<tr\b.*?</tr>|<li\b.*?</li>", page, re.DOTALL)
    heading = page.index("<h1")
    return [row for row in rows if sign in row] or [page[heading - 200 : page.index("</h1>") + 300]]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_that_tells_of_a_drill_says_so(site, language):
    desk = await site.operator()
    desk.headers["Accept-Language"] = language.replace("_", "-")
    wanted = {"order": "test", "mode": "drill", "device": "gas-1", "rule": "gas-high", "reason": "演习第一"}
    assert (await desk.post(f"/api/v1/gateways/{GATEWAY}/commands", json=wanted)).status_code == 202
    item = await a_drill(site)
    link = await site.link(item.id, "leader")
    leader = await site.visitor(**{"Accept-Language": language.replace("_", "-")})
    await leader.post(f"{link}/moves", data={"move": "accept", "press": "press-0001"})
    names = {"danger": link, "visit": link, "item": item.id, "gateway": GATEWAY, "device": "gas-1"}
    names |= {
        "stranger": "gas-9",
        "tried": "gas-2",
        "month": f"{site.clock.now():%Y-%m}",
        "asked": "",
        "preview": "",
    }
    told = {}
    for page in PAGES:
        if page.reader not in {Reader.DESK, Reader.LEADER} or page.before:
            continue
        client = leader if page.reader is Reader.LEADER else desk
        answer = await client.get(page.address.format(**names), follow_redirects=True)
        if answer.status_code != 200:
            continue
        for sign in (item.id, link.rpartition("/")[2], "演习第一"):
            if sign in answer.text:
                told[page.name] = all(MARKS[language] in one for one in blocks_of(answer.text, sign))
    assert {name for name, marked in told.items() if not marked} == set()
    assert set(told) >= {
        "leader-danger",
        "leader-list",
        "desk-items",
        "desk-one-item",
        "why",
        "orders",
        "settings-audit",
    }


async def figures(site) -> dict[str, object]:
    """Everything that counts, as it is shown and handed out; the clock stands still."""
    desk = await site.operator()
    stretch = {
        "start": (site.clock.now() - timedelta(days=1)).isoformat(),
        "end": (site.clock.now() + timedelta(seconds=1)).isoformat(),
    }
    month = {"month": f"{site.clock.now():%Y-%m}"}
    async with site.world.database.read() as session:
        now = site.clock.now()
        found: dict[str, object] = {name: await one.read(session, now) for name, one in PANELS.items()}
    for name, address, asked in (
        ("report", "/api/v1/reports/street", month),
        ("report page", "/desk/reports/street", month),
        ("attention", "/desk/attention", {}),
        ("attention file", "/desk/attention/export.csv", {}),
        ("alarms", "/api/v1/exports/alarms", {"gateway": GATEWAY, **stretch}),
    ):
        answer = await desk.get(address, params=asked)
        assert answer.status_code == 200, (name, answer.text[:300])
        found[name] = answer.text
    measured = (await desk.get("/metrics")).text
    found["metrics"] = re.findall(
        r"^gridwarden_\w*(?:items|alarms|unaccepted)\w*(?:\{.*\})? .*$", measured, re.MULTILINE
    )
    assert found["metrics"]
    counts = re.findall(r"<li[^>]*><b>(\d+)</b>([^<]+)</li>", (await desk.get("/desk")).text)
    found["desk"] = [one for one in counts if one[1] != "演练、测试"]
    return found


async def test_no_figure_counts_a_drill_from_its_first_moment_to_its_end(site):
    await site.world.raise_alarm("a1", kind=Kind.ELECTRIC)
    await site.world.settle()
    before = await figures(site)
    drill = await a_drill(site)
    assert await figures(site) == before
    await site.world.press("leader", Move.ACCEPT, item=drill.id)
    await site.world.clear_alarm("d1", mode=Mode.DRILL)
    await site.world.press("leader", Move.FALSE_ALARM, item=drill.id)
    assert await figures(site) == before
    await site.world.raise_alarm("a2", "gas-2", point="battery_percent", value=9.0, limit=20.0)
    await site.world.settle()
    moved = await figures(site)
    seen = {"channels", "devices", "noisy", "report", "report page", "metrics", "desk", "alarms"}
    assert {name for name in moved if moved[name] != before[name]} >= seen, "what is real moves them"
