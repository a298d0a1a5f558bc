"""The wall of phones and the page of simulated devices, in a real browser."""

import httpx2
import pytest
from playwright.async_api import async_playwright, expect

from firmware_sim.control import build_control
from firmware_sim.phone.app import build_phones
from firmware_sim.phone.network import PhoneNetwork
from firmware_sim.plant import SimulatedPlant
from firmware_sim.scenario import load_scenario
from firmware_sim.serving import serve_app
from tests.browser.chromium import open_chromium
from tests.harness.waiting import until
from tests.sim.phones.network import CARD, SECRET
from tests.sim.test_scenarios import KITCHEN

pytestmark = pytest.mark.browser


@pytest.fixture
async def page():
    async with async_playwright() as playwright:
        browser = await open_chromium(playwright)
        opened = await browser.new_page()
        opened.problems = []
        opened.on("pageerror", lambda error: opened.problems.append(str(error)))
        yield opened
        assert opened.problems == []
        await browser.close()


async def test_a_message_appears_on_the_wall_by_itself_and_its_button_is_pressed(page):
    network = PhoneNetwork()
    account = network.accounts.wecom
    async with (
        network.running(),
        serve_app(build_phones(network, secret=SECRET), host="127.0.0.1", port=0) as port,
    ):
        url = f"http://127.0.0.1:{port}"
        await page.goto(url)
        await expect(page.locator(".empty")).to_be_visible()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as sender:
            asked = {"corpid": account.corpid, "corpsecret": account.secret}
            token = (await sender.get("/cgi-bin/gettoken", params=asked)).json()["access_token"]
            body = {
                "touser": "wang",
                "agentid": account.agentid,
                "msgtype": "template_card",
                "template_card": CARD,
            }
            await sender.post("/cgi-bin/message/send", params={"access_token": token}, json=body)
        await expect(page.locator(".handset .title")).to_have_text("燃气泄漏")
        await page.locator(".handset").click()
        await page.get_by_role("button", name="已收到").click()
        await expect(page.locator(".note")).to_have_text("已按：accept")
        assert network.inbox.of("wang")[0].pressed == ["accept"]


async def test_a_fault_is_pushed_by_hand_and_an_event_started(page):
    plant = SimulatedPlant(load_scenario(KITCHEN))
    async with serve_app(build_control(plant), host="127.0.0.1", port=0) as port:
        await page.goto(f"http://127.0.0.1:{port}/")
        row = page.locator("tr", has_text="gas-kitchen")
        await row.locator("select").select_option("stuck")
        await expect(row).to_have_class("bad")
        assert plant.describe()["gas-kitchen"]["fault"] == "stuck"
        await page.get_by_role("button", name="leak", exact=True).click()
        await until(lambda: plant.world.rooms["kitchen"].leak_m3_s > 0, what="gas leaks")
