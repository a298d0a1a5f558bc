"""A rule as it is reported to the server: its limits with their stages, its words, its actions. Pure."""

from typing import Final

from edge.rules.model import (
    BitsRule,
    ContactRule,
    NoDataRule,
    PointRule,
    RateRule,
    Rule,
    StuckRule,
    ThresholdRule,
    VoteRule,
    WindowRule,
    devices_of,
    memory_ms,
    watched_devices,
)
from edge.rules.schedule import Schedule
from edge.rules.watch import Points, prepare_watch
from wire.configuration import RuleInForce, RuleLimit
from wire.vocabulary import AlarmClass, LimitSide, Measure

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TYPES: Final[dict[type[Rule], str]] = {
    ThresholdRule: "threshold",
    RateRule: "rate",
    StuckRule: "stuck",
    NoDataRule: "no_data",
    BitsRule: "bits",
    WindowRule: "window",
    ContactRule: "contact",
}
_EVERY_STAGE: Final = 1 << 8


def rule_in_force(rule: Rule, points: Points) -> RuleInForce:
    """Return a rule as it is reported.

    Args:
        rule: any rule.
        points: of the first of its devices, which tell the unit.
    """
    devices = devices_of(rule)
    watch = prepare_watch(rule, devices[0], points, "")
    unit, measure = watch.told_unit, watch.measure
    if isinstance(rule, ContactRule):
        unit, measure = "s", Measure.AGE
    elif isinstance(rule, VoteRule) and rule.voters[0].point:
        unit, measure = watch.unit, Measure.VALUE
    return RuleInForce(
        rule=rule.id,
        type=_type_of(rule),
        hash=watch.hash,
        kind=rule.kind,
        class_=rule.class_,
        devices=devices,
        watches=tuple(one for one in watched_devices(rule) if one not in devices),
        point=_point_of(rule),
        unit=unit,
        measure=measure,
        window_ms=0 if isinstance(rule, NoDataRule) else memory_ms(rule),
        limits=_limits_of(rule),
        hysteresis=getattr(rule, "hysteresis", 0.0),
        on_delay_ms=rule.on_delay_ms,
        off_delay_ms=rule.off_delay_ms,
        latching=rule.latching,
        votes_needed=rule.need if isinstance(rule, VoteRule) else 0,
        schedule="" if rule.schedule is None else _schedule_text(rule.schedule),
        explained_by=rule.explained_by,
        actions=tuple(f"{wish.action} {wish.device}" for wish in watch.wishes_at(_EVERY_STAGE)),
        sentence=watch.sentence[0],
        sentence_en=watch.sentence[1],
    )


def _type_of(rule: Rule) -> str:
    if not isinstance(rule, VoteRule):
        return _TYPES[type(rule)]
    if not rule.voters[0].rule:
        return "k_of_n"
    return "any_of" if rule.need == 1 else "all_of"


def _point_of(rule: Rule) -> str | None:
    if isinstance(rule, VoteRule):
        return rule.voters[0].point or None
    return rule.point if isinstance(rule, PointRule) else None


def _limits_of(rule: Rule) -> tuple[RuleLimit, ...]:
    match rule:
        case ThresholdRule(stages=stages) if stages:
            side, first = _sides(rule.above, rule.below)[0]
            further = enumerate(((stage.limit, stage.class_) for stage in stages), start=2)
            return (
                RuleLimit(side=side, limit=first, stage=1, class_=rule.class_),
                *(
                    RuleLimit(side=side, limit=limit, stage=number, class_=class_)
                    for number, (limit, class_) in further
                ),
            )
        case ThresholdRule() | WindowRule() | VoteRule():
            return _plain(_sides(rule.above, rule.below), rule.class_)
        case RateRule():
            rates = ((LimitSide.RISING, rule.rising_per_min), (LimitSide.FALLING, rule.falling_per_min))
            return _plain([(side, rate) for side, rate in rates if rate is not None], rule.class_)
        case NoDataRule() | ContactRule():
            return _plain([(LimitSide.ABOVE, rule.after_ms / 1000)], rule.class_)
        case BitsRule() | StuckRule():
            return ()


def _sides(above: float | None, below: float | None) -> list[tuple[LimitSide, float]]:
    both = ((LimitSide.ABOVE, above), (LimitSide.BELOW, below))
    return [(side, limit) for side, limit in both if limit is not None]


def _plain(limits: list[tuple[LimitSide, float]], class_: AlarmClass) -> tuple[RuleLimit, ...]:
    return tuple(RuleLimit(side=side, limit=limit, class_=class_) for side, limit in limits)


def _schedule_text(schedule: Schedule) -> str:
    days = " ".join(_DAYS[day] for day in sorted(schedule.days))
    return f"{days} {schedule.begin:%H:%M}-{schedule.end:%H:%M} {schedule.zone}"
