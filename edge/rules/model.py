"""What a rule is. Rules are data; each kind has one pure file that evaluates it."""

from dataclasses import dataclass

from wire.vocabulary import AlarmClass, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAction:
    """What is done on the spot when a rule's alarm becomes active."""

    action: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRule:
    """A limit on one point of one or more devices; each device has an alarm of its own.

    Attributes:
        id: unique in the site file.
        devices: the devices it watches.
        point: the point it compares.
        above: active while the value is greater; None when `below` is used.
        below: active while the value is smaller; None when `above` is used.
        hysteresis: how far the value must come back behind the limit to count as normal, in the
            point's unit.
        on_delay_ms: how long the cause must last before the alarm is active.
        off_delay_ms: how long it must be gone before the condition is normal.
        latching: whether a person must reset it.
        kind: what it is about.
        class_: how much is at stake.
        actions: what is done on the spot.
    """

    id: str
    devices: tuple[str, ...]
    point: str
    above: float | None = None
    below: float | None = None
    hysteresis: float = 0.0
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    latching: bool = False
    kind: Kind
    class_: AlarmClass
    actions: tuple[RuleAction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRule:
    """A device that stops answering raises an alarm of its own.

    Attributes:
        id: always `contact`.
        device: the device it watches.
        after_ms: how long it may stay silent.
        class_: how much is at stake.
    """

    id: str = "contact"
    device: str
    after_ms: int
    class_: AlarmClass = AlarmClass.FAULT


Rule = ThresholdRule | ContactRule
