"""One example of every message, with every field that is usually present."""

from datetime import UTC, datetime

from wire import codec, configuration, messages, orders, statusparts, traffic
from wire.fields import Message
from wire.messages import CONTRACT_VERSION
from wire.vocabulary import (
    ActionState,
    AlarmClass,
    Clock,
    CommandOutcome,
    Condition,
    FrameDirection,
    Kind,
    Lane,
    LimitSide,
    Measure,
    Mode,
    Presence,
    Quality,
    Suppression,
    Vote,
)

AT = datetime(2026, 11, 24, 2, 15, 30, 250_000, tzinfo=UTC)
RUN = "0193512a-0000-7000-8000-000000000001"
SESSION = "0193512a-0000-7000-8000-000000000002"
ALARM = "0193512a-0000-7000-8000-000000000003"
COMMAND = "0193512a-0000-7000-8000-000000000004"

ENVELOPE = {
    "v": CONTRACT_VERSION,
    "gateway": "gw-north-07",
    "session": SESSION,
    "boot": "4f8b0c1e",
    "up_ms": 123_456,
    "sent_at": AT,
    "clock": Clock.SYNCED,
}
STATE = messages.AlarmState(
    alarm=ALARM,
    device="gas-kitchen",
    rule="gas-high",
    kind=Kind.GAS,
    class_=AlarmClass.LIFE_SAFETY,
    condition=Condition.ACTIVE,
    latched=True,
    point="gas_lel",
    value=48.5,
    unit="%{LEL}",
    limit=25.0,
    raised_at=AT,
    changed_at=AT,
    actions=(
        messages.Action(action="close_valve", device="valve-kitchen", state=ActionState.CONFIRMED, at=AT),
    ),
    label="厨房燃气探测器",
)
VOTED = messages.AlarmState(
    alarm=ALARM,
    device="smoke-hall",
    rule="smoke-2oo3",
    rule_hash="0f1e2d3c4b5a6978",
    sentence="3 个中至少 2 个",
    sentence_en="at least 2 of 3",
    kind=Kind.FIRE,
    class_=AlarmClass.HAZARD,
    condition=Condition.ACTIVE,
    suppression=Suppression.SHELVED,
    suppressed_until=AT,
    suppressed_by="op-7, op-9",
    suppressed_why="hot work in the hall",
    measure=Measure.VOTES,
    value=2.0,
    limit=2.0,
    votes_needed=2,
    window_ms=60_000,
    stage=1,
    quality=Quality.STALE,
    voters=(
        messages.Voter(device="smoke-1", point="smoke", vote=Vote.YES, value=1.0, unit="1"),
        messages.Voter(device="smoke-2", rule="smoke-high", vote=Vote.YES),
        messages.Voter(device="smoke-3", point="smoke", vote=Vote.UNKNOWN, quality=Quality.COMM_FAULT),
    ),
    raised_at=AT,
    changed_at=AT,
)
BY_DESIGN = messages.AlarmState(
    alarm=RUN,
    device="meter-2",
    rule="contact",
    kind=Kind.CONTACT,
    class_=AlarmClass.FAULT,
    condition=Condition.ACTIVE,
    suppression=Suppression.BY_DESIGN,
    suppressed_why="power is out",
    explained_by=ALARM,
    raised_at=AT,
    changed_at=AT,
)
BATCH = messages.ReadingsBatch(
    start=AT,
    series=(
        messages.ReadingSeries(
            device="river-1",
            point="dissolved_oxygen_mg_l",
            unit="mg/L",
            heartbeat_ms=60_000,
            deadband=0.05,
            deadband_percent=1.0,
        ),
    ),
    s=(0, 0),
    offset_ms=(0, 2000),
    value=(7.25, None),
    quality=(Quality.GOOD, Quality.COMM_FAULT),
    clock=Clock.UNSURE,
)

EXAMPLES: dict[str, Message] = {
    "alarm": messages.AlarmMessage(**ENVELOPE, run=RUN, seq=7, alarm=codec.as_raw(STATE)),
    "readings": messages.ReadingsMessage(**ENVELOPE, run=RUN, seq=8, batch=codec.as_raw(BATCH)),
    "status": messages.StatusMessage(
        **ENVELOPE,
        presence=Presence.ONLINE,
        software="gridwarden 0.1.0",
        started_at=AT,
        config=messages.ConfigState(version="2026-11", hash="ab" * 32, loaded_at=AT),
        lanes=(messages.LaneDepth(lane=Lane.ALARMS, run=RUN, last_seq=7, waiting=1),),
        buses=(statusparts.BusState(bus="kitchen", connected=True, devices=3, silent=("gas-2",)),),
        disk_free_bytes=1_000_000,
        written_bytes_per_day=120_000_000,
        machine=messages.MachineState(
            disk_total_bytes=16_000_000_000,
            memory_available_bytes=3_000_000_000,
            cpu_temperature_c=51.5,
            starts=12,
            starts_this_boot=1,
            certificate_expires_at=AT,
            write_budget_bytes_per_day=400_000_000,
        ),
    ),
    "report-open-alarms": messages.ReportMessage(
        **ENVELOPE, report=messages.OpenAlarmsReport(alarms=(ALARM,))
    ),
    "report-command": messages.ReportMessage(
        **ENVELOPE, report=messages.CommandReport(command=COMMAND, outcome=CommandOutcome.DONE)
    ),
    "reply-ack": messages.AckReply(lane=Lane.ALARMS, run=RUN, seqs=(7, 9)),
    "reply-busy": messages.BusyReply(lane=Lane.READINGS, retry_after_ms=2000),
    "reply-committed": messages.CommittedReply(
        session=SESSION, committed=(messages.CommittedSeq(lane=Lane.ALARMS, run=RUN, seq=7),)
    ),
}


def command(order: Message) -> messages.CommandMessage:
    """An order in its envelope."""
    return messages.CommandMessage(
        v=CONTRACT_VERSION,
        command=COMMAND,
        session=SESSION,
        issuer="server",
        reason="item done",
        issued_at=AT,
        expires_in_ms=60_000,
        order=codec.as_raw(order),
    )


ORDERS = (
    orders.ResetOrder(alarm=ALARM),
    orders.TestOrder(device="gas-kitchen", rule="gas-high"),
    orders.ResyncOrder(),
    orders.ShelveOrder(device="gas-kitchen", rule="gas-high", until=AT, agreed_by="op-9"),
    orders.UnshelveOrder(alarm=ALARM),
    orders.OutOfServiceOrder(device="gas-kitchen", until=AT, agreed_by="op-9"),
    orders.BackInServiceOrder(device="gas-kitchen"),
    orders.SilenceOrder(alarm=ALARM),
    orders.CloseValveOrder(device="valve-kitchen"),
    orders.ReEnrolOrder(device="smoke-hall"),
    orders.RawTrafficOrder(bus="kitchen", seconds=60),
)
EXAMPLES |= {f"command-{order.__struct_config__.tag}": command(order) for order in ORDERS}
EXAMPLES |= {
    "command-test-of-a-device": command(orders.TestOrder(device="gas-kitchen")),
    "command-drill": command(orders.TestOrder(device="gas-kitchen", rule="gas-high", mode=Mode.DRILL)),
    "alarm-voted": messages.AlarmMessage(**ENVELOPE, run=RUN, seq=9, alarm=codec.as_raw(VOTED)),
    "alarm-by-design": messages.AlarmMessage(**ENVELOPE, run=RUN, seq=10, alarm=codec.as_raw(BY_DESIGN)),
    "status-warming": messages.StatusMessage(
        **ENVELOPE,
        presence=Presence.ONLINE,
        warming=(messages.WarmingRule(rule="gas-mean", device="gas-kitchen"),),
        warming_count=1,
    ),
    "status-unassigned": messages.StatusMessage(
        **ENVELOPE,
        presence=Presence.ONLINE,
        unassigned=(
            statusparts.UnassignedDevice(
                bus="stations", technique="hj212", address="A110000_0001", said="ST=21", heard_at=AT
            ),
        ),
    ),
    "status-suppressions": messages.StatusMessage(
        **ENVELOPE,
        presence=Presence.ONLINE,
        suppressions=(
            messages.SuppressionState(
                device="gas-kitchen",
                suppression=Suppression.OUT_OF_SERVICE,
                until=AT,
                by="op-7",
                why="new cell",
            ),
        ),
    ),
    "report-raw-traffic": messages.ReportMessage(
        **ENVELOPE,
        report=traffic.RawTrafficReport(
            bus="kitchen",
            frames=(
                traffic.RawFrame(at=AT, direction=FrameDirection.SENT, hex="010300000002c40b", text="read"),
            ),
            dropped=3,
        ),
    ),
    "reply-committed-configuration": messages.CommittedReply(session=SESSION, configuration="ab12" * 16),
    "reply-configuration": messages.ConfigurationReply(content_hash="ab12" * 16),
    "report-configuration": messages.ReportMessage(
        **ENVELOPE,
        report=configuration.ConfigurationReport(
            content_hash="ab12" * 16,
            file_hash="cd34" * 16,
            version="2026-03",
            software="gridwarden 1.0.0",
            part=2,
            parts=3,
            buses=(configuration.BusInForce(bus="kitchen", technique="modbus_tcp", address="10.0.0.7:502"),),
            profiles=(
                configuration.ProfileInForce(
                    model="honeywell-midas",
                    hash="0f1e2d3c4b5a6978",
                    title="Midas",
                    confidence="verified",
                    points=(configuration.PointInForce(point="gas_lel", unit="%{LEL}"),),
                    actions=("close_valve",),
                ),
            ),
            devices=(
                configuration.DeviceInForce(
                    device="gas-kitchen",
                    bus="kitchen",
                    address="1",
                    model="honeywell-midas",
                    label="厨房燃气探测器",
                    period_ms=1_000,
                    heartbeat_ms=300_000,
                ),
            ),
            rules=(
                configuration.RuleInForce(
                    rule="gas-high",
                    type="threshold",
                    hash="0f1e2d3c4b5a6978",
                    kind=Kind.GAS,
                    class_=AlarmClass.LIFE_SAFETY,
                    devices=("gas-kitchen",),
                    point="gas_lel",
                    unit="%{LEL}",
                    limits=(
                        configuration.RuleLimit(
                            side=LimitSide.ABOVE, limit=25.0, stage=1, class_=AlarmClass.LIFE_SAFETY
                        ),
                        configuration.RuleLimit(
                            side=LimitSide.ABOVE, limit=50.0, stage=2, class_=AlarmClass.LIFE_SAFETY
                        ),
                    ),
                    hysteresis=5.0,
                    latching=True,
                    actions=("close_valve valve-kitchen",),
                    sentence="gas_lel 高于 25 %LEL",
                    sentence_en="gas_lel above 25 %LEL",
                    title="可燃气体两级报警",
                    title_en="combustible gas in two stages",
                    clause="GB/T 50493-2019, 5.5.2",
                    clause_confidence="verified",
                    departs=("hysteresis",),
                ),
            ),
        ),
    ),
}
