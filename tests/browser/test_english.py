"""A visiting engineer reads only English: on every page, and of everything that the server wrote down.

A night after the evening of the pictures brings what the evening lacks: a power cut, a visit with several
matters, items handed over, merged, refused by everybody, of a device that nobody registered, and of an alarm
that nobody can read. What is left in Chinese are names and what people typed; both are listed here.
"""

import re
from datetime import timedelta

import pytest

from server.devices.tables import Device
from server.items.model import Grouping, Move
from server.items.playbooks import shipped
from server.people.tables import Absence
from server.places.tables import Building, PlacesVersion
from tests.browser.evening import LINES, STREET_NAMES, play_evening
from tests.browser.pages import PAGES, Reader
from tests.browser.test_every_page import open_readers
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY
from wire.vocabulary import AlarmClass, Kind

pytestmark = pytest.mark.browser

CHINESE = re.compile(r"[\u3400-\u9fff]")
SILENT = {"kind": Kind.CONTACT, "class_": AlarmClass.FAULT, "rule": "contact"}
NAMES = (*STREET_NAMES, "4号楼", "陈师傅", "王秀英")
TYPED = (
    *("换探测器", "核对一次", "写上街道的电话", "楼道里的报警器半夜响，没有人来看。"),
    *LINES["zh"],
    *shipped()[Kind.GAS, AlarmClass.LIFE_SAFETY].zh,
)
"""Reasons, a complaint, and the Chinese words of a playbook as its editor and its record show them."""
DATA = re.compile("|".join(map(re.escape, sorted((*NAMES, *TYPED), key=len, reverse=True))))
SAID = """() => {
  const said = [document.title];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const inside = walker.currentNode.parentElement;
    if (!inside.closest('script, style, [lang|=zh]:not(html)')) said.push(walker.currentNode.textContent.trim());
  }
  for (const one of document.querySelectorAll('*'))
    for (const name of ['title', 'alt', 'placeholder', 'aria-label', 'label'])
      if (one.hasAttribute(name)) said.push(one.getAttribute(name));
  for (const one of document.querySelectorAll('input[type=submit], input[type=button]')) said.push(one.value);
  return said;
}"""


async def play_night(site) -> None:
    """Let happen what the server writes sentences about."""
    world = site.world
    await _cut_the_power(world)
    await world.raise_alarm("n1", "gas-2", class_=AlarmClass.FAULT, kind=Kind.WATER, rule="worn")
    unreadable = b'{"alarm":"n2","device":"meter-1","kind":"telepathy"}'
    await world.take(world.alarm_message(unreadable))
    await _let_the_leader_go(world)
    handed = await world.raise_alarm("n3", "meter-1", kind=Kind.FIRE)
    await world.press("op-1", Move.REASSIGN, item=handed.id, to="deputy")
    refused = await world.raise_alarm("n4", "gas-2", kind=Kind.FIRE)
    for person in ("deputy", "officer", "room", "secretary"):
        await world.press(person, Move.NOT_MINE, item=refused.id)
    small = await world.raise_alarm("n5", "d1", kind=Kind.ELECTRIC, class_=AlarmClass.HAZARD)
    await world.press("op-1", Move.MERGE, item=small.id, to=refused.id)
    await world.press("op-1", Move.CLOSE_EXCEPTION, item=refused.id, reason="-")
    lost = await world.raise_alarm("n6", "d2", kind=Kind.GAS, class_=AlarmClass.HAZARD)
    await site.world.pass_time(3600)
    assert lost.reason.startswith("由")


async def _cut_the_power(world) -> None:
    async with world.database.write() as session:
        session.add(Building(code="b2", estate="e1", name="4号楼", grid="g1", feeder="F9"))
        (await session.get(Building, "b1")).feeder = "F9"
        await session.flush()
        for n in range(12):
            session.add(Device(gateway=GATEWAY, device=f"d{n}", building="b1" if n % 2 else "b2", floor="-1"))
        session.add(PlacesVersion(at=world.clock.now()))
    lost = [world.state(f"c{n}", f"d{n}", **SILENT) for n in range(12)]
    await world.take(*(world.alarm_message(one) for one in lost))
    await world.pass_time(45)
    raised = lost[0].raised_at
    for n in range(9):
        await world.clear_alarm(f"c{n}", f"d{n}", **SILENT, raised_at=raised)
    await world.pass_time(1200)


async def _let_the_leader_go(world) -> None:
    now = world.clock.now()
    async with world.database.write() as session:
        session.add(Absence(person="leader", from_at=now, until_at=now + timedelta(days=2)))
        session.add(PlacesVersion(at=now))


async def chinese_of(page, name: str) -> list[str]:
    """What of a page is Chinese, each piece once, without names and what people typed."""
    said = {DATA.sub("", one) for one in await page.evaluate(SAID)}
    return sorted(f"{name}: {' '.join(one.split())[:160]}" for one in said if CHINESE.search(one))


async def chinese_of_dialogs(page) -> list[str]:
    """What the cockpit says behind its buttons: of an item, of each panel, of a drill."""
    left = []
    for button in await page.locator("#stream button.open, [data-details], #open-drill").all():
        await button.click()
        left += await chinese_of(page, f"cockpit: {await button.inner_text()}")
        await page.keyboard.press("Escape")
    return left


@pytest.mark.timeout(300)  # some eighty pages
async def test_whoever_reads_only_english_understands_every_page(tmp_path, browser):
    left = []
    async with open_site(tmp_path) as site:
        stranger = await (await browser.new_context(locale="en-GB")).new_page()
        for shown in (one for one in PAGES if one.before):
            await stranger.goto(site.url + shown.address)
            left += await chinese_of(stranger, shown.name)
        evening = await play_evening(site)
        await play_night(site)
        readers = await open_readers(evening, browser, locale="en-GB")
        for shown in (one for one in PAGES if not one.before):
            page = readers[shown.reader]
            await page.goto(evening.address(shown), wait_until="domcontentloaded")
            await page.locator(shown.ready).first.wait_for()
            left += await chinese_of(page, shown.name)
            if shown.wall:
                left += await chinese_of_dialogs(page)
        items = await site.world.items()
        assert {item.grouping for item in items} == {None, *Grouping}
        desk, leader = readers[Reader.DESK], readers[Reader.LEADER]
        for item in items:
            for path in (f"/desk/items/{item.id}", f"/desk/items/{item.id}/why"):
                await desk.goto(site.url + path)
                left += await chinese_of(desk, f"{path} ({item.device_name})")
            await leader.goto(site.url + await site.link(item.id, "deputy"))
            left += await chinese_of(leader, f"the deputy's {item.id}")
    assert not left, "\n".join(sorted(set(left)))
