"""What is gathered to say why a device did not alarm around a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import exists, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from server.alarms.tables import Alarm
from server.context import Context
from server.db.session import ReadSession
from server.devices.heldback import held_back
from server.devices.inforce import (
    ConfigurationChange,
    configuration_history,
    configuration_in_force,
    read_configuration,
)
from server.devices.reported import read_status
from server.devices.service import GATEWAY_DEVICE, SILENT_AFTER
from server.devices.tables import Device, Gateway, Standing
from server.devices.whynot import (
    AlarmThen,
    Circumstances,
    Finding,
    Sample,
    choose_first,
    judge_rule,
)
from server.devices.whynotwords import Reason
from server.history.model import Stretch
from server.history.packing import BlockError
from server.history.trends import Reading, read_range
from server.items.tables import Item
from server.notify.tables import Notice
from wire.configuration import ConfigurationReport, RuleInForce
from wire.messages import StatusMessage
from wire.vocabulary import AlarmClass, Kind

SPAN: Final = timedelta(hours=1)
_SILENT_RULE: Final = "gateway-silent"
_MOST_READINGS: Final = 20_000
_NOW: Final = timedelta(minutes=2)
"""What a gateway says of now is true of what ended no longer ago."""
_GRAVEST: Final = tuple(AlarmClass)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A rule with what is said of it, and the readings that it compares."""

    rule: RuleInForce
    finding: Finding
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Everything that the page says.

    Attributes:
        verdict: what is said first.
        verdict_of: the rule that it is about; None where it is about none.
        judged: the rules that were asked for, the gravest first.
        rules: all that look at the device, to choose from.
        readings: of the device in the hour, oldest first.
        readable: whether readings could be read at all.
        cut_at: up to when they were read, where there are too many.
        then: what else was so.
        configuration: how the configuration stood whose rules these are; None where the gateway reported
            none for that time, and the rules are those of now, if any.
        changes: of configurations within the hour.
    """

    verdict: Finding
    verdict_of: RuleInForce | None
    judged: Sequence[Judged]
    rules: Sequence[RuleInForce]
    readings: Sequence[Reading]
    readable: bool
    cut_at: datetime | None
    then: Circumstances
    configuration: ConfigurationChange | None
    changes: Sequence[ConfigurationChange]


async def why_not(
    context: Context,
    session: ReadSession,
    key: tuple[str, str],
    *,
    until: datetime,
    now: datetime,
    rule: str = "",
    kind: str = "",
) -> WhyNot:
    """Say why a device did not alarm in the hour up to a moment.

    Args:
        context: for the readings.
        session: where the rest is read.
        key: gateway and device.
        until: the end of the hour.
        now: the server's time.
        rule: only what this rule says; all if not given.
        kind: only rules about this hazard; all if not given.
    """
    gateway, device = key
    since = until - SPAN
    row = await session.get_one(Gateway, gateway)
    status = read_status(row) if until >= now - _NOW else None
    history = await configuration_history(session, gateway)
    stood = _stood_at(history, until)
    report = await _report(session, gateway, stood)
    told = [] if report is None else [one for one in report.rules if device in {*one.devices, *one.watches}]
    listening = [one.rule for one in told if device not in one.devices]
    rows = await _alarms(session, key, listening, since, until)
    known = {one.rule for one in told}
    others = {alarm.rule: alarm for alarm, _ in rows if alarm.rule not in known}
    rules = told + [_untold_rule(alarm) for alarm in others.values()]
    readings, readable = await _readings(context, key, since, until)
    cut_at = readings[-1].at if len(readings) >= _MOST_READINGS else None
    then = Circumstances(
        since=await _begin(session, key, since, readings),
        until=cut_at or until,
        alarms=_by_rule(rows),
        held_back=await held_back(session, key, status, since=since, until=until),
        gateway_away=await _gateway_away(session, row, since, until, now),
        device_silent=await _away(session, key, None, since, until),
        warming=_warming(status, device),
        clock_wrong=row.clock_wrong_since is not None and row.clock_wrong_since <= until,
        readable=readable,
        expected=_expected(report, device),
    )
    wanted = [one for one in rules if rule in {"", one.rule} and kind in {"", one.kind.value}]
    judged = [
        Judged(rule=one, samples=samples, finding=judge_rule(one, samples, then))
        for one in sorted(wanted, key=lambda one: (_GRAVEST.index(one.class_), one.rule))
        for samples in [_samples(one, readings)]
    ]
    first = choose_first(one.finding for one in judged)
    return WhyNot(
        verdict=first or Finding(reason=Reason.NOT_WATCHED if report else Reason.NO_RULES_TOLD),
        verdict_of=next((one.rule for one in judged if one.finding is first), None),
        judged=judged,
        rules=rules,
        readings=readings,
        readable=readable,
        cut_at=cut_at,
        then=then,
        configuration=stood,
        changes=[one for one in history if since <= one.at <= until],
    )


async def _begin(
    session: ReadSession, key: tuple[str, str], since: datetime, readings: Sequence[Reading]
) -> datetime:
    """Return since when there can be readings: what was put in within the hour missed none before."""
    row = await session.get(Device, key)
    heard = row.first_heard_at if row is not None else None
    if heard is None or not readings:
        return since
    return max(since, min(heard, readings[0].at))


def _stood_at(history: Sequence[ConfigurationChange], at: datetime) -> ConfigurationChange | None:
    """Return the configuration that stood at a moment, by a history with the newest first."""
    working = (Standing.TRIAL, Standing.IN_FORCE, None)
    return next(
        (one for one in history if one.at <= at and one.standing in working and one.content_hash), None
    )


async def _report(
    session: ReadSession, gateway: str, stood: ConfigurationChange | None
) -> ConfigurationReport | None:
    if stood is not None and stood.content_hash is not None:
        return await read_configuration(session, gateway, stood.content_hash)
    current = await configuration_in_force(session, gateway)
    return None if current is None else current.report


def _expected(report: ConfigurationReport | None, device: str) -> timedelta:
    configured = next((one for one in report.devices if one.device == device), None) if report else None
    if configured is None:
        return timedelta(0)
    return timedelta(milliseconds=max(configured.period_ms, configured.heartbeat_ms))


_Row = tuple[Alarm, AlarmThen]


async def _alarms(
    session: ReadSession, key: tuple[str, str], rules: Sequence[str], since: datetime, until: datetime
) -> list[_Row]:
    """Return the alarms of a device, and of rules that listen to it, that stood in a span."""
    gateway, device = key
    speaker = aliased(Item)
    sent = or_(Notice.sent_at.is_not(None), Notice.bundle.is_not(None))
    told = exists().where(or_(Notice.item == Item.id, Notice.item == speaker.id), sent)
    query = (
        select(Alarm, Item, told)
        .outerjoin(Item, Item.id == Alarm.item)
        .outerjoin(speaker, speaker.id == Item.parent)
        .where(
            Alarm.gateway == gateway,
            or_(Alarm.device == device, Alarm.rule.in_(rules)),
            Alarm.raised_at <= until,
            or_(Alarm.cleared_at.is_(None), Alarm.cleared_at >= since),
            or_(Alarm.superseded_at.is_(None), Alarm.superseded_at >= since),
            Alarm.readable,
        )
        .order_by(Alarm.raised_at)
    )
    rows = await session.execute(query)
    return [(alarm, _alarm_then(alarm, item, told=anybody)) for alarm, item, anybody in rows]


def _alarm_then(alarm: Alarm, item: Item | None, *, told: bool) -> AlarmThen:
    return AlarmThen(
        since=alarm.raised_at,
        mode=alarm.mode,
        suppression=alarm.suppression,
        by=alarm.suppressed_by,
        until=alarm.suppressed_until,
        item=item.id if item else None,
        opened_at=item.opened_at if item else None,
        parent=item.parent if item else None,
        laid_aside_until=item.shelved_until if item else None,
        told=told,
    )


def _by_rule(rows: Sequence[_Row]) -> Mapping[str, list[AlarmThen]]:
    found: dict[str, list[AlarmThen]] = {}
    for alarm, then in rows:
        found.setdefault(alarm.rule, []).append(then)
    return found


def _untold_rule(alarm: Alarm) -> RuleInForce:
    """Return what an alarm says of its rule, where its gateway never told it."""
    return RuleInForce(
        rule=alarm.rule,
        type="",
        hash=alarm.rule_hash,
        kind=alarm.kind,
        class_=alarm.class_,
        devices=(alarm.device,),
        sentence=alarm.sentence,
        sentence_en=alarm.sentence_en,
    )


async def _gateway_away(
    session: ReadSession, row: Gateway, since: datetime, until: datetime, now: datetime
) -> list[Stretch]:
    spans = await _away(session, (row.id, GATEWAY_DEVICE), _SILENT_RULE, since, until)
    if not spans and row.heard_at is not None and row.heard_at < min(until, now - SILENT_AFTER):
        spans = [Stretch(since=row.heard_at, until=until)]
    return spans


async def _away(
    session: ReadSession, key: tuple[str, str], rule: str | None, since: datetime, until: datetime
) -> list[Stretch]:
    query = select(Alarm.raised_at, Alarm.cleared_at).where(
        Alarm.gateway == key[0],
        Alarm.device == key[1],
        Alarm.kind == Kind.CONTACT,
        Alarm.raised_at <= until,
        or_(Alarm.cleared_at.is_(None), Alarm.cleared_at >= since),
        Alarm.superseded_at.is_(None),
    )
    if rule is not None:
        query = query.where(Alarm.rule == rule)
    rows = await session.execute(query.order_by(Alarm.raised_at))
    return [Stretch(since=raised, until=cleared or until) for raised, cleared in rows]


def _warming(status: StatusMessage | None, device: str) -> frozenset[str]:
    """Rules that cannot judge yet: a gateway says so of now, and nobody keeps what it said before."""
    return frozenset(one.rule for one in status.warming if one.device == device) if status else frozenset()


async def _readings(
    context: Context, key: tuple[str, str], since: datetime, until: datetime
) -> tuple[list[Reading], bool]:
    try:
        found = await read_range(
            context.readings, gateway=key[0], device=key[1], since=since, until=until, limit=_MOST_READINGS
        )
    except (SQLAlchemyError, BlockError, OSError) as error:
        log.warning("readings_unreadable", gateway=key[0], device=key[1], error=str(error))
        return [], False
    return found, True


def _samples(rule: RuleInForce, found: Sequence[Reading]) -> list[Sample]:
    return [
        Sample(at=one.at, value=one.value, quality=one.quality)
        for one in found
        if rule.point is None or one.point == rule.point
    ]
