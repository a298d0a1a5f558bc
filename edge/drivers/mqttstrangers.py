"""Who speaks through a broker and is not configured: found beside the devices that are. Pure.

A broker does not say who is there. What lies beside a configured device, on a topic of the same shape, and
says something that a model of this bus can read, is a device that somebody may have forgotten.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.drivers.listenedprofile import MqttProfile
from edge.drivers.mqttmessages import MqttDevice, matches, read_message

_ADDRESS: Final = "{address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Where devices of one kind speak: a filter with `+`, and how the address stands in a topic."""

    wanted: str
    address: re.Pattern[str]
    profiles: tuple[MqttProfile, ...]


class Neighbourhood:
    """The topics beside those of the configured devices of one bus."""

    def __init__(self, devices: Iterable[MqttDevice]) -> None:
        """Know the devices."""
        shapes: dict[str, dict[str, MqttProfile]] = {}
        patterns: dict[str, re.Pattern[str]] = {}
        for device in devices:
            wanted, pattern = _shape_of(device)
            if wanted:
                patterns[wanted] = pattern
                shapes.setdefault(wanted, {})[device.profile.model] = device.profile
        self._shapes = tuple(
            _Shape(wanted=wanted, address=patterns[wanted], profiles=tuple(profiles.values()))
            for wanted, profiles in shapes.items()
        )

    @property
    def filters(self) -> tuple[str, ...]:
        """The topics to subscribe to besides the devices' own."""
        return tuple(shape.wanted for shape in self._shapes)

    def recognise(self, topic: str, payload: bytes) -> tuple[str, str] | None:
        """Return the address of whoever speaks, as a site file would name it, and which models can read it.

        None for what no model of this bus can read. Whether it is configured is the caller's to know.
        """
        for shape in self._shapes:
            if not matches(shape.wanted, topic):
                continue
            found = shape.address.fullmatch(topic)
            models = [one.model for one in shape.profiles if read_message(one, payload)]
            if found is not None and models:
                return found.group(1), " or ".join(models)
        return None


def _shape_of(device: MqttDevice) -> tuple[str, re.Pattern[str]]:
    """Return the filter of a device's neighbours; empty where it would be every topic of the broker."""
    pattern = device.profile.topic
    if pattern == _ADDRESS:
        above, _, last = device.address.rpartition("/")
        if not above or not last:
            return "", re.compile("")
        return f"{above}/+", re.compile(f"({re.escape(above)}/[^/]+)")
    parts = [_as_regex(part) for part in pattern.split(_ADDRESS)]
    return pattern.replace(_ADDRESS, "+"), re.compile("([^/]+)".join(parts))


def _as_regex(text: str) -> str:
    return "[^/]+".join(re.escape(part) for part in text.split("+"))
