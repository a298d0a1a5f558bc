"""The links of played gateways to the broker: the simulator's only importer of aiomqtt."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiomqtt

from firmware_sim.cancellation import await_cancellable, enter_cancellable
from wire.codec import MAX_MESSAGE_BYTES

_TIMEOUT_S: Final = 20.0
_KEEPALIVE_S: Final = 30
_DIALLING_AT_ONCE: Final = 24
"""Connections being opened at the same moment; each takes a thread for it."""

# paho's own chatter; what matters is raised as an error
logging.getLogger("mqtt").setLevel(logging.CRITICAL)


class LinkError(Exception):
    """The broker cannot be reached, refuses, or the link broke."""


class Link:
    """One open connection."""

    def __init__(self, client: aiomqtt.Client) -> None:
        """Wrap a connected client."""
        self._client = client

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait for the broker.

        Raises:
            LinkError: the connection is gone or the broker does not answer.
        """
        try:
            await await_cancellable(
                self._client.publish(topic, payload, qos=1, retain=retain, timeout=_TIMEOUT_S)
            )
        except aiomqtt.MqttError as error:
            raise LinkError(str(error)) from error

    async def subscribe(self, *topics: str) -> None:
        """Subscribe with QoS 1.

        Raises:
            LinkError: the connection is gone or the broker refuses.
        """
        try:
            await await_cancellable(self._client.subscribe([(topic, 1) for topic in topics]))
        except aiomqtt.MqttError as error:
            raise LinkError(str(error)) from error

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield topic and payload of what arrives, until the connection is gone.

        Raises:
            LinkError: the connection is gone.
        """
        try:
            async for message in self._client.messages:
                payload = message.payload
                if isinstance(payload, bytes) and len(payload) <= MAX_MESSAGE_BYTES:
                    yield str(message.topic), payload
        except aiomqtt.MqttError as error:
            raise LinkError(str(error)) from error
        raise LinkError("the broker ended the connection")

    def cut(self) -> None:
        """Break the connection as a pulled cable does: nothing is said, the last will is published."""
        wire = self._client._client.socket()  # noqa: SLF001 - aiomqtt knows no way to break a connection
        if isinstance(wire, socket.socket):
            with contextlib.suppress(OSError):  # broken already
                wire.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialer:
    """Opens connections to one broker.

    Attributes:
        username, password: for a broker that wants them.
        tls_ca: the authority that signed the broker's certificate; switches TLS on.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls_ca: Path | None = None
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_DIALLING_AT_ONCE))

    @asynccontextmanager
    async def open(self, client_id: str, *, will: tuple[str, bytes] | None = None) -> AsyncIterator[Link]:
        """Connect with a clean session; the retained last will, if any, is (topic, payload).

        Raises:
            LinkError: the broker cannot be reached, refuses, or the link broke.
        """
        client = aiomqtt.Client(
            self.host,
            self.port,
            identifier=client_id,
            username=self.username,
            password=self.password,
            tls_context=self._tls(),
            clean_session=True,
            keepalive=_KEEPALIVE_S,
            timeout=_TIMEOUT_S,
            will=None if will is None else aiomqtt.Will(will[0], will[1], qos=1, retain=True),
        )
        client.pending_calls_threshold = 1_000
        await self._gate.acquire()
        dialling = True
        try:
            async with enter_cancellable(client):
                self._gate.release()
                dialling = False
                yield Link(client)
        except (aiomqtt.MqttError, OSError) as error:
            raise LinkError(str(error)) from error
        finally:
            if dialling:
                self._gate.release()

    def _tls(self) -> ssl.SSLContext | None:
        if self.tls_ca is None:
            return None
        context = ssl.create_default_context(cafile=str(self.tls_ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context
