"""A Mosquitto of a test's own, and a gateway's end of the wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from wire import codec
from wire.messages import AckReply, CommittedReply, Reply
from wire.topics import Down, Up, down_topic, up_topic

CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_packet_size 300000
log_dest none
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Broker:
    """Can be stopped and started again on the same port."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text(CONFIG.format(port=self.port))
        self.process = await asyncio.create_subprocess_exec("mosquitto", "-c", str(config))
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncIterator[Broker]:
    broker = Broker(folder)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@dataclass
class GatewayEnd:
    """A gateway as the broker sees one: publishes what it is told, keeps the server's words."""

    client: aiomqtt.Client
    gateway: str
    replies: list[Reply] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)

    async def listen(self) -> None:
        async for message in self.client.messages:
            if str(message.topic).endswith("/ack"):
                self.replies.append(codec.decode_reply(bytes(message.payload)))
            else:
                self.commands.append(codec.decode_command(bytes(message.payload)))

    async def publish(self, payload: bytes, channel: Up = Up.ALARMS, *, retain: bool = False) -> None:
        await self.client.publish(up_topic(self.gateway, channel), payload, qos=1, retain=retain)

    def acked(self, lane: str = "alarms") -> set[int]:
        return {s for r in self.replies if isinstance(r, AckReply) and r.lane == lane for s in r.seqs}

    def committed(self) -> list[CommittedReply]:
        return [reply for reply in self.replies if isinstance(reply, CommittedReply)]


@asynccontextmanager
async def gateway_end(port: int, gateway: str = "gw-one") -> AsyncIterator[GatewayEnd]:
    async with aiomqtt.Client("127.0.0.1", port, identifier=gateway) as client:
        client.pending_calls_threshold = 1_000
        await client.subscribe(down_topic(gateway, Down.ACK), qos=1)
        await client.subscribe(down_topic(gateway, Down.COMMANDS), qos=1)
        end = GatewayEnd(client, gateway)
        task = asyncio.create_task(end.listen())
        try:
            yield end
        finally:
            task.cancel()
            await asyncio.wait([task])


async def until(condition: Any, *, limit_s: float = 20) -> None:
    """Wait for a condition; a coroutine function is asked again and again."""
    async with asyncio.timeout(limit_s):
        while True:
            met = condition()
            if asyncio.iscoroutine(met):
                met = await met
            if met:
                return
            await asyncio.sleep(0.02)
