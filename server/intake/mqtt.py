"""The link to the broker: the server's only importer of aiomqtt.

aiomqtt acknowledges a message to the broker as soon as it is in memory and silently drops what
exceeds a limit of its queue. Neither matters here: the gateway keeps a message until the server's
own ack, and this link sets no limit and empties the queue at once into queues of its own, which
answer `busy` when they are full.
"""

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiomqtt
import structlog

from server.cancellation import await_cancellable, enter_cancellable
from server.config import Settings
from server.errors import ServerError
from wire import codec
from wire.messages import CommandMessage, Reply
from wire.topics import Down, Up, down_topic, up_filter

log = structlog.get_logger()

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_TIMEOUT_S: Final = 10.0
_KEEPALIVE_S: Final = 20
_MOST_CALLS: Final = 200
_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Small packets leave at once: held back for the TCP acknowledgement of the last, each takes 40 ms more."""

# paho's own chatter; what matters is raised as an error and logged with its ids
logging.getLogger("mqtt").setLevel(logging.CRITICAL)


class LinkDownError(ServerError):
    """The broker cannot be reached; gateways will send again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and how to prove who we are."""

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    client_id: str = "gridwarden-server"

    def tls(self) -> ssl.SSLContext | None:
        """Return a context that checks the broker against our own authority, if one is named."""
        if self.tls_ca is None:
            return None
        context = ssl.create_default_context(cafile=str(self.tls_ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.tls_certificate is not None:
            context.load_cert_chain(str(self.tls_certificate), self.tls_key)
        return context


def broker_address(settings: Settings) -> BrokerAddress:
    """Return where the settings say that the broker is."""
    return BrokerAddress(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        username=settings.mqtt_username,
        password=settings.mqtt_password,
        tls_ca=settings.mqtt_tls_ca,
        tls_certificate=settings.mqtt_tls_certificate,
        tls_key=settings.mqtt_tls_key,
        client_id=settings.mqtt_client_id,
    )


class BrokerLink:
    """Keeps a connection, passes on what arrives, publishes what is said."""

    def __init__(
        self,
        address: BrokerAddress,
        *,
        receive: Callable[[str, bytes], None],
        connected: Callable[[], None],
    ) -> None:
        """Prepare a link; `run` opens it.

        Args:
            address: the broker.
            receive: called with topic and bytes of every message, in order; must not block.
            connected: called whenever the subscriptions stand.
        """
        self._address = address
        self._receive = receive
        self._connected = connected
        self._client: aiomqtt.Client | None = None

    @property
    def is_up(self) -> bool:
        """Whether the broker is connected and subscribed to."""
        return self._client is not None

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            try:
                await self._serve()
            except (aiomqtt.MqttError, OSError) as error:
                level = log.warning if failures == 0 else log.debug
                level(
                    "broker_lost",
                    host=self._address.host,
                    port=self._address.port,
                    error=str(error),
                    failures=failures,
                )
            finally:
                was_up, self._client = self._client is not None, None
            failures = 0 if was_up else min(failures + 1, 10)
            pause_s = min(_FIRST_PAUSE_S * 2**failures, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - jitter

    async def reply(self, gateway: str, message: Reply) -> None:
        """Say something on a gateway's `down/ack`.

        Raises:
            LinkDownError: it could not be said.
        """
        await self._publish(down_topic(gateway, Down.ACK), codec.encode(message))

    async def command(self, gateway: str, message: CommandMessage) -> None:
        """Send a command to a gateway; never retained.

        Raises:
            LinkDownError: it could not be sent.
        """
        await self._publish(down_topic(gateway, Down.COMMANDS), codec.encode(message))

    async def publish_up(self, topic: str, payload: bytes) -> None:
        """Say something as a gateway would: for the canary, which tests the whole way.

        Raises:
            LinkDownError: it could not be said.
        """
        await self._publish(topic, payload)

    async def _publish(self, topic: str, payload: bytes) -> None:
        if self._client is None:
            raise LinkDownError("not connected to the broker")
        try:
            await await_cancellable(self._client.publish(topic, payload, qos=1))
        except aiomqtt.MqttError as error:
            raise LinkDownError(str(error)) from error

    async def _serve(self) -> None:
        async with enter_cancellable(self._open()) as client:
            for channel in Up:
                await await_cancellable(client.subscribe(up_filter(channel), qos=1))
            self._client = client
            log.info("broker_connected", host=self._address.host, port=self._address.port)
            self._connected()
            async for message in client.messages:
                payload = message.payload
                self._receive(str(message.topic), payload if isinstance(payload, bytes) else b"")

    def _open(self) -> aiomqtt.Client:
        address = self._address
        client = aiomqtt.Client(
            address.host,
            address.port,
            identifier=address.client_id,
            username=address.username,
            password=address.password,
            tls_context=address.tls(),
            clean_session=True,
            keepalive=_KEEPALIVE_S,
            timeout=_TIMEOUT_S,
            max_concurrent_outgoing_calls=_MOST_CALLS,
            socket_options=_NO_DELAY,
        )
        client.pending_calls_threshold = _MOST_CALLS
        return client
