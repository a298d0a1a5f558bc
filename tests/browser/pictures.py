"""Takes the README's pictures from the running pages: `make pictures`."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import open_chromium
from tests.browser.page_pictures import save_reduced, take_every_page
from tests.harness.street import LEADER, Street, open_street
from tests.harness.surfaces import PASSWORD

FOLDER = Path(__file__).parents[2] / "docs" / "pages"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
WALL = {"width": 1920, "height": 1080}


async def take_pictures() -> None:
    """Play a small evening of a street and take a picture of each page."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_street(Path(folder)) as street, async_playwright() as playwright:
            browser = await open_chromium(playwright)
            await street.start()
            await street.set_values("hydrant-1", pressure_kpa=60)
            await street.item_of("hydrant-1")
            await street.set_values("gas-kitchen", gas_lel=48)
            await street.parts["gateway"].wait_for(lambda line: line.get("event") == "action_settled")
            await street.rings(LEADER)
            await take_phone(street, browser)
            await take_leader(street, browser)
            await take_desk(street, browser)
            await take_cockpit(street, browser)
            await take_every_page(browser, FOLDER)
            await browser.close()


async def take_phone(street: Street, browser: Browser) -> None:
    page = await browser.new_page(viewport=PHONE, device_scale_factor=1)
    await page.goto(f"{street.phones.url}/p/{LEADER}", wait_until="domcontentloaded")
    save_reduced(await page.screenshot(), FOLDER / "phone.png")
    await page.close()


async def take_leader(street: Street, browser: Browser) -> None:
    link = (await street.rings(LEADER))[0]["payload"]["link"]
    page = await browser.new_page(viewport=PHONE, device_scale_factor=1, locale="zh-CN")
    await page.goto(link, wait_until="domcontentloaded")
    save_reduced(await page.screenshot(), FOLDER / "leader-item.png")
    await page.close()


async def take_desk(street: Street, browser: Browser) -> None:
    page = await browser.new_page(viewport=DESK, device_scale_factor=1, locale="zh-CN")
    await page.goto(f"{street.desk.url}/login", wait_until="domcontentloaded")
    await page.fill("input[name=name]", "值班员")
    await page.fill("input[name=password]", PASSWORD)
    await page.click("form button")
    await page.wait_for_url("**/desk")
    save_reduced(await page.screenshot(), FOLDER / "desk.png")
    await page.click("a[href^='/desk/items/']")
    await page.wait_for_url("**/desk/items/*")
    save_reduced(await page.screenshot(), FOLDER / "desk-item.png")
    await page.close()


async def take_cockpit(street: Street, browser: Browser) -> None:
    page = await browser.new_page(viewport=WALL, device_scale_factor=1, locale="zh-CN", color_scheme="dark")
    await page.goto(f"{street.desk.url}/login", wait_until="domcontentloaded")
    await page.fill("input[name=name]", "值班员")
    await page.fill("input[name=password]", PASSWORD)
    await page.click("form button")
    await page.goto(f"{street.desk.url}/cockpit", wait_until="domcontentloaded")
    await page.locator("#map[data-drawn=yes]").wait_for()
    await page.locator("#stream .row").first.wait_for()
    await page.locator("#link:not(.bad)", has_text="实时").wait_for()
    await page.locator(':text("已发出"):visible').first.wait_for(timeout=90_000)  # figures take their time
    save_reduced(await page.screenshot(), FOLDER / "cockpit.png")
    await page.close()


if __name__ == "__main__":
    asyncio.run(take_pictures())
