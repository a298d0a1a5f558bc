"""The interface to curves, electricity and files of readings."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from enum import StrEnum
from math import isnan
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.responses import StreamingResponse

from server.access.guard import requires
from server.access.model import Right
from server.access.scopes import devices_within
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.db.session import ReadSession
from server.devices.tables import Device
from server.errors import InvalidError, NotFoundError
from server.history import electricity, export
from server.history.columns import QUALITIES
from server.history.curves import Curve, older_of, read_curve
from server.history.model import Period, Stretch, month_of, stretch_before, stretch_of_month
from server.history.packing import Floats
from server.history.service import from_ms
from server.history.surfacewater import WARNING
from server.history.trends import SeriesInfo, find_series
from server.places.within import Place, name_place, parse_place
from server.web.problems import PROBLEMS
from wire.vocabulary import AlarmClass, LimitSide, Mode, Quality

_LONGEST: Final = timedelta(days=3 * 366)


class SeriesOut(BaseModel):
    """One measured quantity of one device."""

    gateway: str
    device: str
    point: str
    unit: str


class LimitOut(BaseModel):
    """A limit of the quantity."""

    value: float
    rule: str
    class_: AlarmClass = Field(serialization_alias="class")
    stage: int
    """Of a limit with several, from 1; else 0."""
    side: LimitSide | None
    """On which side the cause is; null where only past alarms have named it."""


class ClassLimitOut(BaseModel):
    """A limit of surface water classes."""

    value: float
    name: str


class AlarmSpanOut(BaseModel):
    """An alarm as a span of time; `until` is null while it stands."""

    alarm: str
    rule: str
    class_: AlarmClass = Field(serialization_alias="class")
    mode: Mode
    since: datetime
    until: datetime | None
    value: float | None


class TrendOut(BaseModel):
    """How one quantity went, as columns; a span without a value has null, empty spans are left out."""

    series: SeriesOut
    since: datetime
    until: datetime
    span_s: float
    at: list[datetime]
    low: list[float | None]
    mean: list[float | None]
    high: list[float | None]
    last: list[float | None]
    quality: list[Quality]
    limits: list[LimitOut]
    limits_from_rules: bool
    """Whether these are all limits in force; otherwise they are what past alarms have named."""
    hold_s: float | None
    """How long a value stands for until the next must have come: what is longer is a gap. Null where the
    gateway has not told it."""
    classes: list[ClassLimitOut]
    alarms: list[AlarmSpanOut]
    notes: list[str]
    """What must be read beside the figures."""


class DayUseOut(BaseModel):
    """What a building drew on one day."""

    day: str
    kwh: float
    uncertain: bool


class BuildingUseOut(BaseModel):
    """What a building drew in a month."""

    building: str
    name: str
    meters: int
    kwh: float
    days: list[DayUseOut]


class FileForm(StrEnum):
    """What a file of readings looks like."""

    CSV = "csv"
    """For spreadsheets; a gateway's replay reads it too."""
    JSON_LINES = "jsonl"
    """For a gateway's replay."""


def build_history_api(context: Context) -> APIRouter:
    """Return the routes of history under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["history"], responses=PROBLEMS)
    _add_trends(router, context)
    _add_electricity(router, context)
    _add_files(router, context)
    return router


def _add_trends(router: APIRouter, context: Context) -> None:
    @router.get("/series", operation_id="listSeries")
    async def list_series(
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)], gateway: str, device: str | None = None
    ) -> list[SeriesOut]:
        """List what was ever measured by a gateway, or by one of its devices."""
        found = await find_series(context.readings, gateway=gateway, device=device)
        seen = await _seen_devices(context, who, gateway)
        return [_series_out(one) for one in found if seen is None or one.device in seen]

    @router.get("/trends", operation_id="readTrend", dependencies=[requires(Right.SEE_DEVICES)])
    async def read_trend(  # noqa: PLR0917 - FastAPI passes them by name
        gateway: str,
        device: str,
        point: str,
        period: Period | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> TrendOut:
        """Return how a point went: in the period before `end` (now), or from `start` to `end`."""
        now = context.clock.now()
        stretch = choose_stretch(period, start, end, now=now)
        series = await one_series(context, gateway, device, point)
        older = older_of(context.settings, context.influx, now=now)
        async with context.database.read() as session:
            curve = await read_curve(session, context.readings, series, stretch, older=older)
        return _trend_out(curve)


def _add_electricity(router: APIRouter, context: Context) -> None:
    @router.get("/electricity", operation_id="readElectricity", dependencies=[requires(Right.SEE_STATISTICS)])
    async def read_electricity(place: str, month: str = "") -> list[BuildingUseOut]:
        """Return what each building of a place drew on each day of a month (`2026-03`)."""
        first = month_of(month, now=context.clock.now(), zone=STREET_ZONE)
        if first is None:
            raise InvalidError("月份要写成 2026-03 这样。")
        stretch = stretch_of_month(first, STREET_ZONE)
        async with context.database.read() as session:
            where, _ = await known_place(session, place)
            found = await electricity.read_use(session, context.readings, where, stretch, STREET_ZONE)
        return [
            BuildingUseOut(
                building=use.building,
                name=use.name,
                meters=use.meters,
                kwh=round(use.kwh, 3),
                days=[
                    DayUseOut(day=day.day.isoformat(), kwh=round(day.kwh, 3), uncertain=day.uncertain)
                    for day in use.days
                ],
            )
            for use in found
        ]


def _add_files(router: APIRouter, context: Context) -> None:
    @router.get("/exports/readings", operation_id="exportReadings", response_class=StreamingResponse)
    async def export_readings(  # noqa: PLR0917 - as above
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)],
        gateway: str,
        start: datetime,
        end: datetime,
        device: str | None = None,
        point: str | None = None,
        form: FileForm = FileForm.CSV,
    ) -> StreamingResponse:
        """Stream readings of a gateway, a device or a point; the form is what `rules replay` takes."""
        stretch = choose_stretch(None, start, end, now=context.clock.now(), longest=export.LONGEST)
        series = await find_series(context.readings, gateway=gateway, device=device, point=point)
        seen = await _seen_devices(context, who, gateway)
        series = [one for one in series if seen is None or one.device in seen]
        if not series:
            raise NotFoundError("没有这个设备的读数。")
        lines = (
            export.as_csv(context.readings, series, stretch, STREET_ZONE)
            if form is FileForm.CSV
            else export.as_json_lines(context.readings, series, stretch)
        )
        return _file(lines, "readings", form, stretch)

    @router.get("/exports/alarms", operation_id="exportAlarms", response_class=StreamingResponse)
    async def export_alarms(
        who: Annotated[SignedIn, requires(Right.SEE_DEVICES)],
        gateway: str,
        start: datetime,
        end: datetime,
        device: str | None = None,
    ) -> StreamingResponse:
        """Stream the real alarms that were raised, as JSON lines: for `rules replay --raised`."""
        stretch = choose_stretch(None, start, end, now=context.clock.now(), longest=export.LONGEST)
        seen = await _seen_devices(context, who, gateway)
        devices = (None if seen is None else sorted(seen)) if device is None else [device]
        lines = export.alarms_as_json_lines(context.database, gateway, stretch, devices=devices)
        return _file(lines, "alarms", FileForm.JSON_LINES, stretch)


async def _seen_devices(context: Context, who: SignedIn, gateway: str) -> frozenset[str] | None:
    """Return the devices of a gateway within reach; None when all are: some may hang elsewhere."""
    if who.reach.street:
        return None
    query = select(Device.device).where(Device.gateway == gateway, devices_within(who.reach))
    async with context.database.read() as session:
        return frozenset(await session.scalars(query))


_TYPES: Final = {FileForm.CSV: "text/csv; charset=utf-8", FileForm.JSON_LINES: "application/x-ndjson"}


def _file(lines: AsyncIterator[str], name: str, form: FileForm, stretch: Stretch) -> StreamingResponse:
    days = "_".join(one.astimezone(STREET_ZONE).strftime("%Y%m%d") for one in (stretch.since, stretch.until))
    return StreamingResponse(
        lines,
        media_type=_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}_{days}.{form.value}"'},
    )


def choose_stretch(
    period: Period | None,
    start: datetime | None,
    end: datetime | None,
    *,
    now: datetime,
    longest: timedelta = _LONGEST,
) -> Stretch:
    """Return the stretch of time that is asked for; the last day when nothing is said.

    Raises:
        InvalidError: the times name no zone, are the wrong way round or too far apart.
    """
    if any(one is not None and one.tzinfo is None for one in (start, end)):
        raise InvalidError("时间要带时区，例如 2026-03-01T00:00:00+08:00。")
    until = end or now
    if start is None:
        return stretch_before(until, period or Period.DAY)
    if period is not None:
        raise InvalidError("period 和 start 只能用一个。")
    if not timedelta(0) < until - start <= longest:
        raise InvalidError("结束要在开始之后，相隔不能太久。")
    return Stretch(start, until)


async def one_series(context: Context, gateway: str, device: str, point: str) -> SeriesInfo:
    """Return a series.

    Raises:
        NotFoundError: nothing of this name was ever measured.
    """
    found = await find_series(context.readings, gateway=gateway, device=device, point=point)
    if not found:
        raise NotFoundError("没有这个测点的读数。")
    return found[0]


async def known_place(session: ReadSession, text: str) -> tuple[Place, str]:
    """Return a place and its name.

    Raises:
        NotFoundError: there is none.
    """
    place = parse_place(text)
    name = None if place is None else await name_place(session, place)
    if place is None or name is None:
        raise NotFoundError("没有这个地方。")
    return place, name


def notes_of(curve: Curve) -> list[str]:
    """Return what must be read beside a curve."""
    notes = [WARNING] if curve.classes else []
    return [*notes, OLDER_MISSING] if curve.older_missing else notes


OLDER_MISSING: Final = "更早的读数现在取不到（InfluxDB 没有应答），这里没有画出来。"


def _series_out(series: SeriesInfo) -> SeriesOut:
    return SeriesOut(gateway=series.gateway, device=series.device, point=series.point, unit=series.unit)


def _trend_out(curve: Curve) -> TrendOut:
    buckets = curve.trend.buckets
    return TrendOut(
        series=_series_out(curve.trend.series),
        since=curve.stretch.since,
        until=curve.stretch.until,
        span_s=curve.trend.span.total_seconds(),
        at=[from_ms(one) for one in buckets.start_ms.tolist()],
        low=_numbers(buckets.low),
        mean=_numbers(buckets.mean),
        high=_numbers(buckets.high),
        last=_numbers(buckets.last),
        quality=[QUALITIES[code] for code in buckets.worst.tolist()],
        limits=[
            LimitOut(value=one.value, rule=one.rule, class_=one.class_, stage=one.stage, side=one.side)
            for one in curve.limits
        ],
        limits_from_rules=curve.from_rules,
        hold_s=None if curve.hold is None else curve.hold.total_seconds(),
        classes=[ClassLimitOut(value=value, name=name) for value, name in curve.classes],
        alarms=[
            AlarmSpanOut(
                alarm=one.alarm,
                rule=one.rule,
                mode=one.mode,
                since=one.since,
                until=one.until,
                value=one.value,
                class_=one.class_,
            )
            for one in curve.alarms
        ],
        notes=notes_of(curve),
    )


def _numbers(column: Floats) -> list[float | None]:
    return [None if isnan(one) else round(one, 6) for one in column.tolist()]
