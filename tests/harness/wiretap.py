"""Listens at the broker to what gateways say, and speaks as one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiomqtt

from wire import codec
from wire.ids import new_uuid7
from wire.messages import CONTRACT_VERSION, AlarmMessage, AlarmState
from wire.topics import Up, up_topic
from wire.vocabulary import AlarmClass, Clock, Condition, Kind


@asynccontextmanager
async def listen_to_alarms(port: int, *, gateway: str = "gw-demo-01") -> AsyncIterator[list[AlarmState]]:
    """Give a list that fills with the alarm states a gateway sends, in the order of the wire."""
    heard: list[AlarmState] = []

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            outer = codec.decode_alarm_message(bytes(message.payload))
            heard.append(codec.decode_alarm_state(outer.alarm))

    async with aiomqtt.Client("127.0.0.1", port, identifier="wiretap") as client:
        await client.subscribe(up_topic(gateway, Up.ALARMS), qos=1)
        task = asyncio.create_task(listen(client), name="wiretap")
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.wait([task])


async def publish(port: int, topic: str, *payloads: bytes) -> None:
    """Publish as a gateway would, one after the other."""
    async with aiomqtt.Client("127.0.0.1", port, identifier="another-gateway") as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=1)


def fresh_id() -> str:
    """Return a new id as gateways make them."""
    return new_uuid7(unix_ms=int(datetime.now(UTC).timestamp() * 1000))


@dataclass
class SpokenGateway:
    """A gateway of which only the words exist: for messages that a well-behaved one never sends."""

    gateway: str
    run: str = field(default_factory=fresh_id)
    session: str = field(default_factory=fresh_id)

    def alarm(self, alarm: str, *, device: str, seq: int, **changes: Any) -> bytes:
        """Return the bytes of one alarm message."""
        now = datetime.now(UTC)
        state = {
            "alarm": alarm,
            "device": device,
            "rule": "gas-high",
            "kind": Kind.GAS,
            "class_": AlarmClass.LIFE_SAFETY,
            "condition": Condition.ACTIVE,
            "point": "gas_lel",
            "value": 60.0,
            "unit": "%{LEL}",
            "limit": 25.0,
            "raised_at": now,
            "changed_at": now,
            **changes,
        }
        return codec.encode(
            AlarmMessage(
                v=CONTRACT_VERSION,
                gateway=self.gateway,
                session=self.session,
                boot="boot-of-the-story",
                up_ms=1000 + seq,
                sent_at=now,
                clock=Clock.SYNCED,
                run=self.run,
                seq=seq,
                alarm=codec.as_raw(AlarmState(**state)),
            )
        )
