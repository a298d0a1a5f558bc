"""Readings taken in: batches applied, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Dialect, Insert, Table, and_, delete, exists, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from server.history.columns import QUALITY_CODES
from server.history.database import HistoryDatabase, SeriesIds
from server.history.tables import AppliedBatch, FreshReading, Series
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Quality

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GOOD = QUALITY_CODES[Quality.GOOD]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A decoded batch and where it stands in its gateway's lane."""

    gateway: str
    run: str
    seq: int
    content: ReadingsBatch


async def apply(database: HistoryDatabase, batches: Sequence[Batch], *, now: datetime) -> int:
    """Apply batches in one transaction, each once; returns how many were new.

    A reading of the same series and millisecond as a held one is dropped.
    """
    async with database.begin() as connection:
        fresh = [batch for batch in batches if await _note_batch(connection, batch, now)]
        known = await _series_ids(connection, database.series, fresh)
        rows = [row for batch in fresh for row in rows_of(batch, known[batch.gateway])]
        if rows:
            await connection.execute(insert_new(connection.dialect, FreshReading), rows)
        if database.on_stored is not None:
            await database.on_stored(connection, fresh, now=now)
    # Remembered only now: a transaction that failed made no series.
    database.series |= known
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


async def forget_batches(database: HistoryDatabase, *, before: datetime) -> int:
    """Forget which batches were applied before a time, but for the highest of each run.

    Returns:
        How many were forgotten.
    """
    later = aliased(AppliedBatch)
    outdone = exists().where(
        and_(
            later.gateway == AppliedBatch.gateway,
            later.run == AppliedBatch.run,
            later.seq > AppliedBatch.seq,
        )
    )
    async with database.begin() as connection:
        result = await connection.execute(
            delete(AppliedBatch).where(AppliedBatch.received_at < before, outdone)
        )
    return result.rowcount


def to_ms(at: datetime) -> int:
    """Return milliseconds since 1970-01-01 UTC."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def from_ms(at_ms: int) -> datetime:
    """Return the time of milliseconds since 1970-01-01 UTC."""
    return EPOCH + timedelta(milliseconds=at_ms)


def insert_new(dialect: Dialect, table: type) -> Insert:
    """Return an insert that leaves held rows alone, in the words of the database in use."""
    target: Table = table.__table__  # type: ignore[attr-defined] # SQLAlchemy adds it
    if dialect.name == "postgresql":
        return postgresql.insert(target).on_conflict_do_nothing()
    if dialect.name == "sqlite":
        return sqlite.insert(target).on_conflict_do_nothing()
    return insert(target)


def rows_of(batch: Batch, known: Mapping[tuple[str, str], int]) -> Iterable[dict[str, Any]]:
    """Return a batch as rows of `FreshReading`.

    Args:
        batch: the batch.
        known: ids of its gateway's series by (device, point).
    """
    content = batch.content
    ids = [known[series.device, series.point] for series in content.series]
    start_ms = to_ms(content.start)
    codes = [QUALITY_CODES[quality] for quality in content.quality] or (_GOOD,) * len(content.s)
    for index, offset_ms, value, code in zip(content.s, content.offset_ms, content.value, codes, strict=True):
        yield {"series": ids[index], "at_ms": start_ms + offset_ms, "value": value, "quality": code}


async def _note_batch(connection: AsyncConnection, batch: Batch, now: datetime) -> bool:
    row = {"gateway": batch.gateway, "run": batch.run, "seq": batch.seq, "received_at": now}
    result = await connection.execute(insert_new(connection.dialect, AppliedBatch), row)
    return bool(result.rowcount)


async def _series_ids(
    connection: AsyncConnection, remembered: Mapping[str, SeriesIds], batches: Iterable[Batch]
) -> dict[str, SeriesIds]:
    """Return the ids of the series of these batches' gateways, making those that are new."""
    wanted: dict[str, dict[tuple[str, str], ReadingSeries]] = {}
    for batch in batches:
        of_gateway = wanted.setdefault(batch.gateway, {})
        of_gateway.update({(series.device, series.point): series for series in batch.content.series})
    known: dict[str, SeriesIds] = {}
    for gateway, series_of in wanted.items():
        known[gateway] = remembered.get(gateway, {})
        if series_of.keys() <= known[gateway].keys():
            continue
        rows = [
            {"gateway": gateway, "device": s.device, "point": s.point, "unit": s.unit}
            for key, s in series_of.items()
            if key not in known[gateway]
        ]
        await connection.execute(insert_new(connection.dialect, Series), rows)
        query = select(Series.device, Series.point, Series.id).where(Series.gateway == gateway)
        known[gateway] = {(device, point): id_ for device, point, id_ in await connection.execute(query)}
    return known
