"""One played gateway: two connections, two lanes, its open alarms, and what it answers.

It keeps the wire contract as a real gateway does; only its stores are in memory, so it ends with the
process, and of the orders it carries out those that need no device.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from time import monotonic
from typing import Any, Final

import msgspec

from firmware_sim.load.connection import Connection
from firmware_sim.load.lane import Outgoing, SendingLane
from firmware_sim.load.link import Dialer, Link, LinkError
from firmware_sim.load.tally import LaneTally, Tally
from firmware_sim.load.traffic import PlayedDevices, raised
from wire import codec
from wire.errors import BodyError, WireError
from wire.ids import new_uuid7
from wire.messages import (
    CONTRACT_VERSION,
    DEFAULT_ALARM_WINDOW,
    DEFAULT_READING_WINDOW,
    AckReply,
    AlarmMessage,
    AlarmState,
    BusyReply,
    CommandMessage,
    CommandReport,
    CommittedReply,
    LaneDepth,
    OpenAlarmsReport,
    ReadingsMessage,
    Report,
    ReportMessage,
    StatusMessage,
)
from wire.orders import ResetOrder, ResyncOrder
from wire.topics import Down, Up, down_topic, up_topic
from wire.vocabulary import AlarmClass, Clock, CommandOutcome, Condition, Presence
from wire.vocabulary import Lane as LaneName

STATUS_EVERY_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0
_GOODBYE_S: Final = 5.0
_SOFTWARE: Final = "gridwarden-sim load"


@dataclass(slots=True)
class _OpenAlarm:
    """An alarm that is not over, and the newest message about it."""

    state: AlarmState
    message: Outgoing


class Player:
    """Plays one gateway until it is cancelled."""

    def __init__(
        self, gateway: str, devices: PlayedDevices, *, dialer: Dialer, tally: Tally, chance: Random
    ) -> None:
        """Prepare a gateway; `run` connects it.

        Args:
            gateway: its id.
            devices: what hangs on it.
            dialer: opens connections.
            tally: counts for all gateways together.
            chance: decides values, devices and pauses.
        """
        self.gateway = gateway
        self._devices = devices
        self._dialer = dialer
        self._tally = tally
        self._chance = chance
        self._boot = _fresh_id()
        self._session = _fresh_id()
        self._open: dict[str, _OpenAlarm] = {}
        self._told: dict[int, Outgoing] = {}
        """Acknowledged states of alarms, for a server whose database came from an older copy."""
        self._stopping = False
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._alarms = Connection(
            name="alarms",
            lane=self._new_lane(DEFAULT_ALARM_WINDOW, tally.alarms),
            build=self._alarm_message,
        )
        self._readings = Connection(
            name="readings",
            lane=self._new_lane(DEFAULT_READING_WINDOW, tally.readings),
            build=self._reading_message,
        )

    # --- what a run asks of it -----------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Messages that are not acknowledged."""
        return len(self._alarms.lane) + len(self._readings.lane)

    async def wait_connected(self) -> None:
        """Wait until both connections stand."""
        for connection in (self._alarms, self._readings):
            await connection.up.wait()

    async def run(self) -> None:
        """Stay connected as long as that is allowed; says goodbye when cancelled."""
        async with asyncio.TaskGroup() as group:
            for connection, serve in (
                (self._alarms, self._serve_alarms),
                (self._readings, self._serve_readings),
            ):
                group.create_task(self._keep(connection, serve), name=f"{self.gateway}-{connection.name}")

    def stop(self) -> None:
        """Connect no more; to be called before `run` is cancelled."""
        self._stopping = True

    def measure(self, rows: int) -> None:
        """Make one batch of readings."""
        batch = self._devices.measure(rows, datetime.now(UTC), self._chance)
        self._readings.lane.add(
            f"b{self._readings.lane.last_seq}", bytes(codec.as_raw(batch)), monotonic(), rows=rows
        )
        self.pump()

    def raise_alarm(self) -> str | None:
        """Raise an alarm of one of the devices; returns its id, or None where no device can have one."""
        if not self._devices.alarming:
            return None
        device, measured = self._chance.choice(self._devices.alarming)
        alarm = _fresh_id()
        self._tally.raised.add(alarm)
        self._state(raised(alarm, device, measured, datetime.now(UTC)))
        return alarm

    def clear_alarm(self, alarm: str) -> None:
        """Let the cause of an alarm be gone; a latched one is over only after a reset."""
        known = self._open.get(alarm)
        if known is not None:
            self._state(
                msgspec.structs.replace(known.state, condition=Condition.NORMAL, changed_at=datetime.now(UTC))
            )

    def cut(self) -> None:
        """Break both connections and stay away until `come_back`."""
        self._allowed.clear()
        self._tally.cut += 1
        for connection in (self._alarms, self._readings):
            if connection.link is not None:
                connection.link.cut()

    def come_back(self) -> None:
        """Connect again."""
        self._allowed.set()

    def pump(self) -> None:
        """Send what is due on both lanes, as far as they are connected."""
        for connection in (self._alarms, self._readings):
            connection.pump()

    # --- connections ---------------------------------------------------------------------------

    async def _keep(self, connection: Connection, serve: Callable[[], Coroutine[Any, Any, None]]) -> None:
        failures = 0
        # A task group that is cancelled just as its link breaks reports the break and forgets the
        # cancellation (Python 3.11); so the end is a flag as well.
        while not self._stopping:
            await self._allowed.wait()
            self._tally.connections += 1
            try:
                await serve()
            except* LinkError:
                failures += 1
            finally:
                connection.fall()
            pause_s = min(_FIRST_PAUSE_S * 2 ** min(failures, 8), _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1))

    async def _serve_alarms(self) -> None:
        self._session = _fresh_id()
        will = up_topic(self.gateway, Up.STATUS), codec.encode(self._status(Presence.OFFLINE))
        async with self._dialer.open(self.gateway, will=will) as link:
            await link.subscribe(down_topic(self.gateway, Down.ACK), down_topic(self.gateway, Down.COMMANDS))
            try:
                async with asyncio.TaskGroup() as group:
                    self._alarms.stand(link, group)
                    group.create_task(self._say_status(link))
                    group.create_task(self._listen_to_the_end(link))
            except asyncio.CancelledError:
                await self._say_goodbye(link)
                raise

    async def _serve_readings(self) -> None:
        async with self._dialer.open(f"{self.gateway}-readings") as link, asyncio.TaskGroup() as group:
            self._readings.stand(link, group)
            group.create_task(self._wait_for_the_end(link))

    async def _wait_for_the_end(self, link: Link) -> None:
        try:
            async for _ in link.messages():
                pass  # nothing is subscribed to on this connection
        finally:
            # Before the task group ends: one that has ended takes nothing more to send.
            self._readings.fall()

    async def _say_status(self, link: Link) -> None:
        while True:
            payload = codec.encode(self._status(Presence.ONLINE))
            await link.publish(up_topic(self.gateway, Up.STATUS), payload, retain=True)
            await asyncio.sleep(STATUS_EVERY_S)

    async def _say_goodbye(self, link: Link) -> None:
        try:
            async with asyncio.timeout(_GOODBYE_S):
                payload = codec.encode(self._status(Presence.OFFLINE))
                await link.publish(up_topic(self.gateway, Up.STATUS), payload, retain=True)
        except (LinkError, TimeoutError):
            return

    # --- upward --------------------------------------------------------------------------------

    def _new_lane(self, window: int, tally: LaneTally) -> SendingLane:
        return SendingLane(run=_fresh_id(), window=window, tally=tally, seed=self._chance.getrandbits(32))

    def _state(self, state: AlarmState) -> None:
        """Say how an alarm stands."""
        message = self._alarms.lane.add(
            state.alarm,
            bytes(codec.as_raw(state)),
            monotonic(),
            urgent=state.class_ is AlarmClass.LIFE_SAFETY,
        )
        if state.cleared:
            self._open.pop(state.alarm, None)
        else:
            self._open[state.alarm] = _OpenAlarm(state, message)
        self.pump()

    def _alarm_message(self, message: Outgoing) -> tuple[str, bytes]:
        numbered = AlarmMessage(
            **self._envelope(), run=self._alarms.lane.run, seq=message.seq, alarm=msgspec.Raw(message.body)
        )
        return up_topic(self.gateway, Up.ALARMS), codec.encode(numbered)

    def _reading_message(self, message: Outgoing) -> tuple[str, bytes]:
        numbered = ReadingsMessage(
            **self._envelope(), run=self._readings.lane.run, seq=message.seq, batch=msgspec.Raw(message.body)
        )
        return up_topic(self.gateway, Up.READINGS), codec.encode(numbered)

    async def _report(self, link: Link, report: Report) -> None:
        message = ReportMessage(**self._envelope(), report=report)
        await link.publish(up_topic(self.gateway, Up.REPORTS), codec.encode(message))

    def _status(self, presence: Presence) -> StatusMessage:
        lanes = tuple(
            LaneDepth(lane=name, run=one.lane.run, last_seq=one.lane.last_seq, waiting=len(one.lane))
            for name, one in ((LaneName.ALARMS, self._alarms), (LaneName.READINGS, self._readings))
        )
        return StatusMessage(**self._envelope(), presence=presence, software=_SOFTWARE, lanes=lanes)

    def _envelope(self) -> dict[str, Any]:
        return {
            "v": CONTRACT_VERSION,
            "gateway": self.gateway,
            "session": self._session,
            "boot": self._boot,
            "up_ms": round(monotonic() * 1000),
            "sent_at": datetime.now(UTC),
            "clock": Clock.SYNCED,
        }

    # --- downward ------------------------------------------------------------------------------

    async def _listen_to_the_end(self, link: Link) -> None:
        try:
            await self._listen(link)
        finally:
            self._alarms.fall()

    async def _listen(self, link: Link) -> None:
        acks = down_topic(self.gateway, Down.ACK)
        async for topic, payload in link.messages():
            try:
                if topic == acks:
                    await self._hear(link, payload)
                else:
                    await self._obey(link, codec.decode_command(payload))
            except WireError:
                continue  # a newer server's word; a real gateway logs it
            self.pump()

    async def _hear(self, link: Link, payload: bytes) -> None:
        match codec.decode_reply(payload):
            case AckReply() as ack:
                self._take_ack(ack)
            case BusyReply() as busy:
                self._lane(busy.lane).be_quiet(monotonic() + busy.retry_after_ms / 1000)
            case CommittedReply() as committed if committed.session == self._session:
                self._reconcile(committed)
                await self._restate(link)

    def _take_ack(self, ack: AckReply) -> None:
        lane = self._lane(ack.lane)
        if isinstance(ack.window, int):
            lane.window = ack.window
        for message in lane.acknowledge(ack.run, ack.seqs, monotonic()):
            if ack.lane is LaneName.ALARMS:
                self._tally.raised_committed.add(message.key)
                self._told[message.seq] = message

    def _reconcile(self, committed: CommittedReply) -> None:
        """Compare what the server holds with what it once acknowledged."""
        self._alarms.lane.window = committed.alarm_window
        self._readings.lane.window = committed.reading_window
        held = {(entry.lane, entry.run): entry.seq for entry in committed.committed}
        for name in LaneName:
            lane, tally = self._lane(name), self._lane_tally(name)
            seq = held.get((name, lane.run), 0)
            if seq < lane.highest_acked:
                tally.forgotten += lane.highest_acked - seq
                if name is LaneName.ALARMS:
                    lane.again(m for n, m in self._told.items() if n > seq - lane.window)

    async def _restate(self, link: Link) -> None:
        """Say every alarm that is not over again, then the list of them."""
        self._alarms.lane.again(known.message for known in self._open.values())
        listed = {*self._open, *self._alarms.lane.keys}
        await self._report(link, OpenAlarmsReport(alarms=tuple(sorted(listed))))

    async def _obey(self, link: Link, command: CommandMessage) -> None:
        self._tally.commands += 1
        outcome, detail = await self._carry_out(link, command)
        await self._report(link, CommandReport(command=command.command, outcome=outcome, detail=detail))

    async def _carry_out(self, link: Link, command: CommandMessage) -> tuple[CommandOutcome, str]:
        if command.session != self._session:
            return CommandOutcome.STALE_SESSION, ""
        try:
            order = codec.decode_order(command.order)
        except BodyError as error:
            return CommandOutcome.UNKNOWN, str(error)
        match order:
            case ResyncOrder():
                await self._restate(link)
                return CommandOutcome.DONE, ""
            case ResetOrder(alarm=alarm):
                return self._reset(alarm)
            case _:
                return CommandOutcome.REFUSED, "played gateways have no devices to do this with"

    def _reset(self, alarm: str) -> tuple[CommandOutcome, str]:
        known = self._open.get(alarm)
        if known is None:
            return CommandOutcome.DONE, ""
        if known.state.condition is not Condition.NORMAL:
            return CommandOutcome.REFUSED, "the cause is still there"
        self._state(msgspec.structs.replace(known.state, latched=False, changed_at=datetime.now(UTC)))
        return CommandOutcome.DONE, ""

    def _lane(self, name: LaneName) -> SendingLane:
        return self._alarms.lane if name is LaneName.ALARMS else self._readings.lane

    def _lane_tally(self, name: LaneName) -> LaneTally:
        return self._tally.alarms if name is LaneName.ALARMS else self._tally.readings


def _fresh_id() -> str:
    return new_uuid7(unix_ms=round(datetime.now(UTC).timestamp() * 1000))
