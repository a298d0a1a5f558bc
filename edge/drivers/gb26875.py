"""GB/T 26875.3: what a transmitter's frame means for devices, and what the transmitter is answered. Pure.

Source: GB/T 26875.3-2011, sections 5 to 8. The gateway is a second receiver beside the monitoring centre:
it confirms, listens, asks for status, and orders nothing that the centre orders.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from edge.drivers.devicetimes import DeviceClock, to_ms
from edge.drivers.gb26875frames import Command, Dialect, Frame, FrameError, confirm, deny
from edge.drivers.gb26875units import (
    AnalogValue,
    ComponentStatus,
    Operation,
    Status,
    TransmitterStatus,
    Unit,
    decode_adu,
)
from edge.drivers.listenedprofile import GbProfile
from edge.model import Moment
from wire.vocabulary import Quality

RESET_BIT: Final = 13
"""Of a system's status (table 5)."""
_SHIELDED: Final = int(Status.SHIELDED)
_URGENT: Final = int(Status.FIRE | Status.FAULT)
_MOST_REMEMBERED: Final = 4_096
_PLACE: Final = re.compile(r"(0x[0-9a-fA-F]+|\d+)(?:/(\d+)\.(\d+)(?:/(\d+)\.(\d+))?)?")
_LIMITS: Final = (0xFFFF_FFFF_FFFF, 0xFF, 0xFF, 0xFF, 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: a transmitter, a system behind it, a component of that system."""

    transmitter: int
    system_type: int | None = None
    system_address: int | None = None
    component_type: int | None = None
    component_address: int | None = None

    @property
    def level(self) -> str:
        """Which of the three it is."""
        if self.system_type is None:
            return "transmitter"
        return "system" if self.component_type is None else "component"

    def __str__(self) -> str:
        """Return it as the site file writes it."""
        text = str(self.transmitter)
        if self.system_type is not None:
            text += f"/{self.system_type}.{self.system_address}"
        if self.component_type is not None:
            text += f"/{self.component_type}.{self.component_address}"
        return text


def parse_place(text: str) -> Place | None:
    """Read a place: `3456`, `3456/1.1` or `3456/1.1/11.65539`; None when it is none.

    Transmitter, then system type and address, then component type and address; the transmitter may be
    written hexadecimal with 0x.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        return None
    numbers = [
        None if part is None else int(part, 0 if part.startswith("0x") else 10) for part in found.groups()
    ]
    if any(number is not None and number > most for number, most in zip(numbers, _LIMITS, strict=True)):
        return None
    transmitter, *rest = numbers
    assert transmitter is not None, "the pattern wants it"
    return Place(transmitter, *rest)


class Outcome(StrEnum):
    """What became of a frame."""

    TAKEN = "taken"
    """What it says was handed on, and confirmed."""
    REPEATED = "repeated"
    """The same frame had come before; it was confirmed again and not taken twice."""
    SETTLED = "settled"
    """It confirms or answers something of ours."""
    DENIED = "denied"
    """It cannot be used, which its sender is told."""
    UNKNOWN_TRANSMITTER = "unknown_transmitter"
    """No device of the site file is behind this transmitter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A device behind a transmitter."""

    device: str
    place: Place
    profile: GbProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Values of one device, as `Reception.hear` takes them."""

    device: str
    values: Mapping[str, float | None]
    qualities: Mapping[str, Quality] = field(default_factory=dict)
    may_clear: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What follows from one frame.

    Attributes:
        outcome: what became of it.
        answer: for the transmitter.
        heard: for the rules.
        alive: devices of which it is now known that their transmitter is there.
        unassigned: places that no device of the site file stands for, with what they said.
        pressed: what somebody pressed at a panel or at the transmitter.
        remarks: oddities worth a line in the log.
    """

    outcome: Outcome
    answer: Frame | None = None
    heard: tuple[Heard, ...] = ()
    alive: tuple[str, ...] = ()
    unassigned: tuple[tuple[Place, str], ...] = ()
    pressed: tuple[Operation, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Told:
    """What one frame's objects come to, while they are gone through."""

    heard: list[Heard] = field(default_factory=list)
    unassigned: list[tuple[Place, str]] = field(default_factory=list)
    pressed: list[Operation] = field(default_factory=list)


class TransmitterDesk:
    """The transmitters of one bus, what is behind them and what they have said."""

    def __init__(self, devices: Iterable[Behind]) -> None:
        """Know the devices."""
        self._at: dict[Place, list[Behind]] = {}
        self._behind: dict[int, list[Behind]] = {}
        for device in devices:
            self._at.setdefault(device.place, []).append(device)
            self._behind.setdefault(device.place.transmitter, []).append(device)
        self._dialects = {
            transmitter: Dialect(
                bcd_time=any(device.profile.bcd_time for device in behind),
                tail=bytes.fromhex(next((d.profile.end for d in behind if d.profile.end != "23"), "23")) * 2,
            )
            for transmitter, behind in self._behind.items()
        }
        self.clocks = {transmitter: DeviceClock() for transmitter in self._behind}
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    @property
    def transmitters(self) -> tuple[int, ...]:
        """The addresses of the known transmitters."""
        return tuple(self._behind)

    def systems_of(self, transmitter: int) -> tuple[Place, ...]:
        """Return the systems behind a transmitter that are devices of their own."""
        behind = self._behind.get(transmitter, ())
        return tuple(device.place for device in behind if device.place.level == "system")

    def devices_of(self, frame: Frame) -> tuple[str, ...]:
        """Return the devices that a frame is of; all of its transmitter's where it names no other."""
        behind = self._behind.get(frame.source) or self._behind.get(frame.destination, [])
        try:
            places = {
                _place_of(frame.source, unit) for unit in decode_adu(frame.adu, self.dialect_of(frame.source))
            }
        except FrameError:
            places = set()
        named = tuple(device.device for device in behind if device.place in places)
        return named or tuple(device.device for device in behind)

    def dialect_of(self, transmitter: int) -> Dialect:
        """Return how a transmitter's maker deviates from the standard."""
        return self._dialects.get(transmitter, Dialect())

    def take(self, frame: Frame, now: Moment) -> Reaction:
        """Take one frame."""
        at = now.as_datetime()
        behind = self._behind.get(frame.source)
        if behind is None:
            return Reaction(outcome=Outcome.UNKNOWN_TRANSMITTER, answer=deny(frame, at=at))
        alive = tuple(device.device for device in behind)
        if frame.command in (Command.CONFIRM, Command.DENY):
            denied = ("the transmitter denies a request",) if frame.command == Command.DENY else ()
            return Reaction(outcome=Outcome.SETTLED, alive=alive, remarks=denied)
        if frame.command not in (Command.SEND, Command.ANSWER):
            remark = f"command {frame.command} is none that a transmitter sends"
            return Reaction(outcome=Outcome.DENIED, answer=deny(frame, at=at), alive=alive, remarks=(remark,))
        try:
            units = decode_adu(frame.adu, self.dialect_of(frame.source))
        except FrameError as error:
            return Reaction(
                outcome=Outcome.DENIED, answer=deny(frame, at=at), alive=alive, remarks=(str(error),)
            )
        answer = confirm(frame, at=at) if frame.command == Command.SEND else None
        if self._remember(frame):
            return Reaction(outcome=Outcome.REPEATED, answer=answer, alive=alive)
        self.clocks[frame.source].note(None if frame.sent_at is None else to_ms(frame.sent_at), now)
        told = _Told()
        for unit in units:
            self._use(frame.source, unit, now, told)
        return Reaction(
            outcome=Outcome.TAKEN if frame.command == Command.SEND else Outcome.SETTLED,
            answer=answer,
            heard=tuple(told.heard),
            alive=alive,
            unassigned=tuple(told.unassigned),
            pressed=tuple(told.pressed),
        )

    def refuse(self, frame: Frame, now: Moment) -> Frame | None:
        """Return the denial of a frame whose checksum is wrong, where its sender is known."""
        return deny(frame, at=now.as_datetime()) if frame.source in self._behind else None

    def _remember(self, frame: Frame) -> bool:
        """Remember a frame; returns whether it had come before: same serial number, same data."""
        told = f"{frame.source};{frame.serial};{frame.command};".encode() + frame.adu
        key = hashlib.blake2b(told, digest_size=12).digest()
        if frame.command != Command.SEND:
            return False
        if key in self._seen:
            self._seen.move_to_end(key)
            return True
        self._seen[key] = None
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _use(self, source: int, unit: Unit, now: Moment, told: _Told) -> None:
        place = _place_of(source, unit)
        clock = self.clocks[source]
        may_clear = clock.judge(str(place), unit.at, now)
        match unit:
            case Operation():
                told.pressed.append(unit)
                if "reset" in unit.names:
                    self._reset(place, may_clear=may_clear, told=told)
            case AnalogValue():
                self._measure(place, unit, may_clear=may_clear, told=told)
            case ComponentStatus() | TransmitterStatus():
                self._note_status(place, unit, may_clear=may_clear, told=told)

    def _measure(self, place: Place, unit: AnalogValue, *, may_clear: bool, told: _Told) -> None:
        devices = self._at.get(place, [])
        for device in devices:
            values = {
                point.name: round(unit.value * point.scale, 9)
                for point in device.profile.points
                if point.analog == unit.analog_type
            }
            if values:
                told.heard.append(Heard(device=device.device, values=values, may_clear=may_clear))
        if not devices:
            told.unassigned.append((place, f"analog type {unit.analog_type}: {unit.value:g}"))

    def _note_status(
        self, place: Place, unit: ComponentStatus | TransmitterStatus, *, may_clear: bool, told: _Told
    ) -> None:
        status = int(unit.status)
        devices = self._at.get(place, [])
        for device in devices:
            told.heard.append(_status_of(device, status, may_clear=may_clear))
        if place.level == "system" and status >> RESET_BIT & 1:
            self._reset(place, may_clear=may_clear, told=told)
        if devices or place.level == "transmitter":
            return
        text = unit.text if isinstance(unit, ComponentStatus) else ""
        told.unassigned.append((place, f"status {status:#06x} {text}".strip()))
        if status & _URGENT:
            # Nobody stands for this component, and yet its fire must not be lost: whoever stands for
            # the system or the transmitter says it, and only a person or that system itself ends it.
            told.heard += self._pass_up(place, status & _URGENT)

    def _pass_up(self, place: Place, status: int) -> Iterable[Heard]:
        above = (Place(place.transmitter, place.system_type, place.system_address), Place(place.transmitter))
        for higher in above:
            devices = self._at.get(higher, [])
            for device in devices:
                values = {
                    point.name: 1.0
                    for point in device.profile.points
                    if point.bit is not None and status >> point.bit & 1
                }
                if values:
                    yield Heard(device=device.device, values=values, may_clear=False)
            if devices:
                return

    def _reset(self, place: Place, *, may_clear: bool, told: _Told) -> None:
        """End what the components of a panel said, for makers whose components never do it themselves."""
        for device in self._behind.get(place.transmitter, ()):
            same = place.system_type is None or (
                (device.place.system_type, device.place.system_address)
                == (place.system_type, place.system_address)
            )
            if device.profile.reset_clears and same:
                told.heard.append(_status_of(device, 0, may_clear=may_clear))


def _place_of(source: int, unit: Unit) -> Place:
    match unit:
        case ComponentStatus() | AnalogValue():
            return Place(
                source, unit.system_type, unit.system_address, unit.component_type, unit.component_address
            )
        case Operation():
            return Place(source, unit.system_type, unit.system_address)
        case TransmitterStatus():
            return Place(source)


def _status_of(device: Behind, status: int, *, may_clear: bool) -> Heard:
    """Return a status as points; what is shielded proves no quiet."""
    points = [point for point in device.profile.points if point.bit is not None]
    values: dict[str, float | None] = {}
    doubts: dict[str, Quality] = {}
    for point in points:
        assert point.bit is not None, "filtered above"
        values[point.name] = float(status >> point.bit & 1)
        hidden = status & _SHIELDED and device.place.level != "transmitter" and 1 << point.bit != _SHIELDED
        if hidden and not values[point.name]:
            doubts[point.name] = Quality.MAINTENANCE
    return Heard(device=device.device, values=values, qualities=doubts, may_clear=may_clear)
