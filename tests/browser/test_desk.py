"""The desk of the command centre."""

import pytest
from playwright.async_api import expect

from tests.harness.street import BACKUP, LEADER
from tests.harness.surfaces import PASSWORD
from tests.harness.wiretap import SpokenGateway, fresh_id, publish
from wire.topics import Up, up_topic

pytestmark = pytest.mark.browser


async def sign_in(street, browser, *, name="值班员", **options):
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800}, locale=options.pop("locale", "zh-CN"), **options
    )
    page = await context.new_page()
    page.problems = []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    await page.goto(f"{street.desk.url}/login", wait_until="domcontentloaded")
    await page.locator("input[name=name]").fill(name)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("form button").click()
    await page.wait_for_url("**/desk")
    return page


async def test_a_wrong_password_is_told_and_nobody_gets_in(street, browser):
    page = await browser.new_page(locale="zh-CN")
    await page.goto(f"{street.desk.url}/desk")
    assert page.url.endswith("/login"), "the desk is closed to strangers"
    await page.locator("input[name=name]").fill("值班员")
    await page.locator("input[name=password]").fill("not the password")
    await page.locator("form button").click()
    await expect(page.get_by_role("alert")).to_have_text("姓名或密码不对。")


async def test_the_set_up_works_once(street, browser):
    page = await browser.new_page()
    await page.goto(f"{street.desk.url}/setup")
    assert page.url.endswith("/login"), "there is an operator already"


async def test_a_new_item_appears_by_itself_and_the_desk_acts_on_it(street, browser):
    page = await sign_in(street, browser)
    await expect(page.locator("main")).to_contain_text("没有事项。")
    await street.set_values("gas-kitchen", gas_lel=60)
    await expect(page.locator("tbody tr")).to_have_count(1, timeout=20_000)
    row = page.locator("tbody tr")
    await expect(row).to_contain_text("危及生命")
    await expect(row).to_contain_text("王秀兰")

    await row.get_by_role("link").click()
    await expect(page.locator("h1")).to_contain_text("燃气泄漏")
    await page.get_by_label("转交给").select_option(label="李建国 · 副网格长")
    await page.get_by_role("button", name="转交", exact=True).click()
    await street.rings(BACKUP)
    await expect(page.locator(".story").first).to_contain_text("转交", timeout=20_000)
    assert page.problems == []


async def test_closing_against_the_device_needs_a_reason(street, browser):
    await street.set_values("gas-kitchen", gas_lel=60)
    item = await street.item_of("gas-kitchen")
    page = await sign_in(street, browser)
    await page.goto(f"{street.desk.url}/desk/items/{item['id']}")
    close = page.get_by_role("button", name="例外结束")
    await close.click()
    assert (await street.item_of("gas-kitchen"))["state"] != "closed", "the browser asks for the reason"
    await page.get_by_label("例外结束的原因").fill("探测器已拆除，现场复核无气")
    await close.click()
    await expect(page.locator("h2").first).to_contain_text("已结束", timeout=20_000)
    moves = (await street.desk.item(item["id"]))["moves"]
    assert [m["reason"] for m in moves if m["move"] == "close_exception"] == ["探测器已拆除，现场复核无气"]


async def test_what_leaders_press_shows_at_the_desk_without_a_reload(street, browser):
    await street.set_values("gas-kitchen", gas_lel=60)
    leader = await street.page_of(LEADER)
    page = await sign_in(street, browser)
    await expect(page.locator("tbody tr")).to_contain_text("还没有接手")
    await leader.press("accept")
    await expect(page.locator("tbody tr")).to_contain_text("已收到", timeout=20_000)


async def test_unregistered_devices_and_unreadable_messages_have_their_pages(street, browser):
    words = SpokenGateway("gw-nobody-knows")
    topic = up_topic("gw-nobody-knows", Up.ALARMS)
    await publish(
        street.broker.port,
        topic,
        b"<script>alert(1)</script>",
        words.alarm(fresh_id(), device="gas-x", seq=1),
    )
    await street.item_of("gas-x")
    page = await sign_in(street, browser)
    await page.get_by_role("link", name="设备管理", exact=True).click()
    await page.get_by_role("link", name="未登记设备").click()
    await expect(page.locator("tbody")).to_contain_text("gas-x")
    await page.get_by_role("link", name="无法识别的消息").click()
    await expect(page.locator("tbody")).to_contain_text("<script>alert(1)</script>")
    await page.get_by_role("link", name="网关列表", exact=True).click()
    await expect(page.locator("tbody")).to_contain_text("gw-demo-01")
    await expect(page.locator("tbody")).to_contain_text("在线")
    assert page.problems == []


async def test_signing_out_closes_the_desk(street, browser):
    page = await sign_in(street, browser)
    await page.get_by_role("button", name="退出").click()
    await page.goto(f"{street.desk.url}/desk")
    assert page.url.endswith("/login")


async def test_the_desk_speaks_english_to_its_readers(street, browser):
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.item_of("gas-kitchen")
    page = await sign_in(street, browser, locale="en-GB")
    await expect(page.locator("tbody tr")).to_contain_text("Gas leak")
    await expect(page.locator("h1")).to_have_text("Items")
