"""What GB/T 26875.3 frames hold: status, measured values, operations; and what transmitters are asked. Pure.

Source: GB/T 26875.3-2011, sections 7 and 8.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, IntFlag
from typing import Final

from edge.drivers.gb26875frames import STANDARD, Dialect, FrameError, decode_time, encode_time

_TEXT_BYTES: Final = 31
_ADU_HEAD_BYTES: Final = 2
"""Type flag and number of objects."""


class UnitType(IntEnum):
    """What an application data unit holds (table 3); the ones that are read or written here."""

    SYSTEM_STATUS = 1
    COMPONENT_STATUS = 2
    ANALOG = 3
    OPERATION = 4
    TRANSMITTER_STATUS = 21
    TRANSMITTER_OPERATION = 24
    READ_SYSTEM_STATUS = 61
    READ_TRANSMITTER_STATUS = 81
    SYNC_CLOCK = 90
    DUTY_CHECK = 91


class Status(IntFlag):
    """Bits of a component's status, and the first of a system's (tables 5 and 8)."""

    NORMAL = 1 << 0
    FIRE = 1 << 1
    FAULT = 1 << 2
    SHIELDED = 1 << 3
    SUPERVISORY = 1 << 4
    STARTED = 1 << 5
    FEEDBACK = 1 << 6
    DELAY = 1 << 7
    POWER_FAULT = 1 << 8


OPERATIONS: Final = ("reset", "silence", "manual_alarm", "alarm_cleared", "self_test", "confirm", "test")
"""Bits of an operation (tables 9 and 11), lowest first; `confirm` of a transmitter answers a duty check."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TransmitterStatus:
    """The transmission device says how it is itself (8.2.1.9).

    Its bits, lowest first: normal, fire, fault, main power, backup power, link to centre, line to panel.
    """

    status: Status
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Somebody pressed something, at a panel or (system None) at the transmission device."""

    system_type: int | None = None
    system_address: int | None = None
    flags: int
    operator: int
    at: datetime | None

    @property
    def names(self) -> tuple[str, ...]:
        """What was pressed."""
        return tuple(name for bit, name in enumerate(OPERATIONS) if self.flags >> bit & 1)


Unit = ComponentStatus | AnalogValue | TransmitterStatus | Operation

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


def decode_adu(adu: bytes, dialect: Dialect = STANDARD) -> tuple[Unit, ...]:
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
    return tuple(read(adu[start : start + size], dialect) for start in range(_ADU_HEAD_BYTES, len(adu), size))


def sync_clock(moment: datetime, dialect: Dialect = STANDARD) -> bytes:
    """Return the data of an order to set the clock (8.2.2.19)."""
    return bytes((UnitType.SYNC_CLOCK, 1)) + encode_time(moment, dialect)


def duty_check(minutes: int) -> bytes:
    """Return the data of a duty check: a person at the transmitter must answer within the minutes."""
    return bytes((UnitType.DUTY_CHECK, 1, minutes & 0xFF))


def read_transmitter() -> bytes:
    """Return the data of a question for a transmitter's status; its one byte is reserved."""
    return bytes((UnitType.READ_TRANSMITTER_STATUS, 1, 0))


def read_system(system_type: int, system_address: int) -> bytes:
    """Return the data of a question for a system's status."""
    return bytes((UnitType.READ_SYSTEM_STATUS, 1, system_type, system_address))


def _read_system(data: bytes, dialect: Dialect) -> ComponentStatus:
    system_type, address, status = struct.unpack_from("<BBH", data)
    return ComponentStatus(
        system_type=system_type,
        system_address=address,
        status=Status(status),
        at=decode_time(data[4:10], dialect),
    )


def _read_component(data: bytes, dialect: Dialect) -> ComponentStatus:
    system_type, system, kind, address, status = struct.unpack_from("<BBBIH", data)
    text = data[9 : 9 + _TEXT_BYTES].rstrip(b"\x00").decode("gb18030", errors="replace")
    return ComponentStatus(
        system_type=system_type,
        system_address=system,
        component_type=kind,
        component_address=address,
        status=Status(status),
        text=text,
        at=decode_time(data[40:46], dialect),
    )


def _read_analog(data: bytes, dialect: Dialect) -> AnalogValue:
    system_type, system, kind, address, analog, raw = struct.unpack_from("<BBBIBh", data)
    _, step = ANALOG_STEPS.get(analog, ("1", 1.0))
    return AnalogValue(
        system_type=system_type,
        system_address=system,
        component_type=kind,
        component_address=address,
        analog_type=analog,
        value=round(raw * step, 6),
        at=decode_time(data[10:16], dialect),
    )


def _read_operation(data: bytes, dialect: Dialect) -> Operation:
    system_type, system, flags, operator = data[:4]
    return Operation(
        system_type=system_type,
        system_address=system,
        flags=flags,
        operator=operator,
        at=decode_time(data[4:10], dialect),
    )


def _read_transmitter(data: bytes, dialect: Dialect) -> TransmitterStatus:
    return TransmitterStatus(status=Status(data[0]), at=decode_time(data[1:7], dialect))


def _read_transmitter_operation(data: bytes, dialect: Dialect) -> Operation:
    return Operation(flags=data[0], operator=data[1], at=decode_time(data[2:8], dialect))


_OBJECTS: Final[dict[int, tuple[int, Callable[[bytes, Dialect], Unit]]]] = {
    UnitType.SYSTEM_STATUS: (10, _read_system),
    UnitType.COMPONENT_STATUS: (46, _read_component),
    UnitType.ANALOG: (16, _read_analog),
    UnitType.OPERATION: (10, _read_operation),
    UnitType.TRANSMITTER_STATUS: (7, _read_transmitter),
    UnitType.TRANSMITTER_OPERATION: (8, _read_transmitter_operation),
}
