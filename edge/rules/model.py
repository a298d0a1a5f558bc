"""What a rule is. Rules are data; each kind has one pure file that evaluates it."""

from dataclasses import dataclass, field

from edge.rules.schedule import Schedule
from wire.vocabulary import AlarmClass, Kind, Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAction:
    """What is done on the spot when a rule's alarm becomes active.

    Attributes:
        action: its name in the device's profile, e.g. `close_valve`.
        device: the device that carries it out.
        undo: the action that ends it when the alarm is over; empty when a person ends it. A valve that
            was closed has none: it is opened by hand.
    """

    action: str
    device: str
    undo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A further stage of a limit: reached, it updates the alarm, and its class may rise.

    Attributes:
        limit: beyond the one before it, in the point's unit.
        class_: how much is at stake from here on.
        actions: what is done on the spot, beside what was done before.
    """

    limit: float
    class_: AlarmClass
    actions: tuple[RuleAction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBase:
    """What every rule has.

    Attributes:
        id: unique in the site file.
        kind: what it is about.
        class_: how much is at stake.
        on_delay_ms: how long the cause must last before the alarm is active.
        off_delay_ms: how long it must be gone before the condition is normal.
        latching: whether a person must reset it.
        actions: what is done on the spot.
        schedule: when it may raise an alarm; None for always.
        explained_by: ids of rules whose shown alarms explain this one's, which is then kept from people.
    """

    id: str
    kind: Kind
    class_: AlarmClass
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    latching: bool = False
    actions: tuple[RuleAction, ...] = ()
    schedule: Schedule | None = None
    explained_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRule(RuleBase):
    """A rule about one point of one or more devices; each device has an alarm of its own.

    Attributes:
        devices: the devices it watches.
        point: the point it watches.
    """

    devices: tuple[str, ...]
    point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRule(PointRule):
    """A limit on a value.

    Attributes:
        above: active while the value is greater.
        below: active while the value is smaller. With both, active outside of them.
        hysteresis: how far the value must come back behind the limit to count as normal, in the
            point's unit.
        stages: further limits, each beyond the one before; only with one of above and below.
    """

    above: float | None = None
    below: float | None = None
    hysteresis: float = 0.0
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRule(PointRule):
    """A limit on how fast a value changes.

    Attributes:
        window_ms: over how long the change is taken.
        rising_per_min: active while it rises faster, in the point's unit a minute.
        falling_per_min: active while it falls faster; positive.
        hysteresis: as for a threshold, in the point's unit a minute.
    """

    window_ms: int
    rising_per_min: float | None = None
    falling_per_min: float | None = None
    hysteresis: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckRule(PointRule):
    """A value that does not move although it should.

    Attributes:
        for_ms: how long it may stand still.
        tolerance: a movement up to this counts as standing still.
        normal_at: values at which it may stand still for ever, e.g. 0 of a gas detector.
    """

    for_ms: int
    tolerance: float = 0.0
    normal_at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDataRule(PointRule):
    """A point without a good value, though its device may answer.

    Attributes:
        after_ms: how long that may last.
    """

    after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsRule(PointRule):
    """Bits of a status word.

    Attributes:
        bits: which are watched, from 0.
        set_: whether they raise the alarm when set, or when clear.
        all_: whether all of them must be so, or any.
    """

    bits: tuple[int, ...]
    set_: bool = True
    all_: bool = False

    @property
    def mask(self) -> int:
        """The watched bits as a word."""
        return sum(1 << bit for bit in set(self.bits))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRule(PointRule):
    """A limit on what a window of values comes to.

    Attributes:
        measure: mean, min, max, sum, count or spread.
        window_ms: how long the window is.
        above, below, hysteresis: as for a threshold, in the point's unit.
    """

    measure: Measure
    window_ms: int
    above: float | None = None
    below: float | None = None
    hysteresis: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Voter:
    """Who is asked: a limit on a point of a device, or another rule's condition.

    Attributes:
        device: whose point, or for which device the rule stands.
        point: the point; empty when a rule is asked.
        rule: the rule; empty when a point is asked.
    """

    device: str
    point: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRule(RuleBase):
    """At least so many of several say yes: k of n, all of, any of.

    Attributes:
        device: the device to which the alarm belongs.
        voters: who is asked.
        need: how many must say yes.
        above, below, hysteresis: the limit, where points are asked.
    """

    device: str
    voters: tuple[Voter, ...]
    need: int
    above: float | None = None
    below: float | None = None
    hysteresis: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRule(RuleBase):
    """A device that stops answering raises an alarm of its own.

    Attributes:
        id: always `contact`.
        device: the device it watches.
        after_ms: how long it may stay silent.
    """

    id: str = "contact"
    kind: Kind = field(default=Kind.CONTACT)
    class_: AlarmClass = AlarmClass.FAULT
    device: str
    after_ms: int


Rule = ThresholdRule | RateRule | StuckRule | NoDataRule | BitsRule | WindowRule | VoteRule | ContactRule


def devices_of(rule: Rule) -> tuple[str, ...]:
    """Return the devices for which a rule has an alarm each."""
    return (rule.device,) if isinstance(rule, ContactRule | VoteRule) else rule.devices


def watched_devices(rule: Rule) -> tuple[str, ...]:
    """Return the devices a rule needs to hear of."""
    if isinstance(rule, VoteRule):
        return tuple(dict.fromkeys((rule.device, *(voter.device for voter in rule.voters))))
    return devices_of(rule)


def memory_ms(rule: Rule) -> int:
    """Return how far back a rule looks: from stored readings after a restart."""
    match rule:
        case RateRule() | WindowRule():
            return rule.window_ms
        case StuckRule():
            return rule.for_ms
        case NoDataRule():
            return rule.after_ms
        case _:
            return 0
