"""The readings' own database.

Beside the SQLite main database it is a file of its own in WAL mode with one connection, so that
20,000 rows a second never hold up an alarm. On PostgreSQL it is the same server.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import StaticPool, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server.db.migrate import READINGS_NAMESPACE, Schema, migrate

SeriesIds = dict[tuple[str, str], int]
"""The ids of a gateway's series by (device, point)."""


class HistoryDatabase:
    """Opens transactions on the readings."""

    def __init__(self, url: str) -> None:
        """Prepare an engine; nothing is opened yet.

        Args:
            url: an SQLAlchemy address.
        """
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _create_engine(url)
        self.series: dict[str, SeriesIds] = {}
        """Series that are known to be in the database, by gateway; a cache, they are never deleted."""
        self.on_stored: Callable[..., Awaitable[None]] | None = None
        """Called with connection, batches and now, in the transaction that stores the batches."""
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """Bring the tables to the newest form, making them when there are none."""
        await asyncio.to_thread(migrate, self.url, Schema.READINGS)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction: committed at the end of the block, rolled back on an error.

        On SQLite reader and writer take turns on the one connection.
        """
        if self.is_sqlite:
            async with self._turn, self.engine.begin() as connection:
                yield connection
        else:
            async with self.engine.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _create_engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        apart = {"search_path": READINGS_NAMESPACE}
        return create_async_engine(url, connect_args={"server_settings": apart})
    engine = create_async_engine(url, poolclass=StaticPool)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
