"""Why a device did not alarm: each rule, judged by what was read and by what kept it back. Pure.

The gateway judges; this says after the event what its judgement must have been made of, as far as the server
was told of it. Where it cannot tell, it says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from server.devices.whynotwords import Reason
from server.history.model import Stretch
from wire.configuration import RuleInForce, RuleLimit
from wire.vocabulary import LimitSide, Measure, Mode, Quality, Suppression

_ORDER: Final = tuple(Reason)
_LATE: Final = timedelta(minutes=2)
"""Later than this nobody who waited beside the device would call it an answer."""
_LEAST_GAP: Final = timedelta(minutes=2)
"""Batches of readings come seconds after they were taken: less is no gap."""
_MISSED: Final = 3
"""So many readings in a row must be missing before it is called a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A reading of the quantity that a rule compares."""

    at: datetime
    value: float | None
    quality: Quality

    @property
    def good(self) -> bool:
        """Tell whether a rule may judge by it."""
        return self.quality is Quality.GOOD and self.value is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmThen:
    """An alarm of a rule that stood within the hour; see `server.alarms.tables.Alarm`.

    Attributes:
        since: when the gateway raised it.
        mode, suppression: as last stated; `by` and `until` of the suppression.
        item: the work that came of it; None for none.
        opened_at: when that began.
        parent: the item that speaks for it.
        laid_aside_until: how long the desk has laid it aside.
        told: whether any message went out for it.
    """

    since: datetime
    mode: Mode = Mode.LIVE
    suppression: Suppression = Suppression.NONE
    by: str = ""
    until: datetime | None = None
    item: str | None = None
    opened_at: datetime | None = None
    parent: str | None = None
    laid_aside_until: datetime | None = None
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A rule that was shelved, or a device that was out of service, by an order.

    Attributes:
        since, until: from when to when.
        by: who ordered and who agreed.
        rule: which; empty for the whole device.
    """

    since: datetime
    until: datetime
    by: str
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What was so in the hour, beside the readings.

    Attributes:
        since, until: the hour.
        alarms: that stood in it, by rule.
        held_back: what persons had taken out of sight.
        gateway_away, device_silent: when they were not heard; up to the end of the hour where that lasts.
        warming: rules that could not judge yet.
        clock_wrong: whether the gateway's clock was not to be trusted.
        readable: whether readings could be read at all.
        expected: how far apart readings of the device may lie while all is well.
    """

    since: datetime
    until: datetime
    alarms: Mapping[str, Sequence[AlarmThen]] = field(default_factory=dict)
    held_back: Sequence[HeldBack] = ()
    gateway_away: Sequence[Stretch] = ()
    device_silent: Sequence[Stretch] = ()
    warming: frozenset[str] = frozenset()
    clock_wrong: bool = False
    readable: bool = True
    expected: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is said of one rule.

    Attributes:
        reason: why.
        values: for its sentence: figures, moments, names.
        item: the work that came of it, or that speaks for it, where there was any.
    """

    reason: Reason
    values: Mapping[str, Any] = field(default_factory=dict)
    item: str | None = None


def choose_first(findings: Iterable[Finding]) -> Finding | None:
    """Return what is said first of several findings; None where there is none."""
    return min(findings, key=lambda one: _ORDER.index(one.reason), default=None)


def judge_rule(rule: RuleInForce, samples: Sequence[Sample], then: Circumstances) -> Finding:
    """Say why a rule raised no alarm in an hour, or that it did.

    Args:
        rule: as it stood.
        samples: readings of its quantity in the hour, oldest first; of any for a rule about contact.
        then: what else was so.
    """
    stated = _stated(then.alarms.get(rule.rule, ()), then)
    if stated is not None:
        return stated
    if not samples or not any(one.good for one in samples):
        return _held(rule, then, then.since, then.until) or _not_judged(samples, then)
    if rule.measure is Measure.AGE:
        return _compare_gap(rule, samples, then)
    limits = [one for one in rule.limits if one.side in (LimitSide.ABOVE, LimitSide.BELOW)]
    if rule.measure is not Measure.VALUE or rule.votes_needed or not limits:
        warming = rule.rule in then.warming
        held = _held(rule, then, then.since, then.until)
        return held or Finding(reason=Reason.WARMING if warming else Reason.OVER_TIME)
    return _compare(rule, limits, [one for one in samples if one.good], then)


_Asks = Callable[[AlarmThen, Circumstances], bool]
_OF_AN_ALARM: Final[Sequence[tuple[Reason, _Asks]]] = (
    (Reason.ONLY_A_TEST, lambda one, _: one.mode is not Mode.LIVE),
    (Reason.SHELVED, lambda one, _: one.suppression is Suppression.SHELVED),
    (Reason.OUT_OF_SERVICE, lambda one, _: one.suppression is Suppression.OUT_OF_SERVICE),
    (Reason.EXPLAINED, lambda one, _: one.suppression is Suppression.BY_DESIGN),
    (Reason.NO_ITEM, lambda one, _: one.item is None),
    (Reason.FOLDED, lambda one, _: one.parent is not None),
    (Reason.LAID_ASIDE, lambda one, _: one.laid_aside_until is not None),
    (Reason.UNTOLD, lambda one, _: not one.told),
    (Reason.LATE, lambda one, _: one.opened_at is not None and one.opened_at - one.since > _LATE),
    (Reason.STANDING, lambda one, then: one.since < then.since),
    (Reason.REPEATED, lambda one, _: one.opened_at is not None and one.opened_at < one.since),
    (Reason.ALARMED, lambda _one, _then: True),
)
"""What is said of an alarm that stood: the first that holds."""


def _stated(alarms: Sequence[AlarmThen], then: Circumstances) -> Finding | None:
    return choose_first(_said_of(one, then) for one in alarms)


def _said_of(one: AlarmThen, then: Circumstances) -> Finding:
    reason = next(reason for reason, holds in _OF_AN_ALARM if holds(one, then))
    until = one.laid_aside_until if reason is Reason.LAID_ASIDE else one.until
    values = {"from": one.since, "by": one.by, "until": until or then.until, "arrived": one.opened_at}
    return Finding(reason=reason, values=values, item=one.parent or one.item)


def _held(rule: RuleInForce, then: Circumstances, since: datetime, until: datetime) -> Finding | None:
    """Say who had taken a rule, or its device, out of sight during the whole or a part of a span."""
    for one in then.held_back:
        if one.rule in {"", rule.rule} and one.since < until and one.until > since:
            reason = Reason.SHELVED if one.rule else Reason.OUT_OF_SERVICE
            return Finding(reason=reason, values={"by": one.by, "until": one.until})
    return None


def _not_judged(samples: Sequence[Sample], then: Circumstances) -> Finding:
    if not then.readable:
        return Finding(reason=Reason.UNREADABLE)
    absences = ((Reason.GATEWAY_AWAY, then.gateway_away), (Reason.DEVICE_SILENT, then.device_silent))
    for reason, spans in absences if not samples else absences[1:]:
        for one in spans:
            return Finding(reason=reason, values={"from": one.since, "until": one.until})
    if samples:
        return Finding(reason=Reason.BAD_QUALITY, values={"count": len(samples)})
    return Finding(reason=Reason.CLOCK_WRONG if then.clock_wrong else Reason.NOT_READ)


def _compare_gap(rule: RuleInForce, samples: Sequence[Sample], then: Circumstances) -> Finding:
    since, until = longest_gap([one for one in samples if one.good], then)
    allowed = timedelta(seconds=max((one.limit for one in rule.limits), default=0))
    needed = max(allowed, then.expected) + timedelta(milliseconds=rule.on_delay_ms)
    values = {"seconds": round((until - since).total_seconds()), "needed": round(needed.total_seconds())}
    if until - since <= max(needed, _LEAST_GAP):
        return Finding(reason=Reason.ANSWERED, values=values)
    return _held(rule, then, since, until) or Finding(reason=Reason.QUIET, values=values)


def _compare(
    rule: RuleInForce, limits: Sequence[RuleLimit], good: Sequence[Sample], then: Circumstances
) -> Finding:
    known = [(one.value, one.at) for one in good if one.value is not None]
    compared = [
        (_missing(limit, value), limit.stage, at, value, limit) for limit in limits for value, at in known
    ]
    missing, _, at, value, nearest = min(compared, key=lambda one: one[:3])
    values = {"value": value, "when": at, "unit": rule.unit, "limit": nearest.limit}
    since, until = longest_beyond(nearest, good, until=then.until, hysteresis=rule.hysteresis)
    if missing >= 0:
        return _never_reached(values, good, then)
    lasted, needed = until - since, timedelta(milliseconds=rule.on_delay_ms)
    if lasted < needed:
        times = {"seconds": round(lasted.total_seconds()), "needed": round(needed.total_seconds())}
        return Finding(reason=Reason.NOT_LONG_ENOUGH, values={**values, **times})
    held = _held(rule, then, since, until)
    if held is not None:
        return held
    if rule.rule in then.warming:
        return Finding(reason=Reason.WARMING)
    beyond = [one.at for one in good if since + needed <= one.at <= until] or [since + needed]
    if rule.schedule and not any(is_in_hours(rule.schedule, at) for at in beyond):
        return Finding(reason=Reason.OUTSIDE_HOURS, values={**values, "hours": rule.schedule})
    return Finding(reason=Reason.UNCLEAR, values=values)


def _never_reached(values: Mapping[str, Any], good: Sequence[Sample], then: Circumstances) -> Finding:
    since, until = longest_gap(good, then)
    if until - since <= max(_MISSED * then.expected, _LEAST_GAP):
        return Finding(reason=Reason.NEVER_REACHED, values=values)
    return Finding(reason=Reason.GAP, values={**values, "from": since, "until": until})


def longest_gap(good: Sequence[Sample], then: Circumstances) -> tuple[datetime, datetime]:
    """Return the longest span of the hour without a good reading."""
    moments = [then.since, *(one.at for one in good), then.until]
    return max(pairwise(moments), key=lambda pair: pair[1] - pair[0])


def longest_beyond(
    limit: RuleLimit, good: Sequence[Sample], *, until: datetime, hysteresis: float = 0
) -> tuple[datetime, datetime]:
    """Return the longest span in which readings lay beyond a limit without a break.

    A value stands until the next: a gateway may leave out what does not change. Empty where none was.

    Args:
        limit: one of a rule's.
        good: readings that may be judged, oldest first.
        until: the end of what is looked at.
        hysteresis: how far back over the limit a value must come to break it.
    """
    longest, since = (until, until), None
    for one in good:
        beyond = is_beyond(limit, one.value, slack=hysteresis if since is not None else 0)
        if beyond and since is None:
            since = one.at
        elif not beyond and since is not None:
            longest, since = _longer(longest, (since, one.at)), None
    return longest if since is None else _longer(longest, (since, until))


def _longer(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    return other if other[1] - other[0] > one[1] - one[0] else one


def is_beyond(limit: RuleLimit, value: float | None, *, slack: float = 0) -> bool:
    """Tell whether a value lies beyond a limit, or less than `slack` short of it; touching is not beyond."""
    return value is not None and _missing(limit, value) < slack


def _missing(limit: RuleLimit, value: float) -> float:
    """Return by how much a value stays on the good side of a limit; less than 0 where it is beyond."""
    return limit.limit - value if limit.side is LimitSide.ABOVE else value - limit.limit


_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_in_hours(schedule: str, at: datetime) -> bool:
    """Tell whether a rule may raise an alarm at a moment; see `RuleInForce.schedule`.

    Hours that go over midnight belong to the day on which they begin. What cannot be read is always.
    """
    try:
        *days, hours, zone = schedule.split()
        begin, end = (time.fromisoformat(part) for part in hours.split("-"))
        local = at.astimezone(ZoneInfo(zone))
    except (ValueError, KeyError, OSError):  # a zone that is nowhere is a KeyError
        return True
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    hour = local.time().replace(fold=0)
    if begin < end:
        return today in days and begin <= hour < end
    return (today in days and hour >= begin) or (yesterday in days and hour < end)
