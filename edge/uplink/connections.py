"""Two connections to the server: alarms first, readings beside them.

The alarm connection carries alarms, status, reports and commands; the other one readings, so that a
backlog of readings never delays an alarm. Only the server's ack, after its commit, lets the gateway
forget. On every connection the server says what it holds; if that is less than what it once
acknowledged (its database came from an older copy), the gateway sends again from one window before.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import structlog

from edge.errors import LinkError, StoreError
from edge.ports import Clock
from edge.rules.engine import RuleEngine
from edge.stores.batches import ClockStand
from edge.stores.outbox import Outbox, Outgoing
from edge.stores.readings import ReadingStore
from edge.uplink.commands import CommandDesk
from edge.uplink.configuration import ConfigurationTeller
from edge.uplink.lanes import Lane
from edge.uplink.letterhead import Letter, Letterhead
from edge.uplink.mqtt import MqttLink
from edge.uplink.reconnection import keep_connected
from edge.uplink.renewal import FileWatch, WatchedFiles
from wire import codec
from wire.errors import OversizeError, WireError
from wire.messages import (
    DEFAULT_ALARM_WINDOW,
    DEFAULT_READING_WINDOW,
    AckReply,
    BusyReply,
    CommittedReply,
    ConfigurationReply,
    OpenAlarmsReport,
    Report,
    StatusMessage,
)
from wire.topics import Down, down_topic
from wire.vocabulary import Lane as LaneName
from wire.vocabulary import Presence

STATUS_EVERY_S: Final = 30.0
_NEWS_EVERY_S: Final = 2.0
"""How soon a change of what the status says is noticed."""
_POLL_S: Final = 1.0
_STOP_S: Final = 1.0

log = structlog.get_logger(__name__)


class Dialer(WatchedFiles, Protocol):
    """Opens connections to the broker."""

    def open(
        self, client_id: str, *, will: tuple[str, bytes] | None = None
    ) -> AbstractAsyncContextManager[MqttLink]:
        """Connect; raises `LinkError` when the broker cannot be reached or the link breaks."""


class Uplink:
    """Carries what the stores hold to the server, and the server's words back."""

    def __init__(
        self,
        *,
        gateway: str,
        boot: str,
        dialer: Dialer,
        clock: Clock,
        outbox: Outbox,
        readings: ReadingStore,
        engine: RuleEngine,
        status: Callable[[], StatusMessage],
        in_journal: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """Join the parts.

        Args:
            gateway: this gateway's id.
            boot: identifies this start of the machine.
            dialer: opens connections to the broker.
            clock: the machine's clocks.
            outbox: the durable store of alarms.
            readings: the durable store of readings.
            engine: knows which alarms are open.
            status: builds the status; its envelope is filled in here.
            in_journal: the alarms of which a state is still being written, and so not offered yet.
        """
        self._gateway = gateway
        self._boot = boot
        self._dialer = dialer
        self._clock = clock
        self._outbox = outbox
        self._readings = readings
        self._engine = engine
        self._status = status
        self._in_journal = in_journal
        self._desk: CommandDesk | None = None
        self._teller: ConfigurationTeller | None = None
        self.alarms = Lane(window=DEFAULT_ALARM_WINDOW)
        self.batches = Lane(window=DEFAULT_READING_WINDOW)
        self._alarms_wake = asyncio.Event()
        self._batches_wake = asyncio.Event()
        self._resync_wanted = asyncio.Event()
        self._paper = Letterhead(gateway=gateway, boot=boot, clock=clock)
        self.files = FileWatch(dialer, clock=clock)
        """Notices renewed certificates; its loop is the owner's to run."""
        self._link: MqttLink | None = None
        self._readings_link: MqttLink | None = None
        self.connected = False
        self.reached = False
        """Whether the server itself, not only the broker, has ever answered."""
        self.acked_boot_ms: int | None = None
        """When it last acknowledged anything, milliseconds since boot; None before it first did."""

    def employ(self, desk: CommandDesk | None, teller: ConfigurationTeller | None = None) -> None:
        """Give orders to this desk, and what the server says of configurations to this teller."""
        self._desk, self._teller = desk, teller

    def offer(self, messages: list[Outgoing]) -> None:
        """Take alarm states to be sent; returns at once."""
        if messages:
            self.alarms.offer(messages)
            self._alarms_wake.set()

    def status(self) -> StatusMessage:
        """Return the status message as it would be sent now."""
        return self._status_now(Presence.ONLINE)

    def request_resync(self) -> None:
        """State every open alarm again, then the list of them."""
        self._resync_wanted.set()

    async def tell(self, report: Report) -> bool:
        """Send a report that nobody waits for; tells whether there was a connection to send it over."""
        return await self._tell_over(self._link, report)

    async def tell_beside(self, report: Report) -> bool:
        """Send a report over the readings' connection: no alarm is ever behind it."""
        return await self._tell_over(self._readings_link, report)

    async def _tell_over(self, link: MqttLink | None, report: Report) -> bool:
        if link is None:
            return False
        try:
            await self._send_report(link, report)
        except LinkError:
            return False
        return True

    # --- the two connections -------------------------------------------------------------------

    async def run_alarms(self) -> None:
        """Keep the alarm connection; ends only when cancelled, saying goodbye."""
        await keep_connected("alarms", self._serve_alarms, clock=self._clock)

    async def run_readings(self) -> None:
        """Keep the readings' connection; ends only when cancelled."""
        await keep_connected("readings", self._serve_readings, clock=self._clock)

    async def _serve_alarms(self) -> None:
        self._paper.begin_session()
        self._resync_wanted = asyncio.Event()
        will = self._paper.status(self._status_now(Presence.OFFLINE))
        async with self._dialer.open(self._gateway, will=will) as link:
            await link.subscribe(down_topic(self._gateway, Down.ACK))
            await link.subscribe(down_topic(self._gateway, Down.COMMANDS))
            log.info("link_up", lane="alarms", session=self._paper.session)
            self.connected, self._link = True, link
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen(link, group), name="uplink-listen")
                    group.create_task(self._send_status(link), name="uplink-status")
                    group.create_task(self._resync(link), name="uplink-resync")
                    group.create_task(self.files.leave_when_renewed(), name="uplink-renewal")
                    group.create_task(
                        self._send(link, group, self.alarms, self._alarms_wake, self._paper.alarm),
                        name="uplink-alarms",
                    )
            except asyncio.CancelledError:
                await self._say_goodbye(link)
                raise
            finally:
                self.connected, self._link = False, None
                self.alarms.lose_connection()

    async def _serve_readings(self) -> None:
        async with self._dialer.open(f"{self._gateway}-readings") as link:
            log.info("link_up", lane="readings")
            self._readings_link = link
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._fetch_batches(), name="uplink-fetch")
                    group.create_task(self.files.leave_when_renewed(), name="uplink-renewal")
                    group.create_task(
                        self._send(link, group, self.batches, self._batches_wake, self._paper.readings),
                        name="uplink-readings",
                    )
            finally:
                self._readings_link = None
                self.batches.lose_connection()

    async def _say_goodbye(self, link: MqttLink) -> None:
        """Say on a clean stop that nobody is here; the broker says it otherwise."""
        try:
            async with asyncio.timeout(_STOP_S):
                await link.publish(*self._paper.status(self._status_now(Presence.OFFLINE)), retain=True)
        except (LinkError, TimeoutError):
            log.info("goodbye_not_said")

    # --- upward --------------------------------------------------------------------------------

    async def _send(
        self,
        link: MqttLink,
        group: asyncio.TaskGroup,
        lane: Lane,
        wake: asyncio.Event,
        build: Callable[[Outgoing], Letter],
    ) -> None:
        """Send what is due; nothing waits for the broker's word on what went before."""
        while True:
            wake.clear()
            now_ms = self._clock.moment().boot_ms
            messages = lane.due(now_ms)
            for message in messages:
                topic, payload = build(message)
                if lane is self.alarms:
                    log.info("alarm_sent", alarm=message.key, run=message.run, seq=message.seq)
                group.create_task(link.publish(topic, payload), name="uplink-publish")
            next_ms = lane.next_due_ms(now_ms)
            wait_s = _POLL_S if next_ms is None else max((next_ms - now_ms) / 1000, 0.01)
            try:
                async with asyncio.timeout(self._clock.pause_s(min(wait_s, _POLL_S))):
                    await wake.wait()
            except TimeoutError:
                continue

    async def _fetch_batches(self) -> None:
        """Keep the readings' lane filled from the store, oldest first."""
        fetched = 0
        while True:
            if self._readings.waiting > len(self.batches) < self.batches.window:
                wanted = self.batches.window - len(self.batches)
                fresh = await self._pending(after_seq=fetched, most=wanted)
                if fresh:
                    fetched = fresh[-1].seq
                    self.batches.offer(fresh)
                    self._batches_wake.set()
                    continue
                if not len(self.batches):
                    fetched = 0
            await asyncio.sleep(_POLL_S / 4)

    async def _pending(self, *, after_seq: int, most: int) -> list[Outgoing]:
        try:
            moment, trust = self._clock.moment(), self._clock.trust()
            stand = ClockStand.at(moment, boot=self._boot, trust=trust)
            return await self._readings.pending(after_seq=after_seq, most=most, stand=stand)
        except StoreError as error:
            log.error("readings_not_read", error=str(error))
            return []

    async def _send_status(self, link: MqttLink) -> None:
        """Say how things stand: at its turn, and at once when something that matters has changed."""
        said: object = None
        due_ms = 0.0
        while True:
            status = self._status_now(Presence.ONLINE)
            stand = tuple((bus.bus, bus.connected, bus.silent) for bus in status.buses)
            news = (status.volatile, stand, status.clock, status.config)
            now_ms = self._clock.moment().boot_ms
            if news != said or now_ms >= due_ms:
                await link.publish(*self._paper.status(status), retain=True)
                said, due_ms = news, now_ms + STATUS_EVERY_S * 1000
            await asyncio.sleep(self._clock.pause_s(_NEWS_EVERY_S))

    async def _resync(self, link: MqttLink) -> None:
        """State every alarm that is not normal, then the list of them."""
        while True:
            await self._resync_wanted.wait()
            self._resync_wanted.clear()
            try:
                self.offer(await self._outbox.open_states())
            except StoreError as error:
                log.error("open_alarms_not_read", error=str(error))
            # The end of one that is still being written is told as an end, not as an alarm that nobody knows.
            listed = {*self._engine.alarms, *self.alarms.keys, *self._in_journal()}
            await self._send_report(link, OpenAlarmsReport(alarms=tuple(sorted(listed))))
            log.info("open_alarms_stated", alarms=len(listed))

    async def _send_report(self, link: MqttLink, report: Report) -> None:
        try:
            letter = self._paper.report(report)
        except OversizeError as error:
            log.critical("report_too_large", error=str(error))  # alarms themselves still go
            return
        await link.publish(*letter)

    def _status_now(self, presence: Presence) -> StatusMessage:
        return self._paper.sign(self._status(), presence)

    # --- downward ------------------------------------------------------------------------------

    async def _listen(self, link: MqttLink, group: asyncio.TaskGroup) -> None:
        acks = down_topic(self._gateway, Down.ACK)
        async for topic, payload in link.messages():
            try:
                if topic == acks:
                    await self._hear(payload)
                else:
                    # An order may take as long as a valve: acks do not wait for it.
                    group.create_task(self._obey(link, payload), name="uplink-order")
            except WireError as error:
                log.warning("message_refused", topic=topic, error=str(error))
            except StoreError as error:
                log.error("store_failed_on_message", topic=topic, error=str(error))
        raise LinkError("the broker ended the connection")

    async def _hear(self, payload: bytes) -> None:
        reply = codec.decode_reply(payload)
        self.reached = True
        match reply:
            case AckReply() as ack:
                await self._take_ack(ack)
            case BusyReply() as busy:
                until_ms = self._clock.moment().boot_ms + busy.retry_after_ms
                self._lane(busy.lane).be_quiet(until_ms)
            case CommittedReply() as committed if committed.session == self._paper.session:
                await self._reconcile(committed)
                if self._teller is not None:
                    self._teller.hear(committed.configuration)
            case ConfigurationReply() as kept:
                if self._teller is not None:
                    self._teller.settle(kept.content_hash)
            case _:
                log.info("reply_of_another_session")

    async def _take_ack(self, ack: AckReply) -> None:
        lane = self._lane(ack.lane)
        if isinstance(ack.window, int):
            lane.window = ack.window
        held = lane.acknowledge(ack.run, ack.seqs)
        self.acked_boot_ms = self._clock.moment().boot_ms
        store = self._outbox if ack.lane is LaneName.ALARMS else self._readings
        if ack.run == store.run:
            await store.acknowledge(ack.seqs)
        wake = self._alarms_wake if ack.lane is LaneName.ALARMS else self._batches_wake
        wake.set()
        if ack.lane is LaneName.ALARMS:
            log.info("alarms_acknowledged", run=ack.run, seqs=list(ack.seqs), alarms=held)

    async def _reconcile(self, committed: CommittedReply) -> None:
        """Compare what the server holds with what it once acknowledged."""
        self.alarms.window = committed.alarm_window
        self.batches.window = committed.reading_window
        held = {(entry.lane, entry.run): entry.seq for entry in committed.committed}
        alarm_seq = held.get((LaneName.ALARMS, self._outbox.run), 0)
        acked = await self._outbox.highest_acked()
        if alarm_seq < acked:
            again = await self._outbox.reopen_after(max(alarm_seq - self.alarms.window, 0))
            log.warning("server_forgot_alarms", held=alarm_seq, acked=acked, again=len(again))
            self.offer(again)
        batch_seq = held.get((LaneName.READINGS, self._readings.run), 0)
        if batch_seq < await self._readings.highest_acked():
            log.warning("server_forgot_readings", held=batch_seq)
            await self._readings.reopen_after(max(batch_seq - self.batches.window, 0))
        self._resync_wanted.set()

    async def _obey(self, link: MqttLink, payload: bytes) -> None:
        if self._desk is None:
            return
        try:
            report = await self._desk.handle(codec.decode_command(payload), session=self._paper.session)
        except (WireError, StoreError) as error:
            log.error("order_not_taken", error=str(error))
            return
        if report is not None:
            await self._send_report(link, report)

    def _lane(self, name: LaneName) -> Lane:
        return self.alarms if name is LaneName.ALARMS else self.batches
