"""A device's label: scanned or typed it leads to the device, and it is printed once."""

import re

import pytest

from server.devices.labelcode import DeviceCode, address_of, read_code
from server.devices.labelpages import MOST_LABELS
from server.devices.tables import Device
from server.places.tables import Building
from tests.server.access.street_of_two import FOREIGN, build
from tests.server.devices.installer import ADOPT, HERE, NEW, hear
from tests.server.web.running_site import OPERATOR, PASSWORD
from tests.server.world import GATEWAY


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gw-one/gas-1", "gw-one/gas-1"),
        ("  GW-ONE/ 厨房 1 ", "gw-one/厨房 1"),
        ("https://grid.example/desk/adopt?code=gw-one/a%20b", "gw-one/a b"),
        (address_of("http://127.0.0.1:8080", DeviceCode("gw-one", "a&b=c#d")), "gw-one/a&b=c#d"),
        ("gw-one／gas-1", "gw-one/gas-1"),
    ],
)
def test_a_label_is_read_as_it_is_scanned_or_typed(text, code):
    assert str(read_code(text)) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gas-1",
        "gw_one/gas-1",
        "gw-one/",
        "/gas-1",
        "gw/a/b",
        "https://evil.example/?code=x",
        f"gw/{'x' * 129}",
        "gw-one/..",
        "gw-one/a／b",
        "http://[maker",
        "https://maker.example/p?code=",
    ],
)
def test_what_is_no_label_is_none(text):
    assert read_code(text) is None


async def test_whoever_scans_signs_in_first_and_comes_back_to_the_device(site):
    await hear(site)
    await site.operator()
    phone = await site.visitor(Accept="text/html")
    scanned = f"/desk/adopt?code={GATEWAY}/{NEW}"
    assert (await phone.get(scanned)).headers["location"] == "/login"
    entered = await phone.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    assert entered.headers["location"] == f"/desk/adopt?code={GATEWAY}/{NEW}"
    assert (await phone.get(entered.headers["location"])).headers["location"] == ADOPT
    assert (await phone.get("/login")).cookies.get("back") is None
    again = await phone.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    assert again.headers["location"] == "/desk", "once"


@pytest.mark.parametrize(
    "kept", ["https://evil.example/desk/", "//evil.example", "/logout", "/desk/\\evil", "%2F%2Fevil"]
)
async def test_nobody_is_led_out_of_the_house_after_signing_in(site, kept):
    await site.operator()
    phone = await site.visitor(Cookie=f"back={kept}")
    entered = await phone.post("/login", data={"name": OPERATOR, "password": PASSWORD})
    assert entered.headers["location"] == "/desk"


async def test_what_a_page_fetches_for_itself_is_no_page_to_come_back_to(site):
    for headers in ({"HX-Request": "true", "Accept": "text/html"}, {"Accept": "text/event-stream"}):
        phone = await site.visitor(**headers)
        assert "set-cookie" not in (await phone.get(f"{HERE}/{NEW}/check/state")).headers


async def test_only_the_page_that_scans_may_ask_for_the_camera(site, installer):
    for path, camera in (
        ("/desk/adopt", "camera=(self)"),
        ("/desk/devices", "camera=()"),
        ("/login", "camera=()"),
    ):
        assert camera in (await installer.get(path)).headers["permissions-policy"]


async def test_a_code_that_is_none_is_said_so_and_kept_to_be_mended(site, installer):
    answer = await installer.get("/desk/adopt", params={"code": "gas 1"})
    assert answer.status_code == 422
    assert "这个码不是设备标签" in answer.text
    assert 'value="gas 1"' in answer.text


async def test_labels_say_where_and_open_the_device_and_are_printed_once(site, installer):
    sheet = (await installer.get("/desk/labels/sheet", params={"estate": "e1", "only": "new"})).text
    assert sheet.count('class="label"') == 3
    assert "东苑 3号楼 2层 201" in sheet
    assert f"{GATEWAY}/gas-1" in sheet
    codes = re.findall(r'name="code" value="([^"]+)"', sheet)
    assert (await installer.post("/desk/labels/printed", data={"code": codes[:2]})).status_code == 303
    rest = (await installer.get("/desk/labels/sheet", params={"gateway": GATEWAY, "only": "new"})).text
    assert rest.count('class="label"') == 1
    again = (await installer.get("/desk/labels/sheet", params={"code": f"{GATEWAY}/gas-1"})).text
    assert again.count('class="label"') == 1, "a single one once more, from the device's own page"
    assert "1 台没有标签" in (await installer.get("/desk/labels")).text


async def test_labels_are_chosen_by_building(site, installer):
    async with site.world.database.write() as session:
        session.add(Building(code="b7", name="7号楼", estate="e1", grid="g1"))
        (await session.get_one(Device, (GATEWAY, "gas-2"))).building = "b7"
    assert 'name="building"' not in (await installer.get("/desk/labels")).text, "first the estate"
    page = (await installer.get("/desk/labels", params={"estate": "e1", "only": ""})).text
    assert "7号楼 – 1 台，1 台没有标签" in page
    assert 'name="only" value="" checked' in page, "what was chosen before stays"
    sheet = (await installer.get("/desk/labels/sheet", params={"estate": "e1", "building": "b7"})).text
    assert f"{GATEWAY}/gas-2" in sheet
    assert f"{GATEWAY}/gas-1" not in sheet
    moved_on = await installer.get("/desk/labels/sheet", params={"estate": "e2", "building": "b7"})
    assert moved_on.status_code in (404, 422), "not the building of an estate that was chosen before"


async def test_spare_labels_leave_the_place_to_the_hand(site, installer):
    asked = {"gateway": GATEWAY, "only": "none", "spare": "gas-31\ngas-32，gas-33\n\n"}
    sheet = (await installer.get("/desk/labels/sheet", params=asked)).text
    assert sheet.count('class="by-hand"') == 6
    assert "gas-33" in sheet
    for whole in ("a/b", f"{GATEWAY}／gas-31"):
        wrong = await installer.get("/desk/labels/sheet", params={**asked, "spare": whole})
        assert wrong.status_code == 422, whole
    assert (await installer.get("/desk/labels/sheet", params={"spare": "x"})).status_code == 422
    nothing = await installer.get("/desk/labels/sheet")
    assert "没有要打印的设备" in nothing.text


async def test_more_spare_labels_than_are_printed_at_once_are_said_to_be_left(site, installer):
    spare = "\n".join(f"g{number}" for number in range(MOST_LABELS + 20))
    sheet = (
        await installer.get("/desk/labels/sheet", params={"gateway": GATEWAY, "only": "none", "spare": spare})
    ).text
    assert "480 枚标签，20 张纸" in sheet
    assert "还有 20 台没有排进来" in sheet


async def test_nobody_prints_labels_of_somebody_elses(site, installer):
    await build(site)
    for asked in (
        {"code": f"{FOREIGN}-gw/{FOREIGN}-gas"},
        {"estate": f"{FOREIGN}-e"},
        {"building": f"{FOREIGN}-b"},
        {"gateway": f"{FOREIGN}-gw", "spare": "x"},
    ):
        assert (await installer.get("/desk/labels/sheet", params=asked)).status_code == 404, asked
    noted = await installer.post("/desk/labels/printed", data={"code": f"{FOREIGN}-gw/{FOREIGN}-gas"})
    assert noted.status_code == 404
