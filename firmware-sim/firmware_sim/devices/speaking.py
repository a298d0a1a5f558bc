"""Devices that speak by themselves, and the bus on which they do it: the common part of every technique."""

import asyncio
import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.devices.model import SimulatedDevice

A_YEAR: Final = timedelta(days=365)
SENTINEL: Final = -9999.0
NOISE: Final = b"\x00\xff##@@12\r\n\x7e"
"""What a bad line adds: it holds what begins frames, on purpose."""
_RETRY_S: Final = 0.1


@dataclass
class SpeakingDevice(SimulatedDevice):
    """A device that sends what it measures.

    Attributes:
        address: its identity on the wire: an MN, a component behind a transmitter, a topic.
        behind: how far its clock is behind the true time.
        stuck: what it repeats while it is stuck.
    """

    address: str = ""
    behind: timedelta = timedelta(0)
    stuck: dict[str, float] | None = None

    def registers(self, fc: int) -> dict[int, int]:
        """Return none: it is not asked."""
        del fc
        return {}

    def measure(self, fault: FaultKind) -> dict[str, float]:
        """Return what it would send, spoilt by a fault of the sensor."""
        if fault is not FaultKind.STUCK:
            self.stuck = None
        elif self.stuck is None:
            self.stuck = self.points()
        found = self.stuck or self.points()
        if fault is FaultKind.NAN:
            return dict.fromkeys(found, math.nan)
        if fault is FaultKind.SENTINEL:
            return dict.fromkeys(found, SENTINEL)
        return dict(found)

    def clock(self, fault: FaultKind) -> datetime:
        """Return what time it believes it is."""
        now = datetime.now(UTC) - self.behind
        return now - A_YEAR if fault is FaultKind.WRONG_CLOCK else now


@dataclass
class Dialled:
    """One connection to the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, frame: bytes, fault: FaultKind) -> None:
        """Send a frame as a line with that fault carries it."""
        match fault:
            case FaultKind.TRUNCATED:
                frame = frame[: len(frame) // 2]
            case FaultKind.NOISE:
                frame = NOISE + frame
            case FaultKind.JOINED:
                frame = frame + frame
            case FaultKind.GARBAGE:
                frame = bytes((7 * i) & 0xFF for i in range(97))
            case _:
                pass
        size = 7 if fault is FaultKind.SPLIT else max(len(frame), 1)
        for start in range(0, len(frame), size):
            self.writer.write(frame[start : start + size])
            await self.writer.drain()
            if fault is FaultKind.SPLIT:
                await asyncio.sleep(0.002)

    async def hang_up(self) -> None:
        """End the connection."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@dataclass
class SpeakingBus(ABC):
    """Devices that call a gateway; each has a task of its own.

    Attributes:
        host, port: where the gateway listens.
        units: the devices by number.
        period_s: how often each speaks.
        faults: how each misbehaves.
        requests: how often each has spoken.
    """

    host: str
    port: int
    units: Mapping[int, SpeakingDevice]
    period_s: float = 1.0
    faults: dict[int, Fault] = field(default_factory=dict)
    requests: dict[int, int] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _nudge: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Let every device behave."""
        self.faults = {unit: Fault() for unit in self.units}
        self.requests = dict.fromkeys(self.units, 0)

    async def start(self) -> None:
        """Begin to speak."""
        self._tasks = [
            asyncio.create_task(self._keep_speaking(unit), name=f"speaks-{unit}") for unit in self.callers()
        ]

    async def stop(self) -> None:
        """Fall silent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def misbehave(self, unit: int, fault: Fault) -> None:
        """Let a unit misbehave, or behave again with `FaultKind.NONE`."""
        self.faults[unit] = fault
        self.nudge()

    def nudge(self) -> None:
        """Let every device speak now."""
        self._nudge.set()

    def callers(self) -> tuple[int, ...]:
        """Return the units that have a connection of their own."""
        return tuple(self.units)

    async def pause(self) -> None:
        """Wait until it is time to speak again."""
        self._nudge.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.period_s):
                await self._nudge.wait()

    async def _keep_speaking(self, unit: int) -> None:
        while True:
            with contextlib.suppress(OSError, EOFError):
                await self.speak(unit)
            await asyncio.sleep(_RETRY_S)

    @abstractmethod
    async def speak(self, unit: int) -> None:
        """Connect and speak until the connection is gone.

        Raises:
            OSError: it is gone.
        """
