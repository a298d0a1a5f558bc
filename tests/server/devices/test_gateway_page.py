"""The page of one gateway: what it reported of itself, and what it never told."""

import msgspec
import pytest

from server.access.service import SignedIn
from server.devices import orderfacts
from server.devices.configuration import keep_part
from server.devices.gatewaypages import Difference, compare
from server.intake import status as statuses
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY
from wire import codec
from wire.configuration import (
    BusInForce,
    ConfigurationReport,
    DeviceInForce,
    ProfileInForce,
    RuleInForce,
    RuleLimit,
)
from wire.messages import StatusMessage
from wire.statusparts import BusState, ConfigState
from wire.topics import Up
from wire.vocabulary import AlarmClass, Kind, LimitSide, Presence

SOMEBODY = SignedIn(operator="值班员", token_hash="")
PAGE = f"/desk/gateways/{GATEWAY}"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


def report(content_hash: str, *, limit: float, file_hash: str) -> ConfigurationReport:
    rule = RuleInForce(
        rule="gas-high",
        type="threshold",
        hash=f"{limit}",
        kind=Kind.GAS,
        class_=AlarmClass.LIFE_SAFETY,
        devices=("gas-1",),
        unit="%LEL",
        limits=(RuleLimit(side=LimitSide.ABOVE, limit=limit, stage=2, class_=AlarmClass.LIFE_SAFETY),),
        title="可燃气体",
        title_en="Combustible gas",
        clause="GB/T 50493-2019, 5.5.2",
    )
    return ConfigurationReport(
        content_hash=content_hash,
        file_hash=file_hash,
        version=f"v-{content_hash}",
        buses=(BusInForce(bus="kitchen", technique="modbus_tcp", address="192.168.10.20:502"),),
        devices=(DeviceInForce(device="gas-1", bus="kitchen", address="7", model="midas", label="厨房"),),
        rules=(rule,),
    )


async def tell(world, *, content_hash: str, limit: float, file_hash: str) -> None:
    message = StatusMessage(
        **world.envelope(),
        presence=Presence.ONLINE,
        config=ConfigState(hash=file_hash, version=f"v-{content_hash}"),
        buses=(BusState(bus="kitchen", connected=True, silent=("gas-1",), last_error="gas-1: no answer"),),
    )
    received = world.bytes(codec.encode(message), Up.STATUS)
    await statuses.keep(world.database, [received], now=world.clock.now())
    async with world.database.write() as session:
        told = report(content_hash, limit=limit, file_hash=file_hash)
        assert await keep_part(session, GATEWAY, told, now=world.clock.now())


async def test_a_gateway_that_told_nothing_says_so(site):
    page = (await (await site.operator()).get(PAGE)).text
    for sentence in ("还没有报告过状态", "还没有报告它的总线", "还没有上报它的规则", "还没有上报过配置"):
        assert sentence in page


async def test_buses_rules_and_history_stand_on_one_page_and_two_versions_are_compared(site):
    desk = await site.operator()
    await tell(site.world, content_hash="one", limit=25, file_hash="f1")
    site.clock.advance(seconds=60)
    await tell(site.world, content_hash="two", limit=20, file_hash="f2")
    page = (await desk.get(PAGE)).text
    assert "192.168.10.20:502" in page
    assert "gas-1: no answer" in page
    assert "第 2 级" in page
    assert "20 %LEL" in page
    assert "GB/T 50493-2019, 5.5.2" in page
    assert "v-one" in page, "what was before stands in the history"
    assert "before=one&amp;after=two" in page
    compared = (await desk.get(PAGE, params={"before": "one", "after": "two"})).text
    assert "修改 gas-high" in compared
    assert (await desk.get(PAGE, params={"before": "never", "after": "two"})).status_code == 404


async def test_raw_traffic_is_shown_when_it_is_asked_for(site):
    desk = await site.operator()
    await tell(site.world, content_hash="one", limit=25, file_hash="f1")
    assert "没有保存的数据" not in (await desk.get(PAGE)).text
    assert "没有保存的数据" in (await desk.get(PAGE, params={"bus": "kitchen"})).text


async def test_a_gateway_that_is_not_there_is_not_found(site):
    assert (await (await site.operator()).get("/desk/gateways/nowhere")).status_code == 404


def test_a_comparison_names_what_came_went_and_changed():
    before, after = report("a", limit=25, file_hash="f"), report("b", limit=20, file_hash="f")
    moved = msgspec.structs.replace(
        after, devices=(), buses=(*after.buses, BusInForce(bus="roof", technique="ble"))
    )
    assert compare(before, before) == []
    assert compare(before, moved) == [
        Difference(sort="rules", added=(), removed=(), changed=("gas-high",)),
        Difference(sort="devices", added=(), removed=("gas-1",), changed=()),
        Difference(sort="buses", added=("roof",), removed=(), changed=()),
    ]


async def test_orders_offer_the_rules_in_force_and_what_its_model_can_close(site):
    desk = await site.operator()
    orders = f"{PAGE}/orders"
    before = (await desk.get(orders)).text
    assert "gas-high" not in before, "nothing was told, and nothing was raised"
    told = report("one", limit=25, file_hash="f1")
    valve = ProfileInForce(model="coil-relay", hash="h", actions=("close_valve",))
    told = msgspec.structs.replace(
        told,
        profiles=(valve,),
        devices=(
            *told.devices,
            DeviceInForce(device="gas-2", bus="kitchen", address="9", model="coil-relay"),
        ),
    )
    async with site.world.database.write() as session:
        assert await keep_part(session, GATEWAY, told, now=site.clock.now())
    async with site.world.database.read() as session:
        names = {"gas-1": "厨房", "gas-2": "阀门", "meter-1": "电表"}
        (choice,) = await orderfacts.rules_of(session, GATEWAY, names)
        assert (choice.device, choice.rule) == ("gas-1", "gas-high")
        found = await orderfacts.order_desk(session, SOMEBODY, GATEWAY, now=site.clock.now())
    assert [device for device, _ in found.valves] == ["gas-2"]
    assert "gas-high" in (await desk.get(orders)).text
