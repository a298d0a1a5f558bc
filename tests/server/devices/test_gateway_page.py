"""The page of one gateway: what it reported of itself, and what it never told."""

from datetime import timedelta

import msgspec
import pytest

from server.access.model import AccessRole
from server.access.service import SignedIn
from server.devices import orderfacts
from server.devices.configuration import keep_part
from server.devices.gatewaypages import Difference, compare
from server.devices.tables import Device
from server.devices.traffic import keep_traffic, last_traffic
from server.history import newest
from server.history.newest import newest_of_devices
from server.history.packer import Packer
from server.intake import status as statuses
from server.people.model import Scope
from server.pulse import Pulses
from tests.server.access.street_of_two import FOREIGN, account, build
from tests.server.history.recording import record
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
from wire.statusparts import BusState, ConfigState, MachineState
from wire.topics import Up
from wire.traffic import RawFrame, RawTrafficReport
from wire.vocabulary import AlarmClass, FrameDirection, Kind, LimitSide, Presence

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
        sentence=f"可燃气体超过 {limit} %LEL",
        sentence_en=f"combustible gas above {limit} %LEL",
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


async def test_only_the_newest_frames_are_read_and_the_newest_stand_first(site):
    desk = await site.operator()
    frames = [
        RawFrame(at=site.clock.now(), direction=FrameDirection.SENT, hex=f"{number:04x}")
        for number in range(9)
    ]
    async with site.world.database.write() as session:
        for frame in frames:
            await keep_traffic(
                session, GATEWAY, RawTrafficReport(bus="kitchen", frames=(frame,)), now=frame.at
            )
    page = (await desk.get(PAGE, params={"bus": "kitchen"})).text
    assert [number for number in range(9) if f"{number:04x}" in page] == [6, 7, 8]
    assert page.index("0008") < page.index("0006")
    async with site.world.database.read() as session:
        assert [one.frames[0]["hex"] for one in await last_traffic(session, GATEWAY, "kitchen", most=2)] == [
            "0007",
            "0008",
        ]
        assert len(await last_traffic(session, GATEWAY, "kitchen")) == 9


async def test_devices_stand_with_their_last_readings_and_how_old_those_are(site):
    desk = await site.operator()
    now = site.clock.now()
    await tell(site.world, content_hash="one", limit=25, file_hash="f1")
    page = (await desk.get(PAGE)).text
    assert page.count("没有读数") == 3, "gas-1, gas-2, meter-1"
    assert page.count("网关的配置里没有这个设备") == 2
    assert "▲ 设备没有应答" in page
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", now - timedelta(seconds=9), (1.5,))
    await record(site.readings, "gas-2/gas_lel", "%{LEL}", now - timedelta(minutes=20), (7.5, None))
    page = (await desk.get(PAGE)).text
    assert "<b>1.5 %LEL</b>" in page
    assert "0:00:09 以前" in page
    assert "0:19:00 以前" in page, "the newest, though it has no value"
    assert "读不到设备" in page
    assert f"/desk/trends?gateway={GATEWAY}&amp;device=gas-1" in page
    assert f'href="/desk/devices/{GATEWAY}/gas-2"' in page


async def test_the_newest_reading_is_found_where_all_are_packed(site, monkeypatch):
    unpack, held = newest._last_of, []
    monkeypatch.setattr(
        newest, "_last_of", lambda data: held.append(site.readings._turn.locked()) or unpack(data)
    )
    now = site.clock.now()
    await record(site.readings, "gas-1/gas_lel", "%{LEL}", now - timedelta(hours=30), (1.5, 2.5))
    await Packer(database=site.readings, clock=site.clock, pulses=Pulses()).pack_all()
    found = await newest_of_devices(site.readings, GATEWAY)
    assert found is not None
    assert (found["gas-1"].value, found["gas-1"].at) == (
        2.5,
        now - timedelta(hours=30) + timedelta(minutes=1),
    )
    assert held == [False], "readings that arrive would wait while days are unpacked"


async def test_clock_machine_and_a_configuration_that_was_given_up_are_said(site):
    desk = await site.operator()
    said = {
        "presence": Presence.ONLINE,
        "disk_free_bytes": 400_000_000,
        "written_bytes_per_day": 90_000_000,
        "machine": MachineState(
            disk_total_bytes=1_000_000_000,
            memory_total_bytes=2_000_000_000,
            memory_available_bytes=500_000_000,
            process_resident_bytes=52_000_000,
            cpu_temperature_c=61.5,
            starts_this_boot=3,
            certificate_expires_at=site.clock.now() + timedelta(days=400),
        ),
        "config": ConfigState(
            hash="f1", rejected="site.yaml:3: no", rejected_hash="bad", rejected_after_trial=True
        ),
    }
    envelope = site.world.envelope(sent_at=site.clock.now() - timedelta(minutes=5))
    received = site.world.bytes(codec.encode(StatusMessage(**envelope, **said)), Up.STATUS)
    await statuses.keep(site.world.database, [received], now=site.clock.now())
    page = (await desk.get(PAGE)).text
    year = (site.clock.now() + timedelta(days=400)).year
    for words in (
        "▲ 不准",
        "比服务器慢 300 秒",
        "温度 61.5 °C",
        "空闲内存 25%",
        "网关程序占 52 MB",
        "空闲磁盘 40%",
        "每天写入 90 MB",
        "开机以来启动 3 次",
        f"有效到 {year}-",
        "试用失败，已退回上一份",
        "site.yaml:3: no",
    ):
        assert words in page, words


async def test_who_sees_the_devices_sees_the_bytes_on_their_bus_and_nobody_of_another_place_does(site):
    await build(site)
    await tell(site.world, content_hash="one", limit=25, file_hash="f1")
    async with site.world.database.write() as session:
        await keep_part(session, GATEWAY, report("two", limit=20, file_hash="f2"), now=site.clock.now())
        session.add(Device(gateway=GATEWAY, device=f"{FOREIGN}-hidden", building=f"{FOREIGN}-b"))
    asked = ({"bus": "kitchen"}, {"before": "one", "after": "two"}, {})
    near = await account(site, "近", (AccessRole.MAINTAINER, Scope.COMMUNITY, "c1"))
    far = await account(site, "远", (AccessRole.MAINTAINER, Scope.COMMUNITY, f"{FOREIGN}-c"))
    nobody = await account(site, "审", (AccessRole.AUDITOR, Scope.STREET, ""))
    for params in asked:
        page = await near.get(PAGE, params=params)
        assert page.status_code == 200
        assert FOREIGN not in page.text
        assert "还有 1 台在您的范围以外" in page.text
        assert (await far.get(PAGE, params=params)).status_code == 404
        assert (await nobody.get(PAGE, params=params)).status_code == 403


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
    contact = msgspec.structs.replace(told.rules[0], rule="contact", class_=AlarmClass.FAULT)
    told = msgspec.structs.replace(
        told,
        rules=(contact, *told.rules),
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
        choices = await orderfacts.rules_of(session, GATEWAY, names)
        assert [(one.device, one.rule) for one in choices] == [("gas-1", "gas-high"), ("gas-1", "contact")]
        found = await orderfacts.order_desk(session, SOMEBODY, GATEWAY, now=site.clock.now())
    assert [device for device, _ in found.valves] == ["gas-2"]
    assert "gas-high" in (await desk.get(orders)).text
