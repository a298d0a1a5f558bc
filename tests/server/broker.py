"""A Mosquitto of a test's own, and a gateway's end of the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from tests.harness.mosquitto import Mosquitto
from wire import codec
from wire.messages import AckReply, CommittedReply, Reply
from wire.topics import Down, Up, down_topic, up_topic


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(folder / "broker")
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
