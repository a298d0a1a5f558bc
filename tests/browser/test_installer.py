"""The installer's pages at work: labels in millimetres, a photo, and a device adopted by a phone's camera."""

import io
import re

import pytest
import segno
from PIL import Image
from playwright.async_api import async_playwright, expect

from server.access.model import AccessRole
from server.people.model import Scope
from tests.browser.chromium import open_chromium
from tests.browser.test_every_page import noting
from tests.browser.test_leader_page import MEASURE, PHONE
from tests.harness.surfaces import PASSWORD
from tests.server.access.street_of_two import account
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY

pytestmark = pytest.mark.browser

MM = 72 / 25.4
"""A millimetre in a PDF's units."""
FRAME = (640, 480)
LEAST_TOUCH_PX = 44
"""Of what is pressed standing, with one thumb."""


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def opened(site, browser):
    """The phone of an installer who is signed in."""
    installer = await account(site, "陈师傅", (AccessRole.MAINTAINER, Scope.COMMUNITY, "c1"))
    context = await browser.new_context(viewport=PHONE, locale="zh-CN")
    cookie = {"name": "session", "value": installer.cookies["session"], "url": site.url}
    await context.add_cookies([cookie])
    return await noting(context)


async def can_be_held(page) -> None:
    """Whoever stands, with one hand and a thumb, hits what they mean, and need not push the page sideways."""
    heights = await page.locator("main .button:visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert min(heights) >= LEAST_TOUCH_PX
    assert (await page.evaluate(MEASURE))["overflow"] <= 0


async def test_a_photo_of_a_label_does_where_no_camera_can_be_had(site, browser):
    page = await opened(site, browser)
    await page.goto(f"{site.url}/desk/labels/sheet?code={GATEWAY}/gas-1")
    label = await page.locator(".label").first.screenshot()
    await page.goto(f"{site.url}/desk/adopt")
    photo = {"name": "label.png", "mimeType": "image/png"}
    blank = io.BytesIO()
    Image.new("L", FRAME, 120).save(blank, format="png")
    await page.set_input_files("input[type=file]", {**photo, "buffer": blank.getvalue()})
    await expect(page.locator(".scan .said")).to_contain_text("没有找到二维码")
    await page.set_input_files("input[type=file]", {**photo, "buffer": label})
    await page.wait_for_url(f"**/desk/devices/{GATEWAY}/gas-1/adopt")
    assert page.problems == []


async def test_labels_are_printed_on_as_many_sheets_as_are_said_each_of_a4(site, browser):
    page = await opened(site, browser)
    spare = ",".join(f"gas-{number}" for number in range(100, 125))
    await page.goto(f"{site.url}/desk/labels/sheet?gateway={GATEWAY}&only=none&spare={spare}")
    await expect(page.locator("h1")).to_have_text("25 枚标签，2 张纸")
    printed = await page.pdf(prefer_css_page_size=True, print_background=True)
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
    assert {(round(float(w) / MM), round(float(h) / MM)) for w, h in boxes} == {(210, 297)}
    await page.emulate_media(media="print")
    code = await page.locator(".label svg").first.bounding_box()
    assert round(code["width"] / 96 * 25.4) == 27, "millimetres, whatever the screen"
    assert page.problems == []


def film_of(label: bytes, path) -> None:
    """Make what a camera sees of a printed label: its picture on a table, as a film that goes on and on."""
    with Image.open(io.BytesIO(label)) as picture:
        table = Image.new("L", FRAME, 120)
        seen = picture.convert("L").resize((360, round(360 * picture.height / picture.width)))
        table.paste(seen.rotate(4, expand=True, fillcolor=120), (120, 40))
    luma = table.tobytes()
    grey = bytes([128]) * (FRAME[0] * FRAME[1] // 2)
    frame = b"FRAME\n" + luma + grey
    path.write_bytes(f"YUV4MPEG2 W{FRAME[0]} H{FRAME[1]} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 5)


async def test_an_installer_scans_a_label_adopts_the_device_sees_it_live_and_hears_its_test(
    street, browser, tmp_path
):
    """The label is printed at the desk, seen by a camera, and leads to a device nobody had registered."""
    site = street.site.read_text(encoding="utf-8")
    more = (
        "  - {id: gas-new, bus: kitchen, unit: 1, profile: honeywell-midas, label: 新探测器, period_s: 0.5}\n"
    )
    site = site.replace("devices:\n", f"devices:\n{more}", 1).replace(
        "[gas-kitchen]", "[gas-kitchen, gas-new]"
    )
    street.site.write_text(site, encoding="utf-8")
    await street.reload_gateway()

    await street.desk.client.post(
        f"{street.desk.url}/api/v1/accounts",
        json={"name": "陈师傅", "password": PASSWORD, "grants": [{"role": "maintainer", "scope": "street"}]},
    )
    cookie = {"name": "session", "value": street.desk.client.cookies["session"], "url": street.desk.url}
    desk = await browser.new_context(locale="zh-CN", device_scale_factor=2)
    await desk.add_cookies([cookie])
    sheet = await desk.new_page()
    await sheet.goto(f"{street.desk.url}/desk/labels/sheet?gateway=gw-demo-01&only=none&spare=gas-new")
    film_of(await sheet.locator(".label svg").first.screenshot(), tmp_path / "label.y4m")

    async with async_playwright() as playwright:
        phone = await open_chromium(
            playwright,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={tmp_path / 'label.y4m'}",
        )
        page = await phone.new_page(viewport=PHONE, locale="zh-CN")
        problems = []
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(f"{street.desk.url}/desk/adopt")
        await page.get_by_label("姓名").fill("陈师傅")
        await page.get_by_label("密码").fill(PASSWORD)
        await page.get_by_role("button", name="登录").click()
        await page.wait_for_url("**/desk/adopt")

        await can_be_held(page)
        await page.get_by_role("button", name="打开相机扫码").click()
        await page.wait_for_url("**/desk/devices/gw-demo-01/gas-new/adopt")
        await can_be_held(page)
        await page.get_by_label("楼层").fill("3")
        await page.get_by_label("门牌").fill("301")
        await page.get_by_label("名称").fill("三楼厨房探测器")
        await page.get_by_role("button", name="登记，看读数").click()

        await page.wait_for_url("**/check?done=kept")
        await expect(page.locator(".reading.main b")).to_contain_text("%LEL")
        await street.set_values("gas-kitchen", gas_lel=7)
        await expect(page.locator(".reading.main b")).to_have_text("7 %LEL")
        await page.get_by_role("button", name="测试").click()
        await expect(page.locator(".test.heard")).to_contain_text("测试报警回来了")
        await can_be_held(page)
        await expect(page.locator("#state")).not_to_have_attribute("hx-get", re.compile("."))
        assert problems == []
        await phone.close()
    assert await street.desk.items() == [], "nobody is asked to do anything"
    assert await street.phones.messages() == [], "and nobody is woken"


def test_the_film_shows_what_the_label_says(tmp_path):
    """The camera of the story sees a label, not the text itself: its frames are pictures."""
    out = io.BytesIO()
    segno.make_qr("http://x/desk/adopt?code=a/b", error="m").save(out, kind="png", scale=10, border=4)
    film_of(out.getvalue(), tmp_path / "film.y4m")
    head, _, frame = (tmp_path / "film.y4m").read_bytes().partition(b"FRAME\n")
    assert head.startswith(b"YUV4MPEG2 W640 H480")
    assert len(set(frame[: 640 * 480])) > 2
