"""Readings: batches applied once, ranges read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Dialect, Insert, Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from server.history.database import HistoryDatabase
from server.history.tables import AppliedBatch, Series, StoredReading
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A decoded batch and where it stands in its gateway's lane."""

    gateway: str
    run: str
    seq: int
    content: ReadingsBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One stored reading."""

    device: str
    point: str
    unit: str
    at: datetime
    value: float | None
    quality: Quality


async def apply(database: HistoryDatabase, batches: Sequence[Batch], *, now: datetime) -> int:
    """Apply batches in one transaction, each once; returns how many were new.

    A reading of the same series and millisecond as a held one is dropped.
    """
    async with database.begin() as connection:
        fresh = [batch for batch in batches if await _note_batch(connection, batch, now)]
        known = await _series_ids(connection, fresh)
        rows = [row for batch in fresh for row in _rows_of(batch, known)]
        if rows:
            await connection.execute(_insert_new(connection.dialect, StoredReading), rows)
    return len(fresh)


async def highest_seqs(database: HistoryDatabase, gateway: str, runs: Iterable[str]) -> dict[str, int]:
    """Return the highest number applied of some runs of a gateway's readings, 0 where none was."""
    highest: dict[str, int] = {}
    async with database.begin() as connection:
        for run in runs:
            query = select(func.max(AppliedBatch.seq)).where(
                AppliedBatch.gateway == gateway, AppliedBatch.run == run
            )
            highest[run] = await connection.scalar(query) or 0
    return highest


async def read_range(
    database: HistoryDatabase,
    *,
    gateway: str,
    device: str,
    point: str | None = None,
    since: datetime,
    until: datetime,
    limit: int = 10_000,
) -> list[Reading]:
    """Return readings of a device from `since` up to, not including, `until`, oldest first."""
    query = (
        select(
            Series.device,
            Series.point,
            Series.unit,
            StoredReading.at_ms,
            StoredReading.value,
            StoredReading.quality,
        )
        .join(Series, Series.id == StoredReading.series)
        .where(
            Series.gateway == gateway,
            Series.device == device,
            StoredReading.at_ms >= _ms(since),
            StoredReading.at_ms < _ms(until),
        )
        .order_by(StoredReading.at_ms, Series.point)
        .limit(limit)
    )
    if point is not None:
        query = query.where(Series.point == point)
    async with database.begin() as connection:
        found = (await connection.execute(query)).all()
    return [
        Reading(
            device=row.device,
            point=row.point,
            unit=row.unit,
            at=_EPOCH + timedelta(milliseconds=row.at_ms),
            value=row.value,
            quality=row.quality,
        )
        for row in found
    ]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _insert_new(dialect: Dialect, table: type) -> Insert:
    """Return an insert that leaves held rows alone, in the words of the database in use."""
    target: Table = table.__table__  # type: ignore[attr-defined] # SQLAlchemy adds it
    if dialect.name == "postgresql":
        return postgresql.insert(target).on_conflict_do_nothing()
    if dialect.name == "sqlite":
        return sqlite.insert(target).on_conflict_do_nothing()
    return insert(target)


async def _note_batch(connection: AsyncConnection, batch: Batch, now: datetime) -> bool:
    row = {"gateway": batch.gateway, "run": batch.run, "seq": batch.seq, "received_at": now}
    result = await connection.execute(_insert_new(connection.dialect, AppliedBatch), row)
    return bool(result.rowcount)


_Key = tuple[str, str, str]


async def _series_ids(connection: AsyncConnection, batches: Iterable[Batch]) -> dict[_Key, int]:
    wanted: dict[str, dict[_Key, ReadingSeries]] = {}
    for batch in batches:
        for series in batch.content.series:
            key = (batch.gateway, series.device, series.point)
            wanted.setdefault(batch.gateway, {})[key] = series
    known: dict[_Key, int] = {}
    for gateway, series_of in wanted.items():
        known |= await _held_ids(connection, gateway)
        missing = [series for key, series in series_of.items() if key not in known]
        if missing:
            rows = [
                {"gateway": gateway, "device": s.device, "point": s.point, "unit": s.unit} for s in missing
            ]
            await connection.execute(_insert_new(connection.dialect, Series), rows)
            known |= await _held_ids(connection, gateway)
    return known


async def _held_ids(connection: AsyncConnection, gateway: str) -> dict[_Key, int]:
    query = select(Series.device, Series.point, Series.id).where(Series.gateway == gateway)
    return {(gateway, device, point): id_ for device, point, id_ in await connection.execute(query)}


def _rows_of(batch: Batch, known: dict[_Key, int]) -> Iterable[dict[str, object]]:
    content = batch.content
    ids = [known[batch.gateway, series.device, series.point] for series in content.series]
    start_ms = _ms(content.start)
    qualities = content.quality or (Quality.GOOD,) * len(content.s)
    for index, offset_ms, value, quality in zip(
        content.s, content.offset_ms, content.value, qualities, strict=True
    ):
        yield {
            "series": ids[index],
            "at_ms": start_ms + offset_ms,
            "value": value,
            "quality": quality,
        }
