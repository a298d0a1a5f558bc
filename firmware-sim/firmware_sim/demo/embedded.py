"""The embedded broker (amqtt), a process of its own. For demonstrations on loopback only.

It grants subscriptions it should refuse and keeps no promise about queues: nothing that leaves this
machine may rely on it.
"""

import asyncio
import json
import logging
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from amqtt.broker import Broker

from firmware_sim.demo.ports import LOOPBACK


async def run_broker(port: int) -> None:
    """Run until told to stop."""
    logging.disable(logging.ERROR)
    config: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(config)
    await broker.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    line = {"event": "broker_started", "port": port, "timestamp": datetime.now(UTC).isoformat()}
    print(json.dumps(line), flush=True)  # noqa: T201 - the line its parent waits for
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(run_broker(int(sys.argv[1])))
