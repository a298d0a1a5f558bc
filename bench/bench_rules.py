"""CPU per evaluation of every kind of rule, and a recorded day through the rules.

The bar is that of the gateway: at most 12 µs of CPU a value at 100 ms. A plain limit may take a twelfth
of it, no kind more than all. A bare hysteresis check as a method call, the least a rule can cost in
Python, takes 0.05 µs. A replay must run at least 1,000 times as fast as what it replays.
"""

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from edge.model import Moment, Point, Snapshot
from edge.rules.engine import RuleEngine
from edge.rules.model import (
    BitsRule,
    NoDataRule,
    RateRule,
    Rule,
    StuckRule,
    ThresholdRule,
    Voter,
    VoteRule,
    WindowRule,
)
from edge.rules.replay import replay
from edge.rules.state import Now
from wire.vocabulary import AlarmClass, Kind, Measure

POINTS = tuple(Point(f"p{n}", "m") for n in range(20))
NAMED = tuple((point.name, point.unit) for point in POINTS)
COMMON = {"devices": ("d",), "kind": Kind.WATER, "class_": AlarmClass.HAZARD}
REPEATS = 20_000


def kinds() -> dict[str, list[Rule]]:
    def each(make: Callable[..., Rule]) -> list[Rule]:
        return [make(id=f"r{n}", point=f"p{n}", **COMMON) for n in range(20)]

    voters = tuple(Voter(device="d", point=point.name) for point in POINTS[:3])
    return {
        "threshold with hysteresis": each(lambda **c: ThresholdRule(above=90.0, hysteresis=2.0, **c)),
        "threshold, outside": each(lambda **c: ThresholdRule(above=90.0, below=-5.0, **c)),
        "status bits": each(lambda **c: BitsRule(bits=(14,), **c)),
        "no data": each(lambda **c: NoDataRule(after_ms=60_000, **c)),
        "stuck value": each(lambda **c: StuckRule(for_ms=3_600_000, **c)),
        "rate of change": each(lambda **c: RateRule(window_ms=60_000, rising_per_min=1e6, **c)),
        "window, mean of 10 min": each(
            lambda **c: WindowRule(measure=Measure.MEAN, window_ms=600_000, above=90.0, **c)
        ),
        "2 of 3": [
            VoteRule(
                id="v",
                device="d",
                voters=voters,
                need=2,
                above=90.0,
                kind=Kind.FIRE,
                class_=AlarmClass.HAZARD,
            )
        ],
    }


def engine_of(rules: list[Rule]) -> RuleEngine:
    return RuleEngine(rules=rules, points={"d": NAMED}, labels={}, boot="b")


def snapshots(count: int, every_ms: int) -> Iterator[Snapshot]:
    for n in range(count):
        values = tuple(float((n + k) % 50) for k in range(20))
        yield Snapshot(
            device="d", points=POINTS, values=values, at=Moment(wall_ms=n * every_ms, boot_ms=n * every_ms)
        )


def measure(name: str, rules: list[Rule], repeats: int) -> None:
    engine, best = engine_of(rules), float("inf")
    stream = list(snapshots(repeats, 1000))
    nows = [Now(moment=one.at, boot="b") for one in stream]
    for _ in range(3):
        begun = time.process_time()
        for snapshot, now in zip(stream, nows, strict=True):
            engine.take(snapshot, now)
        best = min(best, time.process_time() - begun)
    bar = 1 if "threshold" in name else 12
    print(f"{name:28} {best / repeats / max(len(rules), 1) * 1e6:8.3f} µs per evaluation   bar {bar} µs")


def replay_day() -> None:
    rules = kinds()["threshold with hysteresis"] + kinds()["window, mean of 10 min"][:2]
    rules = [*rules[:20], *(replace(rule, id=f"w{rule.id}") for rule in rules[20:])]
    begun = time.process_time()
    count = sum(1 for _ in replay(engine_of(rules), snapshots(86_400, 1000)))
    spent = time.process_time() - begun
    times = 86_400 / spent
    print(f"a day, 20 points every second: {count} moments in {spent:.1f} s CPU")
    print(f"{times:,.0f} × real time (bar 1,000)")


if __name__ == "__main__":
    for kind, made in kinds().items():
        measure(kind, made, REPEATS if "threshold" in kind else REPEATS // 10)
    replay_day()
    print(f"resident {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
