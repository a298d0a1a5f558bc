"""The port, TCP and UDP, on which user information transmission devices call."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, cast

import structlog

from edge.drivers.door import Allowance, Caller, Limits, TcpDoor
from edge.drivers.framecutting import FrameCall
from edge.drivers.gb26875 import Behind, Outcome, Reaction, TransmitterDesk
from edge.drivers.gb26875frames import Command, Frame, FrameReader, encode_frame
from edge.drivers.gb26875text import describe_frame
from edge.drivers.gb26875units import duty_check, read_system, read_transmitter, sync_clock
from edge.drivers.listening import ListeningBus
from edge.errors import LinkError
from edge.ports import Clock
from edge.reception import Reception
from edge.site.busconfig import Gb26875BusSettings
from wire.vocabulary import Clock as ClockTrust

DUTY_MINUTES: Final = 10
"""How long a person on duty has to press the key (GB 26875.1 names ten minutes)."""
_MOST_PEERS: Final = 1_000

Send = Callable[[bytes], None]
log = structlog.get_logger(__name__)


class Gb26875Server(ListeningBus):
    """Transmitters of one bus, and whoever is behind them."""

    def __init__(
        self,
        settings: Gb26875BusSettings,
        *,
        devices: Iterable[Behind],
        reception: Reception,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        """Join the parts; nothing is opened yet.

        Args:
            settings: of the bus.
            devices: what is behind the transmitters.
            reception: turns what was heard into snapshots.
            clock: the machine's clocks.
            limits: what callers may take; None for the usual.
        """
        super().__init__(bus=settings.id, reception=reception, clock=clock)
        self.desk = TransmitterDesk(devices)
        self._settings = settings
        self._limits = limits or Limits()
        self._door = TcpDoor(
            bus=settings.id,
            host=settings.host,
            port=settings.port,
            limits=self._limits,
            begin=lambda caller: _TransmitterCall(self, caller),
        )
        self._udp: asyncio.DatagramTransport | None = None
        self._links: dict[int, Send] = {}
        self._serials: dict[int, int] = {}
        self._asked_ms = clock.moment().boot_ms
        self._checked_ms = clock.moment().boot_ms

    @property
    def port(self) -> int:
        """The port it listens on, for both."""
        return self._door.port

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._door.open()
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self, self._limits), local_addr=(self._settings.host, self.port)
            )
        except OSError as error:
            await self._close()
            raise LinkError(f"cannot listen on port {self._door.port}: {error.strerror}") from error
        log.info("bus_listening", bus=self._bus, technique="gb26875", port=self.port)

    async def _close(self) -> None:
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        await self._door.close()

    def _keep_house(self) -> None:
        now_ms = self._clock.moment().boot_ms
        ask_ms, check_ms = self._settings.ask_s * 1000, self._settings.duty_check_s * 1000
        if ask_ms and now_ms - self._asked_ms >= ask_ms:
            self._asked_ms = now_ms
            self._ask()
        if check_ms and now_ms - self._checked_ms >= check_ms:
            self._checked_ms = now_ms
            for transmitter in self._links:
                log.info("duty_checked", bus=self._bus, transmitter=transmitter)
                self._order(transmitter, Command.CONTROL, duty_check(DUTY_MINUTES))

    def _ask(self) -> None:
        """Ask whoever has called how transmitter and panels are; the answers show that they live."""
        for transmitter in self._links:
            self._order(transmitter, Command.REQUEST, read_transmitter())
            for place in self.desk.systems_of(transmitter):
                assert place.system_type is not None, "a system has a type"
                assert place.system_address is not None, "a system has an address"
                self._order(
                    transmitter, Command.REQUEST, read_system(place.system_type, place.system_address)
                )

    def _order(self, transmitter: int, command: Command, adu: bytes) -> None:
        serial = self._serials.get(transmitter, 0)
        self._serials[transmitter] = (serial + 1) & 0xFFFF
        frame = Frame(
            serial=serial,
            sent_at=self._clock.moment().as_datetime(),
            source=self._settings.address,
            destination=transmitter,
            command=command,
            adu=adu,
        )
        self._send(frame, transmitter, self._links[transmitter])

    def take(self, frame: Frame, peer: str, send: Send) -> Outcome:
        """Take one frame: answer it and hand on what it says."""
        now = self._clock.moment()
        reaction = self.desk.take(frame, now)
        for one in reaction.heard:
            self._reception.hear(one.device, one.values, qualities=one.qualities, may_clear=one.may_clear)
        for device in reaction.alive:
            self._reception.keep(device)
        if reaction.answer is not None:
            self._send(reaction.answer, frame.source, send)
        self._report(reaction, frame, peer)
        if reaction.outcome is not Outcome.UNKNOWN_TRANSMITTER:
            self._links[frame.source] = send
            self._correct_clock(frame.source)
        return reaction.outcome

    def deny(self, frame: Frame, send: Send) -> None:
        """Tell a known transmitter that its frame came damaged; it sends again."""
        denial = self.desk.refuse(frame, self._clock.moment())
        if denial is not None:
            self._send(denial, frame.source, send)

    def _send(self, frame: Frame, transmitter: int, send: Send) -> None:
        data = encode_frame(frame, self.desk.dialect_of(transmitter))
        send(data)
        if self.tap.is_open:
            self.show(data, frame, "", sent=True)

    def show(self, data: bytes, frame: Frame | None, error: str, *, sent: bool = False) -> None:
        """Show a frame to whoever looks at the line."""
        if frame is None:
            self.tap.note(data, sent=sent, text=f"no frame: {error}")
            return
        dialect = self.desk.dialect_of(frame.destination if sent else frame.source)
        text = describe_frame(frame, dialect)
        self.tap.note(data, sent=sent, text=text, devices=self.desk.devices_of(frame))

    def refuse(self, peer: str, why: str) -> None:
        """Say in the log that bytes were no frame."""
        log.warning("frame_refused", bus=self._bus, peer=peer, error=why)

    def _correct_clock(self, transmitter: int) -> None:
        now, clock = self._clock.moment(), self.desk.clocks[transmitter]
        trusted = self._clock.trust() is ClockTrust.SYNCED
        if not (self._settings.set_time and trusted and clock.needs_correction(now)):
            return
        clock.corrected_ms = now.boot_ms
        log.info("transmitter_time_set", bus=self._bus, transmitter=transmitter)
        dialect = self.desk.dialect_of(transmitter)
        self._order(transmitter, Command.CONTROL, sync_clock(now.as_datetime(), dialect))

    def _report(self, reaction: Reaction, frame: Frame, peer: str) -> None:
        if reaction.outcome is Outcome.UNKNOWN_TRANSMITTER:
            self._reception.note_stranger(str(frame.source))
        if reaction.outcome is Outcome.UNKNOWN_TRANSMITTER and self.is_new_stranger(str(frame.source)):
            log.warning("unknown_transmitter", bus=self._bus, transmitter=frame.source, peer=peer)
        for remark in reaction.remarks:
            log.warning("transmitter_odd", bus=self._bus, transmitter=frame.source, remark=remark)
        for place, said in reaction.unassigned:
            self._reception.note_stranger(str(place), said=said)
            if self.is_new_stranger(f"{place} {said}"):
                log.warning("place_unassigned", bus=self._bus, address=str(place), said=said)
        for pressed in reaction.pressed:
            log.info(
                "panel_operated",
                bus=self._bus,
                transmitter=frame.source,
                system=None
                if pressed.system_type is None
                else f"{pressed.system_type}.{pressed.system_address}",
                what=pressed.names,
                operator=pressed.operator,
            )


class _TransmitterCall(FrameCall[Frame]):
    """What is said on one TCP connection."""

    def __init__(self, server: Gb26875Server, caller: Caller) -> None:
        self._frames = FrameReader(dialect_of=server.desk.dialect_of)
        super().__init__(caller, self._frames, server.tap)
        self._server = server
        self._told = 0

    def show(self, data: bytes, frame: Frame | None, error: str) -> None:
        self._server.show(data, frame, error, sent=False)

    def report(self) -> None:
        self._told = _report_damage(
            self._server, self._frames, self._told, self.caller.peer, self.caller.answer
        )

    def admit(self, frame: Frame) -> bool:
        outcome = self._server.take(frame, self.caller.peer, self.caller.answer)
        return outcome is not Outcome.UNKNOWN_TRANSMITTER


class _Datagrams(asyncio.DatagramProtocol):
    """What comes by UDP: each datagram holds whole frames."""

    def __init__(self, server: Gb26875Server, limits: Limits) -> None:
        self._server = server
        self._bytes_per_s = limits.bytes_per_s
        self._allowances: dict[str, Allowance] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Neither asyncio's own nor uvloop's datagram transport descends from the class that says so.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        peer, transport = str(addr[0]), self._transport
        assert transport is not None, "nothing comes before the connection is made"
        if not self._may_speak(peer, len(data)):
            return
        reader = FrameReader(dialect_of=self._server.desk.dialect_of)
        reader.show = self._server.show if self._server.tap.is_open else None
        frames = reader.feed(data)
        frames += reader.give_up()

        def send(frame: bytes) -> None:
            if not transport.is_closing():
                transport.sendto(frame, addr)

        _report_damage(self._server, reader, 0, peer, send)
        for frame in frames:
            self._server.take(frame, peer, send)

    def _may_speak(self, peer: str, size: int) -> bool:
        """Tell whether an address may still send; what is over its allowance is dropped, it is sent again."""
        if len(self._allowances) >= _MOST_PEERS:
            self._allowances.clear()
        allowance = self._allowances.setdefault(peer, Allowance(self._bytes_per_s))
        now_s = asyncio.get_running_loop().time()
        return allowance.take(size, now_s) <= 0


def _report_damage(server: Gb26875Server, reader: FrameReader, told: int, peer: str, send: Send) -> int:
    """Deny damaged frames and log what was none; returns how much has now been told."""
    for frame in reader.damaged:
        server.deny(frame, send)
    reader.damaged.clear()
    if reader.rejected > told:
        server.refuse(peer, reader.last_error)
    return reader.rejected
