"""The blocks of a readings store that no gateway has open: of a copy, say."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.stores.storethread import StoreThread
from wire.messages import ReadingsBatch

if TYPE_CHECKING:
    import sqlite3


def read_store(path: Path) -> list[ReadingsBatch]:
    """Return every block of a store, oldest first.

    Raises:
        StoreError: it cannot be read.
    """
    thread = StoreThread(path, schema="", synchronous="NORMAL")
    try:
        return thread.run_now(_read)
    finally:
        thread.close()


def _read(connection: "sqlite3.Connection") -> list[ReadingsBatch]:
    return [
        msgspec.json.decode(body, type=ReadingsBatch)
        for (body,) in connection.execute("SELECT body FROM block ORDER BY seq")
    ]
