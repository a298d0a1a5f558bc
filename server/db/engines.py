"""The engines of the main database: on SQLite one connection writes, others read; PostgreSQL has one pool."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.db import sqlite
from server.db.turns import WriterTurn

BEGIN: Final = "gridwarden_begin"
"""Execution option of a connection of the writing engine: how it begins a transaction."""
IN_TURN: Final = "BEGIN IMMEDIATE"
"""Writes the file."""
AHEAD_OF_TURN: Final = "BEGIN"
"""Fills temporary tables, and locks nothing that others use."""
_NOT_THE_STATEMENTS: Final = frozenset({"08", "40", "53", "57", "58"})
"""Classes of PostgreSQL's error codes (appendix A of its manual) that say nothing of the statement: the
connection, two transactions in each other's way, resources, an operator's doing, the system."""
_BUSY_TIMEOUT_MS: Final = 10_000
_LOG_KEPT_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Engines:
    """Where transactions are written and where is only read; both the same on PostgreSQL."""

    writing: AsyncEngine
    reading: AsyncEngine
    turn: WriterTurn

    async def close(self) -> None:
        """Close every connection, the one that may carry the log over last."""
        if self.reading is not self.writing:
            await self.reading.dispose()
        await self.writing.dispose()
        self.turn.close()


def open_engines(url: str) -> Engines:
    """Prepare the engines of an address; nothing is opened yet."""
    if not url.startswith("sqlite"):
        engine = create_async_engine(url)
        event.listen(engine.sync_engine, "handle_error", _tell_apart, retval=True)
        return Engines(engine, engine, WriterTurn(None))
    connect = partial(sqlite.connect, url)
    # One connection alone writes and carries the log over: see `server.db.turns`.
    writing = create_async_engine(url, async_creator=connect, pool_size=1, max_overflow=0)
    event.listen(writing.sync_engine, "connect", _prepare_writer)
    event.listen(writing.sync_engine, "begin", _begin)
    reading = create_async_engine(url, async_creator=connect)
    # Nobody begins there: an open reading transaction would keep the log from being carried over. Each
    # statement of a reading session therefore sees the newest commit by itself.
    event.listen(reading.sync_engine, "connect", _prepare_reader)
    return Engines(writing, reading, WriterTurn(make_url(url).database))


def _tell_apart(context: ExceptionContext) -> OperationalError | None:
    """Return the error of a database that could not, as other drivers raise it: asyncpg's has no name.

    Else a batch of alarms that was under way when PostgreSQL is started anew would be blamed for it.
    """
    state = getattr(context.original_exception, "sqlstate", None) or ""
    if state[:2] not in _NOT_THE_STATEMENTS:
        return None
    return OperationalError(
        context.statement,
        context.parameters,
        context.original_exception,
        connection_invalidated=context.is_disconnect,
    )


def _prepare_writer(connection: Any, _record: Any) -> None:
    _prepare(
        connection,
        "foreign_keys = ON",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"journal_size_limit = {_LOG_KEPT_BYTES}",
        "secure_delete = ON",  # what is forgotten is overwritten; Debian's SQLite does so by itself
        "temp_store = MEMORY",  # a service may have nowhere to write temporary files
    )


def _prepare_reader(connection: Any, _record: Any) -> None:
    _prepare(connection, "foreign_keys = ON", "wal_autocheckpoint = 0", "query_only = ON")


def _prepare(connection: Any, *pragmas: str) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in (f"busy_timeout = {_BUSY_TIMEOUT_MS}", *pragmas):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    begin = connection.get_execution_options().get(BEGIN, "")
    if begin:
        connection.exec_driver_sql(begin)
