"""Whoever listens to the raw frames of one bus, for as long as they asked to.

A bus that nobody listens to pays for one look at an empty list.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.model import RawFrame

FrameListener = Callable[[RawFrame], None]
MOST_SHOWN_BYTES: Final = 4_096
"""Of one frame; what is longer is no frame of any technique here."""


@dataclass(slots=True, eq=False)
class _Listening:
    listener: FrameListener
    until_s: float


class FrameTap:
    """The listeners of one bus; see `edge.ports.FrameSource`."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._listening: list[_Listening] = []

    @property
    def is_open(self) -> bool:
        """Whether anybody listens: only then is a frame worth putting into words."""
        return bool(self._listening)

    def tap_frames(self, listener: FrameListener, *, for_s: float) -> Callable[[], None]:
        """Hand every raw frame to a listener for a limited time, beside whoever else listens.

        Args:
            listener: takes one frame; must return at once.
            for_s: how long it listens, in seconds.

        Returns:
            What ends the listening early.
        """
        one = _Listening(listener, time.monotonic() + for_s)
        self._listening.append(one)

        def end() -> None:
            if one in self._listening:
                self._listening.remove(one)

        return end

    def note(self, data: bytes, *, sent: bool, text: str, devices: tuple[str, ...] = ()) -> None:
        """Show a frame to whoever listens.

        Args:
            data: all of its bytes.
            sent: whether the gateway sent it.
            text: what it says, in words.
            devices: those that it is of or for; empty where nobody knows.
        """
        now_s = time.monotonic()
        self._listening = [one for one in self._listening if now_s <= one.until_s]
        if not self._listening:
            return
        frame = RawFrame(
            sent=sent,
            data=bytes(data[:MOST_SHOWN_BYTES]),
            wall_ms=time.time_ns() // 1_000_000,
            text=text,
            devices=devices,
        )
        for one in tuple(self._listening):
            one.listener(frame)
