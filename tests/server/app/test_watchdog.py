"""The watchdog as a process: a server that is killed is told of through the watchdog's own channel."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager

import pytest

from tests.harness.waiting import until
from tests.server.app.test_server_process import ROOT, logged, server
from tests.server.notify.test_webhook_channel import receiver


@asynccontextmanager
async def watchdog(folder, port, phone):
    environment = {
        **os.environ,
        "GRIDWARDEN_DATA_FOLDER": str(folder / "watchdog"),
        "GRIDWARDEN_WATCHDOG_TELL": f"webhook=http://127.0.0.1:{phone}/hook/desk",
        "GRIDWARDEN_WEBHOOK_ALLOW": f"127.0.0.1:{phone}",
        "GRIDWARDEN_TEST_CLOCK": str(folder / "clock"),  # short pauses, no other change
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "watchdog", "--url", f"http://127.0.0.1:{port}",
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.story
async def test_a_killed_server_is_told_of(tmp_path):
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with receiver(answer) as (phone, requests), server(tmp_path) as running:
        port = (await logged(running, "server_started"))["http_port"]
        async with watchdog(tmp_path, port, phone) as dog:
            await logged(dog, "watchdog_started")
            running.kill()
            await running.wait()
            await until(lambda: len(requests) >= 1)
            assert "报警服务器没有应答".encode() in requests[0] or "\\u62a5" in requests[0].decode("latin-1")
