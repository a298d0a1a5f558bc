"""The configuration in force, as a gateway reports it: its buses, its devices and models, its rules.

The gateway's site file stays the authority; nothing here can be written back. No password, key or token
is part of it, nor the name of a file that holds one.
"""

from typing import Annotated, Final

from msgspec import Meta, field

from wire.fields import Count, Id, Message, Text, Unit
from wire.vocabulary import AlarmClass, Kind, LimitSide, Measure

MAX_CONFIGURATION_PARTS: Final = 64
Part = Annotated[int, Meta(ge=1, le=MAX_CONFIGURATION_PARTS)]


class RuleLimit(Message, frozen=True, kw_only=True):
    """One limit of a rule, in the rule's unit."""

    side: LimitSide
    limit: float
    stage: Count = 0
    """Which stage of a limit with several, from 1; 0 where there are none."""
    class_: AlarmClass = field(name="class")
    """How much is at stake from here on."""


class RuleInForce(Message, frozen=True, kw_only=True):
    """One rule of a gateway."""

    rule: Id
    type: Text
    """What kind of rule, as a site file names it: `threshold`, `rate`, `contact`, …"""
    hash: Text
    """What the rule says, as an alarm's `rule_hash`: changes when it is changed."""
    kind: Kind
    class_: AlarmClass = field(name="class")
    devices: tuple[Id, ...]
    """Each has an alarm of its own."""
    watches: tuple[Id, ...] = ()
    """Devices it listens to, where they are others than `devices`."""
    point: Id | None = None
    """What it compares; absent for one about the device itself or about other rules."""
    unit: Unit = ""
    """Of its limits."""
    measure: Measure = Measure.VALUE
    """What its limits are of the measured quantity: itself, its rate, its mean."""
    window_ms: Count = 0
    """Over how long that is taken; 0 for a single value."""
    limits: tuple[RuleLimit, ...] = ()
    hysteresis: float = 0.0
    """How far back over its limit a value must come, in the unit, to clear."""
    on_delay_ms: Count = 0
    off_delay_ms: Count = 0
    latching: bool = False
    votes_needed: Count = 0
    """How many of those it asks must say yes; 0 where nobody votes."""
    schedule: Text = ""
    """When it may raise an alarm, e.g. `mon tue 22:00-06:00 Asia/Shanghai`; empty for always."""
    explained_by: tuple[Id, ...] = ()
    actions: tuple[Text, ...] = ()
    """What is done on the spot, e.g. `close_valve valve-kitchen`."""
    sentence: Text = ""
    """The rule in words for people, in Chinese."""
    sentence_en: Text = ""
    """The same in English."""
    title: Text = ""
    """Its name for people, in Chinese, where it is a rule that ships with the gateway."""
    title_en: Text = ""
    clause: Text = ""
    """Standard and clause of its figures, where it is a rule that ships with the gateway."""
    clause_confidence: Text = ""
    """How well that clause was seen: `verified`, `sourced` or `low`."""
    departs: tuple[Text, ...] = ()
    """What the site has put in the place of what that rule says, by the names of a site file: `above`,
    `class`, …; empty where it stands as it ships."""


class BusInForce(Message, frozen=True, kw_only=True):
    """One bus as it is configured; how it stands is said by the status."""

    bus: Id
    technique: Text
    """How its devices speak: `modbus_tcp`, `ble`, `hj212`, …"""
    address: Text = ""
    """Where it is: host and port, a serial port with its speed, an adapter. Never a secret."""


class DeviceInForce(Message, frozen=True, kw_only=True):
    """One device as it is configured."""

    device: Id
    bus: Id
    address: Text
    """On its bus: a Modbus unit, a station's MN, a Bluetooth address."""
    model: Id
    """Its profile: one of those reported beside it."""
    label: Text = ""
    period_ms: Count = 0
    """How often it is read, or how long it is silent at most."""
    heartbeat_ms: Count = 0
    """An unchanged value is sent again after this time; 0 where every reading is sent."""


class PointInForce(Message, frozen=True, kw_only=True):
    """One point of a model."""

    point: Id
    unit: Unit = ""


class ProfileInForce(Message, frozen=True, kw_only=True):
    """A model of device that the gateway uses."""

    model: Id
    hash: Text
    """What its profile says: changes when it is changed."""
    title: Text = ""
    confidence: Text = ""
    """How well its register map or frames were seen: `verified`, `sourced` or `low`."""
    points: tuple[PointInForce, ...] = ()
    actions: tuple[Id, ...] = ()
    """What its devices can be told to do, e.g. `close_valve`."""


class ConfigurationReport(Message, frozen=True, kw_only=True, tag="configuration", tag_field="type"):
    """A part of the configuration in force. Sent where the server's `committed` names another `content_hash`.

    A server that names none does not know this report and is not sent it. All parts of one configuration
    have the same `content_hash` and `parts`; put together in their order they are the whole of it. They are
    sent again until the server says by a `configuration` reply that it keeps the whole.
    """

    content_hash: Id
    """SHA-256 of the content, hexadecimal: also changes with the software, which brings models and rules."""
    file_hash: Text
    """SHA-256 of the site file in force, as in the status."""
    version: Text = ""
    """What the file calls itself."""
    software: Text = ""
    part: Part = 1
    parts: Part = 1
    buses: tuple[BusInForce, ...] = ()
    profiles: tuple[ProfileInForce, ...] = ()
    devices: tuple[DeviceInForce, ...] = ()
    rules: tuple[RuleInForce, ...] = ()

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        if self.part > self.parts:
            raise ValueError(f"part {self.part} of {self.parts}")
