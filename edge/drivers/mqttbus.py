"""A broker through which devices speak: subscribed, listened to, dialled again when it is gone."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack

import structlog

from edge.drivers.listening import ListeningBus
from edge.drivers.mqttmessages import Heard, Meaning, MessageDesk, MqttDevice, describe_message
from edge.drivers.mqttstrangers import Neighbourhood
from edge.errors import LinkError
from edge.ports import Clock
from edge.reception import Reception
from edge.uplink.mqtt import MqttDialer, MqttLink

log = structlog.get_logger(__name__)


class MqttBus(ListeningBus):
    """The devices of one broker."""

    def __init__(
        self,
        *,
        bus: str,
        client_id: str,
        dialer: MqttDialer,
        devices: Iterable[MqttDevice],
        reception: Reception,
        clock: Clock,
    ) -> None:
        """Join the parts; nothing is opened yet."""
        super().__init__(bus=bus, reception=reception, clock=clock)
        self._client_id = client_id
        self._dialer = dialer
        devices = tuple(devices)
        self._desk = MessageDesk(devices)
        self._neighbours = Neighbourhood(devices)
        self._kept: set[tuple[str, bytes]] = set()
        """What the broker had kept for devices; where subscriptions overlap it may hand that over twice."""
        self._looks_around = True
        """Until a broker refuses to be looked around in."""
        self._stack = AsyncExitStack()
        self._listening: asyncio.Task[None] | None = None
        self._odd: set[str] = set()
        """Devices whose last message could not be understood; each is logged once until it can."""

    async def _open(self) -> None:
        try:
            link = await self._stack.enter_async_context(self._dialer.open(self._client_id))
            for topic in self._desk.filters:
                await link.subscribe(topic)
            await self._look_around(link)
        except (LinkError, OSError) as error:
            await self._close()
            raise LinkError(str(error)) from error
        self._kept.clear()
        self._listening = asyncio.create_task(self._listen(link), name=f"bus-{self._bus}-hears")
        log.info("bus_listening", bus=self._bus, technique="mqtt", topics=len(self._desk.filters))

    async def _look_around(self, link: MqttLink) -> None:
        """Subscribe beside the devices, too; a broker that ends the link over it is not asked again.

        Raises:
            LinkError: the link is gone.
        """
        if not self._looks_around:
            return
        try:
            for topic in self._neighbours.filters:
                await link.subscribe(topic)
        except LinkError as error:
            self._looks_around = False
            log.warning("neighbours_not_heard", bus=self._bus, error=str(error))
            raise

    async def _close(self) -> None:
        task, self._listening = self._listening, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        stack, self._stack = self._stack, AsyncExitStack()
        try:
            await stack.aclose()
        except LinkError as error:
            log.info("bus_left", bus=self._bus, error=str(error))

    def _keep_house(self) -> None:
        if self._listening is not None and self._listening.done():
            error = self._listening.exception()
            if error is not None and not isinstance(error, LinkError):
                raise error
            raise LinkError(str(error or "the broker says no more"))

    async def _listen(self, link: MqttLink) -> None:
        async for topic, payload, retained in link.heard():
            if retained and (topic, payload) in self._kept:
                continue
            found = self._desk.take(topic, payload, retained=retained, now=self._clock.moment())
            if self.tap.is_open:
                text = describe_message(topic, payload, found, retained=retained)
                self.tap.note(payload, sent=False, text=text, devices=tuple(one.device for one in found))
            for heard in found:
                self._use(heard, topic)
            if found and retained:
                self._kept.add((topic, payload))
            if not found and not retained:
                self._note_stranger(topic, payload)

    def _note_stranger(self, topic: str, payload: bytes) -> None:
        stranger = self._neighbours.recognise(topic, payload)
        if stranger is not None:
            self._reception.note_stranger(stranger[0], said=stranger[1])

    def _use(self, heard: Heard, topic: str) -> None:
        self._report(heard, topic)
        match heard.meaning:
            case Meaning.GONE:
                if not self._reception.is_lost(heard.device):
                    log.warning("device_gone", bus=self._bus, device=heard.device)
                    self._reception.lose(heard.device)
            case Meaning.ALIVE | Meaning.REPEATED:
                self._reception.keep(heard.device)
            case Meaning.RETAINED if not heard.values:
                pass
            case _:
                self._reception.hear(
                    heard.device,
                    heard.values,
                    qualities=heard.qualities,
                    may_clear=heard.may_clear,
                    at_wall_ms=heard.at_wall_ms,
                )

    def _report(self, heard: Heard, topic: str) -> None:
        if not heard.remarks:
            if heard.meaning is Meaning.MEASURED:
                self._odd.discard(heard.device)
            return
        if heard.device not in self._odd:
            self._odd.add(heard.device)
            log.warning(
                "message_odd", bus=self._bus, device=heard.device, topic=topic, remarks=list(heard.remarks)
            )
