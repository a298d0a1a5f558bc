"""A device's page says what its gateway says of it: answers, rules in force, warming up, what is hidden, on trial."""

from datetime import timedelta

import pytest

from server.devices.configuration import keep_part
from server.devices.reported import device_report
from server.devices.tables import Gateway
from server.intake import status as statuses
from tests.server.web.running_site import open_site
from tests.server.world import GATEWAY
from wire import codec
from wire.configuration import ConfigurationReport, DeviceInForce, RuleInForce
from wire.messages import StatusMessage, SuppressionState
from wire.statusparts import BusState, ConfigState, MachineState, WarmingRule
from wire.topics import Up
from wire.vocabulary import AlarmClass, Kind, Presence, Suppression

PAGE = f"/desk/devices/{GATEWAY}/gas-1"


@pytest.fixture
async def site(tmp_path):
    async with open_site(tmp_path) as opened:
        yield opened


async def say(world, **changes):
    message = StatusMessage(
        **world.envelope(), presence=Presence.ONLINE, config=ConfigState(hash="f", trial=True), **changes
    )
    received = world.bytes(codec.encode(message), Up.STATUS)
    await statuses.keep(world.database, [received], now=world.clock.now())


async def tell(world):
    rules = tuple(
        RuleInForce(
            rule=name,
            type="threshold",
            hash="h",
            kind=Kind.GAS,
            class_=AlarmClass.LIFE_SAFETY,
            devices=(device,),
            sentence=f"{name} 高于 25",
            sentence_en=f"{name} above 25",
            clause="GB/T 50493-2019, 5.5.2" if name == "gas" else "",
            departs=("above",) if name == "gas" else (),
        )
        for name, device in (("gas", "gas-1"), ("mean", "gas-1"), ("other", "gas-9"))
    )
    device = DeviceInForce(device="gas-1", bus="kitchen", address="7", model="honeywell-midas", period_ms=500)
    report = ConfigurationReport(content_hash="c", file_hash="f", rules=rules, devices=(device,))
    async with world.database.write() as session:
        assert await keep_part(session, GATEWAY, report, now=world.clock.now())


async def test_the_page_says_what_the_gateway_says(site):
    operator = await site.operator()
    assert "这个网关还没有报告过状态。" in (await operator.get(PAGE)).text
    until = site.clock.now() + timedelta(hours=2)
    await say(
        site.world,
        buses=(BusState(bus="kitchen", connected=True, silent=("gas-1",), last_error="gas-1: no answer"),),
        warming=(WarmingRule(rule="mean", device="gas-1"), WarmingRule(rule="other", device="gas-9")),
        warming_count=2,
        suppressions=(
            SuppressionState(
                device="gas-1", suppression=Suppression.OUT_OF_SERVICE, until=until, by="op-7", why="换电池"
            ),
        ),
    )
    page = (await operator.get(PAGE)).text
    assert "这个网关还没有上报它的规则。" in page
    assert "设备没有应答" in page, "also of a gateway that tells no configuration"
    await tell(site.world)
    page = (await operator.get(PAGE)).text
    for said in (
        "kitchen / 7",
        "每 0.5 秒一次",
        "gas-1: no answer",
        "设备停用检修",
        "换电池",
        "◆ mean 高于 25",
        "还不能说“没有问题”",
        "正在试用新配置",
        "生效的规则（2 条）",
        "gas 高于 25",
        "GB/T 50493-2019, 5.5.2 · 本站改过：above",
    ):
        assert said in page, said
    assert "other" not in page
    english = (await operator.get(PAGE, headers={"Accept-Language": "en"})).text
    assert "gas above 25" in english
    assert "Warming up" in english


async def test_what_is_well_says_so_and_what_is_not_known_is_not_said(site):
    operator = await site.operator()
    await say(site.world, buses=(BusState(bus="kitchen", connected=True),))
    assert "网关没有说明" in (await operator.get(PAGE)).text, "nobody told on which bus it is"
    await tell(site.world)
    page = (await operator.get(PAGE)).text
    assert "● 正常" in page
    assert "预热" not in page
    await say(site.world, buses=(BusState(bus="kitchen", connected=False),), warming_count=300)
    page = (await operator.get(PAGE)).text
    assert "总线没有连上" in page
    assert "可能也包括这个设备的" in page
    page = (await operator.get(f"/desk/devices/{GATEWAY}/gas-2")).text
    assert "网关的配置里没有这个设备" in page
    assert "没有任何规则看着这个设备。" in page


async def test_the_list_of_gateways_says_how_each_machine_stands(site):
    operator = await site.operator()
    await say(site.world)
    assert "空闲" not in (await operator.get("/desk/gateways")).text, "what was not measured is not shown"
    machine = MachineState(
        cpu_temperature_c=61.5,
        memory_total_bytes=1_000,
        memory_available_bytes=250,
        disk_total_bytes=1_000,
        starts_this_boot=3,
    )
    await say(site.world, software="gridwarden 9", machine=machine, disk_free_bytes=400, warming_count=7)
    page = (await operator.get("/desk/gateways")).text
    for said in (
        "gridwarden 9", "温度 61.5 °C", "空闲内存 25%", "空闲磁盘 40%", "开机以来启动 3 次",
        "新配置试用中", "7 条规则还在预热",
    ):  # fmt: skip
        assert said in page, said


async def test_a_status_that_this_version_cannot_read_is_none(site):
    await say(site.world)
    async with site.world.database.write() as session:
        row = await session.get(Gateway, GATEWAY)
        row.status = {**row.status, "presence": "asleep"}
    async with site.world.database.read() as session:
        assert await device_report(session, GATEWAY, "gas-1") is None
        assert await device_report(session, "nobody", "gas-1") is None
