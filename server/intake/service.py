"""The intake: one link, three queues, a worker each. Alarms never wait for readings."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from server.clock import Clock
from server.db.session import Database
from server.escalation.plan import Policies
from server.history.database import HistoryDatabase
from server.intake import status
from server.intake.configurations import ConfigurationIntake
from server.intake.ingest import NOT_OUR_FAULT, ingest
from server.intake.mqtt import BrokerAddress, BrokerLink, LinkDownError
from server.intake.queue import BoundedQueue
from server.intake.readings import ReadingsIntake
from server.intake.received import Received, receive
from server.pulse import Pulses
from wire.messages import AckReply, BusyReply
from wire.topics import TopicError, Up
from wire.vocabulary import Lane

log = structlog.get_logger()

_RETRY_AFTER_MS: Final = 2_000
_PAUSE_AFTER_FAILURE_S: Final = 1.0
_PATIENCE_S: Final = 5.0
_BUSY_EVERY_S: Final = 1.0
_LANES: Final[Mapping[Up, Lane]] = {Up.ALARMS: Lane.ALARMS, Up.READINGS: Lane.READINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait, and how much one transaction takes."""

    alarms: int = 5_000
    readings: int = 1_000
    statuses: int = 5_000
    reports_reserve: int = 2_000
    """How far beyond `alarms` reports may still queue; they share the queue to keep their order."""
    alarm_batch: int = 100
    reading_batch: int = 40
    linger_s: float = 0.02
    status_linger_s: float = 0.25
    """Six hundred gateways say twenty times a second that they live: that is not twenty transactions."""


class Intake:
    """Takes in what gateways send."""

    def __init__(
        self,
        *,
        database: Database,
        readings: HistoryDatabase,
        clock: Clock,
        address: BrokerAddress,
        policies: Policies,
        pulses: Pulses,
        limits: Limits | None = None,
    ) -> None:
        """Join the parts; `run` starts them."""
        self._database = database
        self._readings = readings
        self._clock = clock
        self._policies = policies
        self._pulses = pulses
        self._limits = limits or Limits()
        self._alarms = BoundedQueue[Received](self._limits.alarms)
        self._batches = BoundedQueue[Received](self._limits.readings)
        self._statuses = BoundedQueue[Received](self._limits.statuses)
        # What is held is read and said before a newer ack is: a gateway that hears an ack and then an
        # older count would believe that the server has forgotten alarms.
        self._saying = asyncio.Lock()
        self._busy: set[tuple[str, Lane]] = set()
        self._busy_wanted = asyncio.Event()
        self._answered: dict[str, str] = {}
        self.link = BrokerLink(address, receive=self.take_in, connected=self._answered.clear)
        self._configurations = ConfigurationIntake(database=database, clock=clock, say=self.link.reply)

    async def run(self) -> None:
        """Take in until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work_alarms(), name="intake-alarms")
            group.create_task(self._work_readings(), name="intake-readings")
            group.create_task(self._work_statuses(), name="intake-statuses")
            group.create_task(
                self._configurations.run(lambda: self._beat("intake-configurations")),
                name="intake-configurations",
            )
            group.create_task(self._say_busy(), name="intake-busy")
            group.create_task(self.link.run(), name="intake-link")

    def take_in(self, topic: str, payload: bytes) -> None:
        """Put what arrived into its queue; where there is no room, the gateway will hear `busy`."""
        try:
            received = receive(topic, payload, at=self._clock.now())
        except TopicError as error:
            log.warning("topic_refused", topic=topic, error=str(error))
            return
        match received.channel:
            case Up.ALARMS:
                taken = self._alarms.offer(received)
            case Up.REPORTS:
                taken = self._alarms.offer(received, reserve=self._limits.reports_reserve)
            case Up.READINGS:
                taken = self._batches.offer(received)
            case Up.STATUS:
                taken = self._statuses.offer(received)
        tally = self._pulses.tally
        tally.received[received.channel.value] += 1
        if taken:
            return
        tally.refused_full[received.channel.value] += 1
        log.warning("intake_full", gateway=received.gateway, channel=received.channel.value)
        lane = _LANES.get(received.channel)
        if lane is not None:
            self._ask_for_patience({received.gateway}, lane)

    async def _work_alarms(self) -> None:
        while True:
            self._beat("intake-alarms")
            batch = await self._next(self._alarms, self._limits.alarm_batch)
            if not batch:
                continue
            try:
                done = await ingest(self._database, batch, now=self._clock.now(), policies=self._policies)
            except NOT_OUR_FAULT as error:
                await self._put_off(batch, Lane.ALARMS, error)
                continue
            self._pulses.tally.quarantined[Lane.ALARMS.value] += done.quarantined
            await self._acknowledge(Lane.ALARMS, done.acks)
            for gateway, part in done.configurations:
                self._configurations.offer(gateway, part)

    async def _work_readings(self) -> None:
        intake = ReadingsIntake(self._database, self._readings)
        while True:
            self._beat("intake-readings")
            batch = await self._next(self._batches, self._limits.reading_batch)
            if not batch:
                continue
            try:
                done = await intake.store(batch, now=self._clock.now())
            except NOT_OUR_FAULT as error:
                await self._put_off(batch, Lane.READINGS, error)
                continue
            self._pulses.tally.quarantined[Lane.READINGS.value] += done.quarantined
            self._pulses.tally.readings += done.readings
            await self._acknowledge(Lane.READINGS, done.acks)

    async def _work_statuses(self) -> None:
        while True:
            self._beat("intake-statuses")
            limits = self._limits
            batch = await self._statuses.take(
                limits.alarm_batch, linger_s=limits.status_linger_s, patience_s=_PATIENCE_S
            )
            if not batch:
                continue
            try:
                heard = await status.keep(self._database, batch, now=self._clock.now())
                for one in heard:
                    await self._answer(one)
            except NOT_OUR_FAULT as error:
                log.warning("statuses_not_kept", count=len(batch), error=str(error))
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)

    async def _answer(self, heard: status.Heard) -> None:
        """Say once a session what the server holds; again after the link was down."""
        session = heard.status.session
        if self._answered.get(heard.gateway) == session:
            return
        try:
            async with self._saying:
                reply = await status.committed_reply(self._database, self._readings, heard)
                if reply is None:
                    return
                await self.link.reply(heard.gateway, reply)
        except LinkDownError as error:
            log.info("committed_not_said", gateway=heard.gateway, error=str(error))
            return
        self._answered[heard.gateway] = session
        log.info("committed_said", gateway=heard.gateway, session=session, runs=len(reply.committed))

    async def _acknowledge(self, lane: Lane, acks: Mapping[tuple[str, str], Iterable[int]]) -> None:
        for (gateway, run), seqs in acks.items():
            numbers = tuple(sorted(set(seqs)))
            try:
                async with self._saying:
                    await self.link.reply(gateway, AckReply(lane=lane, run=run, seqs=numbers))
            except LinkDownError as error:
                self._pulses.tally.ack_failures[lane.value] += len(numbers)
                log.info("ack_not_said", gateway=gateway, lane=lane.value, error=str(error))
                continue
            self._pulses.tally.acknowledged[lane.value] += len(numbers)
            log.debug("acknowledged", gateway=gateway, lane=lane.value, run=run, seqs=numbers)

    async def _put_off(self, batch: Iterable[Received], lane: Lane, error: Exception) -> None:
        """Tell the senders of a batch that could not be committed to send it again later."""
        self._pulses.tally.commit_failures[lane.value] += 1
        log.error("intake_commit_failed", lane=lane.value, error=str(error))
        self._ask_for_patience({received.gateway for received in batch}, lane)
        await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)

    def _ask_for_patience(self, gateways: Iterable[str], lane: Lane) -> None:
        self._busy |= {(gateway, lane) for gateway in gateways}
        self._busy_wanted.set()

    async def _say_busy(self) -> None:
        while True:
            await self._busy_wanted.wait()
            self._busy_wanted.clear()
            wanted, self._busy = self._busy, set()
            for gateway, lane in sorted(wanted):
                message = BusyReply(lane=lane, retry_after_ms=_RETRY_AFTER_MS)
                try:
                    await self.link.reply(gateway, message)
                except LinkDownError as error:
                    log.info("busy_not_said", gateway=gateway, error=str(error))
            await asyncio.sleep(_BUSY_EVERY_S)

    async def _next(self, queue: BoundedQueue[Received], most: int) -> list[Received]:
        return await queue.take(most, linger_s=self._limits.linger_s, patience_s=_PATIENCE_S)

    def _beat(self, loop: str) -> None:
        self._pulses.beat(loop, boot_s=self._clock.boot_s())
        tally = self._pulses.tally
        tally.broker_connected = self.link.is_up
        for queue, entries in (
            ("alarms", self._alarms),
            ("readings", self._batches),
            ("statuses", self._statuses),
        ):
            tally.waiting[queue] = len(entries)
