"""One rule on one device, prepared for the hot path. Pure."""

from dataclasses import dataclass
from typing import Final

from edge.rules.bits import BitsJudge
from edge.rules.judge import Judge
from edge.rules.model import (
    BitsRule,
    ContactRule,
    NoDataRule,
    PointRule,
    RateRule,
    Rule,
    RuleAction,
    StuckRule,
    ThresholdRule,
    VoteRule,
    WindowRule,
)
from edge.rules.nodata import NoDataJudge
from edge.rules.rate import RateJudge
from edge.rules.sentences import Words, hash_of, sentence_of
from edge.rules.step import Behaviour
from edge.rules.stuck import StuckJudge
from edge.rules.threshold import Limit, crossed, prepare_limit
from edge.rules.window import WindowJudge
from wire.vocabulary import AlarmClass, Measure

Key = tuple[str, str]
"""A rule's id and a device's id."""

Points = tuple[tuple[str, str], ...]
"""A device's points as (name, unit), in the order of its snapshots."""

NO_POINT: Final = -1
"""The index of a rule that watches the device itself, or several."""
_RANK: Final = {class_: rank for rank, class_ in enumerate(reversed(AlarmClass))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A rule that watches a device.

    Attributes:
        key: rule and device.
        rule: what is judged.
        behaviour: delays and latching.
        index: of the watched point in the device's snapshots; `NO_POINT` for contact and votes.
        limit: decides at once, for a threshold; None for what `judge` evaluates.
        judge: remembers and evaluates; None for threshold, contact and votes.
        unit: of the watched point, a UCUM code.
        label: the name by which people know the device.
        sentence: the rule in words.
        hash: identifies its content.
    """

    key: Key
    rule: Rule
    behaviour: Behaviour
    index: int
    limit: Limit | None
    judge: Judge | None
    unit: str
    label: str
    sentence: Words
    hash: str

    @property
    def point(self) -> str | None:
        """The watched point; None when the device itself is watched, or several."""
        return self.rule.point if isinstance(self.rule, PointRule) else None

    def class_at(self, stage: int) -> AlarmClass:
        """Return the class at a stage: the highest of those reached."""
        rule = self.rule
        if stage <= 1 or not isinstance(rule, ThresholdRule):
            return rule.class_
        reached = (rule.class_, *(further.class_ for further in rule.stages[: stage - 1]))
        return max(reached, key=_RANK.__getitem__)

    @property
    def highest_class(self) -> AlarmClass:
        """The class of its highest stage."""
        return self.behaviour.class_

    def wishes_at(self, stage: int) -> tuple[RuleAction, ...]:
        """Return what is to be done on the spot at a stage: all that the stages up to it ask for."""
        rule = self.rule
        if stage <= 1 or not isinstance(rule, ThresholdRule):
            return rule.actions
        further = tuple(wish for one in rule.stages[: stage - 1] for wish in one.actions)
        return tuple(dict.fromkeys(rule.actions + further))

    def limit_at(self, stage: int, value: float | None) -> float | None:
        """Return the limit that people are told, in the measure's unit; None where there is none."""
        match self.rule:
            case ThresholdRule() as rule if stage > 1:
                return rule.stages[stage - 2].limit
            case ThresholdRule() | WindowRule() as rule:
                return crossed(rule.above, rule.below, value)
            case RateRule() as rule:
                falling = None if rule.falling_per_min is None else -rule.falling_per_min
                return crossed(rule.rising_per_min, falling, value)
            case NoDataRule() as rule:
                return rule.after_ms / 1000
            case VoteRule() as rule:
                return float(rule.need)
            case BitsRule() | StuckRule() | ContactRule():
                return None

    @property
    def measure(self) -> Measure:
        """What its figures are of the measured quantity."""
        match self.rule:
            case WindowRule() as rule:
                return rule.measure
            case RateRule():
                return Measure.RATE
            case NoDataRule():
                return Measure.AGE
            case BitsRule():
                return Measure.BITS
            case VoteRule():
                return Measure.VOTES
            case ThresholdRule() | StuckRule() | ContactRule():
                return Measure.VALUE

    @property
    def told_unit(self) -> str:
        """The unit of its figures, a UCUM code."""
        fixed = {Measure.AGE: "s", Measure.COUNT: "1", Measure.VOTES: "1", Measure.BITS: "1"}
        if self.measure is Measure.RATE:
            return f"{self.unit}/min"
        return fixed.get(self.measure, self.unit)


def prepare_watch(rule: Rule, device: str, points: Points, label: str, *, since_ms: int = 0) -> Watch:
    """Prepare a rule for a device.

    Args:
        rule: the rule.
        device: the device's id.
        points: the device's points.
        label: the name by which people know it.
        since_ms: when listening began, milliseconds since the machine started.
    """
    index, unit = NO_POINT, ""
    if isinstance(rule, PointRule):
        index = [name for name, _ in points].index(rule.point)
        unit = points[index][1]
    elif isinstance(rule, VoteRule):
        unit = dict(points).get(rule.voters[0].point, "")
    limit = None
    if isinstance(rule, ThresholdRule):
        limit = prepare_limit(above=rule.above, below=rule.below, hysteresis=rule.hysteresis)
    return Watch(
        key=(rule.id, device),
        rule=rule,
        behaviour=_behaviour(rule),
        index=index,
        limit=limit,
        judge=_judge(rule, since_ms),
        unit=unit,
        label=label,
        sentence=sentence_of(rule, unit),
        hash=hash_of(rule),
    )


def _behaviour(rule: Rule) -> Behaviour:
    if isinstance(rule, ContactRule):
        return Behaviour(on_delay_ms=rule.after_ms, class_=rule.class_)
    stages = rule.stages if isinstance(rule, ThresholdRule) else ()
    return Behaviour(
        on_delay_ms=rule.on_delay_ms,
        off_delay_ms=rule.off_delay_ms,
        latching=rule.latching,
        class_=max((rule.class_, *(stage.class_ for stage in stages)), key=_RANK.__getitem__),
    )


def _judge(rule: Rule, since_ms: int) -> Judge | None:
    match rule:
        case BitsRule():
            return BitsJudge(rule)
        case NoDataRule():
            return NoDataJudge(rule, since_ms=since_ms)
        case StuckRule():
            return StuckJudge(rule)
        case WindowRule():
            return WindowJudge(rule)
        case RateRule():
            return RateJudge(rule)
        case ThresholdRule() | VoteRule() | ContactRule():
            return None
