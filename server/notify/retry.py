"""When to try a notice again, and when to give up: pure."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from server.people.model import ChannelKind
from wire.vocabulary import AlarmClass

_DELAYS_S: Final[Mapping[AlarmClass, tuple[float, ...]]] = MappingProxyType(
    {
        AlarmClass.LIFE_SAFETY: (2, 5, 10, 20, 60),
        AlarmClass.HAZARD: (5, 15, 60, 300),
        AlarmClass.FAULT: (15, 60, 300, 1800, 7200),
        AlarmClass.ADVICE: (15, 60, 300, 1800, 7200),
    }
)
"""Seconds to wait after the first, second, … failed attempt of each class."""
_CLASSES: Final = tuple(AlarmClass)
_URGENCY: Final = MappingProxyType({class_: number for number, class_ in enumerate(_CLASSES)})
_CALLS_S: Final = (65.0, 65.0)
"""A number may be called once a minute; who does not take three calls will not take a fourth."""


def next_try_after(class_: AlarmClass, attempts: int, channel: str = "") -> timedelta | None:
    """Return how long to wait after this many failed attempts; nothing means: give up.

    Args:
        class_: class of the item when the notice was made.
        attempts: attempts made, at least 1.
        channel: over which channel; calls have times of their own.
    """
    delays = _CALLS_S if channel == ChannelKind.VOICE else _DELAYS_S[class_]
    return timedelta(seconds=delays[attempts - 1]) if attempts <= len(delays) else None


def urgency_of(class_: AlarmClass) -> int:
    """Return the order in which notices leave: 0, life safety, goes first."""
    return _URGENCY[class_]


def class_of(urgency: int) -> AlarmClass:
    """Return the class that `urgency_of` turned into a number."""
    return _CLASSES[urgency]
