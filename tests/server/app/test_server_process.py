"""`gridwarden-server run` as a process: start, readiness, stop."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from firmware_sim.demo.ports import pick_port
from tests.server.broker import mosquitto

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def server(folder: Path, **settings: object):
    values = {"DATA_FOLDER": folder, "HTTP_PORT": 0, "MQTT_PORT": pick_port(), **settings}
    environment = {**os.environ, **{f"GRIDWARDEN_{name}": str(value) for name, value in values.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "server.cli",
        "run",
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def logged(process, event: str) -> dict:
    """Read the log up to an event."""
    seen = []
    while line := await process.stdout.readline():
        seen.append(line.decode(errors="replace"))
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("event") == event:
            return entry
    raise AssertionError(f"{event} was not logged:\n{''.join(seen)}")


async def get(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_it_starts_is_ready_and_stops_with_0(tmp_path):
    async with (
        mosquitto(tmp_path) as broker,
        server(tmp_path / "data", MQTT_PORT=broker.port) as process,
    ):
        started = await logged(process, "server_started")
        ready = await get(started["http_port"], "/health/ready")
        assert b"200 OK" in ready
        assert b'"stuck":{}' in ready
        assert b"escalation" in ready
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_it_starts_without_a_broker(tmp_path):
    async with server(tmp_path / "data") as process:
        await logged(process, "server_started")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_a_taken_port_is_named_and_ends_it_with_1(tmp_path):
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with taken:
        port = taken.sockets[0].getsockname()[1]
        async with server(tmp_path / "data", HTTP_PORT=port) as process:
            failure = await logged(process, "server_failed")
            assert str(port) in failure["error"]
            assert await process.wait() == 1


async def test_a_moved_clock_is_warned_of_and_a_variable_that_nobody_reads(tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("0")
    async with server(tmp_path / "data", TEST_CLOCK=clock, SERVICE_HOST="10.0.0.1") as process:
        assert (await logged(process, "unknown_setting"))["variable"] == "GRIDWARDEN_SERVICE_HOST"
        await logged(process, "test_clock_in_use")
