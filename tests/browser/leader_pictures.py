"""Pictures of the leader's pages, in both languages, in the light and at night: part of `make pictures`."""

import io
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Browser

from server.people.tables import Person
from tests.browser.test_leader_proofs import play
from tests.server.web.running_site import Site, open_site

PHONE: Final = {"width": 390, "height": 844}
COLOURS: Final = 96
"""Enough for a page of text; a third of the bytes."""
PAGES: Final = ("danger", "visit", "list", "feedback")
LOOKS: Final = (("zh-CN", "light"), ("zh-CN", "dark"), ("en-GB", "light"), ("en-GB", "dark"))
NAMES: Final = {
    "leader": "王秀兰",
    "deputy": "李建国",
    "officer": "陈志强",
    "room": "东苑值班室",
    "secretary": "赵敏",
    "desk": "指挥中心",
}


async def take_leader_pages(browser: Browser, folder: Path) -> None:
    """Save every page of a leader as `leader-<page>-<language>-<colours>.png`."""
    with tempfile.TemporaryDirectory() as data:
        async with open_site(Path(data)) as site:
            await name_people(site)
            addresses = await play(site)
            phone = await browser.new_context(viewport=PHONE, locale="zh-CN")
            page = await phone.new_page()
            await page.goto(f"{site.url}{addresses['danger']}", wait_until="domcontentloaded")
            await page.locator("button.press").click()
            await page.locator("button.press", has_text="已到场").wait_for()
            kept = await phone.storage_state()
            for language, colours in LOOKS:
                context = await browser.new_context(
                    viewport=PHONE, locale=language, color_scheme=colours, storage_state=kept
                )
                page = await context.new_page()
                for name in PAGES:
                    await page.goto(f"{site.url}{addresses[name]}", wait_until="domcontentloaded")
                    await page.evaluate("document.fonts.ready")
                    picture = await page.screenshot()
                    save_reduced(picture, folder / f"leader-{name}-{language[:2]}-{colours}.png")
                await context.close()


async def name_people(site: Site) -> None:
    """Give the people of the small street names."""
    async with site.world.database.write() as session:
        for code, name in NAMES.items():
            person = await session.get(Person, code)
            assert person is not None, code
            person.name = name
            person.phone = "12345" if code == "desk" else None


def save_reduced(picture: bytes, path: Path) -> None:
    """Save a PNG with few colours: a page of text looks the same and weighs a third."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS).save(path, optimize=True)
