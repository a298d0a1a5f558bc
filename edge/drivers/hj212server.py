"""The port on which stations call that speak HJ 212."""

from collections.abc import Sequence

import structlog

from edge.drivers.door import Caller, Limits, TcpDoor
from edge.drivers.framecutting import FrameCall
from edge.drivers.hj212 import Heard, Outcome, Reaction, Station, StationDesk
from edge.drivers.hj212frames import FrameReader, Packet, encode_packet
from edge.drivers.hj212text import describe_packet, hide_password
from edge.drivers.listening import ListeningBus
from edge.errors import LinkError
from edge.ports import Clock
from edge.reception import Reception
from edge.site.busconfig import Hj212BusSettings
from wire.vocabulary import Clock as ClockTrust

log = structlog.get_logger(__name__)


class Hj212Server(ListeningBus):
    """Stations of one bus."""

    def __init__(
        self,
        settings: Hj212BusSettings,
        *,
        stations: Sequence[Station],
        reception: Reception,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        """Join the parts; nothing is opened yet.

        Args:
            settings: of the bus.
            stations: whoever may call.
            reception: turns what was heard into snapshots.
            clock: the machine's clocks.
            limits: what callers may take; None for the usual.
        """
        super().__init__(bus=settings.id, reception=reception, clock=clock)
        self.desk = StationDesk(stations, set_time=settings.set_time)
        self._door = TcpDoor(
            bus=settings.id,
            host=settings.host,
            port=settings.port,
            limits=limits or Limits(),
            begin=lambda caller: _StationCall(self, caller),
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._door.port

    async def _open(self) -> None:
        try:
            await self._door.open()
        except OSError as error:
            raise LinkError(f"cannot listen on port {self._door.port}: {error.strerror}") from error
        log.info("bus_listening", bus=self._bus, technique="hj212", port=self.port)

    async def _close(self) -> None:
        await self._door.close()

    def _keep_house(self) -> None:
        self._hear(self.desk.settle(self._clock.moment()))

    def take(self, packet: Packet, caller: Caller) -> Outcome:
        """Take one packet: answer it and hand on what it says."""
        trusted = self._clock.trust() is ClockTrust.SYNCED
        reaction = self.desk.take(packet, self._clock.moment(), clock_trusted=trusted)
        self._hear(reaction.heard)
        for device in reaction.alive:
            self._reception.keep(device)
        for answer in reaction.answers:
            frame = encode_packet(answer)
            caller.answer(frame)
            if self.tap.is_open:
                self.show(frame, answer, "", sent=True)
        self._report(reaction, packet, caller)
        return reaction.outcome

    def show(self, frame: bytes, packet: Packet | None, error: str, *, sent: bool = False) -> None:
        """Show a frame to whoever looks at the line."""
        self.tap.note(
            hide_password(frame),
            sent=sent,
            text=f"no packet: {error}" if packet is None else describe_packet(packet),
            devices=() if packet is None else self.desk.devices_of(packet.mn),
        )

    def refuse(self, caller: Caller, why: str) -> None:
        """Say in the log that bytes were no packet."""
        log.warning("frame_refused", bus=self._bus, peer=caller.peer, error=why)

    def _hear(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            self._reception.hear(
                one.device,
                one.values,
                qualities=one.qualities,
                may_clear=one.may_clear,
                at_wall_ms=one.at_wall_ms,
            )

    def _report(self, reaction: Reaction, packet: Packet, caller: Caller) -> None:
        for remark in reaction.remarks:
            log.warning("station_odd", bus=self._bus, mn=packet.mn[:40], cn=packet.cn[:10], remark=remark)
        if any(answer.cn == "1012" for answer in reaction.answers):
            log.info("station_time_set", bus=self._bus, mn=packet.mn)
        if reaction.outcome is Outcome.UNKNOWN_STATION:
            self._reception.note_stranger(packet.mn, said=f"ST={packet.st}")
        if reaction.outcome in (Outcome.UNKNOWN_STATION, Outcome.WRONG_PASSWORD) and self.is_new_stranger(
            f"{reaction.outcome.value} {packet.mn[:40]}"
        ):
            log.warning(reaction.outcome.value, bus=self._bus, mn=packet.mn[:40], peer=caller.peer)


class _StationCall(FrameCall[Packet]):
    """What is said on one connection."""

    def __init__(self, server: Hj212Server, caller: Caller) -> None:
        super().__init__(caller, FrameReader(key_of=server.desk.key_of), server.tap)
        self._server = server
        self._told = 0

    def show(self, data: bytes, frame: Packet | None, error: str) -> None:
        self._server.show(data, frame, error)

    def report(self) -> None:
        if self.reader.rejected > self._told:
            self._told = self.reader.rejected
            self._server.refuse(self.caller, self.reader.last_error)

    def admit(self, frame: Packet) -> bool:
        outcome = self._server.take(frame, self.caller)
        return outcome not in (Outcome.UNKNOWN_STATION, Outcome.WRONG_PASSWORD)
