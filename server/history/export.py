"""Readings and alarms given away as files: for spreadsheets, and to be replayed by a gateway's rules.

The form is that of a gateway's own recordings (`gridwarden-edge rules replay`): one value a line, times in
UTC with milliseconds. A spreadsheet gets a column with the time on the wall as well, and a mark at the
start of the file without which Excel takes Chinese for something else.
"""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from server.alarms.tables import Alarm
from server.db.session import Database
from server.history.columns import QUALITIES, Readings, value_or_none
from server.history.database import HistoryDatabase
from server.history.model import Stretch
from server.history.service import from_ms
from server.history.trends import SeriesInfo, read_columns
from wire.vocabulary import Mode

COLUMNS: Final = ("at", "device", "point", "value", "unit", "quality")
LONGEST: Final = timedelta(days=400)
"""Longer stretches are asked for in parts: a connection is not held for hours."""
_EXCEL_MARK: Final = "\ufeff"
_PART: Final = timedelta(days=1)
_LINES_AT_ONCE: Final = 5_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def as_csv(
    database: HistoryDatabase, series: Sequence[SeriesInfo], stretch: Stretch, zone: ZoneInfo
) -> AsyncIterator[str]:
    """Yield a CSV file with a header, device by device and day by day, never held as a whole."""
    yield _EXCEL_MARK + _csv_lines([(*COLUMNS, "local_time")])
    async for part in _parts(database, series, stretch):
        for rows in _bundles(part):
            yield await asyncio.to_thread(_csv_lines, [_cells(row, zone) for row in rows])


async def as_json_lines(
    database: HistoryDatabase, series: Sequence[SeriesInfo], stretch: Stretch
) -> AsyncIterator[str]:
    """Yield JSON lines, exactly what a gateway's own recording holds."""
    async for part in _parts(database, series, stretch):
        for rows in _bundles(part):
            yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


async def alarms_as_json_lines(
    database: Database, gateway: str, stretch: Stretch, *, devices: Sequence[str] | None = None
) -> AsyncIterator[str]:
    """Yield the real alarms that were raised in a stretch of time, the oldest first.

    Args:
        database: where they are.
        gateway: whose.
        stretch: of time.
        devices: of these; of all when it is None.
    """
    query = select(Alarm).where(
        Alarm.gateway == gateway,
        Alarm.readable,
        Alarm.mode == Mode.LIVE,
        Alarm.raised_at >= stretch.since,
        Alarm.raised_at < stretch.until,
    )
    if devices is not None:
        query = query.where(Alarm.device.in_(devices))
    async with database.read() as session:
        rows = list(await session.scalars(query.order_by(Alarm.raised_at, Alarm.alarm)))
    for alarm in rows:
        yield json.dumps(_alarm_record(alarm), ensure_ascii=False) + "\n"


async def _parts(
    database: HistoryDatabase, series: Sequence[SeriesInfo], stretch: Stretch
) -> AsyncIterator[Iterator[dict[str, Any]]]:
    """Yield the rows of one device and day at a time: that much is held in memory."""
    by_device: dict[tuple[str, str], dict[int, SeriesInfo]] = {}
    for one in series:
        by_device.setdefault((one.gateway, one.device), {})[one.id] = one
    for known in by_device.values():
        since = stretch.since
        while since < stretch.until:
            until = min(since + _PART, stretch.until)
            yield _rows(known, await read_columns(database, list(known), since=since, until=until))
            since = until


def _rows(known: dict[int, SeriesInfo], found: dict[int, Readings]) -> Iterator[dict[str, Any]]:
    """Yield the readings of one device in order of time, those of one moment together."""
    order = sorted(
        (at_ms, known[id_].point, id_, index)
        for id_, readings in found.items()
        for index, at_ms in enumerate(readings.at_ms.tolist())
    )
    for at_ms, point, id_, index in order:
        value = float(found[id_].value[index])
        yield {
            "at": _utc(from_ms(at_ms)),
            "device": known[id_].device,
            "point": point,
            "value": value_or_none(value),
            "unit": known[id_].unit,
            "quality": QUALITIES[int(found[id_].quality[index])].value,
        }


def _bundles(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    bundle: list[dict[str, Any]] = []
    for row in rows:
        bundle.append(row)
        if len(bundle) == _LINES_AT_ONCE:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


def _cells(row: dict[str, Any], zone: ZoneInfo) -> tuple[Any, ...]:
    local = datetime.fromisoformat(row["at"]).astimezone(zone)
    texts = [_harmless(row[name]) if isinstance(row[name], str) else row[name] for name in COLUMNS]
    return (*texts, local.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3])


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: names come from gateways."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _alarm_record(alarm: Alarm) -> dict[str, Any]:
    over_at = alarm.cleared_at or alarm.superseded_at
    return {
        "raised_at": _utc(alarm.raised_at),
        "cleared_at": None if over_at is None else _utc(over_at),
        "device": alarm.device,
        "rule": alarm.rule,
        "kind": alarm.kind.value,
        "class": alarm.class_.value,
        "point": alarm.point,
        "value": alarm.value,
        "unit": alarm.unit,
        "limit": alarm.limit,
        "count": alarm.count,
        "alarm": alarm.alarm,
    }


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
