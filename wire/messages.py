"""What crosses between a gateway and the server.

All messages are JSON objects. Times are RFC 3339 in UTC, durations and offsets carry their unit
in the name, units of measured values are UCUM codes. Unknown fields are ignored, so that either
side may be newer. `docs/asyncapi.json` is generated from this file.
"""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Raw, UnsetType, field

from wire.configuration import ConfigurationReport
from wire.fields import (
    MAX_OFFSET_MS,
    Count,
    Id,
    Instant,
    Message,
    Seq,
    Text,
    Unit,
    check_instant,
)
from wire.statusparts import BusState, ConfigState, MachineState, UnassignedDevice, WarmingRule
from wire.traffic import RawTrafficReport
from wire.vocabulary import (
    ActionState,
    AlarmClass,
    Clock,
    CommandOutcome,
    Condition,
    Kind,
    Lane,
    Measure,
    Mode,
    Presence,
    Quality,
    Suppression,
    Vote,
)

CONTRACT_VERSION: Final = 1
DEFAULT_ALARM_WINDOW: Final = 20
DEFAULT_READING_WINDOW: Final = 4


def _absent() -> Raw:
    """Stand for content that is missing, so that its envelope is readable all the same."""
    return Raw(b"null")


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


class Voter(Message, frozen=True, kw_only=True):
    """What one measured quantity says in a rule that asks several."""

    device: Id
    point: Id | None = None
    rule: Id | None = None
    """Where another rule is asked instead of a point."""
    vote: Vote
    value: float | None = None
    unit: Unit = ""
    quality: Quality = Quality.GOOD


class AlarmState(Message, frozen=True, kw_only=True):
    """One alarm as it now stands: the whole of it, never a difference."""

    alarm: Id
    """UUIDv7, the same from raise to clear, through re-sending and reboots."""
    device: Id
    """Unique within its gateway; the registry's key is (gateway, device)."""
    rule: Id
    """The rule of the site file that raised it."""
    rule_hash: Text = ""
    """What the rule says, as the first 16 hexadecimal digits of a SHA-256: changes when it is changed."""
    sentence: Text = ""
    """The rule in words for people, in Chinese."""
    sentence_en: Text = ""
    """The same in English."""
    kind: Kind
    class_: AlarmClass = field(name="class")
    """How much is at stake; decides who is told and how fast."""
    condition: Condition
    """Where the measured cause stands; the alarm is over when this is normal and it is not latched."""
    latched: bool = False
    """Stays until a person resets it, whatever the sensor says."""
    suppression: Suppression = Suppression.NONE
    suppressed_until: Instant | None = None
    """When it is shown again by itself; absent when it is shown or follows its cause."""
    suppressed_by: Text = ""
    """Whoever ordered it; a second person, where one is needed, after a comma."""
    suppressed_why: Text = ""
    """The reason given, or the sentence of the rule that explains it."""
    explained_by: Id | None = None
    """The alarm that explains this one, where it is suppressed by design."""
    mode: Mode = Mode.LIVE
    point: Id | None = None
    """What was measured; absent for an alarm about the device itself."""
    value: float | None = None
    """The measured value at the last change; absent when there is none."""
    unit: Unit = ""
    limit: float | None = None
    """The limit that was crossed, in the same unit."""
    measure: Measure = Measure.VALUE
    """What `value` and `limit` are of the measured quantity: itself, its rate, its mean."""
    window_ms: Count = 0
    """Over how long that was taken; 0 for a single value."""
    stage: Count = 0
    """Which stage of a limit with several is reached, from 1; 0 where there are none. A higher stage
    updates the same alarm, whose class may rise with it and does not fall before it is over."""
    voters: tuple[Voter, ...] = ()
    """What each one said, where a rule asks several."""
    votes_needed: Count = 0
    """How many must say yes; 0 where nobody votes."""
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
        if self.suppressed_until is not None:
            check_instant(self.suppressed_until)

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
    heartbeat_ms: Count = 0
    """0: every reading is here. Otherwise it is reported by exception: a value within the deadband of the
    one before is left out, for at most so long; an older one is stale."""
    deadband: float = 0.0
    """In the unit; the wider of both deadbands counts."""
    deadband_percent: float = 0.0
    """Of the value before."""


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
    clock: Clock = Clock.SYNCED
    """Whether `start` is to be trusted. Readings taken under an unsure clock are corrected before they are
    sent, if the clock was synchronised before the machine was started again."""

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


class SuppressionState(Message, frozen=True, kw_only=True):
    """What a person has taken out of sight for a time: shown for as long as it lasts."""

    device: Id
    rule: Id | None = None
    """Absent for the whole device."""
    suppression: Suppression
    until: Instant
    by: Text = ""
    why: Text = ""

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        check_instant(self.until)


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
    suppressions: tuple[SuppressionState, ...] = ()
    """What is shelved or out of service now."""
    machine: MachineState | None = None
    unassigned: tuple[UnassignedDevice, ...] = ()
    """What is heard and not configured, at most 20 of each bus, whoever was heard last at the end."""
    warming: tuple[WarmingRule, ...] = ()
    """Rules that cannot say yet that all is well, after a restart without the readings they look back on:
    the first hundred."""
    warming_count: Count = 0
    """How many there are."""


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


Report = OpenAlarmsReport | CommandReport | RawTrafficReport | ConfigurationReport


class ReportMessage(Envelope, frozen=True, kw_only=True):
    """`up/reports`: answers, the list that closes a reconciliation, the configuration in force."""

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
    configuration: Text | UnsetType = UNSET
    """`content_hash` of the configuration that the server has of this gateway, empty where it has none.
    Absent from a server that keeps none: it is sent none."""


class ConfigurationReply(Message, frozen=True, kw_only=True, tag="configuration", tag_field="type"):
    """The whole of this configuration is committed in the server's database: say it no more."""

    content_hash: Id


Reply = AckReply | BusyReply | CommittedReply | ConfigurationReply
"""`down/ack`."""


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
