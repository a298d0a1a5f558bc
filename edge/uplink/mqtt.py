"""The link to the broker: the gateway's only importer of aiomqtt.

A PUBACK proves nothing: brokers drop what they acknowledged. This link therefore promises no more
than order within a connection; the server's ack is waited for in `edge.uplink.connections`.
"""

import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiomqtt

from edge.cancellation import await_cancellable, enter_cancellable
from edge.errors import ConfigError, LinkError
from edge.site.busconfig import MqttBusSettings
from edge.site.config import ServerSettings
from edge.uplink.certificates import Files, client_context, files_of
from wire.codec import MAX_MESSAGE_BYTES

PUBLISH_TIMEOUT_S: Final = 10.0
KEEPALIVE_S: Final = 20
_QUEUE: Final = 1_000
_MOST_CALLS: Final = 200
_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Small packets leave at once: held back for the TCP acknowledgement of the last, each takes 40 ms more."""

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

    async def heard(self) -> AsyncIterator[tuple[str, bytes, bool]]:
        """Yield topic, payload and whether the broker had kept it, of what devices say.

        Raises:
            LinkError: the connection is gone.
        """
        try:
            async for message in self._client.messages:
                payload = message.payload
                if isinstance(payload, bytes) and len(payload) <= MAX_MESSAGE_BYTES:
                    yield str(message.topic), payload, bool(message.retain)
        except aiomqtt.MqttError as error:
            raise LinkError(str(error)) from error


class MqttDialer:
    """Opens connections to one broker."""

    def __init__(self, server: ServerSettings | MqttBusSettings, *, folder: Path) -> None:
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
        try:
            password, tls_context = self._password(), self._tls()
        except ConfigError as error:
            raise LinkError(str(error)) from error
        client = aiomqtt.Client(
            server.host,
            server.port,
            identifier=client_id,
            username=server.username,
            password=password,
            tls_context=tls_context,
            clean_session=True,
            keepalive=KEEPALIVE_S,
            timeout=PUBLISH_TIMEOUT_S,
            max_queued_incoming_messages=_QUEUE,
            max_concurrent_outgoing_calls=_MOST_CALLS,
            socket_options=_NO_DELAY,
            will=None if will is None else aiomqtt.Will(will[0], will[1], qos=1, retain=True),
        )
        try:
            async with enter_cancellable(client):
                yield MqttLink(client)
        except (aiomqtt.MqttError, OSError) as error:
            raise LinkError(str(error)) from error

    def files(self) -> Files:
        """Return what shows that a certificate was renewed."""
        tls = self._server.tls
        return () if tls is None else files_of(tls, self._folder)

    def check(self) -> None:
        """Check that the files can be used as they now are.

        Raises:
            ConfigError: one cannot; the text names it.
        """
        self._password()
        self._tls()

    def _password(self) -> str | None:
        name = self._server.password_file
        if name is None:
            return None
        try:
            return (self._folder / name).read_text().strip()
        except OSError as error:
            raise ConfigError(f"the password file {name} cannot be read: {error.strerror}") from error

    def _tls(self) -> ssl.SSLContext | None:
        tls = self._server.tls
        return None if tls is None else client_context(tls, self._folder)
