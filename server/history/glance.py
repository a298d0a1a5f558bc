"""A curve at a glance: its picture and the figures beside it, for pages that show more than curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import numpy as np
import structlog
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from server.context import Context
from server.db.session import ReadSession
from server.history.curves import Curve, read_curve
from server.history.model import Period, Stretch
from server.history.packing import BlockError
from server.history.pointnames import main_point, name_of
from server.history.service import from_ms
from server.history.sparkline import sparkline
from server.history.surfacewater import NAMES, judge
from server.history.trends import find_series
from server.items.queries import ItemStory

_BESIDE: Final = timedelta(hours=1)
"""How much is shown before an item began and after it ended."""
_LONGEST: Final = timedelta(days=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A curve in a few figures.

    Attributes:
        point: its name in the store.
        name: what people call it.
        unit: UCUM code.
        picture: an SVG, safe to put into a page.
        low, high: of the stretch.
        last: the newest value and `last_at` the span in which it was.
        water_class: what the last value alone would be for a river; empty elsewhere.
        page: the path of the whole curve.
    """

    point: str
    name: str
    unit: str
    picture: Markup
    low: float
    high: float
    last: float
    last_at: datetime
    water_class: str
    page: str


def glance_of(curve: Curve) -> Glance | None:
    """Return a curve at a glance; None when it has no value."""
    series, buckets = curve.trend.series, curve.trend.buckets
    limits = [line.value for line in curve.limits]
    picture = sparkline(buckets, curve.stretch, limits, longest=longest_step(curve))
    if picture is None:
        return None
    known = np.flatnonzero(buckets.count > 0)
    last = float(buckets.last[known[-1]])
    class_ = judge(series.point, series.unit, last)
    return Glance(
        point=series.point,
        name=name_of(series.point),
        unit=series.unit,
        # Made of numbers alone: nothing that came from outside stands in it.
        picture=Markup(picture),  # noqa: S704 - as the line above says
        low=float(np.nanmin(buckets.low)),
        high=float(np.nanmax(buckets.high)),
        last=last,
        last_at=from_ms(int(buckets.start_ms[known[-1]])),
        water_class="" if class_ is None else NAMES[class_],
        page=trend_page(series.gateway, series.device, series.point),
    )


def longest_step(curve: Curve) -> timedelta | None:
    """Return how far apart two spans of a curve may lie before there is a gap between them."""
    return None if curve.hold is None else 2 * curve.hold + curve.trend.span


async def glance_at(
    context: Context,
    session: ReadSession,
    *,
    gateway: str,
    device: str,
    stretch: Stretch,
    points: Sequence[str] = (),
) -> Glance | None:
    """Return the first of some points of a device at a glance, else the one that says most."""
    known = {one.point: one for one in await find_series(context.readings, gateway=gateway, device=device)}
    chosen = next((point for point in points if point in known), main_point(known))
    if chosen is None:
        return None
    return glance_of(await read_curve(session, context.readings, known[chosen], stretch))


async def glance_at_item(
    context: Context, session: ReadSession, story: ItemStory, *, now: datetime
) -> Glance | None:
    """Return what was measured around an item: from before it began until now, or after it ended.

    None where nothing was, and where the readings cannot be read: the item is what matters.
    """
    item = story.item
    until = now if item.closed_at is None else min(now, item.closed_at + _BESIDE)
    since = max(item.opened_at - _BESIDE, until - _LONGEST)
    points = [alarm.point for alarm in reversed(story.alarms) if alarm.point is not None]
    if story.alarms and not points:
        return None  # about the device itself: no quantity explains it
    try:
        return await glance_at(
            context,
            session,
            gateway=item.gateway,
            device=item.device,
            stretch=Stretch(since, until),
            points=points[:1],
        )
    except (SQLAlchemyError, BlockError, OSError) as error:
        log.warning("readings_unreadable", item=item.id, error=str(error))
        return None


def trend_page(gateway: str, device: str, point: str = "", period: Period | None = None) -> str:
    """Return the path of the page of a curve."""
    asked = {"gateway": gateway, "device": device, "point": point, "period": period and period.value}
    return f"/desk/trends?{urlencode({name: value for name, value in asked.items() if value})}"
