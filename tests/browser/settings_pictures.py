"""Pictures of the administrator's pages, in both languages, light and dark: part of `make pictures`."""

import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page

from tests.browser.leader_pictures import LOOKS, name_people, save_reduced
from tests.browser.test_settings import DESK, play
from tests.server.web.running_site import open_site

PAGES: Final = {
    "accounts": "/desk/accounts",
    "own-account": "/desk/me",
    "contact": "/desk/contacts/deputy",
    "playbook": "/desk/playbooks/gas/life_safety",
    "escalation": "/desk/escalation/hazard?place=b1",
    "channels": "/desk/channels",
    "audit": "/desk/audit",
}
_COMPARED: Final = "/desk/escalation/hazard?place=b1"


async def take_settings_pages(browser: Browser, folder: Path) -> None:
    """Save every page as `settings-<page>-<language>-<colours>.png`."""
    with tempfile.TemporaryDirectory() as data:
        async with open_site(Path(data)) as site:
            await name_people(site)
            desk = await play(site)
            cookie = {"name": "session", "value": desk.cookies["session"], "url": site.url}
            for language, colours in LOOKS:
                context = await browser.new_context(viewport=DESK, locale=language, color_scheme=colours)
                await context.add_cookies([cookie])
                page = await context.new_page()
                for name, path in PAGES.items():
                    await page.goto(f"{site.url}{path}", wait_until="domcontentloaded")
                    await _save(page, folder / f"settings-{name}-{language[:2]}-{colours}.png")
                await page.goto(f"{site.url}{_COMPARED}", wait_until="domcontentloaded")
                await page.locator("details > summary").first.click()
                await page.fill("input[name=window-0]", "10")
                await page.locator("form[action$='/trial'] button.button").first.click()
                await page.locator(".compare").wait_for()
                await _save(page, folder / f"settings-compared-{language[:2]}-{colours}.png")
                await context.close()


async def _save(page: Page, path: Path) -> None:
    await page.evaluate("document.fonts.ready")
    save_reduced(await page.screenshot(), path)
