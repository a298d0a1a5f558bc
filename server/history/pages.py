"""The pages of curves at the desk: one device, one place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from starlette.responses import RedirectResponse, Response

from server.access import scopes
from server.access.guard import requires
from server.access.model import Reach, Right
from server.access.service import SignedIn
from server.clock import STREET_ZONE
from server.context import Context
from server.db.session import ReadSession
from server.devices.tables import Device
from server.errors import InvalidError, NotFoundError
from server.history import electricity
from server.history.columns import QUALITIES, value_or_none
from server.history.curves import Curve, older_of, read_curve, table_of
from server.history.glance import Glance, glance_at, glance_of, trend_page
from server.history.model import LENGTHS, ROWS, Period, Stretch, month_of, stretch_before, stretch_of_month
from server.history.pointnames import main_point, name_of
from server.history.service import from_ms
from server.history.trends import find_series
from server.history.web import known_place, notes_of
from server.places.spots import name_spot
from server.places.tables import Block, Building, Community, Estate, Grid
from server.places.within import STREET, Place, PlaceKind, buildings_within, parts_of
from server.web import words
from server.web.templating import entry, render_page
from wire.vocabulary import Quality

PERIODS: Final = {
    Period.HOUR: "一小时",
    Period.DAY: "一天",
    Period.MONTH: "一个月",
    Period.YEAR: "一年",
}
QUALITY_NAMES: Final = {
    Quality.GOOD: "",
    Quality.STALE: "数据旧了",
    Quality.OUT_OF_RANGE: "超出量程",
    Quality.MAINTENANCE: "维护中",
    Quality.COMM_FAULT: "设备没有应答",
}
_MOST_DEVICES: Final = 60
_LARGE: Final = frozenset({PlaceKind.STREET, PlaceKind.AREA})
"""Of these only the parts are shown: there are too many devices for one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table beside a curve."""

    at: datetime
    low: float | None
    mean: float | None
    high: float | None
    quality: Quality


def build_trend_pages(context: Context) -> APIRouter:
    """Return the routes of the pages of curves."""
    router = APIRouter(include_in_schema=False, prefix="/desk/trends")
    _add_device(router, context)
    _add_place(router, context)
    return router


def _add_device(router: APIRouter, context: Context) -> None:
    @router.get("", dependencies=[requires(Right.SEE_DEVICES)])
    async def show_device(  # noqa: PLR0917 - FastAPI passes them by name
        request: Request,
        gateway: str,
        device: str,
        point: str = "",
        period: Period = Period.DAY,
        end: datetime | None = None,
    ) -> Response:
        now = context.clock.now()
        until = min(_zoned(end) or now, now)
        found = {
            one.point: one for one in await find_series(context.readings, gateway=gateway, device=device)
        }
        async with context.database.read() as session:
            known = await session.get(Device, (gateway, device))
            if known is None and not found:
                raise NotFoundError("没有这个设备。")
            where = await _where(session, known)
            chosen = point or main_point(found) or ""
            if point and point not in found:
                raise NotFoundError("没有这个测点的读数。")
            curve = None
            if chosen:
                older = older_of(context.settings, context.influx, now=now)
                stretch = stretch_before(until, period)
                curve = await read_curve(session, context.readings, found[chosen], stretch, older=older)
        script, style = entry("src/trends.ts")
        return render_page(
            request,
            "trend.html",
            now=now,
            gateway=gateway,
            device=device,
            title=(known.name if known else "") or device,
            where=where,
            point=chosen,
            points=[(one, name_of(one)) for one in found],
            period=period,
            periods=PERIODS,
            until=until,
            is_now=until == now,
            page_of=trend_page,
            words=words,
            trend_script=script,
            trend_style=style,
            **(_curve_values(curve, period, now=now) if curve else _NO_CURVE),
        )


_NO_CURVE: Final[dict[str, Any]] = {"curve": None, "glance": None, "rows": [], "notes": []}


def _curve_values(curve: Curve, period: Period, *, now: datetime) -> dict[str, Any]:
    series, stretch = curve.trend.series, curve.stretch
    asked = {"gateway": series.gateway, "device": series.device, "point": series.point}
    span = {"start": stretch.since.isoformat(), "end": stretch.until.isoformat()}
    page = {**asked, "period": period.value}
    later = stretch.until + LENGTHS[period]
    return {
        "curve": curve,
        "glance": glance_of(curve),
        "rows": rows_of(curve, period),
        "notes": notes_of(curve),
        "data": f"/api/v1/trends?{urlencode({**asked, **span})}",
        "file": f"/api/v1/exports/readings?{urlencode({**asked, **span})}",
        "earlier": f"/desk/trends?{urlencode({**page, 'end': stretch.since.isoformat()})}",
        "later": f"/desk/trends?{urlencode({**page, 'end': later.isoformat()})}" if later < now else None,
        "offset_ms": _offset_ms(stretch.until),
        "qualities": QUALITY_NAMES,
    }


def rows_of(curve: Curve, period: Period) -> list[Row]:
    """Return a curve in figures."""
    buckets = table_of(curve.trend, ROWS[period], STREET_ZONE)
    columns = (buckets.start_ms, buckets.low, buckets.mean, buckets.high, buckets.worst)
    return [
        Row(
            at=from_ms(start_ms),
            low=value_or_none(low),
            mean=value_or_none(mean),
            high=value_or_none(high),
            quality=QUALITIES[worst],
        )
        for start_ms, low, mean, high, worst in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _add_place(router: APIRouter, context: Context) -> None:
    @router.get("/places")
    async def show_places(
        request: Request, signed_in: Annotated[SignedIn, requires(Right.SEE_DEVICES)]
    ) -> Response:
        if signed_in.reach.street:
            return RedirectResponse(f"/desk/trends/places/{STREET}", status_code=303)
        async with context.database.read() as session:
            parts = await places_within(session, signed_in.reach)
        return render_page(request, "trend_places.html", now=context.clock.now(), parts=parts)

    @router.get("/places/{place}", dependencies=[requires(Right.SEE_DEVICES)])
    async def show_place(
        request: Request,
        place: str,
        period: Period = Period.DAY,
        month: str = "",
    ) -> Response:
        now = context.clock.now()
        first = month_of(month, now=now, zone=STREET_ZONE)
        if first is None:
            raise InvalidError("月份要写成 2026-03 这样。")
        async with context.database.read() as session:
            where, name = await known_place(session, place)
            parts = await parts_of(session, where)
            large = where.kind in _LARGE
            devices, left_out = ([], 0) if large else await _devices_within(session, where)
            stretch = stretch_before(now, period)
            shown = [
                (device, building, await _glance(context, session, device, stretch))
                for device, building in devices
            ]
            use = []
            if not large:
                whole = stretch_of_month(first, STREET_ZONE)
                use = await electricity.read_use(session, context.readings, where, whole, STREET_ZONE)
        return render_page(
            request,
            "trends_of_place.html",
            now=now,
            place=where,
            name=name,
            period=period,
            periods=PERIODS,
            shown=shown,
            parts=parts,
            large=large,
            left_out=left_out,
            use=use,
            month=first.strftime("%Y-%m"),
            days=use[0].days if where.kind is PlaceKind.BUILDING and use else [],
            page_of=trend_page,
            words=words,
        )


async def places_within(session: ReadSession, reach: Reach) -> list[tuple[Place, str]]:
    """Return the places that somebody may look at: communities, or else the grids, estates and blocks."""
    communities = select(Community.code, Community.name).where(scopes.communities_within(reach))
    found = [(Place(PlaceKind.COMMUNITY, code), name) for code, name in await session.execute(communities)]
    if not found:
        grids = select(Grid.code, Grid.name).where(Grid.code.in_(reach.grids))
        estates = select(Estate.code, Estate.name).where(Estate.code.in_(reach.estates))
        blocks = select(Block.code, Block.name).where(Block.code.in_(reach.blocks))
        found += [(Place(PlaceKind.GRID, code), name) for code, name in await session.execute(grids)]
        found += [(Place(PlaceKind.BLOCK, code), name) for code, name in await session.execute(blocks)]
        found += [(Place(PlaceKind.ESTATE, code), name) for code, name in await session.execute(estates)]
    return sorted(found, key=lambda one: (one[1], one[0].code))


async def _glance(context: Context, session: ReadSession, device: Device, stretch: Stretch) -> Glance | None:
    return await glance_at(context, session, gateway=device.gateway, device=device.device, stretch=stretch)


async def _devices_within(session: ReadSession, place: Place) -> tuple[list[tuple[Device, str]], int]:
    """Return the first devices of a place with the names of their buildings, and how many more there are."""
    query = (
        select(Device, Building.name)
        .join(Building, Building.code == Device.building)
        .where(Building.code.in_(buildings_within(place)))
        .order_by(Building.name, Device.floor, Device.door, Device.gateway, Device.device)
    )
    total = await session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    found = [(device, name) for device, name in await session.execute(query.limit(_MOST_DEVICES))]
    return found, total - len(found)


async def _where(session: ReadSession, device: Device | None) -> str:
    if device is None or device.building is None:
        return ""
    building = await session.get(Building, device.building)
    return name_spot(building.name if building else "", floor=device.floor, door=device.door)


def _zoned(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise InvalidError("时间要带时区，例如 2026-03-01T00:00:00+08:00。")
    return at


def _offset_ms(at: datetime) -> int:
    """Return how far the clock on the wall is ahead of UTC."""
    return (at.astimezone(STREET_ZONE).utcoffset() or timedelta()) // timedelta(milliseconds=1)
