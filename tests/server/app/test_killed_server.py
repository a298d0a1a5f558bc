"""A server process that dies at the worst places, against a real broker and a real receiver."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from server.failpoints import EXIT_CODE, VARIABLE, Failpoint
from tests.harness.waiting import until
from tests.server.broker import gateway_end, mosquitto

SERVE = Path(__file__).parent / "serve.py"
ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def server_process(folder: Path, broker_port: int, phone_port: int, failpoint: Failpoint | None = None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop(VARIABLE, None)
    if failpoint is not None:
        environment[VARIABLE] = failpoint.value
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(SERVE),
            str(folder),
            str(broker_port),
            str(phone_port),
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def phone():
    """Receives webhooks; keeps their bodies."""
    bodies: list[dict] = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], bodies


def count(folder: Path, table: str) -> int:
    try:
        with closing(sqlite3.connect(f"file:{folder}/gridwarden.db?mode=ro", uri=True)) as connection:
            return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


async def publish_until(gateway, payload: bytes, condition) -> None:
    """What a gateway does: sends again until something happens."""

    async def met() -> bool:
        if condition():
            return True
        await gateway.publish(payload)
        return condition()

    await until(met, limit_s=40)


@pytest.mark.parametrize(
    ("failpoint", "items_after_the_kill"),
    [(Failpoint.BEFORE_COMMIT, 0), (Failpoint.AFTER_COMMIT_BEFORE_ACK, 1)],
)
async def test_killed_around_the_commit_there_is_one_item_and_in_the_end_an_ack(
    world, tmp_path, failpoint, items_after_the_kill
):
    folder = tmp_path / "server"
    folder.mkdir()
    payload = world.alarm_message(world.state(), seq=1).payload
    async with mosquitto(tmp_path) as broker, gateway_end(broker.port) as gateway, phone() as (port, _):
        async with server_process(folder, broker.port, port, failpoint) as process:
            await publish_until(gateway, payload, lambda: process.returncode is not None)
            assert process.returncode == EXIT_CODE
        assert gateway.acked() == set()
        assert count(folder, "item") == items_after_the_kill
        async with server_process(folder, broker.port, port):
            await publish_until(gateway, payload, lambda: gateway.acked() == {1})
        assert count(folder, "item") == 1
        assert count(folder, "alarm") == 1


async def test_killed_after_a_notice_left_it_is_sent_again_under_its_id(world, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    payload = world.alarm_message(world.state(), seq=1).payload
    async with mosquitto(tmp_path) as broker, gateway_end(broker.port) as gateway, phone() as (port, bodies):
        async with server_process(folder, broker.port, port, Failpoint.AFTER_SEND_BEFORE_RECORD) as process:
            await publish_until(gateway, payload, lambda: process.returncode is not None)
        first = len(bodies)
        assert first >= 1
        assert count(folder, "attempt") == 0
        async with server_process(folder, broker.port, port):
            await until(lambda: count(folder, "attempt") >= 3, limit_s=60)
        assert {body["person"] for body in bodies} == {"leader", "officer", "room"}
        assert len({body["id"] for body in bodies}) == 3
