"""The gateway's own rules: each is raised by what it is about, not before its time, and ends with it."""

from dataclasses import dataclass, replace

import pytest

from edge.clock import ManualClock
from edge.rules.engine import RuleEngine
from edge.rules.state import Now
from edge.watch.selfwatch import SELF_DEVICE, SELF_POINTS, SelfMeasures, self_rules, self_snapshot
from tests.edge.site import BOOT
from wire.vocabulary import AlarmClass, Clock, Kind

WELL = SelfMeasures(
    store_failed=False,
    disk_free_percent=40.0,
    memory_available_percent=50.0,
    cpu_temperature_c=55.0,
    written_budget_percent=30.0,
    clock_unsure=False,
    certificate_days=200.0,
)
HOUR_S, MINUTE_S = 3600, 60


@dataclass(frozen=True)
class Ill:
    """What is wrong, from when it is told, what is not yet well again, and when it is over."""

    ill: dict[str, object]
    after_s: int
    class_: AlarmClass
    hardly_better: dict[str, object]
    over_after_s: int = 0


CASES = {
    "gateway-store": Ill(
        {"store_failed": True}, 0, AlarmClass.FAULT, {"store_failed": True}, over_after_s=MINUTE_S
    ),
    "gateway-disk": Ill({"disk_free_percent": 4.9}, MINUTE_S, AlarmClass.FAULT, {"disk_free_percent": 7.9}),
    "gateway-memory": Ill(
        {"memory_available_percent": 4.9},
        10 * MINUTE_S,
        AlarmClass.FAULT,
        {"memory_available_percent": 9.9},
    ),
    "gateway-heat": Ill(
        {"cpu_temperature_c": 85.1}, 10 * MINUTE_S, AlarmClass.ADVICE, {"cpu_temperature_c": 75.1}
    ),
    "gateway-writes": Ill(
        {"written_budget_percent": 100.1}, HOUR_S, AlarmClass.ADVICE, {"written_budget_percent": 90.1}
    ),
    "gateway-clock": Ill({"clock_unsure": True}, HOUR_S, AlarmClass.FAULT, {"clock_unsure": True}),
    "gateway-certificate": Ill(
        {"certificate_days": 20.9}, MINUTE_S, AlarmClass.FAULT, {"certificate_days": 20.9}
    ),
}


class Watched:
    """The gateway's rules alone, and a clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.engine = RuleEngine(
            rules=self_rules(),
            points={SELF_DEVICE: tuple((point.name, point.unit) for point in SELF_POINTS)},
            labels={},
            boot=BOOT,
        )

    def stays(self, measures: SelfMeasures, *, for_s: int) -> None:
        """Measure the same every five seconds, as the gateway does, for so long."""
        end_ms = self.clock.boot_ms + for_s * 1000
        while True:
            now = Now(moment=self.clock.moment(), boot=BOOT, trust=Clock.SYNCED)
            self.engine.take(self_snapshot(measures, now.moment), now)
            self.engine.tick(now)
            if self.clock.boot_ms >= end_ms:
                return
            self.clock.advance(seconds=5)

    @property
    def raised(self):
        return {alarm.rule: alarm for alarm in self.engine.alarms.values()}


def test_every_rule_has_a_case():
    assert {rule.id for rule in self_rules()} == set(CASES)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_raised_by_what_it_is_about_and_ends_with_it(rule):
    case, gateway = CASES[rule], Watched()
    gateway.stays(WELL, for_s=10)
    assert not gateway.raised
    ill = replace(WELL, **case.ill)
    if case.after_s:
        gateway.stays(ill, for_s=case.after_s - 10)
        assert not gateway.raised, "too early"
    gateway.stays(ill, for_s=20)
    (alarm,) = gateway.raised.values()
    assert (alarm.rule, alarm.device, alarm.kind, alarm.class_) == (
        rule,
        SELF_DEVICE,
        Kind.CONTACT,
        case.class_,
    )
    assert alarm.sentence
    assert alarm.sentence_en
    gateway.stays(replace(WELL, **case.hardly_better), for_s=2 * MINUTE_S)
    assert rule in gateway.raised
    gateway.stays(WELL, for_s=case.over_after_s)
    assert not gateway.raised


@pytest.mark.parametrize(
    "unknown",
    [
        "disk_free_percent",
        "memory_available_percent",
        "cpu_temperature_c",
        "written_budget_percent",
        "certificate_days",
    ],
)
def test_what_cannot_be_measured_raises_nothing_and_clears_nothing(unknown):
    gateway = Watched()
    gateway.stays(replace(WELL, **{unknown: None}), for_s=2 * HOUR_S)
    assert not gateway.raised
    (case,) = (case for case in CASES.values() if unknown in case.ill)
    gateway.stays(replace(WELL, **case.ill), for_s=2 * HOUR_S)
    gateway.stays(replace(WELL, **{unknown: None}), for_s=HOUR_S)
    assert len(gateway.raised) == 1
