"""One example of every message, with every field that is usually present."""

from datetime import UTC, datetime

from wire import codec, messages
from wire.messages import CONTRACT_VERSION
from wire.vocabulary import (
    ActionState,
    AlarmClass,
    Clock,
    CommandOutcome,
    Condition,
    Kind,
    Lane,
    Presence,
    Quality,
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
BATCH = messages.ReadingsBatch(
    start=AT,
    series=(messages.ReadingSeries(device="river-1", point="dissolved_oxygen_mg_l", unit="mg/L"),),
    s=(0, 0),
    offset_ms=(0, 2000),
    value=(7.25, None),
    quality=(Quality.GOOD, Quality.COMM_FAULT),
)

EXAMPLES: dict[str, messages.Message] = {
    "alarm": messages.AlarmMessage(**ENVELOPE, run=RUN, seq=7, alarm=codec.as_raw(STATE)),
    "readings": messages.ReadingsMessage(**ENVELOPE, run=RUN, seq=8, batch=codec.as_raw(BATCH)),
    "status": messages.StatusMessage(
        **ENVELOPE,
        presence=Presence.ONLINE,
        software="gridwarden 0.1.0",
        started_at=AT,
        config=messages.ConfigState(version="2026-11", hash="ab" * 32, loaded_at=AT),
        lanes=(messages.LaneDepth(lane=Lane.ALARMS, run=RUN, last_seq=7, waiting=1),),
        buses=(messages.BusState(bus="kitchen", connected=True, devices=3, silent=("gas-2",)),),
        disk_free_bytes=1_000_000,
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
    "command-reset": messages.CommandMessage(
        v=CONTRACT_VERSION,
        command=COMMAND,
        session=SESSION,
        issuer="server",
        reason="item done",
        issued_at=AT,
        expires_in_ms=60_000,
        order=codec.as_raw(messages.ResetOrder(alarm=ALARM)),
    ),
}
