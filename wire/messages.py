"""What crosses between a gateway and the server.

All messages are JSON objects. Times are RFC 3339 in UTC, durations and offsets carry their unit
in the name, units of measured values are UCUM codes. Unknown fields are ignored, so that either
side may be newer. `docs/asyncapi.json` is generated from this file.
"""

from datetime import datetime
from typing import Annotated, Final

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from wire.vocabulary import (
    ActionState,
    AlarmClass,
    Clock,
    CommandOutcome,
    Condition,
    Kind,
    Lane,
    Mode,
    Presence,
    Quality,
    Suppression,
)

CONTRACT_VERSION: Final = 1
DEFAULT_ALARM_WINDOW: Final = 20
DEFAULT_READING_WINDOW: Final = 4

Id = Annotated[str, Meta(min_length=1, max_length=128)]
"""An identifier given by the site: a device, a point, a rule."""
Text = Annotated[str, Meta(max_length=1024)]
Seq = Annotated[int, Meta(ge=1)]
Instant = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset; UTC by custom."""


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything on the wire: immutable, defaults left out."""


# --- upward ------------------------------------------------------------------------------------


class Envelope(Message, frozen=True, kw_only=True):
    """What every upward message starts with. Readable by itself, whatever the rest holds."""

    v: int
    """Version of this contract, now 1."""
    gateway: Id
    """The sender's own id; the topic's is the one that counts."""
    session: Id
    """UUIDv7 of the alarm connection over which, or beside which, this was sent."""
    boot: Id
    """Changes whenever the machine starts."""
    up_ms: Annotated[int, Meta(ge=0)]
    """Milliseconds since the machine started; orders a sender's messages without a clock."""
    sent_at: Instant
    clock: Clock


class LaneEnvelope(Envelope, frozen=True, kw_only=True):
    """An envelope on a numbered lane."""

    run: Id
    """UUIDv7 of the store file that numbered this message."""
    seq: Seq
    """Grows within a run; gaps are legal."""


class Action(Message, frozen=True, kw_only=True):
    """Something the gateway did, or tried, on the spot."""

    action: Id
    """What, e.g. `close_valve`."""
    device: Id
    state: ActionState
    at: Instant
    detail: Text = ""


class AlarmState(Message, frozen=True, kw_only=True):
    """One alarm as it now stands: the whole of it, never a difference."""

    alarm: Id
    """UUIDv7, the same from raise to clear, through re-sending and reboots."""
    device: Id
    rule: Id
    kind: Kind
    class_: AlarmClass = field(name="class")
    condition: Condition
    latched: bool = False
    """Stays until a person resets it, whatever the sensor says."""
    suppression: Suppression = Suppression.NONE
    mode: Mode = Mode.LIVE
    point: Id | None = None
    value: float | None = None
    """The measured value at the last change; absent when there is none."""
    unit: Annotated[str, Meta(max_length=32)] = ""
    limit: float | None = None
    quality: Quality = Quality.GOOD
    raised_at: Instant
    changed_at: Instant
    count: Annotated[int, Meta(ge=1)] = 1
    """How many times it became active; more than one when it flapped."""
    actions: tuple[Action, ...] = ()
    label: Text = ""
    """The device's name as the site file has it: a hint for people, never a place."""
    volatile: bool = False
    """The gateway could not write it to disk: it lives in memory there."""

    @property
    def cleared(self) -> bool:
        """Whether the alarm is over: its cause is gone and its latch is reset."""
        return self.condition is Condition.NORMAL and not self.latched


class AlarmMessage(LaneEnvelope, frozen=True, kw_only=True):
    """`up/alarms`: one alarm. `alarm` is kept raw, so that an odd one is stored, not refused."""

    alarm: Raw


class ReadingSeries(Message, frozen=True, kw_only=True):
    """One measured quantity of one device."""

    device: Id
    point: Id
    unit: Annotated[str, Meta(max_length=32)] = ""


class ReadingsBatch(Message, frozen=True, kw_only=True):
    """Readings as columns: row i is series[s[i]] at start + offset_ms[i] with value[i]."""

    start: Instant
    series: tuple[ReadingSeries, ...]
    s: tuple[Annotated[int, Meta(ge=0)], ...]
    """Index into `series`, one a row."""
    offset_ms: tuple[int, ...]
    value: tuple[float | None, ...]
    quality: tuple[Quality, ...] = ()
    """One a row, or empty when all are good."""


class ReadingsMessage(LaneEnvelope, frozen=True, kw_only=True):
    """`up/readings`: one batch, applied once by (gateway, run, seq)."""

    batch: Raw


class LaneDepth(Message, frozen=True, kw_only=True):
    """How a lane stands."""

    lane: Lane
    run: Id
    last_seq: Annotated[int, Meta(ge=0)] = 0
    waiting: Annotated[int, Meta(ge=0)] = 0
    """Messages not yet acknowledged by the server."""
    shed: Annotated[int, Meta(ge=0)] = 0
    """Readings thrown away for lack of space since the run began; alarms are never shed."""


class BusState(Message, frozen=True, kw_only=True):
    """How a bus stands."""

    bus: Id
    connected: bool
    devices: Annotated[int, Meta(ge=0)] = 0
    silent: tuple[Id, ...] = ()
    """Devices that do not answer."""


class ConfigState(Message, frozen=True, kw_only=True):
    """Which configuration is in force."""

    version: Text = ""
    hash: Text = ""
    """SHA-256 of the file in force, hexadecimal."""
    loaded_at: Instant | None = None
    rejected: Text = ""
    """Why a newer file was not taken; empty when the newest is in force."""
    rejected_hash: Text = ""


class StatusMessage(Envelope, frozen=True, kw_only=True):
    """`up/status`: retained, every 30 s; the last will is one with `presence` offline."""

    presence: Presence
    software: Text = ""
    started_at: Instant | None = None
    config: ConfigState | None = None
    lanes: tuple[LaneDepth, ...] = ()
    buses: tuple[BusState, ...] = ()
    disk_free_bytes: int | None = None
    written_bytes_per_day: int | None = None
    volatile: bool = False
    """The alarm store cannot be written; alarms live in memory."""


class OpenAlarmsReport(Message, frozen=True, kw_only=True, tag="open_alarms", tag_field="type"):
    """All alarms of this gateway that are not cleared, or whose last state is not yet acknowledged.

    An open alarm of this gateway that is not listed is superseded.
    """

    alarms: tuple[Id, ...]


class CommandReport(Message, frozen=True, kw_only=True, tag="command", tag_field="type"):
    """The answer to one command."""

    command: Id
    outcome: CommandOutcome
    detail: Text = ""


Report = OpenAlarmsReport | CommandReport


class ReportMessage(Envelope, frozen=True, kw_only=True):
    """`up/reports`: answers, and the list that closes a reconciliation."""

    report: Report


# --- downward ----------------------------------------------------------------------------------


class AckReply(Message, frozen=True, kw_only=True, tag="ack", tag_field="type"):
    """These messages are committed in the server's database: forget them."""

    lane: Lane
    run: Id
    seqs: tuple[Seq, ...]
    window: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    """How many messages of this lane may wait for an ack from now on."""


class BusyReply(Message, frozen=True, kw_only=True, tag="busy", tag_field="type"):
    """Not committed; send again, not before this many milliseconds."""

    lane: Lane
    retry_after_ms: Annotated[int, Meta(ge=0)]


class CommittedSeq(Message, frozen=True, kw_only=True):
    """The highest number the server holds of one run."""

    lane: Lane
    run: Id
    seq: Annotated[int, Meta(ge=0)]


class CommittedReply(Message, frozen=True, kw_only=True, tag="committed", tag_field="type"):
    """What the server holds, said on every connection; a run that is not listed counts as 0."""

    session: Id
    """The session this answers; another one is ignored."""
    committed: tuple[CommittedSeq, ...] = ()
    alarm_window: Annotated[int, Meta(ge=1)] = DEFAULT_ALARM_WINDOW
    reading_window: Annotated[int, Meta(ge=1)] = DEFAULT_READING_WINDOW


Reply = AckReply | BusyReply | CommittedReply
"""`down/ack`."""


class ResetOrder(Message, frozen=True, kw_only=True, tag="reset", tag_field="order"):
    """Reset the latch of an alarm; refused while its condition is not normal."""

    alarm: Id


class TestOrder(Message, frozen=True, kw_only=True, tag="test", tag_field="order"):
    """Raise and clear a test alarm of one rule on one device, marked `test`, without actions."""

    device: Id
    rule: Id


class ResyncOrder(Message, frozen=True, kw_only=True, tag="resync", tag_field="order"):
    """Send every open alarm again, then the list of them."""


Order = ResetOrder | TestOrder | ResyncOrder


class CommandMessage(Message, frozen=True, kw_only=True):
    """`down/commands`: never retained. Carried out once, then answered by a `CommandReport`."""

    v: int
    command: Id
    """UUIDv7; a repeat is answered again and not carried out again."""
    session: Id
    """The gateway's current session; another one is refused."""
    issuer: Text
    reason: Text
    issued_at: Instant
    expires_in_ms: Annotated[int, Meta(ge=0)]
    """Counted by the gateway from the command's arrival in its session, and from `issued_at`
    where its clock is trusted."""
    order: Raw
    """An `Order`, kept raw so that one of a newer server is answered `unknown`, not dropped."""
