"""Modbus by TCP, by a serial line, or by a serial line's frames over TCP. The only importer of pymodbus.

pymodbus is told to retry nothing and to reconnect nothing: a retry would make living devices wait
for dead ones, and it drops the connection after five unanswered requests in a row, which the poller
avoids by asking a living device in between.

Polls and writes share one lock that is passed on in order of arrival. A poll asks for it anew for
every transaction, so a write leaves after at most the transaction in flight.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException
from pymodbus.pdu import ModbusPDU

from edge.cancellation import await_cancellable
from edge.drivers.modbusprofile import ActionProfile, ModbusProfile
from edge.drivers.planner import QUALITY_WORD, Block, plan_reads, split_block
from edge.drivers.registers import BlockDecoder, compile_block
from edge.errors import LinkError, NoAnswerError, ReadBackError, RefusedError
from wire.vocabulary import Quality

_ILLEGAL_ADDRESS: Final = 2
_READ_BACK_TRIES: Final = 5
_READS: Final = {
    1: "read_coils",
    2: "read_discrete_inputs",
    3: "read_holding_registers",
    4: "read_input_registers",
}
"""pymodbus's method for each function code (Modbus Application Protocol V1.1b3, chapter 6)."""
_BIT_READS: Final = (1, 2)
_WRITE_COIL: Final = 5

# its own words on every timeout; ours carry the device's id
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpTransport:
    """Modbus TCP: frames carry the number of their question."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtuOverTcpTransport:
    """Frames of a serial line, carried by TCP as they are."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.host}:{self.port} (RTU)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialTransport:
    """A serial line at this machine.

    Attributes:
        device: the port's file.
        baud: bits a second.
        parity: `none`, `even` or `odd`.
        stop_bits: 1 or 2.
    """

    device: str
    baud: int = 9600
    parity: str = "none"
    stop_bits: int = 1

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.device} at {self.baud} baud"


Transport = TcpTransport | RtuOverTcpTransport | SerialTransport


def _open_client(transport: Transport, timeout_s: float) -> ModbusBaseClient:
    """Make pymodbus's client; it is told to retry nothing and to reconnect nothing."""
    if isinstance(transport, SerialTransport):
        return AsyncModbusSerialClient(
            transport.device,
            framer=FramerType.RTU,
            baudrate=transport.baud,
            parity=transport.parity[0].upper(),
            stopbits=transport.stop_bits,
            timeout=timeout_s,
            retries=0,
            reconnect_delay=0,
        )
    framer = FramerType.RTU if isinstance(transport, RtuOverTcpTransport) else FramerType.SOCKET
    return AsyncModbusTcpClient(
        transport.host, port=transport.port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0
    )


@dataclass(slots=True)
class _Device:
    """One device, its plan and what it refused."""

    unit: int
    profile: ModbusProfile
    decoders: list[BlockDecoder] = field(default_factory=list)
    free_at: float = 0.0
    """Before this time of the loop it must not be asked again."""

    def plan(self, blocks: Sequence[Block]) -> None:
        self.decoders = [compile_block(self.profile, block) for block in blocks]


class ModbusDriver:
    """Reads and writes the devices behind one Modbus connection."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout_s: float,
        devices: Mapping[str, tuple[int, ModbusProfile]],
        gap_s: float = 0.0,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            transport: where the bus is and how its frames travel.
            timeout_s: how long an answer may take.
            devices: unit id and profile of each device, by its id in the site file.
            gap_s: silence kept between one transaction and the next.
        """
        self._address = str(transport)
        self._timeout_s = timeout_s
        self._client = _open_client(transport, timeout_s)
        # A frame of the serial line says whose answer it is, not to which question: what comes late
        # must have passed before the next question is asked.
        self._quiet_s = 0.0 if isinstance(transport, TcpTransport) else timeout_s
        self._lock = asyncio.Lock()
        self._gap_s = gap_s
        self._free_at = 0.0
        self._devices: dict[str, _Device] = {}
        for name, (unit, profile) in devices.items():
            device = _Device(unit=unit, profile=profile)
            device.plan(plan_reads(profile))
            self._devices[name] = device

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

    async def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def read(self, device: str) -> tuple[Sequence[float | None], Sequence[Quality] | None]:
        """Read all points of a device; see `edge.ports.BusDriver.read`."""
        known = self._devices[device]
        count = len(known.profile.points)
        values: list[float | None] = [None] * count
        qualities: list[Quality] = [Quality.COMM_FAULT] * count
        good = True
        doubt: Quality | None = None
        for decoder in tuple(known.decoders):
            answer = await self._read_block(known, decoder)
            if answer is None:
                good = False
                continue
            good &= decoder.decode(answer, values, qualities)
            if QUALITY_WORD in decoder.block.points:
                doubt = _judge_quality(known.profile, decoder.block, answer)
        if doubt is not None:
            qualities = [doubt if q is Quality.GOOD else q for q in qualities]
            good = False
        if all(quality is Quality.COMM_FAULT for quality in qualities):
            raise RefusedError(f"{device}: every address was refused")
        return tuple(values), None if good else tuple(qualities)

    async def act(self, device: str, action: str) -> None:
        """Carry out an action and read it back; see `edge.ports.BusDriver.act`."""
        known = self._devices[device]
        wanted = known.profile.actions[action]
        await self._write(known, wanted)
        shown: int | None = None
        for _ in range(_READ_BACK_TRIES):
            await asyncio.sleep(wanted.settle_s)
            shown = await self._read_back(known, wanted)
            if shown == wanted.read_back.equals:
                return
        raise ReadBackError(f"{device}: reads back {shown}, not {wanted.read_back.equals}")

    async def _read_block(
        self, device: _Device, decoder: BlockDecoder
    ) -> Sequence[int] | Sequence[bool] | None:
        """Return a block's words or bits; None when the device does not have that address."""
        block = decoder.block
        try:
            return await self._ask(device, block.fc, block.address, block.count)
        except _NoSuchAddressError:
            smaller = split_block(device.profile, block)
            if smaller:
                # Remembered: from the next poll on, one bad address costs only itself.
                at = device.decoders.index(decoder)
                device.decoders[at : at + 1] = [compile_block(device.profile, part) for part in smaller]
            return None

    async def _ask(
        self, device: _Device, fc: int, address: int, count: int
    ) -> Sequence[int] | Sequence[bool]:
        ask = getattr(self._client, _READS[fc])
        unit = device.unit
        async with self._turn(device):
            answer = await self._call(lambda: ask(address, count=count, device_id=unit))
        found: Sequence[int] | Sequence[bool] = answer.bits[:count] if fc in _BIT_READS else answer.registers
        if len(found) != count:
            raise RefusedError(f"unit {unit}: {len(found)} values instead of {count}")
        return found

    @contextlib.asynccontextmanager
    async def _turn(self, device: _Device) -> AsyncIterator[None]:
        """Hold the line for one transaction, after the silences that line and device ask for."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            wait_s = max(self._free_at, device.free_at) - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            try:
                yield
            finally:
                self._free_at = loop.time() + self._gap_s
                device.free_at = loop.time() + device.profile.pause_ms / 1000

    async def _write(self, device: _Device, wanted: ActionProfile) -> None:
        client, unit, address, value = self._client, device.unit, wanted.address, wanted.value
        async with self._turn(device):
            if wanted.fc == _WRITE_COIL:
                await self._call(lambda: client.write_coil(address, bool(value), device_id=unit))
            else:
                await self._call(lambda: client.write_register(address, value, device_id=unit))

    async def _read_back(self, device: _Device, wanted: ActionProfile) -> int:
        back = wanted.read_back
        return int((await self._ask(device, back.fc, back.address, 1))[0])

    async def _call(self, start: Callable[[], Awaitable[ModbusPDU]]) -> ModbusPDU:
        """Make one transaction and turn pymodbus's errors into the gateway's.

        Args:
            start: begins the transaction. pymodbus refuses at once, not on awaiting, what it
                cannot send: on a client that is not connected, for example.
        """
        try:
            answer = await await_cancellable(start())
        except ConnectionException as error:
            raise LinkError(f"{self._address}: {error}") from error
        except ModbusException as error:
            if not self._client.connected:
                raise LinkError(f"{self._address}: {error}") from error
            if self._quiet_s:
                await asyncio.sleep(self._quiet_s)
            raise NoAnswerError(str(error)) from error
        except (OSError, ValueError) as error:
            raise RefusedError(str(error)) from error
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            if code == _ILLEGAL_ADDRESS:
                raise _NoSuchAddressError(f"unit {answer.dev_id}: exception {code}")
            raise RefusedError(f"unit {answer.dev_id}: exception {code}")
        return answer


class _NoSuchAddressError(RefusedError):
    """The device answered exception 2: illegal data address."""


def _judge_quality(
    profile: ModbusProfile, block: Block, answer: Sequence[int] | Sequence[bool]
) -> Quality | None:
    """Return what the device's own word says, or None when it vouches for its values."""
    word = profile.quality
    assert word is not None, "the block says that it covers the quality word"
    state = int(answer[word.address - block.address]) & word.mask
    quality = word.values.get(state, word.otherwise)
    return None if quality is Quality.GOOD else quality
