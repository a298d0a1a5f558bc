"""Checks what a rule says against the site: devices, points, actions, other rules; and against itself."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge.drivers.profile import Profile, actions_of
from edge.rules.suppression import may_be_explained
from edge.site.ruleconfig import (
    CombinedRuleSettings,
    KOfNRuleSettings,
    LimitSettings,
    RateRuleSettings,
    ThresholdRuleSettings,
)
from wire.vocabulary import AlarmClass

_MOST_LISTED: Final = 12
CONTACT: Final = "contact"
"""The rule that every device has by itself."""

Found = Iterator[tuple[tuple[str | int, ...], str]]
"""Where in the file, and what was found there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What rules may name.

    Attributes:
        devices: the ids of all devices.
        models: the profile of each device whose profile is known.
        rules: every rule that can be read, by id.
        rule_ids: the ids of all rules, readable or not.
        contacts: rules that explain a device's contact alarm, by device.
    """

    devices: frozenset[str]
    models: Mapping[str, Profile]
    rules: Mapping[str, Any]
    rule_ids: frozenset[str]
    contacts: Mapping[str, tuple[str, ...]]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return a sentence about a name that stands for nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(names[:_MOST_LISTED]) or "none"
    rest = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"found {what} {name!r}, allowed {listed}{rest}{hint}"


def check_rule(index: int, rule: Any, site: Site) -> Found:
    """Yield every problem of one rule."""
    at: tuple[str | int, ...] = ("rules", index)
    if rule.id == CONTACT:
        yield (*at, "id"), f"found {CONTACT!r}, which every device has by itself"
    yield from _check_limits(at, rule)
    if isinstance(rule, CombinedRuleSettings):
        yield from _check_conditions(at, rule, site)
    else:
        yield from _check_points(at, rule, site)
    if hasattr(rule, "reported_on") and rule.reported_on not in site.devices:
        yield (*at, "reported_on"), unknown("device", rule.reported_on, site.devices)
    yield from _check_actions((*at, "actions"), rule.actions, site)
    for number, stage in enumerate(getattr(rule, "stages", ())):
        yield from _check_actions((*at, "stages", number, "actions"), stage.actions, site)
    if rule.active is not None and _highest(rule) is AlarmClass.LIFE_SAFETY:
        yield (*at, "active"), "found hours on a life_safety rule, allowed on none: it watches always"
    yield from _check_explained(at, rule, site)


def check_contact(index: int, device: Any, site: Site) -> Found:
    """Yield every problem of what explains a device's contact alarm."""
    for place, name in enumerate(device.contact.explained_by):
        yield from _check_cause(("devices", index, "contact", "explained_by", place), name, site)


def _highest(rule: Any) -> AlarmClass:
    classes = {rule.class_, *(stage.class_ for stage in getattr(rule, "stages", ()))}
    return next(class_ for class_ in AlarmClass if class_ in classes)


def _check_limits(at: tuple[str | int, ...], rule: Any) -> Found:
    if isinstance(rule, RateRuleSettings):
        if rule.rising_per_min is None and rule.falling_per_min is None:
            yield at, "found neither rising_per_min nor falling_per_min, allowed at least one of them"
        return
    if not isinstance(rule, LimitSettings):
        return
    if rule.above is None and rule.below is None:
        yield at, "found neither above nor below, allowed at least one of them"
    if rule.above is not None and rule.below is not None:
        if rule.below >= rule.above:
            text = f"found below {rule.below:g} and above {rule.above:g}, allowed below the smaller one"
            yield (*at, "below"), f"{text}: the alarm is outside of them"
        elif rule.hysteresis * 2 >= rule.above - rule.below:
            yield (*at, "hysteresis"), f"found {rule.hysteresis:g}, allowed less than half of the span"
    if isinstance(rule, ThresholdRuleSettings) and rule.stages:
        yield from _check_stages(at, rule)


def _check_stages(at: tuple[str | int, ...], rule: ThresholdRuleSettings) -> Found:
    if rule.above is not None and rule.below is not None:
        yield (*at, "stages"), "found stages and both limits, allowed stages with one limit"
        return
    last = rule.above if rule.above is not None else rule.below
    if last is None:
        return
    rising, order = rule.above is not None, list(reversed(AlarmClass))
    class_ = rule.class_
    for number, stage in enumerate(rule.stages):
        if (stage.limit <= last) if rising else (stage.limit >= last):
            word = "more" if rising else "less"
            text = f"found {stage.limit:g}, allowed {word} than {last:g}: a stage lies beyond the one before"
            yield (*at, "stages", number, "limit"), text
        if order.index(stage.class_) < order.index(class_):
            text = f"found {stage.class_.value!r}, allowed {class_.value} or higher: a class never falls"
            yield (*at, "stages", number, "class"), text
        last, class_ = stage.limit, stage.class_


def _check_points(at: tuple[str | int, ...], rule: Any, site: Site) -> Found:
    for place, device in enumerate(rule.devices):
        if device not in site.devices:
            yield (*at, "devices", place), unknown("device", device, site.devices)
        elif device in site.models:
            points = {point.name for point in site.models[device].points}
            if rule.point not in points:
                yield (*at, "point"), unknown("point", rule.point, points)
    if isinstance(rule, KOfNRuleSettings) and rule.need > len(set(rule.devices)):
        yield (*at, "need"), f"found {rule.need}, allowed at most {len(set(rule.devices))}, the devices named"


def _check_conditions(at: tuple[str | int, ...], rule: CombinedRuleSettings, site: Site) -> Found:
    for place, asked in enumerate(rule.of):
        where = (*at, "of", place)
        if asked.device not in site.devices:
            yield (*where, "device"), unknown("device", asked.device, site.devices)
        if asked.rule == CONTACT:
            continue
        if asked.rule not in site.rule_ids:
            yield (*where, "rule"), unknown("rule", asked.rule, site.rule_ids | {CONTACT})
            continue
        other = site.rules.get(asked.rule)
        if isinstance(other, CombinedRuleSettings | KOfNRuleSettings):
            yield (
                (*where, "rule"),
                f"found {asked.rule!r}, which itself asks others; allowed a rule that does not",
            )
        elif other is not None and asked.device in site.devices and asked.device not in other.devices:
            yield (*where, "device"), unknown("device", asked.device, other.devices)


def _check_actions(at: tuple[str | int, ...], wishes: Iterable[Any], site: Site) -> Found:
    for place, wish in enumerate(wishes):
        where = (*at, place)
        if wish.device not in site.devices:
            yield (*where, "device"), unknown("device", wish.device, site.devices)
        elif wish.device in site.models:
            known = actions_of(site.models[wish.device])
            if wish.do not in known:
                yield (*where, "do"), unknown("action", wish.do, known)
            if wish.undo is not None and wish.undo not in known:
                yield (*where, "undo"), unknown("action", wish.undo, known)


def _check_explained(at: tuple[str | int, ...], rule: Any, site: Site) -> Found:
    if rule.explained_by and not may_be_explained(rule.kind, _highest(rule)):
        text = "found on a rule of gas, fire or life_safety, allowed on none: these are never hidden"
        yield (*at, "explained_by"), text
    for place, name in enumerate(rule.explained_by):
        yield from _check_cause((*at, "explained_by", place), name, site)


def _check_cause(where: tuple[str | int, ...], name: str, site: Site) -> Found:
    """A cause is a rule that nothing else hides: of two alarms one is always shown."""
    if name == CONTACT:
        if any(site.contacts.values()):
            yield (
                where,
                f"found {CONTACT!r}, which is itself explained by another; allowed a rule that is not",
            )
        return
    if name not in site.rule_ids:
        yield where, unknown("rule", name, site.rule_ids | {CONTACT})
    elif name in site.rules and site.rules[name].explained_by:
        yield where, f"found {name!r}, which is itself explained by another; allowed a rule that is not"
