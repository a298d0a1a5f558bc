"""What crosses between a gateway and the server.

All messages are JSON objects. Times are RFC 3339 in UTC, durations and offsets carry their unit
in the name, units of measured values are UCUM codes. Unknown fields are ignored, so that either
side may be newer. `docs/asyncapi.json` is generated from this file.
"""

from datetime import MAXYEAR, MINYEAR, datetime
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

MAX_INTEGER: Final = 2**53 - 1
"""What every JSON reader and every database keeps exactly (RFC 8259, section 6)."""
MAX_OFFSET_MS: Final = 366 * 24 * 3600 * 1000
"""How far a reading may lie from the start of its batch."""
FIRST_YEAR: Final = MINYEAR + 2
LAST_YEAR: Final = MAXYEAR - 2

Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^(?![\s\S]*[\x00-\x1f\x7f])")]
"""An identifier given by the site: a device, a point, a rule. No control characters."""
Text = Annotated[str, Meta(max_length=1024, pattern=r"^(?![\s\S]*\x00)")]
"""Free text without the character NUL, which databases refuse."""
Unit = Annotated[str, Meta(max_length=32, pattern=r"^(?![\s\S]*\x00)")]
"""A UCUM code, e.g. `%{LEL}`, `mA`, `kPa`, `Cel`."""
Seq = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Instant = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset; UTC by custom; from `FIRST_YEAR` to `LAST_YEAR`."""


def check_instant(moment: datetime) -> None:
    """Refuse a time so near the end of the calendar that an offset could not be added.

    Raises:
        ValueError: the year is outside `FIRST_YEAR` to `LAST_YEAR`.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year {moment.year} is outside {FIRST_YEAR} to {LAST_YEAR}")


def _absent() -> Raw:
    """Stand for content that is missing, so that its envelope is readable all the same."""
    return Raw(b"null")


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything on the wire: immutable, defaults left out."""


# --- upward ------------------------------------------------------------------------------------


class Envelope(Message, frozen=True, kw_only=True):
    """What every upward message starts with. Readable by itself, whatever the rest holds."""

    v: Count
    """Version of this contract, now 1. A newer one is read as far as it is understood."""
    gateway: Id
    """The sender's own id; the topic's is the one that counts."""
    session: Id
    """UUIDv7 of the alarm connection over which, or beside which, this was sent."""
    boot: Id
    """Changes whenever the machine starts."""
    up_ms: Count
    """Milliseconds since the machine started; orders a sender's messages without a clock."""
    sent_at: Instant
    """When it was sent, by the sender's wall clock."""
    clock: Clock

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.sent_at)


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
    """The device it was done to."""
    state: ActionState
    at: Instant
    """When it came to this state."""
    detail: Text = ""
    """Why it failed, for people."""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.at)


class AlarmState(Message, frozen=True, kw_only=True):
    """One alarm as it now stands: the whole of it, never a difference."""

    alarm: Id
    """UUIDv7, the same from raise to clear, through re-sending and reboots."""
    device: Id
    """Unique within its gateway; the registry's key is (gateway, device)."""
    rule: Id
    """The rule of the site file that raised it."""
    kind: Kind
    class_: AlarmClass = field(name="class")
    """How much is at stake; decides who is told and how fast."""
    condition: Condition
    """Where the measured cause stands; the alarm is over when this is normal and it is not latched."""
    latched: bool = False
    """Stays until a person resets it, whatever the sensor says."""
    suppression: Suppression = Suppression.NONE
    mode: Mode = Mode.LIVE
    point: Id | None = None
    """What was measured; absent for an alarm about the device itself."""
    value: float | None = None
    """The measured value at the last change; absent when there is none."""
    unit: Unit = ""
    limit: float | None = None
    """The limit that was crossed, in the same unit."""
    quality: Quality = Quality.GOOD
    raised_at: Instant
    """When the condition became active for the first time."""
    changed_at: Instant
    """When anything in this state changed last."""
    count: Seq = 1
    """How many times it became active; more than one when it flapped."""
    actions: tuple[Action, ...] = ()
    """What the gateway did about it on the spot, oldest first."""
    label: Text = ""
    """The device's name as the site file has it: a hint for people, never a place."""
    volatile: bool = False
    """The gateway could not write it to disk: it lives in memory there."""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.raised_at)
        check_instant(self.changed_at)

    @property
    def cleared(self) -> bool:
        """Whether the alarm is over: its cause is gone and its latch is reset."""
        return self.condition is Condition.NORMAL and not self.latched


class AlarmMessage(LaneEnvelope, frozen=True, kw_only=True):
    """`up/alarms`: one alarm. `alarm` is kept raw, so that an odd one is stored, not refused."""

    alarm: Raw = field(default_factory=_absent)


class ReadingSeries(Message, frozen=True, kw_only=True):
    """One measured quantity of one device."""

    device: Id
    point: Id
    unit: Unit = ""


class ReadingsBatch(Message, frozen=True, kw_only=True):
    """Readings as columns: row i is series[s[i]] at start + offset_ms[i] with value[i]."""

    start: Instant
    series: tuple[ReadingSeries, ...]
    """The measured quantities that the rows refer to."""
    s: tuple[Count, ...]
    """Index into `series`, one a row."""
    offset_ms: tuple[Annotated[int, Meta(ge=-MAX_OFFSET_MS, le=MAX_OFFSET_MS)], ...]
    """Milliseconds after `start`, one a row."""
    value: tuple[float | None, ...]
    """The measured value, one a row; null when there is none."""
    quality: tuple[Quality, ...] = ()
    """One a row, or empty when all are good."""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.start)


class ReadingsMessage(LaneEnvelope, frozen=True, kw_only=True):
    """`up/readings`: one batch, applied once by (gateway, run, seq)."""

    batch: Raw = field(default_factory=_absent)


class LaneDepth(Message, frozen=True, kw_only=True):
    """How a lane stands."""

    lane: Lane
    run: Id
    last_seq: Count = 0
    """The highest number given so far in this run."""
    waiting: Count = 0
    """Messages not yet acknowledged by the server."""
    shed: Count = 0
    """Readings thrown away for lack of space since the run began; alarms are never shed."""


class BusState(Message, frozen=True, kw_only=True):
    """How a bus stands."""

    bus: Id
    connected: bool
    devices: Count = 0
    """How many devices are configured on it."""
    silent: tuple[Id, ...] = ()
    """Devices that do not answer."""


class ConfigState(Message, frozen=True, kw_only=True):
    """Which configuration is in force."""

    version: Text = ""
    """What the file calls itself."""
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
    """Name and version of the gateway's software."""
    started_at: Instant | None = None
    """When that software was started."""
    config: ConfigState | None = None
    lanes: tuple[LaneDepth, ...] = ()
    """The runs about which the server is asked what it holds."""
    buses: tuple[BusState, ...] = ()
    disk_free_bytes: Count | None = None
    written_bytes_per_day: Count | None = None
    """What its stores write, extrapolated to a day: memory cards wear out by it."""
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
    """Which command is answered."""
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
    window: Seq | UnsetType = UNSET
    """How many messages of this lane may wait for an ack from now on."""


class BusyReply(Message, frozen=True, kw_only=True, tag="busy", tag_field="type"):
    """Not committed; send again, not before this many milliseconds."""

    lane: Lane
    retry_after_ms: Count


class CommittedSeq(Message, frozen=True, kw_only=True):
    """The highest number the server holds of one run."""

    lane: Lane
    run: Id
    seq: Count


class CommittedReply(Message, frozen=True, kw_only=True, tag="committed", tag_field="type"):
    """What the server holds, said on every connection; a run that is not listed counts as 0."""

    session: Id
    """The session this answers; another one is ignored."""
    committed: tuple[CommittedSeq, ...] = ()
    alarm_window: Seq = DEFAULT_ALARM_WINDOW
    reading_window: Seq = DEFAULT_READING_WINDOW


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

    v: Count
    """Version of this contract, now 1."""
    command: Id
    """UUIDv7; a repeat is answered again and not carried out again."""
    session: Id
    """The gateway's current session; another one is refused."""
    issuer: Text
    reason: Text
    issued_at: Instant
    expires_in_ms: Count
    """Counted by the gateway from the command's arrival in its session, and from `issued_at`
    where its clock is trusted."""
    order: Raw = field(default_factory=_absent)
    """An `Order`, kept raw so that one of a newer server is answered `unknown`, not dropped."""
