"""The page of a grid leader: retired, in a hurry, perhaps at night, on any old phone."""

import re

import pytest
from playwright.async_api import expect

from tests.harness.street import BACKUP, LEADER
from tests.harness.waiting import until

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 320, "height": 568}
LEAST_TEXT_PX = 20
LEAST_TARGET_PX = 60
LEAST_CONTRAST = 4.5

MEASURE = """() => {
  const seen = e => e.offsetParent !== null || getComputedStyle(e).position === 'fixed';
  const texts = [...document.querySelectorAll('body *')].filter(e => seen(e)
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  const targets = [...document.querySelectorAll('button, a[href], input:not([type=hidden])')].filter(seen);
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = rgb(c).map(v => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126*r + 0.7152*g + 0.0722*b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (rgb(c).length === 3 || rgb(c)[3] > 0) return c; } return 'rgb(255, 255, 255)'; };
  const contrast = e => { const a = light(getComputedStyle(e).color), b = light(ground(e));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
  return {
    texts: texts.map(e => [e.textContent.trim().slice(0, 20), parseFloat(getComputedStyle(e).fontSize), contrast(e)]),
    targets: targets.map(e => [e.textContent.trim().slice(0, 20), e.getBoundingClientRect().height]),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
}"""


async def open_page(street, browser, person=LEADER, *, viewport=PHONE, **options):
    """Open the link of a person's newest message on a phone of their own."""
    link = (await street.rings(person))[-1]["payload"]["link"]
    context = await browser.new_context(
        viewport=viewport, locale=options.pop("locale", "zh-CN"), has_touch=True, **options
    )
    page = await context.new_page()
    page.problems = []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    await page.goto(link, wait_until="domcontentloaded")
    return page


async def leak(street):
    await street.set_values("gas-kitchen", gas_lel=60)
    await street.rings(LEADER)


async def test_she_reads_what_where_and_what_to_do_and_presses_three_times(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await expect(page.locator("h1")).to_have_text("燃气泄漏")
    await expect(page.locator(".where")).to_contain_text("1幢 2楼 202室")
    await expect(page.locator(".now-do li")).to_have_count(3)
    await expect(page.locator(".facts")).to_contain_text("关闭燃气阀：已完成，已确认")

    for press, next_press in (("已收到", "已到场"), ("已到场", "已处理"), ("已处理", None)):
        await page.get_by_role("button", name=press, exact=True).tap()
        await expect(page.locator(".said")).to_contain_text("记下了")
        if next_press:
            await expect(page.get_by_role("button", name=next_press, exact=True)).to_be_visible()
    await expect(page.locator(".when")).to_contain_text("等设备确认")

    await street.set_values("gas-kitchen", gas_lel=0)
    await expect(page.locator(".when")).to_contain_text("已结束", timeout=20_000)  # live, without a reload
    assert page.problems == []


async def test_what_another_does_shows_without_a_reload(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    item = await street.item_of("gas-kitchen")
    await street.desk.press(item["id"], "accept")  # perhaps before the page has begun to listen
    await expect(page.locator(".when")).to_contain_text("已收到", timeout=20_000)


async def test_nothing_changes_under_a_finger_until_the_press_has_counted(street, browser):
    await leak(street)
    page, witness = await open_page(street, browser), await open_page(street, browser)
    item = await street.item_of("gas-kitchen")
    await page.clock.install()
    await page.locator("h1").hover()
    await page.mouse.down()
    await street.desk.press(item["id"], "accept")
    await expect(witness.locator(".when")).to_contain_text("已收到", timeout=20_000)
    await expect(page.locator(".when")).not_to_contain_text("已收到")
    await page.mouse.up()
    await page.clock.run_for(500)
    await expect(page.locator(".when")).to_contain_text("已收到", timeout=20_000)


async def test_the_page_can_be_read_and_pressed_by_old_eyes_and_fingers(street, browser):
    await leak(street)
    for viewport in (PHONE, SMALLEST):
        page = await open_page(street, browser, viewport=viewport)
        found = await page.evaluate(MEASURE)
        assert [text for text in found["texts"] if text[1] < LEAST_TEXT_PX] == []
        assert [text for text in found["texts"] if text[2] < LEAST_CONTRAST] == []
        assert [target for target in found["targets"] if target[1] < LEAST_TARGET_PX] == []
        assert found["overflow"] <= 0, "nothing is cut off at the side"
        assert await page.get_attribute("html", "lang") == "zh-CN"
        button = await page.get_by_role("button", name="已收到", exact=True).bounding_box()
        assert button["y"] + button["height"] <= viewport["height"], "the main button needs no scrolling"


async def test_larger_letters_stay_chosen(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    before = await page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    await page.get_by_role("button", name="特大").tap()
    await expect(page.locator("html")).to_have_attribute("data-size", "30")
    await expect(page.locator("h1")).to_have_text("燃气泄漏")
    after = await page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    assert after > before
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) <= 0


async def test_pressing_works_without_scripts(street, browser):
    await leak(street)
    page = await open_page(street, browser, java_script_enabled=False)
    await page.get_by_role("button", name="已收到", exact=True).tap()
    await expect(page.locator(".said")).to_contain_text("记下了：您已收到。")


async def test_a_nervous_double_tap_counts_once(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await page.get_by_role("button", name="已收到", exact=True).dblclick()
    await expect(page.locator(".when")).to_contain_text("已收到", timeout=20_000)
    item = await street.item_of("gas-kitchen")
    moves = [move["move"] for move in (await street.desk.item(item["id"]))["moves"]]
    assert moves.count("accept") == 1


async def test_a_press_by_mistake_is_taken_back(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await page.get_by_role("button", name="已收到", exact=True).tap()
    await page.get_by_role("button", name="点错了，退回上一步").tap()
    await expect(page.locator(".said")).to_contain_text("已退回上一步")
    await expect(page.get_by_role("button", name="已收到", exact=True)).to_be_visible()


async def test_asking_for_help_tells_more_people_at_once(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await page.get_by_role("button", name="需要帮助").tap()
    await expect(page.locator(".said")).to_contain_text("已通知更多人来帮忙")
    await street.rings(BACKUP)


async def test_saying_not_mine_hands_it_to_the_next_person(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await page.get_by_role("button", name="不是我的").tap()
    await expect(page.locator(".said")).to_contain_text("已转给下一位")
    await street.rings(BACKUP)


async def test_a_false_alarm_waits_for_the_desk_while_the_air_is_full_of_gas(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await page.get_by_role("button", name="误报").tap()
    await expect(page.locator(".said")).to_contain_text("等指挥中心确认")
    item = await street.item_of("gas-kitchen")
    assert item["state"] != "closed"
    assert item["false_alarm_claimed"]


async def test_a_link_that_was_used_on_one_phone_can_only_be_looked_at_on_another(street, browser):
    await leak(street)
    first = await open_page(street, browser)
    await first.get_by_role("button", name="已收到", exact=True).tap()
    await expect(first.locator(".said")).to_be_visible()

    second = await open_page(street, browser)
    await expect(second.locator("main")).to_contain_text("这里只能看，不能按")
    await expect(second.get_by_role("button", name="已到场", exact=True)).to_have_count(0)


async def test_a_link_that_is_not_one_is_answered_politely(street, browser):
    page = await browser.new_page(locale="zh-CN")
    for wrong in ("/i/nonsense", "/i/01a20d99-ecfd-7ea9-9f21-d479974d23eb.AAAAAAAAAAAAAAAAAAAAAAAAAAA"):
        answer = await page.goto(f"{street.desk.url}{wrong}")
        assert answer.status == 404
        await expect(page.locator("body")).to_contain_text("请重新点开消息里的链接")


async def test_her_list_shows_what_she_has_to_do(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await page.get_by_role("button", name="已收到", exact=True).tap()
    await expect(page.locator(".said")).to_be_visible()
    await page.goto(f"{street.desk.url}/my")
    await expect(page.locator(".mine li")).to_have_count(1)
    await expect(page.locator(".mine")).to_contain_text("燃气泄漏")


async def test_a_reader_of_english_gets_english(street, browser):
    await leak(street)
    page = await open_page(street, browser, locale="en-GB")
    await expect(page.locator("h1")).to_have_text("Gas leak")
    await expect(page.get_by_role("button", name="Received", exact=True)).to_be_visible()
    text = await page.locator("main .now-do, main .when").all_inner_texts()
    assert not re.search(r"[\u3400-\u9fff]", " ".join(text))


async def test_a_broken_connection_is_said(street, browser):
    await leak(street)
    page = await open_page(street, browser)
    await street.kill("server")
    await expect(page.get_by_text("连接中断，这里显示的可能不是最新情况。")).to_be_visible(timeout=30_000)
    await street.start_server()

    async def gone() -> bool:
        return not await page.get_by_text("连接中断，这里显示的可能不是最新情况。").is_visible()

    await until(gone, what="the notice of a broken connection goes away")
