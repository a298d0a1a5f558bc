"""A small gateway for tests: one gas detector, one river station, a valve."""

import itertools
from dataclasses import dataclass, field

from edge.clock import ManualClock
from edge.model import Point, Snapshot
from edge.rules.decision import Decision
from edge.rules.engine import RuleEngine
from edge.rules.model import ContactRule, Rule, RuleAction, ThresholdRule
from edge.rules.state import Now
from wire.vocabulary import AlarmClass, Kind, Quality

GAS = (Point("gas_lel", "%{LEL}"),)
POINTS = {"gas": (("gas_lel", "%{LEL}"),), "valve": (("valve_closed", "1"),)}
BOOT = "boot-1"


def gas_rule(**changes) -> ThresholdRule:
    values = {
        "id": "gas-high",
        "devices": ("gas",),
        "point": "gas_lel",
        "above": 25.0,
        "hysteresis": 5.0,
        "kind": Kind.GAS,
        "class_": AlarmClass.LIFE_SAFETY,
        "actions": (RuleAction(action="close_valve", device="valve"),),
        **changes,
    }
    return ThresholdRule(**values)


@dataclass
class Bench:
    """An engine and a clock; values go in, decisions come out."""

    rules: tuple[Rule, ...] = field(default_factory=lambda: (gas_rule(),))
    boot: str = BOOT
    clock: ManualClock = field(default_factory=ManualClock)
    server_is_away: bool = False

    def __post_init__(self) -> None:
        self.engine = self.build()

    def build(self) -> RuleEngine:
        return RuleEngine(
            rules=self.rules,
            points=POINTS,
            labels={"gas": "探测器"},
            boot=self.boot,
            is_unsent=lambda _alarm: self.server_is_away,
        )

    def now(self) -> Now:
        return Now(moment=self.clock.moment(), boot=self.boot, trust=self.clock.trust())

    def measure(self, value: float | None, quality: Quality = Quality.GOOD) -> list[Decision]:
        """One poll of the gas detector."""
        return self.engine.take(self.snapshot(value, quality), self.now())

    def snapshot(self, value: float | None, quality: Quality = Quality.GOOD) -> Snapshot:
        """What one poll of the gas detector brings."""
        return Snapshot(
            device="gas",
            points=GAS,
            values=(value,),
            qualities=None if quality is Quality.GOOD else (quality,),
            at=self.clock.moment(),
        )

    def pass_time(self, seconds: float) -> list[Decision]:
        self.clock.advance(seconds=seconds)
        return self.engine.tick(self.now())

    def restart(self, *, boot: str | None = None) -> list[Decision]:
        """End and start anew from what a journal would hold."""
        states, alarms = dict(self.engine.states), list(self.engine.alarms.values())
        self.boot = boot or self.boot
        self.engine = self.build()
        return self.engine.restore(states, alarms, self.now())


def changes(decisions: list[Decision]) -> list[str]:
    return [decision.change.value for decision in decisions]


def alarms(decisions: list[Decision]):
    return [decision.alarm for decision in decisions if decision.alarm is not None]


CONTACT = ContactRule(device="gas", after_ms=30_000)
boots = (f"boot-{number}" for number in itertools.count(2))
