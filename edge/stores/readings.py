"""`readings.db`: an append-only ring of readings, written in blocks.

A block is one batch of the wire. Blocks are written every few seconds, bounded by age and bytes;
when space runs out the oldest go first, counted. Alarms live elsewhere and are never shed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from edge.model import Moment, Snapshot
from edge.stores.batches import ClockStand, build_batches, correct_batch
from edge.stores.exceptionreport import ReportPolicy
from edge.stores.outbox import Outgoing
from edge.stores.storefile import load_run, open_store
from edge.stores.storethread import FullDiskError, StoreThread
from wire.messages import ReadingsBatch
from wire.vocabulary import Clock as ClockTrust

if TYPE_CHECKING:
    import sqlite3

RESERVE_BYTES: Final = 2 * 1024 * 1024
"""In the file and again in its log: on a full disk the oldest readings make way for the newest."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block (
    seq INTEGER PRIMARY KEY, last_ms INTEGER NOT NULL, rows INTEGER NOT NULL,
    acked INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS block_unacked ON block (seq) WHERE acked = 0;
CREATE TABLE IF NOT EXISTS unsure_block (
    seq INTEGER PRIMARY KEY, boot TEXT NOT NULL, base_ms INTEGER NOT NULL
);
"""


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """What the ring holds."""

    body_bytes: int
    waiting: int


class ReadingStore:
    """The readings of this gateway on disk."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        max_age_ms: int,
        policies: Mapping[str, ReportPolicy] | None = None,
    ) -> None:
        """Open the store.

        Args:
            path: the database file.
            max_bytes: how large the blocks together may grow.
            max_age_ms: how old a block may get.
            policies: by device, how what is written was chosen; said in every batch.

        Raises:
            StoreError: no store can be opened at all.
        """
        self._max_bytes = max_bytes
        self._thread = self.open_at(path)
        self.run, self._seq = self._thread.run_now(load_run)
        totals = self._thread.run_now(_measure)
        self._body_bytes = totals.body_bytes
        self.waiting = totals.waiting
        self.shed = 0
        self.written_bytes = 0
        self._policies = policies or {}
        self._max_age_ms = max_age_ms

    @property
    def last_seq(self) -> int:
        """The highest number given so far in this run."""
        return self._seq

    def open_at(self, path: Path) -> StoreThread:
        """Open a file as this store would.

        Raises:
            StoreError: no store can be opened at all.
        """
        reserve_bytes = min(RESERVE_BYTES, self._max_bytes)
        return open_store(path, schema=_SCHEMA, synchronous="NORMAL", reserve_bytes=reserve_bytes)

    async def move_to(self, fresh: StoreThread, *, sent: Callable[[], Collection[str]]) -> None:
        """Leave memory for a store on the disk that has just been opened; what was not sent goes along.

        Args:
            fresh: of `open_at`.
            sent: the numbers of the blocks that are on their way to the server already.

        Raises:
            StoreError: it could not be used after all, or the blocks in memory are lost to it.
        """
        run, seq = await fresh.run(load_run)
        totals = await fresh.run(_measure)
        before, self._thread = self._thread, fresh
        self.run, self._seq = run, seq
        self._body_bytes, self.waiting = totals.body_bytes, totals.waiting
        blocks = await before.run(_unacknowledged)
        before.close()
        on_the_way = set(sent())
        for number, last_ms, rows, body, boot, base_ms in blocks:
            if str(number) in on_the_way:
                continue
            self._seq += 1
            row = [(self._seq, last_ms, rows, body)]
            last_seq = self._seq
            unsure = None if boot is None else ClockStand(boot=boot, base_ms=base_ms, trust=ClockTrust.UNSURE)
            await fresh.run(partial(_write, rows=row, last_seq=last_seq, unsure=unsure))
            self._body_bytes += len(body)
            self.waiting += 1

    async def append(
        self, snapshots: Iterable[Snapshot], now: Moment, *, stand: ClockStand | None = None
    ) -> int:
        """Write snapshots as blocks and return how many blocks were written.

        Args:
            snapshots: the readings.
            now: the moment of writing.
            stand: the clocks; None where the wall clock is trusted.

        Raises:
            StoreError: nothing was written.
        """
        rows: list[tuple[int, int, int, bytes]] = []
        for batch in build_batches(snapshots, self._policies):
            self._seq += 1
            body = msgspec.json.encode(batch)
            rows.append((self._seq, now.wall_ms, len(batch.s), body))
        size = sum(len(row[3]) for row in rows)
        last_seq = self._seq
        unsure = stand if stand is not None and stand.trust is not ClockTrust.SYNCED else None
        try:
            await self._thread.run(lambda connection: _write(connection, rows, last_seq, unsure))
        except FullDiskError:
            await self._make_room(2 * size)
            await self._thread.run(lambda connection: _write(connection, rows, last_seq, unsure))
        self._body_bytes += size
        self.written_bytes += size
        self.waiting += len(rows)
        return len(rows)

    async def pending(self, *, after_seq: int, most: int, stand: ClockStand | None = None) -> list[Outgoing]:
        """Return the oldest blocks that are not acknowledged, numbered above `after_seq`.

        With the clocks given, blocks of an unsure clock are corrected, or marked where they cannot be.

        Raises:
            StoreError: the store cannot be read.
        """
        found = await self._thread.run(
            lambda connection: connection.execute(
                "SELECT block.seq, body, boot, base_ms FROM block LEFT JOIN unsure_block USING (seq)"
                " WHERE acked = 0 AND block.seq > ? ORDER BY block.seq LIMIT ?",
                (after_seq, most),
            ).fetchall()
        )
        return [
            Outgoing(
                key=str(seq),
                run=self.run,
                seq=seq,
                urgent=False,
                body=body if boot is None else correct_batch(body, boot=boot, base_ms=base_ms, stand=stand),
            )
            for seq, body, boot, base_ms in found
        ]

    async def since(self, wall_ms: int) -> list[ReadingsBatch]:
        """Return the blocks that hold readings from a time on, oldest first.

        Raises:
            StoreError: the store cannot be read.
        """
        found = await self._thread.run(
            lambda connection: connection.execute(
                "SELECT body FROM block WHERE last_ms >= ? ORDER BY seq", (wall_ms,)
            ).fetchall()
        )
        return [msgspec.json.decode(body, type=ReadingsBatch) for (body,) in found]

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

    async def prune(self, now: Moment, *, by_age: bool = True) -> None:
        """Shed what is too old or too much, the oldest first.

        Args:
            now: the moment.
            by_age: False while the wall clock is not to be trusted: nothing is thrown away for its word.

        Raises:
            StoreError: nothing was shed.
        """
        limit_ms = now.wall_ms - self._max_age_ms if by_age else 0
        await self._drop(self._body_bytes - self._max_bytes, limit_ms)
        await self._thread.give_back()
        await self._thread.top_up()

    async def _make_room(self, wanted_bytes: int) -> None:
        """Let the oldest readings make way when the disk takes no more."""
        shed = self.shed
        await self._drop(wanted_bytes, 0)
        log.warning("readings_made_way", shed=self.shed - shed, wanted_bytes=wanted_bytes)

    async def _drop(self, over_bytes: int, limit_ms: int) -> None:
        shed, freed, waiting = await self._thread.run(
            lambda connection: _shed(connection, over_bytes, limit_ms)
        )
        self.shed += shed
        self._body_bytes -= freed
        self.waiting = waiting

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._thread.close()


def _measure(connection: "sqlite3.Connection") -> _Totals:
    size, waiting = connection.execute(
        "SELECT coalesce(sum(length(body)), 0), coalesce(sum(acked = 0), 0) FROM block"
    ).fetchone()
    return _Totals(body_bytes=size, waiting=waiting)


def _write(
    connection: "sqlite3.Connection",
    rows: list[tuple[int, int, int, bytes]],
    last_seq: int,
    unsure: ClockStand | None,
) -> None:
    connection.executemany("INSERT INTO block (seq, last_ms, rows, acked, body) VALUES (?, ?, ?, 0, ?)", rows)
    if unsure is not None:
        connection.executemany(
            "INSERT INTO unsure_block (seq, boot, base_ms) VALUES (?, ?, ?)",
            [(row[0], unsure.boot, unsure.base_ms) for row in rows],
        )
    connection.execute("UPDATE meta SET value = ? WHERE name = 'seq'", (last_seq,))


def _unacknowledged(connection: "sqlite3.Connection") -> list[tuple[int, int, int, bytes, str | None, int]]:
    return connection.execute(
        "SELECT block.seq, last_ms, rows, body, boot, base_ms FROM block LEFT JOIN unsure_block USING (seq)"
        " WHERE acked = 0 ORDER BY block.seq"
    ).fetchall()


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
    connection.execute("DELETE FROM unsure_block WHERE seq <= ?", (last,))
    return shed, freed, _waiting(connection)
