"""Curves: how a quantity went, with its limits and the alarms beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, or_, select

from server.alarms.tables import Alarm
from server.config import Settings
from server.db.session import ReadSession
from server.history.columns import Buckets, widen
from server.history.database import HistoryDatabase
from server.history.influx import Influx, InfluxError
from server.history.limits import facts_of
from server.history.model import AlarmSpan, LimitLine, Stretch
from server.history.service import from_ms
from server.history.surfacewater import class_lines
from server.history.trends import Older, SeriesInfo, Trend, read_trend

_MOST_ALARMS: Final = 500
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How one quantity went.

    Attributes:
        stretch: the time it shows.
        trend: the readings in spans.
        limits: of it, the lowest first.
        from_rules: whether these are all limits in force; otherwise they are what past alarms have named.
        hold: how long a value stands for until the next must have come; None where that is not known.
        classes: limits of surface water classes with their names.
        alarms: that stood in this time, the oldest first.
        older_missing: the part that only InfluxDB holds could not be had.
    """

    stretch: Stretch
    trend: Trend
    limits: Sequence[LimitLine]
    classes: Sequence[tuple[float, str]]
    alarms: Sequence[AlarmSpan]
    from_rules: bool = False
    hold: timedelta | None = None
    older_missing: bool = False


def older_of(settings: Settings, influx: Influx | None, *, now: datetime) -> Older | None:
    """Return who answers for what the database has let go of; None without InfluxDB."""
    if influx is None:
        return None
    kept_days = max(settings.history_hour_days, settings.history_minute_days, settings.history_raw_days)
    return Older(influx=influx, before=now - timedelta(days=kept_days))


async def read_curve(
    session: ReadSession,
    readings: HistoryDatabase,
    series: SeriesInfo,
    stretch: Stretch,
    *,
    older: Older | None = None,
) -> Curve:
    """Return a curve; where InfluxDB cannot be asked it says so and shows what the database has."""
    older_missing = False
    try:
        trend = await read_trend(readings, series, since=stretch.since, until=stretch.until, older=older)
    except InfluxError as error:
        log.warning("older_readings_missing", error=str(error))
        older_missing = True
        trend = await read_trend(readings, series, since=stretch.since, until=stretch.until)
    facts = await facts_of(session, series)
    return Curve(
        stretch=stretch,
        trend=trend,
        limits=facts.limits,
        from_rules=facts.from_rules,
        hold=facts.hold,
        classes=class_lines(series.point, series.unit),
        alarms=await alarm_spans(session, series.gateway, series.device, stretch, point=series.point),
        older_missing=older_missing,
    )


async def alarm_spans(
    session: ReadSession, gateway: str, device: str, stretch: Stretch, *, point: str | None = None
) -> list[AlarmSpan]:
    """Return the alarms of a device that stood in a stretch of time, the oldest first.

    Args:
        session: where to read.
        gateway: whose device.
        device: its id there.
        stretch: of time.
        point: leaves out alarms about other quantities.
    """
    over_at = func.coalesce(Alarm.cleared_at, Alarm.superseded_at)
    query = select(Alarm).where(
        Alarm.gateway == gateway,
        Alarm.device == device,
        Alarm.raised_at < stretch.until,
        or_(over_at.is_(None), over_at > stretch.since),
    )
    if point is not None:
        query = query.where(or_(Alarm.point.is_(None), Alarm.point == point))
    rows = await session.scalars(
        query.order_by(Alarm.raised_at.desc(), Alarm.alarm.desc()).limit(_MOST_ALARMS)
    )
    return [_as_span(alarm) for alarm in reversed(list(rows))]


def _as_span(alarm: Alarm) -> AlarmSpan:
    return AlarmSpan(
        alarm=alarm.alarm,
        rule=alarm.rule,
        class_=alarm.class_,
        mode=alarm.mode,
        point=alarm.point,
        since=alarm.raised_at,
        until=alarm.cleared_at or alarm.superseded_at,
        value=alarm.value,
        limit=alarm.limit,
        item=alarm.item,
    )


def table_of(trend: Trend, row: timedelta, zone: ZoneInfo) -> Buckets:
    """Return a trend in rows of a table; rows of a day or more begin at midnight by the clock on the wall.

    Spans that are coarser than a row stay as they are.
    """
    row_ms = max(row, trend.span) // timedelta(milliseconds=1)
    if not len(trend.buckets):
        return trend.buckets
    offset = from_ms(int(trend.buckets.start_ms[0])).astimezone(zone).utcoffset() or timedelta()
    shift_ms = offset // timedelta(milliseconds=1)
    moved = Buckets.of((trend.buckets.start_ms + shift_ms, *trend.buckets.columns[1:]))
    wide = widen(moved, row_ms)
    return Buckets.of((wide.start_ms - shift_ms, *wide.columns[1:]))
