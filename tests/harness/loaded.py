"""A server with a generated street in it, a broker beside it, and a count of what its databases hold."""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_sim.demo.children import Child, command_of
from firmware_sim.demo.ports import pick_port
from firmware_sim.street.counts import SIZES
from firmware_sim.street.writing import write_street
from server.history.columns import Readings
from tests.harness.mosquitto import Mosquitto

_MAIN = {
    "alarms": "SELECT count(*) FROM alarm",
    "alarms_over": "SELECT count(*) FROM alarm WHERE cleared_at IS NOT NULL",
    "alarms_without_item": "SELECT count(*) FROM alarm WHERE item IS NULL",
    "highest_alarm_seqs": "SELECT coalesce(sum(seq), 0) FROM lane_run",
    "items": "SELECT count(*) FROM item",
    # What is one part of a visit is owned and told through the visit.
    "items_led": (
        "SELECT count(*) FROM item LEFT JOIN item AS visit ON visit.id = item.parent "
        "WHERE item.grid IS NOT NULL AND coalesce(visit.owner, item.owner) IS NOT NULL"
    ),
    "items_told": (
        "SELECT count(*) FROM item "
        "WHERE EXISTS (SELECT 1 FROM notice WHERE notice.item = coalesce(item.parent, item.id))"
    ),
    "notices": "SELECT count(*) FROM notice",
    "quarantined": "SELECT count(*) FROM quarantined",
    "unadopted": "SELECT count(*) FROM device WHERE NOT adopted",
}
_READINGS = {
    "batches": "SELECT count(*) FROM applied_batch",
    "rows": "SELECT count(*) FROM fresh_reading",
}


@dataclass
class LoadedServer:
    """Everything runs as real processes; the street's files lie in `street`."""

    folder: Path
    street: Path
    broker: Mosquitto
    server: Child

    def counts(self) -> dict[str, int]:
        """Count in the server's databases, past the server."""
        found = {}
        for name, queries in (("gridwarden.db", _MAIN), ("readings.db", _READINGS)):
            path = self.folder / "server" / name
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
                for what, query in queries.items():
                    (found[what],) = connection.execute(query).fetchone()
                if name == "readings.db":
                    blocks = connection.execute("SELECT data FROM block WHERE level = 0")
                    found["rows"] += sum(len(Readings.unpack(data)) for (data,) in blocks)
        return found

    async def start_load(self, *arguments: str, port: int | None = None) -> Child:
        """Start the load mode on the street's files."""
        return await Child.start(
            "load",
            [
                *(*command_of("gridwarden-sim"), "load", str(self.street)),
                *("--port", str(port or self.broker.port)),
                *("--report", str(self.folder / "report.json")),
                *arguments,
            ],
        )

    async def finished(self, load: Child) -> dict[str, Any]:
        """Wait for the end of a load; returns its report and how it ended."""
        await load.process.wait()
        await load.stop()
        path = self.folder / "report.json"
        assert path.exists(), "\n".join(load.raw[-80:])
        return {"exit": load.process.returncode, **json.loads(path.read_text(encoding="utf-8"))}


@asynccontextmanager
async def open_loaded_server(
    folder: Path,
    size: str,
    seed: int,
    *,
    settings: Mapping[str, str] | None = None,
    prepare: Callable[[Path], None] | None = None,
) -> AsyncIterator[LoadedServer]:
    """Generate a street, let the server import it, start broker and server.

    Args:
        folder: where everything lies.
        size: of the street.
        seed: decides the street.
        settings: more of the server's environment.
        prepare: does something to the imported main database before the server starts.
    """
    street = folder / "street"
    write_street(street, SIZES[size], seed)
    broker = Mosquitto(folder / "broker")
    await broker.start()
    environment = {
        "GRIDWARDEN_DATA_FOLDER": str(folder / "server"),
        "GRIDWARDEN_HTTP_PORT": str(pick_port()),
        "GRIDWARDEN_MQTT_PORT": str(broker.port),
        **(settings or {}),
    }
    server = None
    try:
        importing = await Child.start(
            "import", [*command_of("gridwarden-server"), "import", str(street)], env=environment, cwd=folder
        )
        await importing.process.wait()
        await importing.stop()
        assert importing.process.returncode == 0, importing.last_words()
        if prepare is not None:
            prepare(folder / "server" / "gridwarden.db")
        server = await Child.start(
            "server", [*command_of("gridwarden-server"), "run"], env=environment, cwd=folder
        )
        await server.ready("broker_connected")
        yield LoadedServer(folder=folder, street=street, broker=broker, server=server)
    finally:
        if server is not None:
            await server.stop()
        await broker.stop()
