"""A Modbus TCP server that can misbehave on command.

Written by hand, a page of framing (Modbus messaging on TCP/IP implementation guide V1.0b), because a
simulated device must be able to do what a sound server library prevents: stay mute, answer late,
answer as somebody else, cut its answer short, talk nonsense.
"""

import asyncio
import contextlib
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_sim.devices.model import NoSuchAddressError, NoSuchFunctionError, SimulatedDevice

_HEADER: Final = struct.Struct(">HHHB")
_LEAST_LENGTH: Final = 2
_MOST_LENGTH: Final = 254
"""Unit id and protocol data unit: Modbus Messaging on TCP/IP V1.0b, 3.1.3."""
_COIL_ON: Final = 0xFF00
"""Modbus Application Protocol V1.1b3, 6.5."""
_MOST_REGISTERS: Final = 125
_MOST_BITS: Final = 2000
_BITS: Final = (1, 2)


class FaultKind(StrEnum):
    """How a device misbehaves."""

    NONE = "none"
    MUTE = "mute"
    """Never answers."""
    LATE = "late"
    """Answers after `delay_s`."""
    EXCEPTION = "exception"
    """Answers exception `code`."""
    STUCK = "stuck"
    """Repeats what it showed when the fault began."""
    NAN = "nan"
    """Every register shows 0xFFFF: NaN in a float, the usual sentinel elsewhere."""
    TRUNCATED = "truncated"
    """Cuts its answer short."""
    WRONG_UNIT = "wrong_unit"
    """Answers as another unit."""
    WRONG_TRANSACTION = "wrong_transaction"
    """Answers another request."""
    WRONG_CHECK = "wrong_check"
    """Spoils the check of its frames; only a serial line has one."""
    GARBAGE = "garbage"
    """Answers random bytes."""
    DISCONNECT = "disconnect"
    """Hangs up instead of answering."""
    SENTINEL = "sentinel"
    """Every register shows `code`: the maker's word for "no value"."""
    NOISE = "noise"
    """Stray bytes before the answer, as on a line without termination."""
    FLAPPING = "flapping"
    """Answers every other question."""
    PREVIOUS = "previous"
    """Answers the question before this one."""
    REBOOT = "reboot"
    """Stays silent for `delay_s`, refuses every address (exception 2) for as long again, then behaves."""
    REPLAY = "replay"
    """Sends again what it sent when all was well; only a device that speaks by itself."""
    WRONG_CLOCK = "wrong_clock"
    """Its clock is a year behind; only a device that tells a time."""
    SPLIT = "split"
    """Its frames come in small pieces; only a device that speaks by itself."""
    JOINED = "joined"
    """Every frame comes twice, in one piece; only a device that speaks by itself."""
    WRONG_KEY = "wrong_key"
    """Encrypts with another key; only a device on the air."""
    DOWNGRADE = "downgrade"
    """Speaks in plain although it has a key; only a device on the air."""
    CONNECT_ERROR = "connect_error"
    """Every attempt to connect fails; only a device on the air."""
    DISOBEYS = "disobeys"
    """Takes an order and does nothing; only a valve on the air."""
    ADAPTER_OFF = "adapter_off"
    """The adapter loses its power and cannot be switched on; only on the air, for all its devices."""
    DAEMON_CRASH = "daemon_crash"
    """The Bluetooth daemon dies and stays away; only on the air, for all its devices."""
    DEAF = "deaf"
    """The radio hears nothing until it is reset, though all looks well; only on the air."""


@dataclass(slots=True)
class Fault:
    """A misbehaviour and its measure."""

    kind: FaultKind = FaultKind.NONE
    delay_s: float = 0.0
    code: int = 4


class ModbusServer:
    """Devices behind one TCP port, by unit id. A unit that is not there stays silent."""

    def __init__(self, *, host: str, port: int, units: Mapping[int, SimulatedDevice]) -> None:
        """Prepare; nothing is opened yet. Port 0 picks a free one."""
        self._host = host
        self._port = port
        self.units = dict(units)
        self.faults: dict[int, Fault] = {unit: Fault() for unit in units}
        self.requests: dict[int, int] = dict.fromkeys(units, 0)
        """How many requests each unit was asked."""
        self._began: dict[int, float] = {}
        self._previous: dict[int, bytes] = {}
        self._stuck: dict[tuple[int, int, int, int], list[int]] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up and stop listening."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.close()
            self._server = None

    def misbehave(self, unit: int, fault: Fault) -> None:
        """Let a unit misbehave, or behave again with `FaultKind.NONE`."""
        self.faults[unit] = fault
        self._began[unit] = time.monotonic()
        self._stuck.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readexactly(_HEADER.size)
                    transaction, protocol, length, unit = _HEADER.unpack(head)
                    if protocol != 0 or not _LEAST_LENGTH <= length <= _MOST_LENGTH:
                        break
                    request = await reader.readexactly(length - 1)
                    if not await self._answer(writer, transaction, unit, request):
                        break
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, transaction: int, unit: int, request: bytes
    ) -> bool:
        """Answer one request; returns whether the connection goes on."""
        if unit not in self.units:
            return True
        self.requests[unit] += 1
        fault = self.faults[unit]
        if fault.kind is FaultKind.DISCONNECT:
            return False
        if self._is_mute(unit, fault):
            return True
        if fault.kind is FaultKind.LATE:
            await asyncio.sleep(fault.delay_s)
        before = self._previous.get(unit, request)
        self._previous[unit] = request
        pdu = self._respond(unit, before if fault.kind is FaultKind.PREVIOUS else request, fault)
        frame = self._spoil(transaction, unit, pdu, fault)
        writer.write(frame)
        await writer.drain()
        return True

    def _is_mute(self, unit: int, fault: Fault) -> bool:
        match fault.kind:
            case FaultKind.MUTE:
                return True
            case FaultKind.FLAPPING:
                return self.requests[unit] % 2 == 0
            case FaultKind.REBOOT:
                return self._age_s(unit) < fault.delay_s
        return False

    def _age_s(self, unit: int) -> float:
        return time.monotonic() - self._began.get(unit, 0.0)

    def _spoil(self, transaction: int, unit: int, pdu: bytes, fault: Fault) -> bytes:
        """Return the answer's bytes as this fault lets them be."""
        if fault.kind is FaultKind.WRONG_TRANSACTION:
            transaction ^= 0x5555
        frame = self._frame(transaction, unit ^ 0x40 if fault.kind is FaultKind.WRONG_UNIT else unit, pdu)
        match fault.kind:
            case FaultKind.TRUNCATED:
                return frame[: max(len(frame) // 2, 1)]
            case FaultKind.GARBAGE:
                return bytes((7 * i + transaction) & 0xFF for i in range(23))
            case FaultKind.NOISE:
                return self._noise() + frame
        return frame

    def _noise(self) -> bytes:
        """Return stray bytes; on TCP there are none."""
        return b""

    def _frame(self, transaction: int, unit: int, pdu: bytes) -> bytes:
        return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu

    def _respond(self, unit: int, request: bytes, fault: Fault) -> bytes:
        fc = request[0]
        refused = self._refusal(unit, fault)
        if refused:
            return bytes((fc | 0x80, refused))
        known = self.units[unit].special(request)
        if known is not None:
            return known
        try:
            if fc in (1, 2, 3, 4):
                return self._read(unit, request, fault)
            if fc in (5, 6, 15, 16):
                return self._write(unit, request)
        except NoSuchAddressError:
            return bytes((fc | 0x80, 2))
        except (NoSuchFunctionError, struct.error, IndexError):
            pass
        return bytes((fc | 0x80, 1))

    def _refusal(self, unit: int, fault: Fault) -> int:
        """Return the exception that a fault makes the unit answer, 0 for none."""
        if fault.kind is FaultKind.EXCEPTION:
            return fault.code
        starting = fault.kind is FaultKind.REBOOT and self._age_s(unit) < 2 * fault.delay_s
        return 2 if starting else 0

    def _read(self, unit: int, request: bytes, fault: Fault) -> bytes:
        fc, address, count = struct.unpack(">BHH", request)
        if not 1 <= count <= (_MOST_BITS if fc in _BITS else _MOST_REGISTERS):
            return bytes((fc | 0x80, 3))
        device = self.units[unit]
        key = (unit, fc, address, count)
        if fault.kind is FaultKind.STUCK:
            values = self._stuck.setdefault(key, device.read(fc, address, count))
        else:
            values = device.read(fc, address, count)
        if fault.kind is FaultKind.NAN and fc not in _BITS:
            values = [0xFFFF] * count
        if fault.kind is FaultKind.SENTINEL and fc not in _BITS:
            values = [fault.code] * count
        if fc in _BITS:
            data = sum(bit << i for i, bit in enumerate(values)).to_bytes((count + 7) // 8, "little")
        else:
            data = struct.pack(f">{count}H", *values)
        return bytes((fc, len(data))) + data

    def _write(self, unit: int, request: bytes) -> bytes:
        fc, address, value = struct.unpack_from(">BHH", request)
        match fc:
            case 5:
                values = [int(value == _COIL_ON)]
            case 6:
                values = [value]
            case 15:
                values = [request[6 + i // 8] >> i % 8 & 1 for i in range(value)]
            case _:
                values = list(struct.unpack_from(f">{value}H", request, 6))
        self.units[unit].write(fc, address, values)
        return request[:5]
