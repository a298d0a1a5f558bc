"""A user information transmission device that calls: written from GB/T 26875.3-2011, a second time.

Its components send their status and what they measure; it repeats what is not confirmed, answers
questions and lets its clock be set.
"""

import asyncio
import contextlib
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.devices.speaking import NOISE, Dialled, SpeakingBus, SpeakingDevice

_LOCAL: Final = timezone(timedelta(hours=8))
_FRAME: Final = struct.Struct("<2sHBB6s6s6sHB")
_ORDER: Final = 1
_DATA: Final = 2
_CONFIRM: Final = 3
_QUESTION: Final = 4
_ANSWER: Final = 5
_TEXT_BYTES: Final = 31
_WORST: Final = 0x7FFF
_ANALOG: Final = {
    "gas_lel": (6, 0.1),
    "pressure_kpa": (5, 0.1),
    "level_m": (2, 0.01),
    "temperature_c": (3, 0.1),
    "residual_current_ma": (128, 1.0),
}
_BITS: Final = {
    "gas_alarm": 1,
    "fire": 1,
    "leakage_alarm": 1,
    "temperature_alarm": 1,
    "fault": 2,
    "shielded": 3,
}


def tag(moment: datetime, *, decimal: bool = False) -> bytes:
    """Return a time tag; some makers write decimal digits."""
    local = moment.astimezone(_LOCAL)
    parts = (local.second, local.minute, local.hour, local.day, local.month, local.year % 100)
    return bytes(int(str(part), 16) for part in parts) if decimal else bytes(parts)


def frame(
    serial: int,
    command: int,
    data: bytes,
    *,
    source: int,
    at: datetime,
    decimal: bool = False,
    end: int = 0x23,
) -> bytes:
    """Return one frame."""
    body = _FRAME.pack(
        b"@@",
        serial & 0xFFFF,
        1,
        0,
        tag(at, decimal=decimal),
        source.to_bytes(6, "little"),
        bytes(6),
        len(data),
        command,
    )
    body += data
    return body + bytes((sum(body[2:]) & 0xFF, end, end))


@dataclass
class GbComponent(SpeakingDevice):
    """A component of a panel; its address is `system type.address/component type.address`."""

    model: str = "gb26875-gas-detector"
    text: str = "3栋1单元厨房"

    def place(self) -> bytes:
        """Return its place as the wire has it."""
        system, _, component = self.address.partition("/")
        (st, sa), (ct, ca) = (map(int, part.split(".")) for part in (system, component))
        return struct.pack("<BBBI", st, sa, ct, ca)

    def units(self, kind: FaultKind, clock: datetime, *, decimal: bool) -> list[bytes]:
        """Return its status and its measured values as data units."""
        values = self.measure(kind)
        place = self.place()
        if kind is FaultKind.WRONG_UNIT:
            place = place[:-1] + b"\x7f"
        status = 1 | sum(1 << bit for point, bit in _BITS.items() if values.get(point, 0) == 1)
        text = self.text.encode("gb18030")[:_TEXT_BYTES].ljust(_TEXT_BYTES, b"\0")
        at = tag(clock, decimal=decimal)
        told = [b"\x02\x01" + place + struct.pack("<H", status) + text + at]
        for point, (kind_of, step) in _ANALOG.items():
            if point in values:
                value = values[point]
                raw = _WORST if math.isnan(value) else max(-_WORST, min(round(value / step), _WORST))
                told.append(b"\x03\x01" + place + struct.pack("<Bh", kind_of, raw) + at)
        return told


@dataclass
class Transmitter(SpeakingBus):
    """The transmission device; its components speak through it, one after the other.

    Attributes:
        address: its own, six bytes on the wire.
        udp: whether it speaks by UDP.
        decimal, end: its maker's deviations.
        confirmed, denied, orders: serial numbers and data units it got from the gateway.
        behind: how far its clock is behind.
    """

    address: int = 3456
    udp: bool = False
    decimal: bool = False
    end: int = 0x23
    confirmed: list[int] = field(default_factory=list)
    denied: list[int] = field(default_factory=list)
    orders: list[bytes] = field(default_factory=list)
    behind: timedelta = timedelta(0)
    serial: int = 0
    _recorded: dict[int, list[bytes]] = field(default_factory=dict)

    def callers(self) -> tuple[int, ...]:
        """Return one: the transmitter itself."""
        return (min(self.units),)

    def clock(self) -> datetime:
        """Return what time it believes it is."""
        wrong = any(fault.kind is FaultKind.WRONG_CLOCK for fault in self.faults.values())
        return datetime.now(UTC) - self.behind - timedelta(days=365 if wrong else 0)

    def wrap(self, command: int, data: bytes, *, serial: int | None = None) -> bytes:
        """Return a frame of this transmitter with the next serial number."""
        if serial is None:
            serial, self.serial = self.serial, (self.serial + 1) & 0xFFFF
        return frame(
            serial, command, data, source=self.address, at=self.clock(), decimal=self.decimal, end=self.end
        )

    async def speak(self, unit: int) -> None:
        """Call and speak until the connection is gone."""
        del unit
        if self.udp:
            await self._speak_udp()
            return
        line = Dialled(*await asyncio.open_connection(self.host, self.port))
        listening = asyncio.create_task(self._listen(line), name="transmitter-hears")
        try:
            while not listening.done():
                for number in self.units:
                    fault = self.faults[number]
                    if fault.kind in (FaultKind.REBOOT, FaultKind.DISCONNECT):
                        self.serial = 0
                        return
                    for sent in self._frames(number, fault):
                        await line.send(sent, fault.kind)
                    self.requests[number] += 1
                    if fault.kind is FaultKind.FLAPPING:
                        await asyncio.sleep(0.05)
                        return
                await self.pause()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await line.hang_up()

    def _frames(self, number: int, fault: Fault) -> list[bytes]:
        kind = fault.kind
        device = self.units[number]
        assert isinstance(device, GbComponent), "only components are behind a transmitter"
        if kind is FaultKind.MUTE:
            return []
        if kind is FaultKind.REPLAY and number in self._recorded:
            return self._recorded[number]
        moment = self.clock() - timedelta(seconds=fault.delay_s if kind is FaultKind.LATE else 0)
        frames = [self.wrap(_DATA, unit) for unit in device.units(kind, moment, decimal=self.decimal)]
        if kind is FaultKind.NONE:
            self._recorded[number] = frames
        if kind is FaultKind.WRONG_CHECK:
            frames = [sent[:-3] + bytes((sent[-3] ^ 0x5A,)) + sent[-2:] for sent in frames]
        return frames

    async def _listen(self, line: Dialled) -> None:
        buffered = b""
        with contextlib.suppress(OSError):
            while data := await line.reader.read(4096):
                buffered = self.hear(buffered + data, line.writer.write)

    def hear(self, data: bytes, answer: Callable[[bytes], object]) -> bytes:
        """Take what the gateway sends; returns the bytes of a frame that is not whole yet."""
        while len(data) >= _FRAME.size:
            _, serial, _, _, _, _, _, size, command = _FRAME.unpack_from(data)
            whole = _FRAME.size + size + 3
            if len(data) < whole:
                break
            self._obey(serial, command, data[_FRAME.size : whole - 3], answer)
            data = data[whole:]
        return data

    def _obey(self, serial: int, command: int, unit: bytes, answer: Callable[[bytes], object]) -> None:
        if command == _CONFIRM:
            self.confirmed.append(serial)
        elif command == _ORDER:
            self.orders.append(unit)
            if unit[:1] == b"\x5a":
                self._set_clock(unit[2:8])
            answer(self.wrap(_CONFIRM, b"", serial=serial))
        elif command == _QUESTION:
            self.orders.append(unit)
            if unit[:1] == b"\x51" and not any(f.kind is FaultKind.MUTE for f in self.faults.values()):
                told = b"\x15\x01\x01" + tag(self.clock(), decimal=self.decimal)
                answer(self.wrap(_ANSWER, told, serial=serial))
        else:
            self.denied.append(serial)

    def _set_clock(self, told: bytes) -> None:
        second, minute, hour, day, month, year = told
        right = datetime(2000 + year, month, day, hour, minute, second, tzinfo=_LOCAL)
        self.behind += self.clock() - right

    async def _speak_udp(self) -> None:
        loop = asyncio.get_running_loop()
        transmitter = self

        class Mail(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                del addr
                transmitter.hear(data, mail.sendto)

        mail, _ = await loop.create_datagram_endpoint(Mail, remote_addr=(self.host, self.port))
        try:
            while True:
                for number in self.units:
                    fault = self.faults[number]
                    for sent in self._frames(number, fault):
                        mail.sendto(_spoil_datagram(sent, fault.kind))
                    self.requests[number] += 1
                await self.pause()
        finally:
            mail.close()


def _spoil_datagram(sent: bytes, kind: FaultKind) -> bytes:
    match kind:
        case FaultKind.TRUNCATED:
            return sent[: len(sent) // 2]
        case FaultKind.JOINED:
            return sent + sent
        case FaultKind.NOISE:
            return NOISE + sent
        case FaultKind.GARBAGE:
            return bytes((7 * i) & 0xFF for i in range(97))
        case _:
            return sent
