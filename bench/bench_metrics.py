"""What a scrape of /metrics costs: the server with the whole street, a gateway with 200 devices.

    python bench/bench_metrics.py [--items 100000] [--asks 100]

The server has 600 gateways, 120,000 devices and the items of bench_lists.py in its database, and answers over
HTTP in a process of its own; CPU is that process's. The gateway's page is written as often in this process.
Bar: 150 ms of CPU, one per cent of a core at a scrape every 15 s.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_lists import ask, fill, serve
from sqlalchemy import create_engine, update
from street_database import DEVICES_EACH, GATEWAYS, NOW, street_database

from edge.clock import ManualClock
from edge.watch.answers import Answers
from edge.watch.metrics import metrics_page
from server.app import _loop_factory
from server.devices.tables import Gateway
from tests.edge.app.test_local_door import Worker
from tests.operations.test_shipped_monitoring import full_status

LIMIT_MS = 150.0
BUSES = 16


def let_gateways_be_heard(url: str) -> None:
    """Let one gateway in twenty have fallen silent an hour ago, and the others be heard now."""
    engine = create_engine(url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        connection.execute(update(Gateway).values(registered=True, heard_at=NOW))
        silent = [f"gw-{n:03}" for n in range(0, GATEWAYS, 20)]
        long_ago = NOW - timedelta(hours=1)
        connection.execute(update(Gateway).where(Gateway.id.in_(silent)).values(heard_at=long_ago))
    engine.dispose()


def scrape_server(items: int, asks: int) -> dict[str, Any]:
    """Ask the server so many times."""
    with street_database() as url, tempfile.TemporaryDirectory() as folder:
        fill(url, items)
        let_gateways_be_heard(url)
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        server = spawn.Process(target=serve, args=(url, folder, theirs), name="site")
        server.start()
        address, _ = ours.recv()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            found = runner.run(ask(address, {}, "/metrics", asks, ours))
        ours.send("done")
        server.join(20)
    return found


def scrape_gateway(asks: int) -> dict[str, Any]:
    """Write a gateway's measurements so many times."""
    status = full_status()
    answers = Answers(
        clock=ManualClock(),
        devices=(),
        status=lambda: status,
        latest={},
        alarms=dict,
        workers={f"bus-{n}": Worker() for n in range(BUSES)},
        measures=lambda: {
            "connected": True,
            "last_ack_age_ms": 5,
            "alarms_written_bytes": 1,
            "readings_written_bytes": 1,
        },
    )
    write = metrics_page(answers)
    before = time.process_time()
    for _ in range(asks):
        text = write()
    return {
        "cpu_ms": round((time.process_time() - before) / asks * 1000, 2),
        "kilobytes": round(len(text) / 1000, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--asks", type=int, default=100)
    given = parser.parse_args()
    found = {
        "limit_cpu_ms": LIMIT_MS,
        "items": given.items,
        "devices": GATEWAYS * DEVICES_EACH,
        "server": scrape_server(given.items, given.asks),
        "gateway": scrape_gateway(given.asks),
    }
    print(json.dumps(found, indent=1))
    sys.exit(max(found["server"]["cpu_ms"], found["gateway"]["cpu_ms"]) > LIMIT_MS)


if __name__ == "__main__":
    main()
