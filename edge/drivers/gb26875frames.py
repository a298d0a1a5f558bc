"""GB/T 26875.3-2011 frames: bytes to frames and back. Pure. What they hold: `edge.drivers.gb26875units`.

Source: GB/T 26875.3-2011, section 6. Frames are cut by their stated length, never by searching `##`, which
may occur in the data. Time tags are plain binary; a maker's deviations are a `Dialect`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Final

from edge.drivers.framecutting import CutError, FrameCutter

HEAD: Final = b"@@"
TAIL: Final = b"##"
MAX_ADU_BYTES: Final = 1_024
CHINA: Final = timezone(timedelta(hours=8))
"""Panels carry local time."""

_HEADER = struct.Struct("<2sHBB6s6s6sHB")
_OVERHEAD: Final = _HEADER.size + 3
_MOST_DAMAGED: Final = 8


class FrameError(CutError):
    """Bytes that are no frame of GB/T 26875.3: wrong length, checksum, end mark or layout."""


class ChecksumError(FrameError):
    """A frame that is whole and whose checksum is wrong: its sender is told so."""

    def __init__(self, text: str, frame: "Frame") -> None:
        """Keep the frame: serial number and addresses make the denial."""
        super().__init__(text)
        self.frame = frame


class Command(IntEnum):
    """What a frame asks for (table 2)."""

    CONTROL = 1
    SEND = 2
    CONFIRM = 3
    REQUEST = 4
    ANSWER = 5
    DENY = 6


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a maker deviates from the standard.

    Attributes:
        bcd_time: times are binary-coded decimals.
        tail: what ends a frame.
    """

    bcd_time: bool = False
    tail: bytes = TAIL


STANDARD: Final = Dialect()
DialectOf = Callable[[int], Dialect]
"""Gives the dialect of a transmitter by its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame; addresses are 6 bytes, lowest first, as numbers."""

    serial: int
    version: int = 1
    user_version: int = 0
    sent_at: datetime | None = None
    source: int = 0
    destination: int = 0
    command: int
    adu: bytes = b""


def encode_frame(frame: Frame, dialect: Dialect = STANDARD) -> bytes:
    """Return a frame with length, checksum and end mark.

    Raises:
        FrameError: the application data unit is longer than the standard allows.
    """
    if len(frame.adu) > MAX_ADU_BYTES:
        raise FrameError(f"data of {len(frame.adu)} bytes, at most {MAX_ADU_BYTES} are allowed")
    header = _HEADER.pack(
        HEAD,
        frame.serial,
        frame.version,
        frame.user_version,
        encode_time(frame.sent_at, dialect),
        frame.source.to_bytes(6, "little"),
        frame.destination.to_bytes(6, "little"),
        len(frame.adu),
        frame.command,
    )
    body = header[len(HEAD) :] + frame.adu
    return HEAD + body + bytes([sum(body) & 0xFF]) + dialect.tail


def encode_time(moment: datetime | None, dialect: Dialect = STANDARD) -> bytes:
    """Return a time tag: second, minute, hour, day, month, year since 2000, in China's time."""
    if moment is None:
        return bytes(6)
    local = moment.astimezone(CHINA)
    parts = (local.second, local.minute, local.hour, local.day, local.month, local.year - 2000)
    return bytes(part // 10 << 4 | part % 10 for part in parts) if dialect.bcd_time else bytes(parts)


def decode_time(tag: bytes, dialect: Dialect = STANDARD) -> datetime | None:
    """Read a time tag; None when it is empty or no time."""
    parts = [(part >> 4) * 10 + (part & 0x0F) for part in tag] if dialect.bcd_time else list(tag)
    second, minute, hour, day, month, year = parts
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=CHINA)
    except ValueError:
        return None


def confirm(frame: Frame, *, at: datetime) -> Frame:
    """Return the confirmation of a frame: same serial number, addresses swapped."""
    return _answer(frame, Command.CONFIRM, at)


def deny(frame: Frame, *, at: datetime) -> Frame:
    """Return the denial of a frame that could not be used."""
    return _answer(frame, Command.DENY, at)


def _answer(frame: Frame, command: Command, at: datetime) -> Frame:
    return Frame(
        serial=frame.serial,
        version=frame.version,
        user_version=frame.user_version,
        sent_at=at,
        source=frame.destination,
        destination=frame.source,
        command=command,
    )


@dataclass(slots=True)
class FrameReader(FrameCutter[Frame]):
    """Cuts a stream, or one datagram, into frames.

    Attributes:
        dialect_of: gives makers' deviations.
        damaged: whole frames whose checksum is wrong, without their data: to be denied.
    """

    HEAD = HEAD
    HEADER_BYTES = _HEADER.size
    # One byte only: `@@@…` may hold the true head at the second byte.
    PASSED_OVER_BYTES = 1

    dialect_of: DialectOf = lambda _source: STANDARD
    damaged: list[Frame] = field(default_factory=list)

    def measure(self, header: bytes) -> int:
        """Return how many bytes a frame has in all; see `FrameCutter`."""
        adu_bytes = int.from_bytes(header[24:26], "little")
        if adu_bytes > MAX_ADU_BYTES:
            raise FrameError(f"data of {adu_bytes} bytes stated, at most {MAX_ADU_BYTES}")
        return _OVERHEAD + adu_bytes

    def decode(self, frame: bytes) -> Frame:
        """Return what a whole frame says; see `FrameCutter`."""
        try:
            return decode_frame(frame, self.dialect_of(int.from_bytes(frame[12:18], "little")))
        except ChecksumError as error:
            if len(self.damaged) < _MOST_DAMAGED:
                self.damaged.append(error.frame)
            raise


def decode_frame(data: bytes, dialect: Dialect = STANDARD) -> Frame:
    """Read one whole frame.

    Raises:
        FrameError: length, checksum or marks are wrong.
    """
    if len(data) < _OVERHEAD:
        raise FrameError(f"{len(data)} bytes, at least {_OVERHEAD} are needed")
    head, serial, version, user, sent, source, destination, size, command = _HEADER.unpack_from(data)
    if head != HEAD or data[-2:] != dialect.tail or len(data) != _OVERHEAD + size:
        raise FrameError("start mark, end mark or length is wrong")
    frame = Frame(
        serial=serial,
        version=version,
        user_version=user,
        sent_at=decode_time(sent, dialect),
        source=int.from_bytes(source, "little"),
        destination=int.from_bytes(destination, "little"),
        command=command,
        adu=bytes(data[_HEADER.size : -3]),
    )
    checksum = sum(data[2:-3]) & 0xFF
    if data[-3] != checksum:
        raise ChecksumError(f"checksum {data[-3]:02X}, expected {checksum:02X}", frame)
    return frame
