"""The link to the broker: the gateway's only importer of aiomqtt.

A PUBACK proves nothing: brokers drop what they acknowledged. This link therefore promises no more
than order within a connection; the server's ack is waited for in `edge.uplink`.
"""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiomqtt

from edge.cancellation import await_cancellable, enter_cancellable
from edge.config import ServerSettings
from edge.errors import LinkError
from wire.codec import MAX_MESSAGE_BYTES

PUBLISH_TIMEOUT_S: Final = 10.0
KEEPALIVE_S: Final = 20
_QUEUE: Final = 1_000
_MOST_CALLS: Final = 200

# paho's own chatter; what matters is raised as an error and logged with its ids
logging.getLogger("mqtt").setLevel(logging.CRITICAL)


class MqttLink:
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
                self._client.publish(topic, payload, qos=1, retain=retain, timeout=PUBLISH_TIMEOUT_S)
            )
        except aiomqtt.MqttError as error:
            raise LinkError(str(error)) from error

    async def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1.

        Raises:
            LinkError: the connection is gone or the broker refuses.
        """
        try:
            await await_cancellable(self._client.subscribe(topic, qos=1))
        except aiomqtt.MqttError as error:
            raise LinkError(str(error)) from error

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield topic and payload of what arrives.

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


class MqttDialer:
    """Opens connections to one broker."""

    def __init__(self, server: ServerSettings, *, folder: Path) -> None:
        """Keep the settings.

        Args:
            server: address, credentials and TLS files.
            folder: what relative paths in the settings are relative to.
        """
        self._server = server
        self._folder = folder

    @asynccontextmanager
    async def open(self, client_id: str, *, will: tuple[str, bytes] | None = None) -> AsyncIterator[MqttLink]:
        """Connect with a clean session; the retained last will, if any, is (topic, payload).

        Raises:
            LinkError: the broker cannot be reached, refuses, or the link broke.
        """
        server = self._server
        client = aiomqtt.Client(
            server.host,
            server.port,
            identifier=client_id,
            username=server.username,
            password=self._password(),
            tls_context=self._tls(),
            clean_session=True,
            keepalive=KEEPALIVE_S,
            timeout=PUBLISH_TIMEOUT_S,
            max_queued_incoming_messages=_QUEUE,
            max_concurrent_outgoing_calls=_MOST_CALLS,
            will=None if will is None else aiomqtt.Will(will[0], will[1], qos=1, retain=True),
        )
        try:
            async with enter_cancellable(client):
                yield MqttLink(client)
        except (aiomqtt.MqttError, OSError) as error:
            raise LinkError(str(error)) from error

    def _password(self) -> str | None:
        name = self._server.password_file
        return None if name is None else (self._folder / name).read_text().strip()

    def _tls(self) -> ssl.SSLContext | None:
        tls = self._server.tls
        if tls is None:
            return None
        context = ssl.create_default_context(cafile=str(self._folder / tls.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.certificate is not None:
            key = None if tls.key is None else str(self._folder / tls.key)
            context.load_cert_chain(str(self._folder / tls.certificate), key)
        return context
