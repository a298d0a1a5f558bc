"""The same devices on a serial line: RTU frames over TCP, or over a pseudo-terminal.

Source: Modbus over Serial Line V1.02, 2.5.1 (framing) and appendix B (check).
"""

import asyncio
import contextlib
import os
import tty
from collections.abc import Mapping
from typing import Final

from firmware_sim.devices.modbus import FaultKind, ModbusServer
from firmware_sim.devices.model import SimulatedDevice

_CHECK_BYTES: Final = 2
_WRITE_MANY: Final = (15, 16)
_IDENTIFY: Final = 43
_IDENTIFY_REST: Final = 3
"""Bytes of a request for identification: kind, code and first object."""
_SHORT_REST: Final = 4
"""Bytes of a request behind unit and function: address and count or value."""


def compute_check(data: bytes) -> bytes:
    """Return the CRC-16 of a frame, low byte first."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


class RtuServer(ModbusServer):
    """Devices behind one serial line that a TCP converter carries.

    A frame with a wrong check is not heard, as on a real line.
    """

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    frame = await _read_frame(reader)
                    heard = compute_check(frame[:-_CHECK_BYTES]) == frame[-_CHECK_BYTES:]
                    if heard and not await self._answer(writer, 0, frame[0], frame[1:-_CHECK_BYTES]):
                        break
        finally:
            self._writers.discard(writer)
            writer.close()

    def _frame(self, transaction: int, unit: int, pdu: bytes) -> bytes:
        del transaction  # a serial line has none
        frame = bytes((unit,)) + pdu
        check = compute_check(frame)
        fault = self.faults.get(unit)
        spoilt = fault is not None and fault.kind is FaultKind.WRONG_CHECK
        return frame + (bytes(byte ^ 0xFF for byte in check) if spoilt else check)

    def _noise(self) -> bytes:
        return b"\x00\xff\x03"


class SerialServer(RtuServer):
    """Devices on a pseudo-terminal: for a driver, a serial port like any other."""

    def __init__(self, *, units: Mapping[int, SimulatedDevice]) -> None:
        """Prepare; the terminal is made by `start`."""
        super().__init__(host="", port=0, units=units)
        self.device = ""
        """The file that a driver opens."""
        self._ends: tuple[int, int] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the terminal and listen to it."""
        near, far = os.openpty()
        tty.setraw(near)
        tty.setraw(far)
        self.device = os.ttyname(far)
        self._ends = near, far
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        file = os.fdopen(os.dup(near), "rb", buffering=0)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(os.dup(near), "wb", buffering=0)
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._task = asyncio.create_task(self._serve(reader, writer), name="serial-line")

    async def stop(self) -> None:
        """Pull the plug."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for end in self._ends or ():
            os.close(end)
        self._ends = None


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    rest = await reader.readexactly(_IDENTIFY_REST if head[1] == _IDENTIFY else _SHORT_REST)
    if head[1] in _WRITE_MANY:
        count = await reader.readexactly(1)
        rest += count + await reader.readexactly(count[0])
    return head + rest + await reader.readexactly(_CHECK_BYTES)
