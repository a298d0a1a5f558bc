"""A picture of every page of the table, in both languages, in the light and at night: part of `make pictures`."""

import io
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Browser, Page

from tests.browser.evening import play_evening
from tests.browser.pages import ON_A_PHONE, PAGES, Reader, ShownPage
from tests.server.web.running_site import open_site

LOOKS: Final = (("zh-CN", "light"), ("zh-CN", "dark"), ("en-GB", "light"), ("en-GB", "dark"))
COLOURS: Final = 64
"""Enough for a page of text; a third of the bytes."""
PHONE: Final = {"width": 390, "height": 844}
DESK: Final = {"width": 1280, "height": 900}
WALL: Final = {"width": 1920, "height": 1080}


async def take_every_page(browser: Browser, folder: Path, names: frozenset[str] = frozenset()) -> None:
    """Save every page as `<page>-<language>-<colours>.png`; only those of `names`, if there are any."""
    wanted = [page for page in PAGES if not names or page.name in names]
    with tempfile.TemporaryDirectory() as data:
        async with open_site(Path(data)) as site:
            for look in LOOKS:
                page = await _open(browser, look, Reader.NOBODY, {}, site.url)
                for shown in (one for one in wanted if one.before):
                    await _take(page, site.url + shown.address, shown, look, folder)
                await page.context.close()
            evening = await play_evening(site)
            for reader in Reader:
                cookies = await evening.cookies(reader)
                for look in LOOKS:
                    page = await _open(browser, look, reader, cookies, site.url)
                    for shown in (one for one in wanted if one.reader is reader and not one.before):
                        await _take(page, evening.address(shown), shown, look, folder)
                    await page.context.close()


async def _open(
    browser: Browser, look: tuple[str, str], reader: Reader, cookies: dict[str, str], url: str
) -> Page:
    viewport = PHONE if reader in ON_A_PHONE else DESK
    context = await browser.new_context(viewport=viewport, locale=look[0], color_scheme=look[1])
    await context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    return await context.new_page()


async def _take(page: Page, address: str, shown: ShownPage, look: tuple[str, str], folder: Path) -> None:
    if shown.reader is Reader.DESK:
        await page.set_viewport_size(WALL if shown.wall else DESK)
    await page.goto(address, wait_until="domcontentloaded")
    await page.locator(shown.ready).first.wait_for()
    await page.evaluate("document.fonts.ready")
    save_reduced(await page.screenshot(), folder / f"{shown.name}-{look[0][:2]}-{look[1]}.png")


def save_reduced(picture: bytes, path: Path) -> None:
    """Save a PNG with few colours: a page of text looks the same and weighs a third."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS).save(path, optimize=True)
