"""A leader's duty on the telephone, and what may go with a press: a photo, a distance, a bad line."""

import io

import pytest
from PIL import Image
from playwright.async_api import expect

from server.items.tables import PressDistance
from server.people.tables import Absence, Swap
from server.photos import web as photo_pages
from server.photos.tables import ItemPhoto
from server.places.tables import Building
from tests.browser.test_leader_proofs import AXE, check, open_phone
from tests.server.photos.test_photos import camera_photo
from tests.server.web.running_site import open_site
from tests.server.web.test_duty_pages import told

pytestmark = pytest.mark.browser
PLACE = {"latitude": 31.2304, "longitude": 121.4737}
FAR = {**PLACE, "latitude": 31.2394}
"""A kilometre to the north."""


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def open_item(site, browser, **options):
    """A leader's telephone with a leak on it."""
    item = await site.world.raise_alarm(value=60.0, limit=25.0)
    page = await open_phone(site, browser, **options)
    await page.goto(f"{site.url}{await site.link(item.id, 'leader')}", wait_until="domcontentloaded")
    return page


async def press(page, name: str, following: str) -> None:
    await page.locator("button.press", has_text=name).tap()
    await page.locator("button.press", has_text=following).wait_for()


async def test_two_swap_a_night_and_a_day_off_is_looked_at_first(site, browser):
    hers = await open_item(site, browser)
    await press(hers, "已收到", "已到场")
    await hers.get_by_role("link", name="本周值班", exact=True).tap()
    await expect(hers.locator(".week .card")).to_have_count(7)

    await hers.get_by_text("请人替我一班").tap()
    form = hers.locator("form[action='/my/duty/swaps']")
    await form.locator("[name=begins]").fill("2026-11-26T20:00")
    await form.locator("[name=ends]").fill("2026-11-27T08:00")
    await form.locator("[name=asked]").select_option("deputy")
    await form.get_by_role("button", name="发消息去问").tap()
    await expect(hers.locator(".said")).to_contain_text("已经发消息去问了")
    assert list(await told(site)) == ["deputy"]

    his = await open_phone(site, browser)
    await his.goto(f"{site.url}{site.world.channel.sent[-1].link}", wait_until="domcontentloaded")
    await his.evaluate(AXE.read_text(encoding="utf-8"))
    await check(his, "a swap to answer")
    await his.get_by_role("button", name="同意替班", exact=True).tap()
    await expect(his.locator(".mine:not(.week)")).to_contain_text("您替leader某值班")
    assert [swap.taken_by for swap in await site.world.rows(Swap)] == ["deputy"]

    for person in ("officer", "secretary", "desk"):
        await site.world.set_person(person, active=False)
    await his.get_by_text("我要请假").tap()
    form = his.locator("form[action='/my/duty/absences']")
    await form.locator("[name=begins]").fill("2026-11-26T20:00")
    await form.locator("[name=ends]").fill("2026-11-26T22:00")
    await form.get_by_role("button", name="请假", exact=True).tap()
    await expect(his.locator(".facts")).to_contain_text("一个人都通知不到")
    await his.evaluate(AXE.read_text(encoding="utf-8"))
    await check(his, "what a day off would leave thin")
    assert await site.world.rows(Absence) == []
    await his.get_by_role("button", name="仍要请假").tap()
    await expect(his.locator(".said")).to_contain_text("请假记下了")
    assert hers.problems == his.problems == []


async def test_a_photo_is_small_and_says_nothing_of_its_place_before_it_leaves_the_phone(
    site, browser, monkeypatch
):
    sent: list[bytes] = []
    make_anew = photo_pages.make_anew
    monkeypatch.setattr(photo_pages, "make_anew", lambda data: sent.append(data) or make_anew(data))
    page = await open_item(site, browser)
    await press(page, "已收到", "已到场")
    await page.get_by_text("加一张照片（可以不加）").tap()
    big = camera_photo(size=(3200, 1600))
    await page.locator("input[type=file]").set_input_files(
        {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": big}
    )
    await page.get_by_role("button", name="送出照片").tap()
    await expect(page.get_by_text("看照片 1")).to_be_visible()
    assert b"SECRET" in big
    assert b"SECRET" not in sent[0]
    with Image.open(io.BytesIO(sent[0])) as picture:
        assert picture.size == (1600, 800)
    assert len(await site.world.rows(ItemPhoto)) == 1


async def test_a_distance_goes_with_a_press_only_when_it_is_offered(site, browser):
    async with site.world.database.write() as session:
        building = await session.get_one(Building, "b1")
        building.latitude, building.longitude = PLACE["latitude"], PLACE["longitude"]
    page = await open_item(site, browser, geolocation=FAR, permissions=["geolocation"])
    await press(page, "已收到", "已到场")
    assert await site.world.rows(PressDistance) == [], "nobody asked for it"
    await page.get_by_text("附上我离现场多远（可以不附）").tap()
    await page.get_by_role("button", name="附上距离").tap()
    await expect(page.get_by_text("好了，下一次按按钮时附上。")).to_be_visible()
    await press(page, "已到场", "已处理")
    await expect(page.locator(".facts")).to_contain_text("离现场约 1 公里")
    [row] = await site.world.rows(PressDistance)
    assert (row.metres, row.on_site) == (1000, False)
    assert page.problems == []
