"""GB/T 26875.3-2011 frames: bytes to units and back. Pure.

Source: GB/T 26875.3-2011, sections 6 (frame), 7 and 8 (application data). Frames are cut by their
stated length, never by searching `##`, which may occur in the data. Time tags are plain binary.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum, IntFlag
from typing import Final

from edge.errors import DriverError

HEAD: Final = b"@@"
TAIL: Final = b"##"
MAX_ADU_BYTES: Final = 1_024
CHINA: Final = timezone(timedelta(hours=8))
"""Panels carry local time."""

_HEADER = struct.Struct("<2sHBB6s6s6sHB")
_OVERHEAD: Final = _HEADER.size + 3
_TEXT_BYTES: Final = 31


class FrameError(DriverError):
    """Bytes that are no frame of GB/T 26875.3: wrong length, checksum, end mark or layout."""


class Command(IntEnum):
    """What a frame asks for (table 2)."""

    CONTROL = 1
    SEND = 2
    CONFIRM = 3
    REQUEST = 4
    ANSWER = 5
    DENY = 6


class UnitType(IntEnum):
    """What an application data unit holds (table 3); the ones that are read or written here."""

    SYSTEM_STATUS = 1
    COMPONENT_STATUS = 2
    ANALOG = 3
    OPERATION = 4
    DEVICE_STATUS = 21
    DEVICE_OPERATION = 24
    SYNC_CLOCK = 90
    DUTY_CHECK = 91


class Status(IntFlag):
    """Bits of a system's or component's status (tables 5 and 8)."""

    NORMAL = 1 << 0
    FIRE = 1 << 1
    FAULT = 1 << 2
    SHIELDED = 1 << 3
    SUPERVISORY = 1 << 4
    STARTED = 1 << 5
    FEEDBACK = 1 << 6
    DELAY = 1 << 7
    POWER_FAULT = 1 << 8


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """A component of a panel says how it is (8.2.1.2); also a system, with component None."""

    system_type: int
    system_address: int
    component_type: int | None = None
    component_address: int | None = None
    status: Status
    text: str = ""
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalogValue:
    """A component's measured value (8.2.1.3), scaled to the unit that its type names."""

    system_type: int
    system_address: int
    component_type: int
    component_address: int
    analog_type: int
    value: float
    at: datetime | None


Unit = ComponentStatus | AnalogValue

ANALOG_STEPS: Final[dict[int, tuple[str, float]]] = {
    1: ("1", 1.0),
    2: ("m", 0.01),
    3: ("Cel", 0.1),
    4: ("MPa", 0.1),
    5: ("kPa", 0.1),
    6: ("%{LEL}", 0.1),
    7: ("s", 1.0),
    8: ("V", 0.1),
    9: ("A", 0.1),
    10: ("L/s", 0.1),
    11: ("m3/min", 0.1),
    12: ("m/s", 1.0),
}
"""UCUM unit and step of each analog type (table 9); 128 to 255 belong to the vendor."""


def encode_frame(frame: Frame) -> bytes:
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
        encode_time(frame.sent_at),
        frame.source.to_bytes(6, "little"),
        frame.destination.to_bytes(6, "little"),
        len(frame.adu),
        frame.command,
    )
    body = header[len(HEAD) :] + frame.adu
    return HEAD + body + bytes([sum(body) & 0xFF]) + TAIL


def encode_time(moment: datetime | None) -> bytes:
    """Return a time tag: second, minute, hour, day, month, year since 2000, in China's time."""
    if moment is None:
        return bytes(6)
    local = moment.astimezone(CHINA)
    return bytes((local.second, local.minute, local.hour, local.day, local.month, local.year - 2000))


def decode_time(tag: bytes) -> datetime | None:
    """Read a time tag; None when it is empty or no time."""
    second, minute, hour, day, month, year = tag
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=CHINA)
    except ValueError:
        return None


_ADU_HEAD_BYTES: Final = 2
"""Type flag and number of objects."""


def decode_adu(adu: bytes) -> tuple[Unit, ...]:
    """Read the objects of an application data unit; types that hold no reading give none.

    Raises:
        FrameError: the stated number of objects does not fit the bytes.
    """
    if not adu:
        return ()
    if len(adu) < _ADU_HEAD_BYTES:
        raise FrameError("application data unit of one byte")
    reader = _OBJECTS.get(adu[0])
    if reader is None:
        return ()
    size, read = reader
    count = adu[1]
    if len(adu) != _ADU_HEAD_BYTES + count * size:
        found = len(adu) - _ADU_HEAD_BYTES
        raise FrameError(f"{count} objects of {size} bytes stated, {found} bytes found")
    return tuple(read(adu[start : start + size]) for start in range(_ADU_HEAD_BYTES, len(adu), size))


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
class FrameReader:
    """Cuts a stream, or one datagram, into frames; what is no frame is counted and passed over."""

    rejected: int = 0
    last_error: str = ""
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes as they come; returns the frames that are complete now."""
        self._buffer += data
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        while True:
            start = self._buffer.find(HEAD)
            if start < 0:
                del self._buffer[: max(0, len(self._buffer) - 1)]
                return None
            del self._buffer[:start]
            if len(self._buffer) < _HEADER.size:
                return None
            adu_bytes = int.from_bytes(self._buffer[24:26], "little")
            if adu_bytes > MAX_ADU_BYTES:
                self._reject(f"data of {adu_bytes} bytes stated, at most {MAX_ADU_BYTES}")
                continue
            size = _OVERHEAD + adu_bytes
            if len(self._buffer) < size:
                return None
            try:
                frame = decode_frame(bytes(self._buffer[:size]))
            except FrameError as error:
                self._reject(str(error))
                continue
            del self._buffer[:size]
            return frame

    def _reject(self, why: str) -> None:
        self.rejected += 1
        self.last_error = why
        # One byte only: `@@@…` may hold the true head at the second byte.
        del self._buffer[:1]


def decode_frame(data: bytes) -> Frame:
    """Read one whole frame.

    Raises:
        FrameError: length, checksum or marks are wrong.
    """
    if len(data) < _OVERHEAD:
        raise FrameError(f"{len(data)} bytes, at least {_OVERHEAD} are needed")
    head, serial, version, user, sent, source, destination, size, command = _HEADER.unpack_from(data)
    if head != HEAD or data[-2:] != TAIL or len(data) != _OVERHEAD + size:
        raise FrameError("start mark, end mark or length is wrong")
    checksum = sum(data[2:-3]) & 0xFF
    if data[-3] != checksum:
        raise FrameError(f"checksum {data[-3]:02X}, expected {checksum:02X}")
    return Frame(
        serial=serial,
        version=version,
        user_version=user,
        sent_at=decode_time(sent),
        source=int.from_bytes(source, "little"),
        destination=int.from_bytes(destination, "little"),
        command=command,
        adu=bytes(data[_HEADER.size : -3]),
    )


def _read_system(data: bytes) -> ComponentStatus:
    system_type, address, status = struct.unpack_from("<BBH", data)
    return ComponentStatus(
        system_type=system_type,
        system_address=address,
        status=Status(status & 0x01FF),
        at=decode_time(data[4:10]),
    )


def _read_component(data: bytes) -> ComponentStatus:
    system_type, system, kind, address, status = struct.unpack_from("<BBBIH", data)
    text = data[9 : 9 + _TEXT_BYTES].rstrip(b"\x00").decode("gb18030", errors="replace")
    return ComponentStatus(
        system_type=system_type,
        system_address=system,
        component_type=kind,
        component_address=address,
        status=Status(status & 0x01FF),
        text=text,
        at=decode_time(data[40:46]),
    )


def _read_analog(data: bytes) -> AnalogValue:
    system_type, system, kind, address, analog, raw = struct.unpack_from("<BBBIBh", data)
    _, step = ANALOG_STEPS.get(analog, ("1", 1.0))
    return AnalogValue(
        system_type=system_type,
        system_address=system,
        component_type=kind,
        component_address=address,
        analog_type=analog,
        value=round(raw * step, 6),
        at=decode_time(data[10:16]),
    )


_OBJECTS: Final[dict[int, tuple[int, Callable[[bytes], Unit]]]] = {
    UnitType.SYSTEM_STATUS: (10, _read_system),
    UnitType.COMPONENT_STATUS: (46, _read_component),
    UnitType.ANALOG: (16, _read_analog),
}
