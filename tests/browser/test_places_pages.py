"""The import of places and people, used: what was refused can be read by everyone, too."""

import pytest

from tests.browser.pages import ShownPage
from tests.browser.test_every_page import AXE, DESK, judge, noting
from tests.server.web.running_site import open_site

pytestmark = pytest.mark.browser

PEOPLE = "code,name,phone,webhook_url\n{code},王秀英,,https://phone.example/leader\n"
IMPORT = ShownPage(route="/desk/import", name="import", address="/desk/import")


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def test_a_table_is_looked_at_and_let_go_and_one_with_errors_says_where(site, browser):
    desk = await site.operator()
    context = await browser.new_context(viewport=DESK, locale="zh-CN")
    cookies = [{"name": name, "value": value, "url": site.url} for name, value in desk.cookies.items()]
    await context.add_cookies(cookies)
    page = await noting(context)
    await page.goto(f"{site.url}{IMPORT.address}", wait_until="domcontentloaded")
    for code, place in (("leader", "**/desk/import/previews/*"), ("", "**/desk/import")):
        table = PEOPLE.format(code=code).encode()
        await page.set_input_files("#files", {"name": "人员.csv", "mimeType": "text/csv", "buffer": table})
        await page.locator("form[enctype] button").click()
        await page.wait_for_url(place)
        await page.locator("ins, .refused").first.wait_for()
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        assert await judge(page, IMPORT) == [], f"people {code}"
        if code:
            await page.locator("form[action$=cancelling] button").click()
            await page.wait_for_url("**/desk/import?said=cancelled")
    assert [said for said in page.problems if "422" not in said] == []
