"""Sessions: reading and writing ones are different types, and only this file commits.

A write session is one transaction: committed when its block ends well, rolled back otherwise.
What the block announced is told to listeners after the commit, and what it said is logged then: never before,
and nothing of a savepoint that was rolled back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from server.db.base import Base
from server.db.engines import AHEAD_OF_TURN, BEGIN, IN_TURN, open_engines
from server.db.rows import values_by_table
from server.failpoints import Side, reach_around

_T = TypeVar("_T")

log = structlog.get_logger()

Announcement = tuple[str, str]
"""What changed and which one, e.g. ("item", "0199…")."""
Listener = Callable[[list[Announcement]], None]
Ahead = Callable[[AsyncConnection], Awaitable[None]]
"""Fills temporary tables of a connection that is about to write: nobody waits for that."""

DATABASE = "database"
"""In the info of every session: the database it belongs to."""
ONE_MOMENT = "one_moment"
"""In the info of a session that reads the street and its people as of one moment: a batch of alarms."""


class LastRowsSession(Session):
    """Writes some rows after all others, so that a batch writes each table once.

    Nothing tells the unit of work that an item's rows point to the item; without this each item would
    have to be written before its first row is added. Rows whose number the database gives are written one
    by one on SQLite, because each tells its number; those that nobody looks at again are written at once.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Take what any session takes."""
        super().__init__(*args, **settings)
        self.last: list[Base] = []
        self.final: list[Base] = []
        self.said: list[tuple[str, dict[str, object]]] = []
        """Lines for the log, which are true once this is committed."""
        self.said_before: dict[SessionTransaction, int] = {}
        """How many there were when each savepoint began."""

    def flush(self, objects: Any = None) -> None:
        """Write what was changed and added, then what goes last; before each question too."""
        super().flush(objects)
        if self.last:
            rows, self.last = self.last, []
            self.add_all(rows)
            super().flush()
        if self.final:
            rows, self.final = self.final, []
            for table, values in values_by_table(rows):
                self.connection().execute(table.insert(), values)


def _forget_rolled_back(session: Session, transaction: SessionTransaction) -> None:
    # What was pending before a savepoint was written when it began: the rest belongs to what failed.
    assert isinstance(session, LastRowsSession)
    session.last.clear()
    session.final.clear()
    # A flush that failed took the savepoint around it along, or all of the transaction.
    begun: SessionTransaction | None = transaction
    while begun is not None and begun not in session.said_before:
        begun = begun.parent
    del session.said[session.said_before[begun] if begun else 0 :]


def _note_begun(session: Session, transaction: SessionTransaction) -> None:
    assert isinstance(session, LastRowsSession)
    if transaction.nested:
        session.said_before[transaction] = len(session.said)


event.listen(LastRowsSession, "after_transaction_create", _note_begun)
event.listen(LastRowsSession, "after_soft_rollback", _forget_rolled_back)


class ReadSession(AsyncSession):
    """May read. Services that write ask for a `WriteSession`."""


class WriteSession(ReadSession):
    """May write; `announce` collects what listeners hear after the commit."""

    sync_session_class = LastRowsSession
    sync_session: LastRowsSession

    def add_last(self, row: Base) -> None:
        """Add a row that points to rows just added; a batch writes it after all of those."""
        if ONE_MOMENT in self.info:
            self.sync_session.last.append(row)
        else:
            self.add(row)

    def add_final(self, row: Base) -> None:
        """Add a row that this transaction does not look at again; many are written at once, after all others.

        The object stays as it is: the number the row gets is not known, and a later change is not written.
        """
        self.sync_session.final.append(row)

    def is_last(self, row: Base) -> bool:
        """Tell whether a row waits to be written after all others."""
        return any(row is other for other in self.sync_session.last)

    def announce(self, what: str, which: str) -> None:
        """Note a change for the listeners of `Database`."""
        self.info.setdefault("announced", []).append((what, which))

    def passing(self, transition: str) -> None:
        """Say what this transaction carries out: a test may kill the process around its commit."""
        self.info.setdefault("passing", []).append(transition)

    def say(self, event: str, **fields: object) -> dict[str, object]:
        """Log a line once this is committed; returns its fields, which may be filled in until then."""
        self.sync_session.said.append((event, fields))
        return fields


class Database:
    """The server's main database, SQLite or PostgreSQL by its address."""

    def __init__(self, url: str) -> None:
        """Prepare an engine; nothing is opened yet.

        Args:
            url: an SQLAlchemy address, `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`.
        """
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._engines = open_engines(url)
        self.engine = self._engines.writing
        """The one that writes."""
        self._listeners: list[Listener] = []
        self._writer = asyncio.Lock()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a listener after each commit that announced something; returns the undo."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, announced: list[Announcement]) -> None:
        """Tell the listeners what another connection or process has committed."""
        for listener in tuple(self._listeners):
            listener(announced)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """Open a session for reading; nothing it does is kept."""
        info = {DATABASE: self}
        async with ReadSession(self._engines.reading, expire_on_commit=False, info=info) as session:
            yield session

    @asynccontextmanager
    async def write(self, ahead: Ahead | None = None) -> AsyncIterator[WriteSession]:
        """Open a transaction: committed at the end of the block, rolled back on an error.

        On SQLite writers queue here, in order of arrival, rather than at the file's lock.

        Args:
            ahead: what the transaction's connection does before its turn. Its temporary tables live as
                long as the connection: whoever makes some opens a database of their own and closes it.

        Raises:
            TimeoutError: another process held SQLite's file for too long.
        """
        async with AsyncExitStack() as stack:
            if self.is_sqlite:
                await stack.enter_async_context(self._writer)
            bind: AsyncEngine | AsyncConnection = self.engine
            if ahead is not None:
                bind = await stack.enter_async_context(self.engine.connect())
                await bind.execution_options(**{BEGIN: AHEAD_OF_TURN})
                await ahead(bind)
                await bind.commit()
            if self.is_sqlite:
                await stack.enter_async_context(self._engines.turn.taken())
            yield await stack.enter_async_context(self._transaction(bind))

    async def close(self) -> None:
        """Close every connection."""
        await self._engines.close()

    @asynccontextmanager
    async def _transaction(self, bind: AsyncEngine | AsyncConnection) -> AsyncIterator[WriteSession]:
        info = {DATABASE: self}
        async with WriteSession(bind, expire_on_commit=False, info=info) as session:
            if self.is_sqlite:
                await session.connection(execution_options={BEGIN: IN_TURN})
            async with _committing(session):
                yield session
        reach_around(session.info.get("passing", ()), Side.AFTER)
        for said, fields in session.sync_session.said:
            log.info(said, **fields)
        announced: list[Announcement] = session.info.get("announced", [])
        if announced:
            self.tell(announced)


def work_alone(url: str, work: Callable[[Database], Awaitable[_T]]) -> _T:
    """Do work on a database in an event loop that ends with it: a command, or a process of its own."""

    async def whole() -> _T:
        database = Database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(whole())


@asynccontextmanager
async def _committing(session: WriteSession) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await session.rollback()
        raise
    await session.flush()
    reach_around(session.info.get("passing", ()), Side.BEFORE)
    await session.commit()
