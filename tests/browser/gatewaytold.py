"""What the gateway of the pictures tells of itself: a status, its configurations, what is on a bus."""

from datetime import timedelta
from typing import Final

import msgspec

from server.devices.configuration import keep_part
from server.devices.traffic import keep_traffic
from server.intake.status import keep
from tests.server.devices.rulesinforce import CONTACT, GAS
from tests.server.world import GATEWAY, World
from wire import codec
from wire.configuration import (
    BusInForce,
    ConfigurationReport,
    DeviceInForce,
    PointInForce,
    ProfileInForce,
    RuleInForce,
    RuleLimit,
)
from wire.messages import LaneDepth, StatusMessage
from wire.statusparts import BusState, ConfigState, MachineState, WarmingRule
from wire.topics import Up
from wire.traffic import RawFrame, RawTrafficReport
from wire.vocabulary import AlarmClass, FrameDirection, Kind, Lane, LimitSide, Presence

_SOFTWARE: Final = "gridwarden 1.0"
_GIGA: Final = 1_000_000_000
_GAS: Final = msgspec.structs.replace(
    GAS,
    watches=(),
    limits=(
        RuleLimit(side=LimitSide.ABOVE, limit=25, stage=1, class_=AlarmClass.LIFE_SAFETY),
        RuleLimit(side=LimitSide.ABOVE, limit=50, stage=2, class_=AlarmClass.LIFE_SAFETY),
    ),
    hysteresis=2,
    on_delay_ms=2_000,
    latching=True,
    actions=("close_valve valve-1",),
    sentence="可燃气体浓度高于 25 %LEL",
    sentence_en="combustible gas above 25 %LEL",
    title="可燃气体",
    title_en="Combustible gas",
    clause="GB/T 50493-2019, 5.5.2",
)
_CONTACT: Final = msgspec.structs.replace(
    CONTACT,
    limits=(RuleLimit(side=LimitSide.ABOVE, limit=300, class_=AlarmClass.FAULT),),
    sentence="5 分钟没有应答",
    sentence_en="no answer for 5 minutes",
)
_METER: Final = RuleInForce(
    rule="meter-hot",
    type="threshold",
    hash="e30f9a1c55d07b64",
    kind=Kind.ELECTRIC,
    class_=AlarmClass.HAZARD,
    devices=("meter-1",),
    point="line_temperature_c",
    unit="Cel",
    limits=(RuleLimit(side=LimitSide.ABOVE, limit=70, class_=AlarmClass.HAZARD),),
    schedule="mon tue wed thu fri 18:00-08:00 Asia/Shanghai",
    departs=("above",),
    sentence="线缆温度高于 70 °C",
    sentence_en="line temperature above 70 °C",
)
_REPORT: Final = ConfigurationReport(
    content_hash="c-november",
    file_hash="8a1e60cf",
    version="2026-11",
    software=_SOFTWARE,
    buses=(
        BusInForce(bus="kitchen", technique="modbus_tcp", address="192.168.10.20:502"),
        BusInForce(bus="cellar", technique="modbus_rtu", address="/dev/ttyUSB0 9600 8N1"),
    ),
    profiles=(ProfileInForce(model="midas", hash="m", points=(PointInForce(point="gas_lel", unit="%{LEL}"),)),),
    devices=(
        DeviceInForce(device="gas-1", bus="kitchen", address="7", model="midas", label="厨房探测器", period_ms=1000),
        DeviceInForce(device="gas-2", bus="kitchen", address="8", model="midas", period_ms=1000),
        DeviceInForce(device="meter-1", bus="cellar", address="1", model="meter", period_ms=5000),
    ),
    rules=(_GAS, _CONTACT, _METER),
)  # fmt: skip
_FRAMES: Final = (
    (FrameDirection.SENT, "000100000006070300000002", "unit 7: read holding registers 0-1"),
    (FrameDirection.RECEIVED, "000100000007070304003f0000", "63, 0"),
)


async def tell_of_gateway(world: World) -> None:
    """Let the gateway say what it says when all but one thing is well: an older file was refused."""
    now = world.clock.now()
    status = StatusMessage(
        **world.envelope(),
        presence=Presence.ONLINE,
        software=_SOFTWARE,
        started_at=now - timedelta(days=12),
        lanes=(LaneDepth(lane=Lane.ALARMS, run="run-1", waiting=0), LaneDepth(lane=Lane.READINGS, run="r", waiting=3)),
        config=ConfigState(
            version=_REPORT.version,
            hash=_REPORT.file_hash,
            rejected="site.yaml:41:12: unknown model 'midaas'",
            rejected_hash="5f2b77aa",
        ),
        buses=(
            BusState(bus="kitchen", connected=True, devices=2),
            BusState(
                bus="cellar",
                connected=True,
                devices=1,
                silent=("meter-1",),
                last_error="meter-1: no answer within 300 ms",
                last_error_at=now - timedelta(minutes=4),
            ),
        ),
        warming=(WarmingRule(rule="meter-hot", device="meter-1"),),
        warming_count=1,
        disk_free_bytes=21 * _GIGA,
        machine=MachineState(
            disk_total_bytes=30 * _GIGA,
            memory_total_bytes=_GIGA,
            memory_available_bytes=_GIGA * 6 // 10,
            process_resident_bytes=52_000_000,
            cpu_temperature_c=48.3,
            starts=9,
            starts_this_boot=1,
            certificate_expires_at=now + timedelta(days=200),
        ),
    )  # fmt: skip
    await keep(world.database, [world.bytes(codec.encode(status), Up.STATUS)], now=now)
    before = msgspec.structs.replace(
        _REPORT, content_hash="c-october", file_hash="11aa22bb", version="2026-10", rules=(_GAS, _CONTACT)
    )
    frames = tuple(
        RawFrame(at=now - timedelta(milliseconds=900 - 40 * n), direction=direction, hex=data, text=text)
        for n, (direction, data, text) in enumerate(_FRAMES * 4)
    )
    async with world.database.write() as session:
        for report in (before, _REPORT):
            await keep_part(session, GATEWAY, report, now=now)
        await keep_traffic(session, GATEWAY, RawTrafficReport(bus="kitchen", frames=frames), now=now)
