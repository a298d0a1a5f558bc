"""What a device says now: the newest reading of each of its quantities."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.history.columns import QUALITIES
from server.history.database import HistoryDatabase
from server.history.packing import BlockError
from server.history.pointnames import main_point, name_of
from server.history.service import from_ms
from server.history.trends import find_series, read_columns
from wire.vocabulary import Quality

BACK: Final = timedelta(minutes=5)
"""What is older is no live reading: a device by exception speaks at least with its heartbeat."""
_AHEAD: Final = timedelta(minutes=2)
"""How far a gateway's clock may run before ours."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestReading:
    """The last reading of one quantity.

    Attributes:
        point: its name in the store.
        name: what people call it.
        unit: UCUM code.
        value: None where the device gave none.
        quality: how far it can be trusted.
        at: when it was taken, by its gateway's clock.
    """

    point: str
    name: str
    unit: str
    value: float | None
    quality: Quality
    at: datetime


async def newest_readings(
    database: HistoryDatabase, *, gateway: str, device: str, now: datetime
) -> Sequence[NewestReading] | None:
    """Return the newest reading of each quantity of a device, what says most first; None if unreadable."""
    try:
        known = {one.id: one for one in await find_series(database, gateway=gateway, device=device)}
        found = await read_columns(database, list(known), since=now - BACK, until=now + _AHEAD)
    except (SQLAlchemyError, BlockError, OSError) as error:
        log.warning("readings_unreadable", gateway=gateway, device=device, error=str(error))
        return None
    newest = [
        NewestReading(
            point=known[id_].point,
            name=name_of(known[id_].point),
            unit=known[id_].unit,
            value=None if (value := float(rows.value[-1])) != value else value,
            quality=QUALITIES[int(rows.quality[-1])],
            at=from_ms(int(rows.at_ms[-1])),
        )
        for id_, rows in found.items()
        if len(rows.at_ms)
    ]
    first = main_point([one.point for one in newest])
    return sorted(newest, key=lambda one: (one.point != first, one.point))
