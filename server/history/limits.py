"""What is known of a quantity beside its readings: its limits, and how long a value stands for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from server.alarms.tables import Alarm
from server.db.session import ReadSession
from server.devices.inforce import configuration_in_force
from server.history.model import LimitLine
from server.history.trends import SeriesInfo
from wire.configuration import DeviceInForce, RuleInForce
from wire.vocabulary import AlarmClass, LimitSide, Measure

_MOST_ALARMS: Final = 500
_SIDES: Final = (LimitSide.ABOVE, LimitSide.BELOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFacts:
    """What is known of a quantity.

    Attributes:
        limits: the lowest first.
        from_rules: whether they are those of the rules in force, all of them; otherwise they are what past
            alarms have named.
        hold: how long a value stands for until the next must have come: it is sent when it changes, and at
            the latest after so long. None where the gateway has not told it.
    """

    limits: Sequence[LimitLine]
    from_rules: bool
    hold: timedelta | None


async def facts_of(session: ReadSession, series: SeriesInfo) -> PointFacts:
    """Return what is known of a quantity: from its gateway's configuration, else from its past alarms."""
    configured = await configuration_in_force(session, series.gateway)
    if configured is None:
        return PointFacts(limits=await limits_of_alarms(session, series), from_rules=False, hold=None)
    lines = {line for rule in configured.rules for line in lines_of(rule, series)}
    device = next((one for one in configured.devices if one.device == series.device), None)
    return PointFacts(
        limits=sorted(lines, key=lambda line: (line.value, line.rule)),
        from_rules=True,
        hold=None if device is None else _hold(device),
    )


def lines_of(rule: RuleInForce, series: SeriesInfo) -> Iterator[LimitLine]:
    """Yield the limits of a rule that can be drawn beside the values of a quantity.

    A limit of a rate or a mean is none of the value; one whose unit is another cannot be drawn.
    """
    watched = rule.devices if rule.votes_needed == 0 else (*rule.devices, *rule.watches)
    if rule.point != series.point or series.device not in watched or rule.measure is not Measure.VALUE:
        return
    if series.unit and rule.unit != series.unit:
        return
    for limit in rule.limits:
        if limit.side in _SIDES:
            yield LimitLine(
                value=limit.limit, rule=rule.rule, class_=limit.class_, stage=limit.stage, side=limit.side
            )


def _hold(device: DeviceInForce) -> timedelta:
    return timedelta(milliseconds=max(device.heartbeat_ms, device.period_ms))


async def limits_of_alarms(session: ReadSession, series: SeriesInfo) -> list[LimitLine]:
    """Return the limits of a quantity as its newest alarms have stated them, the lowest first.

    For gateways that do not tell their rules.
    """
    query = (
        select(Alarm.rule, Alarm.class_, Alarm.limit)
        .where(
            Alarm.gateway == series.gateway,
            Alarm.device == series.device,
            Alarm.point == series.point,
            Alarm.measure == Measure.VALUE,
            Alarm.limit.is_not(None),
        )
        .order_by(Alarm.raised_at.desc())
        .limit(_MOST_ALARMS)
    )
    newest: dict[tuple[str, AlarmClass], float] = {}
    for rule, class_, limit in await session.execute(query):
        if limit is not None:
            newest.setdefault((rule, class_), limit)
    lines = [LimitLine(value=limit, rule=rule, class_=class_) for (rule, class_), limit in newest.items()]
    return sorted(lines, key=lambda line: line.value)
