"""The rules of a site, from its settings: its own, and one of contact for each device."""

from datetime import time
from typing import Any

from edge.drivers.profile import shipped_profiles
from edge.rules.model import (
    BitsRule,
    ContactRule,
    NoDataRule,
    RateRule,
    Rule,
    RuleAction,
    Stage,
    StuckRule,
    ThresholdRule,
    Voter,
    VoteRule,
    WindowRule,
)
from edge.rules.schedule import Schedule
from edge.site.config import SiteSettings
from edge.site.periods import contact_after_s
from edge.site.ruleconfig import (
    DAYS,
    AllOfRuleSettings,
    BitsRuleSettings,
    CombinedRuleSettings,
    KOfNRuleSettings,
    NoDataRuleSettings,
    RateRuleSettings,
    RuleActionSettings,
    RuleBaseSettings,
    RuleSettings,
    ScheduleSettings,
    StuckRuleSettings,
    ThresholdRuleSettings,
    WindowRuleSettings,
)
from wire.vocabulary import Measure


def rules_of(settings: SiteSettings) -> tuple[Rule, ...]:
    """Return the rules of a site: its own, and one of contact for each device."""
    own = tuple(build_rule(rule, zone=settings.timezone) for rule in settings.rules)
    profiles = shipped_profiles()
    contact = tuple(
        ContactRule(
            device=device.id,
            after_ms=round(contact_after_s(device, profiles[device.profile]) * 1000),
            class_=device.contact.class_,
            explained_by=device.contact.explained_by,
        )
        for device in settings.devices
    )
    return own + contact


def build_rule(rule: RuleSettings, *, zone: str) -> Rule:  # noqa: PLR0911 - one for each kind of rule
    """Return the rule that its settings describe.

    Args:
        rule: of the site file, checked.
        zone: the site's time zone.
    """
    common = _common(rule, zone)
    match rule:
        case ThresholdRuleSettings():
            stages = tuple(
                Stage(limit=one.limit, class_=one.class_, actions=_actions(one.actions))
                for one in rule.stages
            )
            return ThresholdRule(**common, **_point(rule), **_limit(rule), stages=stages)
        case RateRuleSettings():
            return RateRule(
                **common,
                **_point(rule),
                window_ms=_ms(rule.window_s),
                rising_per_min=rule.rising_per_min,
                falling_per_min=rule.falling_per_min,
                hysteresis=rule.hysteresis,
            )
        case StuckRuleSettings():
            return StuckRule(
                **common,
                **_point(rule),
                for_ms=_ms(rule.for_s),
                tolerance=rule.tolerance,
                normal_at=rule.normal_at,
            )
        case NoDataRuleSettings():
            return NoDataRule(**common, **_point(rule), after_ms=_ms(rule.after_s))
        case BitsRuleSettings():
            quantity, state = rule.when.split("_")
            return BitsRule(
                **common, **_point(rule), bits=rule.bits, set_=state == "set", all_=quantity == "all"
            )
        case WindowRuleSettings():
            return WindowRule(
                **common,
                **_point(rule),
                **_limit(rule),
                measure=Measure(rule.measure),
                window_ms=_ms(rule.window_s),
            )
        case KOfNRuleSettings():
            voters = tuple(Voter(device=device, point=rule.point) for device in rule.devices)
            return VoteRule(**common, **_limit(rule), device=rule.reported_on, voters=voters, need=rule.need)
        case _:
            return _combined(rule, common)


def _combined(rule: CombinedRuleSettings, common: dict[str, Any]) -> VoteRule:
    need = len(rule.of) if isinstance(rule, AllOfRuleSettings) else 1
    voters = tuple(Voter(device=one.device, rule=one.rule) for one in rule.of)
    return VoteRule(**common, device=rule.reported_on, voters=voters, need=need)


def _common(rule: RuleBaseSettings, zone: str) -> dict[str, Any]:
    return {
        "id": rule.id,
        "kind": rule.kind,
        "class_": rule.class_,
        "on_delay_ms": _ms(rule.on_delay_s),
        "off_delay_ms": _ms(rule.off_delay_s),
        "latching": rule.latching,
        "actions": _actions(rule.actions),
        "schedule": None if rule.active is None else _schedule(rule.active, zone),
        "explained_by": rule.explained_by,
    }


def _schedule(active: ScheduleSettings, zone: str) -> Schedule:
    return Schedule(
        days=frozenset(DAYS.index(day) for day in active.days),
        begin=time.fromisoformat(active.begin),
        end=time.fromisoformat(active.end),
        zone=zone,
    )


def _point(rule: Any) -> dict[str, Any]:
    return {"devices": rule.devices, "point": rule.point}


def _limit(rule: Any) -> dict[str, Any]:
    return {"above": rule.above, "below": rule.below, "hysteresis": rule.hysteresis}


def _actions(wishes: tuple[RuleActionSettings, ...]) -> tuple[RuleAction, ...]:
    return tuple(RuleAction(action=wish.do, device=wish.device, undo=wish.undo or "") for wish in wishes)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
