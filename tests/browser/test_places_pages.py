"""The administrator's pages of places and people: read by everyone, in the light and at night, and used once."""

from pathlib import Path

import pytest

from server.places.tables import Building, Grid, PlacesVersion
from tests.browser.test_looks import check
from tests.server.web.running_site import CODE, OPERATOR, PASSWORD, open_site

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "server/web/assets/node_modules/axe-core/axe.min.js"
VIOLATIONS = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']}))
  .violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | '))"""
PAGES = (
    "/desk/import",
    "/desk/roster",
    "/desk/roster/grid:g1",
    "/desk/roster/community:c1",
    "/desk/responsible?building=b1&at=2026-12-01T08:00",
)
MAPS = ("/desk/grids", "/desk/grids/communities/c1", "/desk/grids/g1")
PEOPLE = "code,name,phone,webhook_url\n{code},王秀英,,https://phone.example/leader\n"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        async with opened.world.database.write() as session:
            grid = await session.get(Grid, "g1")
            grid.polygon = "POLYGON((120 30,120.01 30,120.01 30.01,120 30.01,120 30))"
            building = await session.get(Building, "b1")
            building.longitude, building.latitude = 120.005, 30.005
            beside = "POLYGON((120.008 30,120.02 30,120.02 30.01,120.008 30.01,120.008 30))"
            session.add(Grid(code="g9", community="c1", kind=grid.kind, name="9号微网格", polygon=beside))
            await session.flush()
            session.add(PlacesVersion(at=opened.clock.now()))
        yield opened


async def administrator(site, browser, **options):
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    page = await context.new_page()
    page.problems = []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    form = {"name": OPERATOR, "password": PASSWORD}
    await context.request.post(f"{site.url}/setup", form={**form, "code": CODE})
    await context.request.post(f"{site.url}/login", form=form)
    return page


async def look(page, name):
    await check(page)
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    assert await page.evaluate(VIOLATIONS) == [], name


@pytest.mark.parametrize(("colours", "locale"), [("light", "zh-CN"), ("dark", "en-GB")])
async def test_every_page_of_places_and_people(site, browser, colours, locale):
    page = await administrator(site, browser, color_scheme=colours, locale=locale)
    for path in (*PAGES, *MAPS):
        await page.goto(f"{site.url}{path}", wait_until="domcontentloaded")
        if path in MAPS:
            await page.locator("[data-drawn=yes]").wait_for()
        await look(page, path)
    await page.goto(f"{site.url}/desk/import", wait_until="domcontentloaded")
    for code, place in (("leader", "**/desk/import/previews/*"), ("", "**/desk/import")):
        table = PEOPLE.format(code=code).encode()
        await page.set_input_files("#files", {"name": "人员.csv", "mimeType": "text/csv", "buffer": table})
        await page.locator("form[enctype] button").click()
        await page.wait_for_url(place)
        await page.locator("ins, .refused").first.wait_for()
        await look(page, f"people {code}")
        if code:
            await page.locator("form[action$=cancelling] button").click()
            await page.wait_for_url("**/desk/import?said=cancelled")
    assert [said for said in page.problems if "422" not in said] == []
