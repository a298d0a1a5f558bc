"""The counters of devices that number what they say, in `alarms.db`.

They are reserved in ranges: a device that speaks every second costs a write in some minutes, not one a
second. What a power cut leaves open is the range: a number in it may or may not have been heard.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from edge.ports import StoredCounter
from edge.stores.storethread import Transact

if TYPE_CHECKING:
    import sqlite3

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS heard_counter (
    device TEXT PRIMARY KEY, heard INTEGER NOT NULL, ceiling INTEGER NOT NULL, fallen INTEGER NOT NULL
) WITHOUT ROWID
"""


class CounterTable:
    """A table of counters in a store that others share; see `edge.ports.CounterStore`."""

    def __init__(self, transact: Transact) -> None:
        """Use the store's own transactions; the table is made where it is missing."""
        self._transact = transact

    async def load(self) -> Mapping[str, StoredCounter]:
        """Return what is kept, by device.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._transact(_load)

    async def save(self, counters: Mapping[str, StoredCounter], forget: Iterable[str] = ()) -> None:
        """Keep counters durably, and forget devices.

        Raises:
            StoreError: nothing was written.
        """
        rows = [(device, one.heard, one.ceiling, one.fallen) for device, one in counters.items()]
        forgotten = [(device,) for device in forget]
        await self._transact(lambda connection: _save(connection, rows, forgotten))


def _load(connection: "sqlite3.Connection") -> dict[str, StoredCounter]:
    connection.execute(_SCHEMA)
    return {
        device: StoredCounter(heard=heard, ceiling=ceiling, fallen=bool(fallen))
        for device, heard, ceiling, fallen in connection.execute(
            "SELECT device, heard, ceiling, fallen FROM heard_counter"
        )
    }


def _save(
    connection: "sqlite3.Connection", rows: list[tuple[str, int, int, bool]], forgotten: list[tuple[str]]
) -> None:
    connection.execute(_SCHEMA)
    connection.executemany("DELETE FROM heard_counter WHERE device = ?", forgotten)
    connection.executemany(
        "INSERT OR REPLACE INTO heard_counter (device, heard, ceiling, fallen) VALUES (?, ?, ?, ?)", rows
    )
