"""One thread that owns one SQLite connection.

SQLite before 3.51.3 can lose commits when two connections share a write-ahead log, so each store
has exactly one, used by exactly one thread. Writes that wait together share one commit.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import structlog

from edge.errors import StoreError
from edge.stores import spacereserve

_T = TypeVar("_T")
Work = Callable[[sqlite3.Connection], _T]


class Transact(Protocol):
    """Does work on a store's connection; see `StoreThread.run`."""

    def __call__(self, work: Work[_T], /) -> Awaitable[_T]:
        """Do work; what it returns comes after the commit."""


_MOST_PER_COMMIT: Final = 64
_CLOSE_LIMIT_S: Final = 2.0
_PAGE_BYTES: Final = 4096
_CACHE_KB: Final = 512
"""Pages kept in memory; appending and looking up by key needs no more, and a gateway is small."""
_OPEN_LIMIT_S: Final = 30.0
"""A disk that takes longer to open a store is not waited for: the gateway alarms from memory."""
IN_MEMORY: Final = Path(":memory:")
"""A store that lives as long as its process: for a disk that cannot be used."""
_UNSOUND: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class UnsoundStoreError(StoreError):
    """The file is no sound database: it can only be moved aside."""


class FullDiskError(StoreError):
    """There is no space left for what was to be written."""


log = structlog.get_logger(__name__)


class StoreThread:
    """Runs work on one connection, in order; results come after their commit."""

    def __init__(self, path: Path, *, schema: str, synchronous: str, reserve_bytes: int = 0) -> None:
        """Open or create the store.

        Args:
            path: the database file.
            schema: statements that create what is missing.
            synchronous: `FULL` (a commit survives a power cut) or `NORMAL`.
            reserve_bytes: how much space to keep in the file, and as much again in its journal.

        Raises:
            UnsoundStoreError: the file is no sound database.
            StoreError: the file cannot be opened, for want of space or rights, say.
        """
        self.path = path
        self._queue: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._schema = schema
        self._synchronous = synchronous
        self._reserve_bytes = 0 if path == IN_MEMORY else reserve_bytes
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(ready,), name=f"store-{path.stem}", daemon=True
        )
        self._thread.start()
        try:
            ready.result(timeout=_OPEN_LIMIT_S)
        except sqlite3.Error as error:
            raise _store_error(path, error) from error
        except TimeoutError as error:
            raise StoreError(f"{path}: the disk did not open it within {_OPEN_LIMIT_S:g} s") from error

    def submit(self, work: Work[_T]) -> "Future[_T]":
        """Queue work; the future holds its result after the commit."""
        future: Future[_T] = Future()
        self._queue.put((work, future))
        return future

    async def run(self, work: Work[_T]) -> _T:
        """Do work and return its result after the commit.

        Raises:
            StoreError: the store cannot be read or written.
        """
        try:
            # Shielded: whoever stops waiting must not take the work of others with it.
            return await asyncio.shield(asyncio.wrap_future(self.submit(work)))
        except sqlite3.Error as error:
            raise _store_error(self.path, error) from error

    def run_now(self, work: Work[_T]) -> _T:
        """Do work and wait for it: for start-up, before there is a loop to hold up.

        Raises:
            StoreError: the store cannot be read or written.
        """
        try:
            return self.submit(work).result()
        except sqlite3.Error as error:
            raise _store_error(self.path, error) from error

    async def top_up(self) -> None:
        """Reserve again what was used of the reserve; without space that waits for the next time.

        Raises:
            StoreError: the store cannot be written, for another reason than want of space.
        """
        reserve_bytes = self._reserve_bytes
        if not await self.run(lambda connection: spacereserve.is_used(connection, self.path, reserve_bytes)):
            return
        try:
            await self.run(
                lambda connection: spacereserve.fill(
                    connection, spacereserve.affordable_bytes(connection, self.path, reserve_bytes)
                )
            )
        except FullDiskError:
            return
        await self.run(spacereserve.drain)

    async def give_back(self) -> None:
        """Return free pages beyond the reserve to the file system.

        Raises:
            StoreError: the store cannot be written.
        """
        await self.run(lambda connection: spacereserve.give_back(connection, self._reserve_bytes))

    def close(self) -> None:
        """Finish the queued work and close the connection; a disk that hangs is not waited for."""
        self._queue.put(None)
        self._thread.join(_CLOSE_LIMIT_S)

    def _run(self, ready: "Future[None]") -> None:
        try:
            connection = self._open()
        except sqlite3.Error as error:
            ready.set_exception(error)
            return
        ready.set_result(None)
        try:
            while (batch := self._next_batch()) is not None:
                if batch and self._reserve_bytes:
                    spacereserve.limit_growth(connection, self.path, self._reserve_bytes)
                if batch:
                    _commit_batch(connection, batch)
        finally:
            connection.close()
            if self._reserve_bytes:
                spacereserve.hold(self.path, self._reserve_bytes)

    def _open(self) -> sqlite3.Connection:
        if self._reserve_bytes:
            spacereserve.let_go(self.path)
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            connection.execute("PRAGMA temp_store = MEMORY")  # a temporary file needs space, too
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect in an empty file only
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                damage = sqlite3.DatabaseError("the integrity check fails")
                damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damage
            if self._reserve_bytes:
                # The log starts over from its beginning well before it outgrows its reserve.
                connection.execute(f"PRAGMA wal_autocheckpoint = {self._reserve_bytes // _PAGE_BYTES // 2}")
                if not spacereserve.make(connection, self.path, self._reserve_bytes):
                    log.warning("reserve_not_made", path=str(self.path), wanted_bytes=self._reserve_bytes)
            connection.executescript(self._schema)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _next_batch(self) -> list[tuple[Work[Any], Future[Any]]] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < _MOST_PER_COMMIT:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            batch.append(more)
        return [piece for piece in batch if piece[1].set_running_or_notify_cancel()]


def _store_error(path: Path, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _UNSOUND:
        return UnsoundStoreError(f"{path}: {error}")
    kind = FullDiskError if code == sqlite3.SQLITE_FULL else StoreError
    return kind(f"{path}: {error}")


def _commit_batch(connection: sqlite3.Connection, batch: list[tuple[Work[Any], "Future[Any]"]]) -> None:
    """Do all work in one transaction; if that fails, each piece in one of its own."""
    try:
        results = _transact(connection, [work for work, _ in batch])
    except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to whoever asked for it
        if len(batch) == 1:
            batch[0][1].set_exception(error)
            return
        for piece in batch:
            _commit_batch(connection, [piece])
        return
    for (_, future), result in zip(batch, results, strict=True):
        future.set_result(result)


def _transact(connection: sqlite3.Connection, works: list[Work[Any]]) -> list[Any]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [work(connection) for work in works]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results
