"""`readings.db`: an append-only ring of readings, written in blocks.

A block is one batch of the wire. Blocks are written every few seconds, bounded by age and bytes;
when space runs out the oldest go first, counted. Alarms live elsewhere and are never shed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from edge.model import Moment, Snapshot
from edge.outbox import Outgoing, load_run, open_store
from wire.codec import MAX_MESSAGE_BYTES
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Quality

if TYPE_CHECKING:
    import sqlite3

BLOCK_ROWS: Final = 2_000
_ENVELOPE_BYTES: Final = 2_048

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block (
    seq INTEGER PRIMARY KEY, last_ms INTEGER NOT NULL, rows INTEGER NOT NULL,
    acked INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS block_unacked ON block (seq) WHERE acked = 0;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """What the ring holds."""

    body_bytes: int
    waiting: int


class ReadingStore:
    """The readings of this gateway on disk."""

    def __init__(self, path: Path, *, max_bytes: int, max_age_ms: int) -> None:
        """Open the store.

        Args:
            path: the database file.
            max_bytes: how large the blocks together may grow.
            max_age_ms: how old a block may get.

        Raises:
            StoreError: no store can be opened at all.
        """
        self._thread = open_store(path, schema=_SCHEMA, synchronous="NORMAL")
        self.run, self._seq = self._thread.run_now(load_run)
        totals = self._thread.run_now(_measure)
        self._body_bytes = totals.body_bytes
        self.waiting = totals.waiting
        self.shed = 0
        self.written_bytes = 0
        self._max_bytes = max_bytes
        self._max_age_ms = max_age_ms

    @property
    def last_seq(self) -> int:
        """The highest number given so far in this run."""
        return self._seq

    async def append(self, snapshots: Iterable[Snapshot], now: Moment) -> int:
        """Write snapshots as blocks and return how many blocks were written.

        Raises:
            StoreError: nothing was written.
        """
        rows: list[tuple[int, int, int, bytes]] = []
        for batch in build_batches(snapshots):
            self._seq += 1
            body = msgspec.json.encode(batch)
            rows.append((self._seq, now.wall_ms, len(batch.s), body))
        size = sum(len(row[3]) for row in rows)
        last_seq = self._seq
        await self._thread.run(lambda connection: _write(connection, rows, last_seq))
        self._body_bytes += size
        self.written_bytes += size
        self.waiting += len(rows)
        return len(rows)

    async def pending(self, *, after_seq: int, most: int) -> list[Outgoing]:
        """Return the oldest blocks that are not acknowledged, numbered above `after_seq`.

        Raises:
            StoreError: the store cannot be read.
        """
        found = await self._thread.run(
            lambda connection: connection.execute(
                "SELECT seq, body FROM block WHERE acked = 0 AND seq > ? ORDER BY seq LIMIT ?",
                (after_seq, most),
            ).fetchall()
        )
        return [Outgoing(key=str(seq), run=self.run, seq=seq, urgent=False, body=body) for seq, body in found]

    async def acknowledge(self, seqs: Iterable[int]) -> None:
        """Mark blocks as held by the server.

        Raises:
            StoreError: nothing was written.
        """
        rows = [(seq,) for seq in seqs]
        self.waiting = await self._thread.run(lambda connection: _acknowledge(connection, rows))

    async def reopen_after(self, seq: int) -> None:
        """Mark every block numbered above `seq` as not acknowledged.

        Raises:
            StoreError: nothing was written.
        """
        self.waiting = await self._thread.run(lambda connection: _reopen(connection, seq))

    async def highest_acked(self) -> int:
        """Return the highest number that the server acknowledged, 0 if none is kept.

        Raises:
            StoreError: the store cannot be read.
        """
        found = await self._thread.run(
            lambda connection: connection.execute("SELECT max(seq) FROM block WHERE acked = 1").fetchone()
        )
        return int(found[0] or 0)

    async def prune(self, now: Moment) -> None:
        """Shed what is too old or too much, the oldest first.

        Raises:
            StoreError: nothing was shed.
        """
        over_bytes = self._body_bytes - self._max_bytes
        limit_ms = now.wall_ms - self._max_age_ms
        shed, freed, waiting = await self._thread.run(
            lambda connection: _shed(connection, over_bytes, limit_ms)
        )
        self.shed += shed
        self._body_bytes -= freed
        self.waiting = waiting

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._thread.close()


def build_batches(snapshots: Iterable[Snapshot]) -> list[ReadingsBatch]:
    """Turn snapshots into batches of at most `BLOCK_ROWS` rows that fit one message."""
    batches: list[ReadingsBatch] = []
    part: list[Snapshot] = []
    rows = 0
    for snapshot in snapshots:
        if rows and rows + len(snapshot.points) > BLOCK_ROWS:
            batches.append(_build(part))
            part, rows = [], 0
        part.append(snapshot)
        rows += len(snapshot.points)
    if part:
        batches.append(_build(part))
    return [fitting for batch in batches for fitting in _fit(batch)]


def _build(snapshots: list[Snapshot]) -> ReadingsBatch:
    series: dict[str, int] = {}
    listed: list[ReadingSeries] = []
    s: list[int] = []
    offsets: list[int] = []
    values: list[float | None] = []
    qualities: list[Quality] = []
    all_good = True
    start_ms = snapshots[0].at.wall_ms
    for snapshot in snapshots:
        first = series.get(snapshot.device)
        if first is None:
            first = series[snapshot.device] = len(listed)
            listed += [
                ReadingSeries(device=snapshot.device, point=point.name, unit=point.unit)
                for point in snapshot.points
            ]
        count = len(snapshot.points)
        s += range(first, first + count)
        offsets += [snapshot.at.wall_ms - start_ms] * count
        values += snapshot.values
        if snapshot.qualities is None:
            qualities += [Quality.GOOD] * count
        else:
            all_good = False
            qualities += snapshot.qualities
    return ReadingsBatch(
        start=snapshots[0].at.as_datetime(),
        series=tuple(listed),
        s=tuple(s),
        offset_ms=tuple(offsets),
        value=tuple(values),
        quality=() if all_good else tuple(qualities),
    )


def _fit(batch: ReadingsBatch) -> list[ReadingsBatch]:
    """Halve a batch until each part fits one message."""
    if len(msgspec.json.encode(batch)) <= MAX_MESSAGE_BYTES - _ENVELOPE_BYTES or len(batch.s) <= 1:
        return [batch]
    half = len(batch.s) // 2
    parts = (slice(None, half), slice(half, None))
    return [
        fitting
        for part in parts
        for fitting in _fit(
            msgspec.structs.replace(
                batch,
                s=batch.s[part],
                offset_ms=batch.offset_ms[part],
                value=batch.value[part],
                quality=batch.quality[part],
            )
        )
    ]


def _measure(connection: "sqlite3.Connection") -> _Totals:
    size, waiting = connection.execute(
        "SELECT coalesce(sum(length(body)), 0), coalesce(sum(acked = 0), 0) FROM block"
    ).fetchone()
    return _Totals(body_bytes=size, waiting=waiting)


def _write(connection: "sqlite3.Connection", rows: list[tuple[int, int, int, bytes]], last_seq: int) -> None:
    connection.executemany("INSERT INTO block (seq, last_ms, rows, acked, body) VALUES (?, ?, ?, 0, ?)", rows)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'seq'", (last_seq,))


def _waiting(connection: "sqlite3.Connection") -> int:
    return int(connection.execute("SELECT count(*) FROM block WHERE acked = 0").fetchone()[0])


def _acknowledge(connection: "sqlite3.Connection", rows: list[tuple[int]]) -> int:
    connection.executemany("UPDATE block SET acked = 1 WHERE seq = ?", rows)
    return _waiting(connection)


def _reopen(connection: "sqlite3.Connection", seq: int) -> int:
    connection.execute("UPDATE block SET acked = 0 WHERE seq > ?", (seq,))
    return _waiting(connection)


def _shed(connection: "sqlite3.Connection", over_bytes: int, limit_ms: int) -> tuple[int, int, int]:
    """Delete the oldest blocks; returns unacknowledged readings shed, bytes freed, blocks waiting."""
    last = 0
    freed = 0
    shed = 0
    for seq, last_ms, rows, acked, size in connection.execute(
        "SELECT seq, last_ms, rows, acked, length(body) FROM block ORDER BY seq"
    ):
        if freed >= over_bytes and last_ms >= limit_ms:
            break
        last, freed = seq, freed + size
        shed += 0 if acked else rows
    connection.execute("DELETE FROM block WHERE seq <= ?", (last,))
    connection.execute("PRAGMA incremental_vacuum")
    return shed, freed, _waiting(connection)
