"""How a stream is cut into frames by their stated length, and what is said on one connection."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, TypeVar

from edge.drivers.door import Caller
from edge.errors import DriverError
from edge.frametap import FrameTap

REFUSALS: Final = 20
"""After so many frames from unknown devices in a row a connection ends."""

_T = TypeVar("_T")


class CutError(DriverError):
    """Bytes that are no frame: wrong length, check, end mark or layout."""


@dataclass(slots=True)
class FrameCutter(ABC, Generic[_T]):
    """Cuts a stream into frames; bytes that are no frame are counted and passed over.

    Frames are cut by their stated length, never by searching an end mark, which may stand in their data.

    Attributes:
        show: is shown every frame while somebody looks at the line: its bytes, what it says, and else what
            is wrong with it.
        rejected: how many beginnings of frames were none.
        last_error: what was wrong with the last of them.
    """

    HEAD: ClassVar[bytes]
    """Begins a frame."""
    HEADER_BYTES: ClassVar[int]
    """From the beginning to the end of the length."""
    PASSED_OVER_BYTES: ClassVar[int]
    """How far behind a false head the search goes on."""

    show: Callable[[bytes, _T | None, str], None] | None = None
    rejected: int = 0
    last_error: str = ""
    _buffer: bytearray = field(default_factory=bytearray)

    @abstractmethod
    def measure(self, header: bytes) -> int:
        """Return how many bytes a frame has in all.

        Raises:
            CutError: it states no length that a frame can have.
        """

    @abstractmethod
    def decode(self, frame: bytes) -> _T:
        """Return what a whole frame says.

        Raises:
            CutError: it is none.
        """

    def feed(self, data: bytes) -> list[_T]:
        """Take bytes as they come; returns the frames that are complete now."""
        self._buffer += data
        frames: list[_T] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    @property
    def is_waiting(self) -> bool:
        """Whether a frame has begun and not ended."""
        return len(self._buffer) >= len(self.HEAD)

    def give_up(self) -> list[_T]:
        """Stop waiting for the rest of a frame, as after a pause; returns what stood behind its beginning."""
        if self.is_waiting:
            self._reject("the rest of a frame never came", len(self._buffer))
        return self.feed(b"")

    def _next(self) -> _T | None:
        buffer = self._buffer
        while True:
            start = buffer.find(self.HEAD)
            if start < 0:
                # The last byte may be the first half of a head.
                del buffer[: max(0, len(buffer) - 1)]
                return None
            del buffer[:start]
            if len(buffer) < self.HEADER_BYTES:
                return None
            size = self.HEADER_BYTES
            try:
                size = self.measure(bytes(buffer[: self.HEADER_BYTES]))
                if len(buffer) < size:
                    return None
                frame = self.decode(bytes(buffer[:size]))
            except CutError as error:
                self._reject(str(error), size)
                continue
            if self.show is not None:
                self.show(bytes(buffer[:size]), frame, "")
            del buffer[:size]
            return frame

    def _reject(self, why: str, size: int) -> None:
        if self.show is not None:
            self.show(bytes(self._buffer[:size]), None, why)
        self.rejected += 1
        self.last_error = why
        del self._buffer[: self.PASSED_OVER_BYTES]


class FrameCall(ABC, Generic[_T]):
    """What is said on one TCP connection in frames; a stranger who goes on is hung up on."""

    def __init__(self, caller: Caller, reader: FrameCutter[_T], tap: FrameTap) -> None:
        """Join the parts.

        Args:
            caller: the connection.
            reader: cuts what comes on it.
            tap: whether somebody looks at the line.
        """
        self.caller = caller
        self.reader = reader
        self._tap = tap
        self._refused = 0

    @abstractmethod
    def show(self, data: bytes, frame: _T | None, error: str) -> None:
        """Show a frame to whoever looks at the line."""

    @abstractmethod
    def report(self) -> None:
        """Say what of the stream was no frame."""

    @abstractmethod
    def admit(self, frame: _T) -> bool:
        """Take one frame; returns whether it came from a known device."""

    @property
    def is_waiting(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self.reader.is_waiting

    def take(self, data: bytes) -> int:
        """Take bytes as they come; returns how many sound frames from a known device ended in them."""
        self._look()
        return self._use(self.reader.feed(data))

    def give_up(self) -> int:
        """Stop waiting for the rest of a frame; returns as `take`."""
        self._look()
        return self._use(self.reader.give_up())

    def _look(self) -> None:
        self.reader.show = self.show if self._tap.is_open else None

    def _use(self, frames: list[_T]) -> int:
        self.report()
        sound = 0
        for frame in frames:
            if self.admit(frame):
                sound, self._refused = sound + 1, 0
            else:
                self._refused += 1
            if self._refused >= REFUSALS:
                self.caller.hang_up()
                break
        return sound
