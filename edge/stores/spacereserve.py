"""Space that a store keeps for itself, so that a full disk still takes alarms.

The reserve lies in two places. Free pages inside the database file take new rows without growing it.
The write-ahead log is grown once and then written over from its start, because SQLite does not shorten
it. SQLite removes the log when the store is closed; until the next start a file of the same size,
`<name>.reserve`, holds its place.

Everything here runs on the store's own thread with the store's one connection.
"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

_PIECE_BYTES: Final = 256 * 1024
_AMPLE: Final = 3
"""Free space, in reserves, from which on the file may grow."""
_NO_LIMIT: Final = 1_073_741_823
_SHARES_HELD: Final = (1.1, 1.0, 0.9, 0.75)
"""How much of the reserve is held for the log, which is larger than what passed through it, by headers
of frames and pages of the tree; less on a disk that is full."""
_WORTH_FILLING: Final = 0.75
"""The reserve is filled up again when less than this share of it is left."""


def make(connection: "sqlite3.Connection", path: Path, reserve_bytes: int) -> bool:
    """Reserve space in a store that was just opened; returns whether all of it is there now."""
    try:
        _table(connection)
        if connection.execute("SELECT count(*) FROM reserve").fetchone() != (0,):
            drain(connection)  # what a crash between filling and draining left
        if not is_used(connection, path, reserve_bytes):
            return True
        connection.execute("BEGIN IMMEDIATE")
        fill(connection, affordable_bytes(connection, path, reserve_bytes))
        connection.execute("COMMIT")
        drain(connection)
        connection.execute("PRAGMA wal_checkpoint(FULL)")
    except Exception:  # noqa: BLE001 - sqlite3 is imported in one file only; without space there is no reserve
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return False
    return not is_used(connection, path, reserve_bytes)


def affordable_bytes(connection: "sqlite3.Connection", path: Path, reserve_bytes: int) -> int:
    """Return how much can be written without growing the file where the disk has no room for that.

    On a full disk the log alone is grown again, into the place that was held for it.
    """
    state = os.statvfs(path.parent)
    if state.f_bavail * state.f_frsize >= _AMPLE * reserve_bytes:
        return reserve_bytes
    return min(reserve_bytes, max(_free_bytes(connection) - _PIECE_BYTES, 0))


def is_used(connection: "sqlite3.Connection", path: Path, reserve_bytes: int) -> bool:
    """Tell whether too little of the reserve is left, in the file or in its log."""
    with contextlib.suppress(OSError):
        if path.with_name(f"{path.name}-wal").stat().st_size >= reserve_bytes * _WORTH_FILLING:
            return _free_bytes(connection) < reserve_bytes * _WORTH_FILLING
    return reserve_bytes > 0


def fill(connection: "sqlite3.Connection", amount_bytes: int) -> None:
    """Write so many bytes; they pass through the log, which grows by them.

    The caller commits this before it drains: pages that are freed in the transaction that filled them
    are never written.
    """
    _table(connection)
    pieces = [(_PIECE_BYTES,)] * (amount_bytes // _PIECE_BYTES)
    connection.executemany("INSERT INTO reserve (body) VALUES (zeroblob(?))", pieces)


def drain(connection: "sqlite3.Connection") -> None:
    """Free the written pages: from now on they are the reserve."""
    connection.execute("DELETE FROM reserve")


def give_back(connection: "sqlite3.Connection", reserve_bytes: int) -> None:
    """Return free pages beyond the reserve to the file system."""
    surplus = (_free_bytes(connection) - reserve_bytes) // _page_bytes(connection)
    if surplus > 0:
        connection.execute(f"PRAGMA incremental_vacuum({surplus})").fetchall()


def limit_growth(connection: "sqlite3.Connection", path: Path, reserve_bytes: int) -> None:
    """Let the file grow only while the disk has room for that.

    Otherwise a commit could succeed in the log and never reach the file, and the log, which cannot start
    over before that, would outgrow its reserve.
    """
    with contextlib.suppress(OSError):
        state = os.statvfs(path.parent)
        ample = state.f_bavail * state.f_frsize >= reserve_bytes
        most = _NO_LIMIT if ample else int(connection.execute("PRAGMA page_count").fetchone()[0])
        connection.execute(f"PRAGMA max_page_count = {most}").fetchone()


def hold(path: Path, reserve_bytes: int) -> None:
    """Hold the log's place while the store is closed."""
    held = path.with_name(f"{path.name}.reserve")
    with contextlib.suppress(OSError):
        descriptor = os.open(held, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            for share in _SHARES_HELD:
                with contextlib.suppress(OSError):
                    os.posix_fallocate(descriptor, 0, round(reserve_bytes * share))
                    break
        finally:
            os.close(descriptor)


def let_go(path: Path) -> None:
    """Make way for the log."""
    with contextlib.suppress(OSError):
        path.with_name(f"{path.name}.reserve").unlink()


def _table(connection: "sqlite3.Connection") -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS reserve (body BLOB NOT NULL)")


def _free_bytes(connection: "sqlite3.Connection") -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0]) * _page_bytes(connection)


def _page_bytes(connection: "sqlite3.Connection") -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])
