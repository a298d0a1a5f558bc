"""Settings and access, as an administrator works with them: in real Chromium, with and without scripts."""

import re
from pathlib import Path

import pyotp
import pytest
from playwright.async_api import expect

from tests.server.web.running_site import PASSWORD, open_site

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "server" / "web" / "assets" / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '))"""
DESK = {"width": 1280, "height": 900}


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def open_desk(site, browser, client=None, **options):
    """A browser that notes every error and every address it asks for; signed in as a client is."""
    context = await browser.new_context(**{"viewport": DESK, "locale": "zh-CN", **options})
    if client is not None:
        await context.add_cookies(
            [{"name": "session", "value": client.cookies["session"], "url": site.url, "httpOnly": True}]
        )
    page = await context.new_page()
    page.problems, page.asked = [], []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page


async def is_sound(page) -> None:
    """A page that only a press leads to is as readable as the others."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    assert await page.evaluate(RUN_AXE) == [], page.url


async def test_an_administrator_invites_somebody_who_joins_and_secures_the_account(site, browser):
    desk = await site.operator()
    page = await open_desk(site, browser, desk)
    await page.goto(f"{site.url}/desk/accounts")
    await page.get_by_label("账号名（登录时输入）").fill("周晓梅")
    await page.get_by_label("角色").select_option("administrator@street")
    await page.get_by_role("button", name="建立账号，给出邀请码").click()
    link = await page.locator(".once code").last.inner_text()
    await is_sound(page)

    hers = await open_desk(site, browser)
    await hers.goto(f"{site.url}/join?{link.partition('?')[2]}")
    await hers.get_by_label("密码（至少").fill("她自己选的密码一二三四五六")
    await hers.get_by_label("再输一次密码").fill("她自己选的密码一二三四五六")
    await hers.get_by_role("button", name="设好密码").click()
    await expect(hers.get_by_role("status")).to_have_text("密码已设好，请登录。")
    await hers.get_by_label("姓名").fill("周晓梅")
    await hers.get_by_label("密码").fill("她自己选的密码一二三四五六")
    await hers.get_by_role("button", name="登录").click()
    await hers.wait_for_url("**/desk")

    await hers.goto(f"{site.url}/desk/me")
    await hers.get_by_role("button", name="启用动态验证码").click()
    await expect(hers.get_by_alt_text("给验证器扫的二维码")).to_be_visible()
    secret = await hers.locator(".enrol code").inner_text()
    await is_sound(hers)
    await hers.get_by_label("六位数字").fill(pyotp.TOTP(secret).at(site.clock.now()))
    await hers.get_by_role("button", name="确认启用").click()
    await expect(hers.locator(".codes li")).to_have_count(10)
    await is_sound(hers)

    await page.goto(f"{site.url}/desk/accounts/周晓梅")
    await page.get_by_role("button", name="收回：管理员").click()
    await expect(page.get_by_role("status").last).to_contain_text("角色已收回")
    answer = await hers.goto(f"{site.url}/desk/accounts")
    assert answer.status == 403, "at the next request"
    assert page.problems == []


async def test_steps_and_playbooks_are_seen_before_they_are_kept(site, browser):
    desk = await site.operator()
    item = await site.world.raise_alarm()
    page = await open_desk(site, browser, desk)
    await page.goto(f"{site.url}/desk/playbooks/gas/life_safety")
    await page.get_by_label("第 1 行").first.fill("守在门外等燃气公司")
    first = page.locator("#preview .now-do li").first
    await expect(first).to_have_text("守在门外等燃气公司")
    await expect(first).to_have_css("font-size", "20px")
    await page.get_by_label("为什么改").fill("街道规定")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".said.done")).to_contain_text("已生效")
    phone = await open_desk(site, browser)
    await phone.goto(f"{site.url}{await site.link(item.id, 'leader')}")
    await expect(phone.locator(".now-do li").first).to_have_text("守在门外等燃气公司")

    await page.goto(f"{site.url}/desk/escalation/hazard?place=3号楼")
    await expect(page.locator(".steps").first).to_contain_text("leader某")
    await page.get_by_text("修改步骤").click()
    await page.locator("input[name=window-0]").fill("10")
    await page.get_by_role("button", name="先看新旧对比").click()
    await expect(page.locator("section", has_text="改成").locator("li.changed").first).to_contain_text(
        "有变化"
    )
    await is_sound(page)
    await page.get_by_label("为什么改").fill("夜里给多点时间")
    await page.get_by_role("button", name="就这样改").click()
    await expect(page.locator(".said.done")).to_contain_text("已生效")

    await page.goto(f"{site.url}/desk/audit?action=escalation_steps_changed")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("tbody tr")).to_contain_text("夜里给多点时间")
    assert page.problems == []


async def test_all_of_it_works_without_scripts(site, browser):
    desk = await site.operator()
    page = await open_desk(site, browser, desk, java_script_enabled=False)
    await page.goto(f"{site.url}/desk/contacts/deputy")
    await page.get_by_label("通知方式").select_option("webhook")
    await page.locator("input[name=address]").fill("https://phone.example/new")
    await page.get_by_role("button", name="登记", exact=True).click()
    await page.get_by_role("button", name="发验证码").click()
    (code,) = re.findall(r"[0-9]{6}", site.world.channel.sent[-1].rendered.text)
    await page.get_by_label("本人说的验证码").fill(code)
    await page.get_by_role("button", name="确认", exact=True).click()
    await expect(page.locator(".said.done")).to_contain_text("已确认")
    await page.get_by_role("button", name="发测试通知").first.click()
    await expect(page.locator("section", has_text="测试通知").last).to_contain_text("已发出")

    await page.goto(f"{site.url}/desk/playbooks/fire/hazard")
    await page.get_by_label("第 1 行").first.fill("先打电话")
    await page.get_by_role("button", name="预览").click()
    await expect(page.locator("#preview .now-do li").first).to_have_text("先打电话")

    await page.goto(f"{site.url}/desk/escalation/fault?place=网格")
    await page.get_by_role("button", name="1号微网格").click()
    await expect(page.locator(".steps").first).to_contain_text("leader某")
    await page.get_by_text("修改步骤").click()
    await page.locator("input[name=window-0]").fill("12")
    await page.get_by_role("button", name="先看新旧对比").click()
    await expect(page.locator("section", has_text="改成")).to_contain_text("12 小时")
    assert PASSWORD not in await page.content()
