"""A store's file: opened, moved aside when it is not sound, and known by its run."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from edge.errors import StoreError
from edge.stores.storethread import IN_MEMORY, StoreThread, UnsoundStoreError
from wire.ids import new_uuid7

if TYPE_CHECKING:
    import sqlite3

log = structlog.get_logger(__name__)


def open_store(path: Path, *, schema: str, synchronous: str, reserve_bytes: int = 0) -> StoreThread:
    """Open a store; one that is not sound is moved aside, loudly, and a new one is begun.

    A file that cannot be opened for want of space or rights is left where it is.

    Raises:
        StoreError: no store can be opened at all.
    """
    try:
        if path != IN_MEMORY:
            path.parent.mkdir(parents=True, exist_ok=True)
        return StoreThread(path, schema=schema, synchronous=synchronous, reserve_bytes=reserve_bytes)
    except OSError as error:
        raise StoreError(str(error)) from error
    except UnsoundStoreError as error:
        aside = path.with_name(f"{path.name}.unsound-{time.time_ns()}")
        log.critical("store_moved_aside", path=str(path), aside=str(aside), error=str(error))
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        return StoreThread(path, schema=schema, synchronous=synchronous, reserve_bytes=reserve_bytes)


def load_run(connection: "sqlite3.Connection") -> tuple[str, int]:
    """Return the run of a store file and its highest number, making a run for a new file."""
    found = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    if "run" not in found:
        found = {"run": new_uuid7(unix_ms=time.time_ns() // 1_000_000), "seq": 0}
        connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", found.items())
    return str(found["run"]), int(found["seq"])
