"""What is on a bus, as bytes, reported to the server for the seconds that a person ordered.

Frames are gathered in memory, few at a time, and sent in their own turn: never while an alarm waits for
the server's word. What does not fit is counted, not kept.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from edge.model import Moment, RawFrame
from edge.ports import Clock, FrameSource
from wire import traffic
from wire.traffic import RawTrafficReport
from wire.vocabulary import FrameDirection

SEND_EVERY_S: Final = 2.0
MOST_FRAMES: Final = 1_000
"""Kept for one bus while they cannot be sent; the oldest make way."""
MOST_REPORT_CHARACTERS: Final = 48_000
_MOST_HEX: Final = 1_024
_MOST_TEXT: Final = 200
_FRAME_CHARACTERS: Final = 120
"""What a report says of a frame beside its bytes, roughly."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Showing:
    """A bus that is shown now."""

    until_ms: int
    end: Callable[[], None] = lambda: None
    frames: deque[RawFrame] = field(default_factory=deque)
    dropped: int = 0

    def take(self, frame: RawFrame) -> None:
        if len(self.frames) >= MOST_FRAMES:
            self.frames.popleft()
            self.dropped += 1
        self.frames.append(frame)


class TrafficDesk:
    """Shows what is on the buses that can be listened to."""

    def __init__(
        self,
        *,
        buses: Mapping[str, FrameSource],
        send: Callable[[RawTrafficReport], Awaitable[bool]],
        alarms_wait: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Join the parts.

        Args:
            buses: where the frames of each can be listened to.
            send: sends a report; tells whether there was a connection to send it over.
            alarms_wait: whether an alarm waits for the server's word.
            clock: the machine's clocks.
        """
        self._buses = buses
        self._send = send
        self._alarms_wait = alarms_wait
        self._clock = clock
        self._showing: dict[str, _Showing] = {}

    def show(self, bus: str, seconds: int) -> bool:
        """Show a bus for so many seconds, 0 to end it; tells whether there is such a bus that can."""
        tapped = self._buses.get(bus)
        if tapped is None:
            return False
        before = self._showing.get(bus)
        if before is not None:
            before.end()
            before.until_ms = 0
        if seconds > 0:
            showing = before or _Showing(until_ms=0)
            showing.until_ms = self._clock.moment().boot_ms + seconds * 1000
            showing.end = tapped.tap_frames(showing.take, for_s=seconds)
            self._showing[bus] = showing
        log.warning("raw_traffic", bus=bus, seconds=seconds)
        return True

    async def run(self) -> None:
        """Send what was gathered, a report at a time. Runs until cancelled, then listens no more."""
        try:
            while True:
                await asyncio.sleep(self._clock.pause_s(SEND_EVERY_S))
                await self.report()
        finally:
            for showing in self._showing.values():
                showing.end()

    async def report(self) -> None:
        """Send at most one report of each bus that is shown; end what is over."""
        for bus, showing in tuple(self._showing.items()):
            if showing.until_ms <= self._clock.moment().boot_ms:
                showing.end()
                if not showing.frames and not showing.dropped:
                    self._showing.pop(bus, None)
            if (showing.frames or showing.dropped) and not self._alarms_wait():
                await self._report_bus(bus, showing)

    async def _report_bus(self, bus: str, showing: _Showing) -> None:
        taken: list[RawFrame] = []
        told: list[traffic.RawFrame] = []
        characters = 0
        while showing.frames and characters < MOST_REPORT_CHARACTERS:
            frame = showing.frames.popleft()
            taken.append(frame)
            told.append(_tell(frame))
            characters += len(told[-1].hex) + _FRAME_CHARACTERS
        dropped, showing.dropped = showing.dropped, 0
        if not await self._send(RawTrafficReport(bus=bus, frames=tuple(told), dropped=dropped)):
            showing.dropped += dropped
            showing.frames.extendleft(reversed(taken))
            while len(showing.frames) > MOST_FRAMES:
                showing.frames.popleft()
                showing.dropped += 1


def _tell(frame: RawFrame) -> traffic.RawFrame:
    return traffic.RawFrame(
        at=Moment(wall_ms=frame.wall_ms, boot_ms=0).as_datetime(),
        direction=FrameDirection.SENT if frame.sent else FrameDirection.RECEIVED,
        hex=frame.data.hex()[:_MOST_HEX],
        text=frame.text[:_MOST_TEXT],
    )
