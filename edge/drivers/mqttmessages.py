"""What a message that came through a broker means for a device. Pure.

A message seldom says when it was meant: what the broker had kept tells of some earlier time, and only a
device's own time stamp tells a late message from a fresh one.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from edge.drivers.devicetimes import DeviceClock, to_ms
from edge.drivers.listenedprofile import MqttPoint, MqttProfile
from edge.model import Moment
from wire.vocabulary import Quality

_MOST_SHOWN: Final = 60
_MOST_TEXT: Final = 500


class Meaning(StrEnum):
    """What a message means for one device."""

    MEASURED = "measured"
    """Values that tell of now."""
    KEPT = "kept"
    """Values of an earlier time: history."""
    RETAINED = "retained"
    """The broker had kept it; nobody knows since when. Stored as stale, judged by no rule."""
    REPEATED = "repeated"
    """The same message with the same time had come before."""
    ALIVE = "alive"
    """Nothing measured, but the device is there."""
    GONE = "gone"
    """It is said that the device is not there."""
    NONSENSE = "nonsense"
    """It cannot be understood: the device answers, and what it says is no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttDevice:
    """A device that speaks through a broker."""

    device: str
    address: str
    profile: MqttProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one message means for one device."""

    device: str
    meaning: Meaning
    values: Mapping[str, float | None] = field(default_factory=dict)
    qualities: Mapping[str, Quality] = field(default_factory=dict)
    at_wall_ms: int | None = None
    may_clear: bool = True
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _State:
    known: MqttDevice
    clock: DeviceClock = field(default_factory=DeviceClock)
    last: bytes = b""


class MessageDesk:
    """The devices of one broker and what each has said."""

    def __init__(self, devices: Iterable[MqttDevice]) -> None:
        """Know the devices."""
        self._speaking: list[tuple[str, _State, bool]] = []
        for device in devices:
            state = _State(device)
            profile = device.profile
            self._speaking.append((_topic_of(profile.topic, device), state, False))
            if profile.availability is not None:
                self._speaking.append((_topic_of(profile.availability, device), state, True))

    @property
    def filters(self) -> tuple[str, ...]:
        """The topics to subscribe to, each once."""
        return tuple(dict.fromkeys(topic for topic, _, _ in self._speaking))

    def take(self, topic: str, payload: bytes, *, retained: bool, now: Moment) -> list[Heard]:
        """Take one message; returns what it means for each device it is about."""
        concerned = [(state, said) for wanted, state, said in self._speaking if matches(wanted, topic)]
        return [
            _judge_presence(state, payload, retained=retained)
            if said
            else _judge_message(state, payload, retained=retained, now=now)
            for state, said in concerned
        ]


def read_message(profile: MqttProfile, payload: bytes) -> dict[str, float | None]:
    """Return the values that a model reads from a message; none where it is not one of its kind."""
    text = payload.decode("utf-8", errors="replace").strip()
    found = _parse(text)
    if found is _NO_JSON:
        if any(point.path for point in profile.points):
            return {}
        found = text
    values, _, _ = _read(profile, found)
    return {name: value for name, value in values.items() if value is not None}


def describe_message(topic: str, payload: bytes, found: Iterable[Heard], *, retained: bool) -> str:
    """Return a message in words: where it came, its text, and what it means for each device."""
    text = payload.decode("utf-8", errors="replace")[:_MOST_TEXT]
    kept = " (kept by the broker)" if retained else ""
    meant = [f"{one.device} {one.meaning.value} {_say_values(one)}".rstrip() for one in found]
    return f"{topic}{kept}: {text} = {'; '.join(meant) or 'no device of this site'}"


def _say_values(heard: Heard) -> str:
    said = [f"{name} {'-' if value is None else f'{value:g}'}" for name, value in heard.values.items()]
    return ", ".join((*said, *heard.remarks))


def matches(wanted: str, topic: str) -> bool:
    """Tell whether a topic fits a filter in which `+` stands for any one level."""
    if "+" not in wanted:
        return wanted == topic
    levels, found = wanted.split("/"), topic.split("/")
    return len(levels) == len(found) and all(w in ("+", f) for w, f in zip(levels, found, strict=True))


def _topic_of(pattern: str, device: MqttDevice) -> str:
    return pattern.replace("{address}", device.address)


def _judge_presence(state: _State, payload: bytes, *, retained: bool) -> Heard:
    profile, device = state.known.profile, state.known.device
    text = payload.decode("utf-8", errors="replace").strip()
    found = _parse(text)
    word = found.get("state", "") if isinstance(found, dict) else found if isinstance(found, str) else text
    word = str(word).strip().lower()
    if word in profile.unavailable:
        return Heard(device=device, meaning=Meaning.GONE)
    if word in profile.available:
        # What the broker kept says that it was there once.
        return Heard(device=device, meaning=Meaning.RETAINED if retained else Meaning.ALIVE)
    words = ", ".join((*profile.available, *profile.unavailable))
    remark = f"availability {text[:_MOST_SHOWN]!r} is none of {words}"
    return Heard(device=device, meaning=Meaning.RETAINED, remarks=(remark,))


def _judge_message(state: _State, payload: bytes, *, retained: bool, now: Moment) -> Heard:
    profile, device = state.known.profile, state.known.device
    text = payload.decode("utf-8", errors="replace").strip()
    found = _parse(text)
    if found is _NO_JSON:
        if any(point.path for point in profile.points):
            return _nonsense(state, f"no JSON: {text[:_MOST_SHOWN]!r}")
        found = text
    values, qualities, remarks = _read(profile, found)
    if retained:
        stale = dict.fromkeys(values, Quality.STALE)
        return Heard(
            device=device,
            meaning=Meaning.RETAINED,
            values=values,
            qualities=stale,
            at_wall_ms=now.wall_ms,
            may_clear=False,
            remarks=remarks,
        )
    if not values:
        return Heard(device=device, meaning=Meaning.ALIVE)
    meaning, at_wall_ms, may_clear = _place(state, payload, found, now)
    return Heard(
        device=device,
        meaning=meaning,
        values=values,
        qualities=qualities,
        at_wall_ms=at_wall_ms,
        may_clear=may_clear,
        remarks=remarks,
    )


def _nonsense(state: _State, remark: str) -> Heard:
    names = [point.name for point in state.known.profile.points]
    return Heard(
        device=state.known.device,
        meaning=Meaning.NONSENSE,
        qualities=dict.fromkeys(names, Quality.COMM_FAULT),
        remarks=(remark,),
    )


def _place(state: _State, payload: bytes, found: Any, now: Moment) -> tuple[Meaning, int | None, bool]:
    """Return what a message is by its own time, that time where it is history, and whether it may clear.

    A clock that is wrong, but steadily, still tells of now; what is older than what was already heard does
    not. The first word of a device that is far from our time may raise and not clear.
    """
    profile = state.known.profile
    if not profile.time_path:
        return Meaning.MEASURED, None, True
    at = _time(_find(found, profile.time_path), profile.time_format)
    if at is None:
        return Meaning.MEASURED, None, False
    mark = hashlib.blake2b(payload, digest_size=12).digest()
    if mark == state.last:
        return Meaning.REPEATED, None, False
    state.last = mark
    clock = state.clock
    clock.note(None if at is None else to_ms(at), now)
    if not clock.judge("", at, now):
        return Meaning.KEPT, min(round(at.timestamp() * 1000), now.wall_ms), False
    return Meaning.MEASURED, None, clock.near or clock.steady


def _read(
    profile: MqttProfile, found: Any
) -> tuple[dict[str, float | None], dict[str, Quality], tuple[str, ...]]:
    values: dict[str, float | None] = {}
    qualities: dict[str, Quality] = {}
    remarks: list[str] = []
    for point in profile.points:
        said = _find(found, point.path)
        if said is None:
            continue
        value = _number(point, said)
        values[point.name] = value
        if value is None:
            qualities[point.name] = Quality.OUT_OF_RANGE
            remarks.append(f"{point.path or 'message'} is no number: {said!r:.{_MOST_SHOWN}}")
    return values, qualities, tuple(remarks)


def _number(point: MqttPoint, said: Any) -> float | None:
    """Return a value; None for what is no number and no word of the profile."""
    word = ("true" if said else "false") if isinstance(said, bool) else str(said)
    if point.values and not isinstance(said, dict | list) and word in point.values:
        return point.values[word]
    if not isinstance(said, int | float):
        return None
    try:
        value = float(said) * point.scale + point.offset
    except OverflowError:
        return None
    return round(value, 9) if math.isfinite(value) else None


def _find(found: Any, path: str) -> Any:
    """Return what stands at the end of a path of keys and indexes; None where there is nothing."""
    for step in path.split(".") if path else ():
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _time(said: Any, form: str) -> datetime | None:
    try:
        if form == "iso8601":
            at = datetime.fromisoformat(said)
            return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return datetime.fromtimestamp(float(said) / (1000 if form == "unix_ms" else 1), tz=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


_NO_JSON: Final = object()


def _parse(text: str) -> Any:
    """Return what a text says as JSON; NaN and infinities are read so that they can be named."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NO_JSON
