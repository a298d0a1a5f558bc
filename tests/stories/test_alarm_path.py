"""From a register to the leader's page, with everything in working order."""

import pytest

from tests.harness.street import BACKUP, LEADER
from tests.harness.waiting import until

pytestmark = pytest.mark.story


async def test_a_reading_over_its_limit_reaches_the_leaders_page_and_the_incident_ends(street):
    await street.start()
    await street.set_values("gas-kitchen", gas_lel=60)

    page = await street.page_of(LEADER)
    shown = await page.read()
    for fact in ("燃气", "202室", "枫桥新村"):
        assert fact in shown
    devices = {d["device"]: d for d in await street.desk.get("devices")}
    assert "valve-kitchen" in devices
    settled = await street.parts["gateway"].wait_for(lambda line: line.get("event") == "action_settled")
    assert settled["state"] == "confirmed", "the valve is closed and its coil was read back"

    await page.press("accept")
    await page.press("arrive")
    await page.press("finish")
    item = await street.item_of("gas-kitchen")
    assert item["state"] != "closed", "done is not over while the air is full of gas"

    await street.set_values("gas-kitchen", gas_lel=0)

    async def closed() -> bool:
        return (await street.item_of("gas-kitchen"))["state"] == "closed"

    await until(closed, what="the item verified and closed")
    assert "已结束" in await page.read()
    story = await street.desk.item(item["id"])
    assert [alarm["condition"] for alarm in story["alarms"]] == ["normal"]
    assert await street.phones.messages(BACKUP) == [], "nobody else was woken"


async def test_a_device_in_the_open_belongs_to_the_grid_whose_polygon_holds_it(street):
    """The river station has no building: its grid follows from where it stands."""
    await street.start()
    await street.set_values("river-1", dissolved_oxygen_mg_l=1)
    item = await street.item_of("river-1")
    assert item["grid"] is not None
    assert item["building"] is None
    assert "范围内" in item["reason"]
    await street.rings(item["owner"])


async def test_a_fault_goes_to_whoever_repairs_and_wakes_no_leader(street):
    await street.start()
    await street.set_values("hydrant-1", pressure_kpa=40)
    item = await street.item_of("hydrant-1")
    assert (item["class"], item["owner"]) == ("fault", "fix")
    (message,) = await street.rings("fix")
    assert message["payload"]["title"] == "消防设备检修"
    assert {notice["person"] for notice in (await street.desk.item(item["id"]))["notices"]} == {"fix"}
