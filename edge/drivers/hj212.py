"""HJ 212: what a packet means for a station's devices, and what the station is answered. Pure.

Source: HJ 212-2017, sections 6.4 to 6.6 and Annex C; edition 2025 as far as it is known (heartbeat 9015,
field RF, SM4). Only what is flagged N is a measurement; all else a station sends is kept with its quality.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from edge.drivers.hj212frames import Packet, parse_parameters
from edge.drivers.hj212times import LATE_MS, StationClock, format_time, parse_time
from edge.drivers.listenedprofile import HjPoint, HjProfile
from edge.model import Moment
from wire.vocabulary import Quality

REAL_TIME: Final = "2011"
INTERVALS: Final = frozenset({"2051", "2061", "2031"})
"""Minute, hour and day data; DataTime is the beginning of the interval."""
ASKS_FOR_TIME: Final = "1013"
HEARTBEAT: Final = "9015"
SPLIT_WAIT_MS: Final = 10_000
"""After so long without a further part, what has come of split data is used."""
_MOST_SPLITS: Final = 4
_MOST_REMEMBERED: Final = 2_000

FLAG_QUALITIES: Final[Mapping[str, Quality | None]] = {
    "N": None,
    "F": Quality.MAINTENANCE,
    "M": Quality.MAINTENANCE,
    "S": Quality.MAINTENANCE,
    "C": Quality.MAINTENANCE,
    "D": Quality.COMM_FAULT,
    "B": Quality.COMM_FAULT,
    "T": Quality.OUT_OF_RANGE,
}
"""HJ 212-2017, table 8: normal; stopped, maintenance, set by hand, calibrating; instrument broken, no contact
with it; above its range. A letter that is not here is no measurement either and counts as stale."""


class Outcome(StrEnum):
    """What became of a packet."""

    MEASURED = "measured"
    """Live data went to the rules."""
    KEPT = "kept"
    """Data of an earlier time was kept as history."""
    REPEATED = "repeated"
    """The same data had come before; it was acknowledged again and not taken twice."""
    COLLECTING = "collecting"
    """A part of split data; the rest is awaited."""
    ALIVE = "alive"
    """Nothing measured, but the station is there."""
    UNKNOWN_STATION = "unknown_station"
    """No device of the site file has this MN."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of an outcome
    """The station is known and its PW is not the one on file."""


class Answer(StrEnum):
    """QnRtn of an answer 9011 (HJ 212-2017, table 6)."""

    WRONG_PASSWORD = "3"  # noqa: S105 - a code of the standard
    UNKNOWN_STATION = "4"
    UNKNOWN_COMMAND = "8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A station that may call.

    Attributes:
        mn: its identity.
        devices: device ids and their models; usually one.
        period_ms: how long it is silent at most.
        password: its access code (PW); None where none is asked for.
        key: SM4 key; None where it speaks openly.
    """

    mn: str
    devices: tuple[tuple[str, HjProfile], ...]
    period_ms: int = 60_000
    password: str | None = None
    key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Values of one device, as `Reception.hear` takes them."""

    device: str
    values: Mapping[str, float | None]
    qualities: Mapping[str, Quality]
    at_wall_ms: int | None
    may_clear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What follows from one packet.

    Attributes:
        outcome: what became of it.
        answers: packets for the station, in order.
        heard: for the rules and the history.
        alive: devices of which it is now known that they are there.
        remarks: oddities worth a line in the log.
    """

    outcome: Outcome
    answers: tuple[Packet, ...] = ()
    heard: tuple[Heard, ...] = ()
    alive: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Split:
    packet: Packet
    parts: dict[int, str]
    at_ms: int


@dataclass(slots=True)
class _State:
    station: Station
    clock: StationClock = field(default_factory=StationClock)
    seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    splits: dict[tuple[str, str], _Split] = field(default_factory=dict)

    def remember(self, packet: Packet) -> bool:
        """Remember data; returns whether it had come before."""
        told = ";".join(item for item in packet.cp.split(";") if item != "RF=1")
        key = hashlib.blake2b(f"{packet.cn};{packet.number};{told}".encode(), digest_size=12).digest()
        if key in self.seen:
            self.seen.move_to_end(key)
            return True
        self.seen[key] = None
        if len(self.seen) > _MOST_REMEMBERED:
            self.seen.popitem(last=False)
        return False


class StationDesk:
    """The stations of one bus and what each has said."""

    def __init__(self, stations: Iterable[Station], *, set_time: bool) -> None:
        """Know the stations.

        Args:
            stations: whoever may call.
            set_time: whether a station whose clock is wrong is told the time.
        """
        self._states = {station.mn.upper(): _State(station) for station in stations}
        self._set_time = set_time

    def key_of(self, mn: str) -> bytes | None:
        """Return the SM4 key of a station."""
        state = self._states.get(mn.upper())
        return None if state is None else state.station.key

    def devices_of(self, mn: str) -> tuple[str, ...]:
        """Return the devices of a station; none for one that is not known."""
        state = self._states.get(mn.upper())
        return () if state is None else tuple(device for device, _ in state.station.devices)

    def take(self, packet: Packet, now: Moment, *, clock_trusted: bool) -> Reaction:
        """Take one packet."""
        state = self._states.get(packet.mn.upper())
        if state is None:
            return Reaction(
                outcome=Outcome.UNKNOWN_STATION, answers=(_refuse(packet, Answer.UNKNOWN_STATION),)
            )
        wanted = state.station.password
        if wanted is not None and packet.pw != wanted:
            return Reaction(outcome=Outcome.WRONG_PASSWORD, answers=(_refuse(packet, Answer.WRONG_PASSWORD),))
        if not packet.resent:
            state.clock.note(parse_time(packet.qn), now)
        outcome, heard, remarks = self._use(state, packet, now)
        answers = list(_acknowledge(packet))
        if self._must_set(state, packet, now, clock_trusted=clock_trusted):
            state.clock.corrected_ms = now.boot_ms
            answers.append(_set_time(packet, now))
        alive = tuple(device for device, _ in state.station.devices)
        return Reaction(
            outcome=outcome, answers=tuple(answers), heard=heard, alive=alive, remarks=tuple(remarks)
        )

    def settle(self, now: Moment) -> tuple[Heard, ...]:
        """Return the values of split data whose rest has not come in time."""
        found: list[Heard] = []
        for state in self._states.values():
            overdue = [k for k, split in state.splits.items() if now.boot_ms - split.at_ms >= SPLIT_WAIT_MS]
            for key in overdue:
                found += _read(state, _join(state.splits.pop(key)), now, [])
        return tuple(found)

    def _use(
        self, state: _State, packet: Packet, now: Moment
    ) -> tuple[Outcome, tuple[Heard, ...], list[str]]:
        remarks: list[str] = []
        if packet.cn in ("9011", "9012"):
            return Outcome.ALIVE, (), list(_judge_answer(packet))
        if packet.cn != REAL_TIME and packet.cn not in INTERVALS:
            return Outcome.ALIVE, (), []
        if state.station.key is not None and not packet.sealed:
            remarks.append("data came unencrypted although the station has a key")
        if state.remember(packet):
            return Outcome.REPEATED, (), remarks
        heard: tuple[Heard, ...] = ()
        if packet.is_split and packet.total is not None and packet.number is not None:
            whole, early = _collect(state, packet, now)
            for one in early:
                heard += _read(state, one, now, remarks)
            if whole is None:
                return Outcome.COLLECTING, heard, remarks
            packet = whole
        heard += _read(state, packet, now, remarks)
        live = any(one.at_wall_ms is None for one in heard)
        return Outcome.MEASURED if live else Outcome.KEPT, heard, remarks

    def _must_set(self, state: _State, packet: Packet, now: Moment, *, clock_trusted: bool) -> bool:
        if not clock_trusted:
            return False
        if packet.cn == ASKS_FOR_TIME:
            return True
        return self._set_time and not packet.resent and state.clock.needs_correction(now)


def _collect(state: _State, packet: Packet, now: Moment) -> tuple[Packet | None, list[Packet]]:
    """Add a part; returns the whole once it is there, and what had to make way.

    Each part has a QN of its own; what holds them together is station, command and DataTime.
    """
    data_time = parse_parameters(packet.cp).get("DataTime", {}).get("", "")
    key = (packet.cn, data_time)
    split = state.splits.setdefault(key, _Split(packet, {}, now.boot_ms))
    assert packet.number is not None, "the caller has looked"
    split.parts[packet.number] = packet.cp
    split.at_ms = now.boot_ms
    if len(split.parts) >= (packet.total or 0):
        return _join(state.splits.pop(key)), []
    early: list[Packet] = []
    while len(state.splits) > _MOST_SPLITS:
        oldest = min(state.splits, key=lambda k: state.splits[k].at_ms)
        early.append(_join(state.splits.pop(oldest)))
    return None, early


def _join(split: _Split) -> Packet:
    cp = ";".join(split.parts[number] for number in sorted(split.parts))
    return replace(split.packet, cp=cp, total=None, number=None)


def _read(state: _State, packet: Packet, now: Moment, remarks: list[str]) -> tuple[Heard, ...]:
    """Return the values of a whole packet for each device of its station."""
    parameters = parse_parameters(packet.cp)
    data_time = parameters.get("DataTime", {}).get("", "")
    if packet.cn == REAL_TIME:
        late_ms = max(LATE_MS, 3 * state.station.period_ms)
        at_wall_ms, may_clear = state.clock.place(data_time, resent=packet.resent, late_ms=late_ms, now=now)
        aspect = "Rtd"
    else:
        began_ms = parse_time(data_time)
        if began_ms is None:
            remarks.append(f"interval data without a DataTime: {data_time!r}")
            return ()
        at_wall_ms, may_clear, aspect = state.clock.locate(began_ms, now), False, "Avg"
    found = []
    for device, profile in state.station.devices:
        values, qualities = _values_of(profile, parameters, aspect, remarks)
        if values:
            found.append(
                Heard(
                    device=device,
                    values=values,
                    qualities=qualities,
                    at_wall_ms=at_wall_ms,
                    may_clear=may_clear,
                )
            )
    if not found:
        remarks.append("data names none of the device's factors")
    return tuple(found)


def _values_of(
    profile: HjProfile, parameters: Mapping[str, Mapping[str, str]], aspect: str, remarks: list[str]
) -> tuple[dict[str, float | None], dict[str, Quality]]:
    values: dict[str, float | None] = {}
    qualities: dict[str, Quality] = {}
    for point in profile.points:
        sent = _find(parameters, point)
        if sent is None or (aspect not in sent and "Flag" not in sent):
            continue
        value = _number(sent.get(aspect, ""))
        flag = sent.get("Flag", "N").upper()
        values[point.name] = None if value is None else round(value * point.scale, 9)
        doubt = FLAG_QUALITIES.get(flag, Quality.STALE)
        if doubt is not None:
            qualities[point.name] = doubt
        elif value is None:
            qualities[point.name] = Quality.OUT_OF_RANGE
            remarks.append(f"{point.code}-{aspect} is no number: {sent.get(aspect, '')[:40]!r}")
    return values, qualities


def _find(parameters: Mapping[str, Mapping[str, str]], point: HjPoint) -> Mapping[str, str] | None:
    found = parameters.get(point.code)
    return parameters.get(point.old_code) if found is None and point.old_code else found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


# --- what the station is told ----------------------------------------------------------------------


def _acknowledge(packet: Packet) -> tuple[Packet, ...]:
    """Return the answer that a packet asks for: data 9014, a notice 9013, what is unknown 9011."""
    if not packet.wants_answer or packet.cn in _ANSWERS:
        return ()
    for first, make in _ACKNOWLEDGEMENTS.items():
        if packet.cn.startswith(first):
            return (make(packet),)
    return (_refuse(packet, Answer.UNKNOWN_COMMAND),)


def _reply(packet: Packet, cn: str, cp: str = "") -> Packet:
    """Return an answer: the same QN, system 91, no answer wanted, the station's edition."""
    return Packet(
        qn=packet.qn, st="91", cn=cn, pw=packet.pw, mn=packet.mn, flag=packet.flag & ~0b11 & 0xFF, cp=cp
    )


def _refuse(packet: Packet, why: Answer) -> Packet:
    return _reply(packet, "9011", f"QnRtn={why.value}")


def _set_time(packet: Packet, now: Moment) -> Packet:
    return Packet(
        qn=format_time(now.wall_ms, with_ms=True),
        st=packet.st,
        cn="1012",
        pw=packet.pw,
        mn=packet.mn,
        flag=packet.flag & ~0b11 & 0xFF | 0b01,
        cp=f"SystemTime={format_time(now.wall_ms, with_ms=False)}",
    )


def _judge_answer(packet: Packet) -> Iterable[str]:
    """Say what a station answered to us where it did not do as it was told."""
    for name, values in parse_parameters(packet.cp).items():
        if name in ("QnRtn", "ExeRtn") and values.get("") != "1":
            yield f"the station refuses a request: {name}={values.get('')}"


_ANSWERS: Final = frozenset({"9011", "9012", "9013", "9014"})
_ACKNOWLEDGEMENTS: Final[Mapping[str, Callable[[Packet], Packet]]] = {
    "2": lambda packet: _reply(packet, "9014"),
    "3": lambda packet: _reply(packet, "9014"),
    "8": lambda packet: _reply(packet, "9014"),
    "1": lambda packet: _reply(packet, "9013"),
    HEARTBEAT: lambda packet: _reply(packet, "9013"),
}
