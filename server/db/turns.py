"""Whose turn it is to write an SQLite file: one connection of one process at a time, checkpoints included.

SQLite's write-ahead log had a race until 3.51.3 (3.44.6 and 3.50.7 of the older lines; sqlite.org/wal.html,
"The WAL-Reset Bug"): while one connection carries the log over into the file, another's commit may begin the
log anew, and commits are lost. Debian's Pythons link an older one. It takes two connections that write or
checkpoint at the same moment; here there never are two, because whoever writes holds this lock until its
commit, with the checkpoint that may follow, is over. Reading needs no turn.
"""

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 10.0
"""How long a process waits for another's transaction."""
_LOOK_EVERY_S: Final = 0.005


class WriterTurn:
    """The lock of one database file, kept beside it; of a database in memory there is none.

    A second lock makes one who waits the next: a process that writes without pause, in a storm, would else
    have its turn again before another has looked.
    """

    def __init__(self, database: str | None) -> None:
        """Name the database's file; nothing is opened yet."""
        self._turn: _Lock | None = None
        self._next: _Lock | None = None
        if database and database != ":memory:":
            self._turn = _Lock(Path(f"{database}-turn"), Path(database))
            self._next = _Lock(Path(f"{database}-next"), Path(database))
        self._is_next = False

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold the turn while the block runs.

        Raises:
            TimeoutError: another process wrote for too long.
        """
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not self._try():
                _check(deadline)
                await asyncio.sleep(_LOOK_EVERY_S)
            self._let_next()
            yield
        finally:
            self._release()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the turn outside an event loop.

        Raises:
            TimeoutError: another process wrote for too long.
        """
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not self._try():
                _check(deadline)
                time.sleep(_LOOK_EVERY_S)
            self._let_next()
            yield
        finally:
            self._release()
            self.close()

    def close(self) -> None:
        """Let go of the locks' files."""
        if self._turn is not None and self._next is not None:
            self._turn.close()
            self._next.close()

    def _try(self) -> bool:
        if self._turn is None or self._next is None:
            return True
        self._is_next = self._is_next or self._next.take()
        return self._is_next and self._turn.take()

    def _let_next(self) -> None:
        if self._next is not None:
            self._next.release()
        self._is_next = False

    def _release(self) -> None:
        """Give the turn back, or the place of one who gave up waiting."""
        self._let_next()
        if self._turn is not None:
            self._turn.release()


class _Lock:
    """A lock that a process which ends gives back by itself."""

    def __init__(self, path: Path, database: Path) -> None:
        self._path = path
        self._database = database
        self._file: int | None = None

    def take(self) -> bool:
        """Take it if nobody has it."""
        if self._file is None:
            self._file = _open(self._path, self._database)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}:
                return False
            raise
        return True

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _open(path: Path, database: Path) -> int:
    """Open the lock's file; one that root makes belongs to whom the database belongs, as SQLite's own do."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = (database if database.exists() else database.parent).stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


def _check(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise TimeoutError(f"another process has been writing the database for {PATIENCE_S:g} s")
