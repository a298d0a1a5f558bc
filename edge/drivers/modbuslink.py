"""One Modbus connection: one transaction at a time, raw frames for whoever listens.

The only importer of pymodbus.

pymodbus is told to retry nothing, to reconnect nothing and never to hang up because of silence: a retry
would make living devices wait for dead ones, and left to itself it drops the connection after five
unanswered requests in a row, whatever else lives on the bus (3.16, `transaction.py`). Whoever owns the
link renews it.

Transactions share one lock that is passed on in order of arrival. A poll asks for it anew for every
transaction, so a write leaves after at most the transaction in flight.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU

from edge.cancellation import await_cancellable, await_directly
from edge.drivers.transports import RtuOverTcpTransport, SerialTransport, TcpTransport, Transport
from edge.errors import LinkError, NoAnswerError, RefusedError, WithdrawnError
from edge.frametap import FrameTap
from edge.frametext import describe_frame
from edge.ports import Veto, never

_READS: Final = {
    1: "read_coils",
    2: "read_discrete_inputs",
    3: "read_holding_registers",
    4: "read_input_registers",
}
"""pymodbus's method for each function code (Modbus Application Protocol V1.1b3, chapter 6)."""
_WRITES: Final = (5, 6, 15, 16)
_BIT_READS: Final = (1, 2)
_SPLITTABLE: Final = (2, 3)
"""Illegal address, and illegal value: some devices answer the latter to a count that is too large."""
_BEHIND_A_CONVERTER: Final = (10, 11)
"""A converter says that the device behind it is silent (V1.1b3, chapter 7)."""
_NEVER: Final = 1_000_000_000
_UNIT_AT: Final = 6
"""Where the unit stands in the header of Modbus TCP."""

# its own words on every timeout; ours carry the device's id
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class NoSuchAddressError(RefusedError):
    """The device answered that it has not all of these addresses: exception 2 or 3."""


class _RawRequest(ModbusPDU):
    """A question that no standard function builds: a zero-count read, for example."""

    def __init__(self, pdu: bytes, unit: int) -> None:
        super().__init__(dev_id=unit)
        self.function_code = pdu[0]
        self._rest = pdu[1:]

    def encode(self) -> bytes:
        """Return what stands behind the function code."""
        return self._rest


def _answer_size(data: bytes) -> int:
    """Return how long an answer that begins so is with unit and check; 0 where none begins so.

    Source: Modbus Application Protocol V1.1b3, chapters 6 and 7.
    """
    function = data[1]
    if function & 0x80:
        return 5
    if function in _READS:
        return data[2] + 5
    return 8 if function in _WRITES else 0


class _LineFramer(FramerRTU):
    """Finds the answer between what else comes over a serial line.

    The library's own takes the first frame and throws away everything that came with it: an answer
    that follows a late one of another unit, or a byte of noise, would be lost.
    """

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802 - its name
        """Return how many bytes are done with, and the answer of the expected unit if it is complete."""
        del exp_tid  # a serial line has none
        at = 0
        while len(data) - at >= self.MIN_SIZE:
            rest = data[at:]
            size = _answer_size(rest)
            if not size:
                at += 1
                continue
            if size > len(rest):
                break
            body, check = rest[: size - 2], int.from_bytes(rest[size - 2 : size], "big")
            if not self.check_CRC(body, check):
                at += 1
                continue
            at += size
            if body[0] == exp_devid and (pdu := self.decoder.decode(body[1:])) is not None:
                pdu.dev_id, pdu.transaction_id = exp_devid, 0
                return at, pdu
        return at, None


class OutOfStepError(RefusedError):
    """The answer is one to another question: nothing that this unit says now can be believed."""


@dataclass(slots=True)
class UnitPacing:
    """When a unit may be asked next, and how long it must be left alone after a transaction.

    Attributes:
        pause_s: between one transaction and the next, as its model asks for.
        free_at: the loop's time before which it must not be asked.
    """

    pause_s: float = 0.0
    free_at: float = 0.0


class ModbusLink:
    """One connection, used by one transaction at a time."""

    def __init__(self, transport: Transport, *, timeout_s: float, gap_s: float = 0.0) -> None:
        """Prepare; nothing is opened yet.

        Args:
            transport: where the bus is and how its frames travel.
            timeout_s: how long an answer may take.
            gap_s: silence kept between one transaction and the next.
        """
        self._address = str(transport)
        self._timeout_s = timeout_s
        self._gap_s = gap_s
        # A frame of the serial line says whose answer it is, not to which question: whoever did not
        # answer in time is not asked again before what comes late has passed.
        self._late_s = 0.0 if isinstance(transport, TcpTransport) else timeout_s
        self._is_serial = isinstance(transport, SerialTransport)
        self._has_header = isinstance(transport, TcpTransport)
        self._lock = asyncio.Lock()
        self._free_at = 0.0
        self.tap = FrameTap()
        """Where raw frames can be listened to."""
        self.names: dict[int, tuple[str, ...]] = {}
        """The devices behind each unit, for whoever listens."""
        self._received = b""
        self._client = self._open_client(transport)
        self._client.set_max_no_responses(_NEVER)
        if not isinstance(transport, TcpTransport):
            self._client.ctx.framer = _LineFramer(DecodePDU(False))
        self._reads = {fc: getattr(self._client, name) for fc, name in _READS.items()}
        self.transactions = 0
        """How many were begun."""

    @property
    def connected(self) -> bool:
        """Whether the connection is open."""
        return self._client.connected

    async def connect(self) -> None:
        """Open the connection, unless it is open.

        Raises:
            LinkError: nobody listens there, or the network is away.
        """
        if self._client.connected:
            return
        try:
            async with asyncio.timeout(self._timeout_s + 1):
                connected = await await_cancellable(self._client.connect())
        except (OSError, TimeoutError, ModbusException) as error:
            raise LinkError(f"{self._address}: {error}") from error
        if not connected:
            raise LinkError(f"{self._address}: no connection")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def read(
        self, unit: int, pacing: UnitPacing, fc: int, address: int, count: int
    ) -> Sequence[int] | Sequence[bool]:
        """Ask for words or bits.

        Raises:
            NoAnswerError: the unit stays silent.
            NoSuchAddressError: it says that it has not all of these addresses.
            OutOfStepError: it answers another question.
            RefusedError: it answers with any other exception.
            LinkError: the connection is gone.
        """
        ask = self._reads[fc]
        answer = await self._transact(unit, pacing, lambda: ask(address, count=count, device_id=unit))
        found: Sequence[int] | Sequence[bool] = answer.bits[:count] if fc in _BIT_READS else answer.registers
        if answer.function_code != fc or len(found) != count:
            pacing.free_at = asyncio.get_running_loop().time() + self._late_s
            raise OutOfStepError(f"unit {unit}: {len(found)} values of another question instead of {count}")
        return found

    async def write(
        self, unit: int, pacing: UnitPacing, fc: int, address: int, value: int, *, veto: Veto = never
    ) -> None:
        """Write one coil (functions 5, 15) or one register (6, 16).

        Over TCP a write without an answer ends the connection, and what the network has not taken of it
        is thrown away: it would arrive when the outage is over, when nobody wants it any more.

        Raises:
            WithdrawnError: there was a veto when the write held the line; nothing was sent.
            NoAnswerError, RefusedError, LinkError: as for `read`.
        """
        client = self._client
        starts: dict[int, Callable[[], Awaitable[ModbusPDU]]] = {
            5: lambda: client.write_coil(address, bool(value), device_id=unit),
            6: lambda: client.write_register(address, value, device_id=unit),
            15: lambda: client.write_coils(address, [bool(value)], device_id=unit),
            16: lambda: client.write_registers(address, [value], device_id=unit),
        }
        try:
            await self._transact(unit, pacing, starts[fc], veto=veto)
        except NoAnswerError:
            self._hang_up()
            raise

    async def send_raw(self, unit: int, pacing: UnitPacing, pdu: bytes) -> bytes:
        """Send a question as bytes, function code first; unit and check are added.

        Returns:
            The answer's bytes, function code first.

        Raises:
            NoAnswerError, RefusedError, LinkError: as for `read`.
        """
        answer = await self._transact(
            unit,
            pacing,
            lambda: self._client.execute(False, _RawRequest(pdu, unit)),
        )
        return bytes((answer.function_code,)) + answer.encode()

    async def _transact(
        self,
        unit: int,
        pacing: UnitPacing,
        start: Callable[[], Awaitable[ModbusPDU]],
        *,
        veto: Veto = never,
    ) -> ModbusPDU:
        """Hold the line for one transaction, after the silences that line and unit ask for."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            wait_s = max(self._free_at, pacing.free_at) - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            if reason := veto():
                raise WithdrawnError(reason)
            answered = False
            self.transactions += 1
            try:
                answer = await self._call(start)
                answered = True
            except RefusedError:
                answered = True
                raise
            finally:
                now = loop.time()
                self._free_at = now + self._gap_s
                pacing.free_at = now + pacing.pause_s + (0.0 if answered else self._late_s)
                if self.tap.is_open:
                    self._tell_received()
        if answer.isError():
            raise _refusal(unit, getattr(answer, "exception_code", 0))
        return answer

    def _hang_up(self) -> None:
        """End a TCP connection so that neither this process nor the system sends what still waits."""
        transport = self._client.ctx.transport
        known = None if transport is None else transport.get_extra_info("socket")
        if self._is_serial or known is None:
            return
        # What lingers for no time is thrown away (socket(7), SO_LINGER); a copy, since uvloop lends none.
        with socket.socket(fileno=os.dup(known.fileno())) as copy:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.close()

    async def _call(self, start: Callable[[], Awaitable[ModbusPDU]]) -> ModbusPDU:
        """Make one transaction and turn pymodbus's errors into the gateway's.

        Args:
            start: begins the transaction. pymodbus refuses at once, not on awaiting, what it
                cannot send: on a client that is not connected, for example.
        """
        try:
            return await await_directly(start())
        except ConnectionException as error:
            raise LinkError(f"{self._address}: {error}") from error
        except ModbusException as error:
            if not self._client.connected:
                raise LinkError(f"{self._address}: {error}") from error
            raise NoAnswerError(str(error)) from error
        except RuntimeError as error:
            # uvloop's word for a connection that the other end has closed, before pymodbus hears of it
            self._client.close()
            raise LinkError(f"{self._address}: {error}") from error
        except (OSError, ValueError) as error:
            raise RefusedError(str(error)) from error

    def _trace(self, sending: bool, data: bytes) -> bytes:  # pymodbus calls it by position
        if self.tap.is_open:
            if sending:
                self._tell_received()  # what came between the transactions, too late or as noise
                self._tell(data, sent=True)
            else:
                self._received = data  # grows until the answer is complete
        return data

    def _tell_received(self) -> None:
        data, self._received = self._received, b""
        if data:
            self._tell(data, sent=False)

    def _tell(self, data: bytes, *, sent: bool) -> None:
        at = _UNIT_AT if self._has_header else 0
        names = self.names.get(data[at], ()) if len(data) > at else ()
        text = describe_frame(data, tcp=self._has_header, sent=sent)
        self.tap.note(data, sent=sent, text=text, devices=names)

    def _open_client(self, transport: Transport) -> ModbusBaseClient:
        if isinstance(transport, SerialTransport):
            return AsyncModbusSerialClient(
                transport.device,
                framer=FramerType.RTU,
                baudrate=transport.baud,
                parity=transport.parity[0].upper(),
                stopbits=transport.stop_bits,
                timeout=self._timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._trace,
            )
        over_tcp = isinstance(transport, RtuOverTcpTransport)
        return AsyncModbusTcpClient(
            transport.host,
            port=transport.port,
            framer=FramerType.RTU if over_tcp else FramerType.SOCKET,
            timeout=self._timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._trace,
        )


def _refusal(unit: int, code: int) -> NoAnswerError | RefusedError:
    text = f"unit {unit}: exception {code}"
    if code in _BEHIND_A_CONVERTER:
        return NoAnswerError(text)
    return NoSuchAddressError(text) if code in _SPLITTABLE else RefusedError(text)
