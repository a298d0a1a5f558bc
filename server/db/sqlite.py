"""SQLite's connections: each statement goes to the connection's thread once.

The driver hands a cursor's making, its statement, its rows and its closing to the thread one by one: four
round trips through the event loop, which cost more than most of our statements. The engine always wants
all rows at once, so that one visit to the thread can answer everything.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy.engine import make_url

_ROWS_A_CHUNK = 64
_NO_ANSWER = -1
"""What the driver says of rows touched when it does not know."""


async def connect(url: str) -> "Connection":
    """Open a connection to the file that an address names.

    Args:
        url: an SQLAlchemy address, `sqlite+aiosqlite:///…`.

    Raises:
        sqlite3.OperationalError: the file cannot be opened.
    """
    path = make_url(url).database or ":memory:"
    connection = Connection(partial(sqlite3.connect, path), _ROWS_A_CHUNK)
    # A thread that waits for statements must not keep a process alive.
    connection._thread.daemon = True  # noqa: SLF001 - as the engine itself does for what it opens
    await connection
    return connection


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a statement came to."""

    description: Any = None
    rows: Sequence[Any] = ()
    rowcount: int = _NO_ANSWER
    lastrowid: int | None = None


class Connection(aiosqlite.Connection):
    """The driver's connection with cursors that ask once."""

    def cursor(self) -> "Cursor":  # type: ignore[override]  # the engine enters it; nobody awaits it
        """Return a cursor; the thread hears of it with its first statement."""
        return Cursor(self)

    async def ask(self, method: str, sql: str, values: Iterable[Any]) -> _Answer:
        """Run a statement on the thread and return all that came of it.

        Raises:
            sqlite3.Error: the statement failed.
        """
        return await self._execute(_ask, self._conn, method, sql, values)  # type: ignore[no-any-return, no-untyped-call]  # untyped there


class Cursor:
    """One statement and its answer."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        """Belong to a connection."""
        self._connection = connection
        self._answer = _Answer()
        self._left: list[Any] = []

    @property
    def description(self) -> Any:
        """The columns of the answer, or None of a statement that has no rows."""
        return self._answer.description

    @property
    def rowcount(self) -> int:
        """How many rows were touched; -1 when the driver does not know."""
        return self._answer.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The id of the row that was inserted last."""
        return self._answer.lastrowid

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first statement."""
        return self

    async def execute(self, sql: str, values: Iterable[Any] = ()) -> Self:
        """Run a statement and fetch its rows."""
        return await self._ask("execute", sql, values)

    async def executemany(self, sql: str, values: Iterable[Iterable[Any]]) -> Self:
        """Run a statement once for each of many rows."""
        return await self._ask("executemany", sql, values)

    async def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._left.pop(0) if self._left else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        count = size or self.arraysize
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    async def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        taken, self._left = self._left, []
        return taken

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Yield the rows that are left."""
        for row in await self.fetchall():
            yield row

    async def close(self) -> None:
        """Forget the rows; the thread closed the statement when it had answered."""
        self._left = []

    async def _ask(self, method: str, sql: str, values: Iterable[Any]) -> Self:
        self._answer = await self._connection.ask(method, sql, values)
        self._left = list(self._answer.rows)
        return self


def _ask(connection: sqlite3.Connection, method: str, sql: str, values: Iterable[Any]) -> _Answer:
    cursor = connection.cursor()
    try:
        getattr(cursor, method)(sql, values)
        rows = cursor.fetchall() if cursor.description else ()
        return _Answer(cursor.description, rows, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()
