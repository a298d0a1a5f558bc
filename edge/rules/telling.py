"""An alarm in the words of the wire: all that a person needs to know why it is one. Pure."""

from datetime import UTC, datetime

from edge.model import Moment
from edge.rules.model import VoteRule, memory_ms
from edge.rules.state import RuleState
from edge.rules.suppression import Marks
from edge.rules.watch import Watch
from wire.ids import new_uuid7
from wire.messages import Action, AlarmState, Voter
from wire.vocabulary import Condition, Mode, Quality


def tell_alarm(
    watch: Watch,
    state: RuleState,
    *,
    alarm: str,
    known: AlarmState | None,
    moment: Moment,
    actions: tuple[Action, ...],
    voters: tuple[Voter, ...] = (),
    quality: Quality = Quality.GOOD,
) -> AlarmState:
    """Return an alarm as it now stands; how it is marked comes afterwards.

    Args:
        watch: the rule on its device.
        state: where it stands.
        alarm: the alarm's id.
        known: what was told of it last.
        moment: now.
        actions: what was done on the spot.
        voters: what each one said, where several are asked.
        quality: of the newest reading.
    """
    rule, stage = watch.rule, state.stage
    has_stages = bool(getattr(rule, "stages", ()))
    if state.condition is Condition.NORMAL and known is not None:
        stage = stage or known.stage
    return AlarmState(
        alarm=alarm,
        device=watch.key[1],
        rule=watch.key[0],
        rule_hash=watch.hash,
        sentence=watch.sentence[0],
        sentence_en=watch.sentence[1],
        kind=rule.kind,
        class_=watch.class_at(stage),
        condition=state.condition,
        latched=state.latched,
        point=watch.point,
        value=state.value,
        unit=watch.told_unit,
        limit=watch.limit_at(stage, state.value),
        measure=watch.measure,
        window_ms=memory_ms(rule),
        stage=max(stage, 1) if has_stages else 0,
        voters=voters,
        votes_needed=rule.need if isinstance(rule, VoteRule) else 0,
        quality=quality,
        raised_at=known.raised_at if known else at_wall(state.raised_ms or moment.wall_ms),
        changed_at=moment.as_datetime(),
        count=state.count or (known.count if known else 1),
        actions=actions,
        label=watch.label,
    )


def tell_test(watch: Watch, mode: Mode, moment: Moment) -> AlarmState:
    """Return an alarm that is raised to be seen, not because of a reading."""
    return AlarmState(
        alarm=new_uuid7(unix_ms=moment.wall_ms),
        device=watch.key[1],
        rule=watch.key[0],
        rule_hash=watch.hash,
        sentence=watch.sentence[0],
        sentence_en=watch.sentence[1],
        kind=watch.rule.kind,
        class_=watch.class_at(1),
        condition=Condition.ACTIVE,
        mode=mode,
        point=watch.point,
        unit=watch.told_unit,
        limit=watch.limit_at(1, None),
        measure=watch.measure,
        raised_at=moment.as_datetime(),
        changed_at=moment.as_datetime(),
        label=watch.label,
    )


def at_wall(wall_ms: int) -> datetime:
    """Return milliseconds since 1970 as an aware datetime."""
    return datetime.fromtimestamp(wall_ms / 1000, tz=UTC)


def marks_of(alarm: AlarmState) -> Marks:
    """Return how an alarm is marked."""
    return Marks(
        suppression=alarm.suppression,
        until=alarm.suppressed_until,
        by=alarm.suppressed_by,
        why=alarm.suppressed_why,
        explained_by=alarm.explained_by,
    )
