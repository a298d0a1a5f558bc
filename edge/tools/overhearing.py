"""What a probe overhears on a bus whose devices speak by themselves: values, and the frames they came in."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.model import RawFrame, Snapshot

_MOST_FRAMES: Final = 50
"""Kept of a device, and of all that nobody knows; the oldest make way."""
_MOST_HEX_BYTES: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one device said.

    Attributes:
        device: its id; empty for what comes from none that the site file names.
        bus: the bus it is on.
        error: why there are no values; empty when there are.
        points: name, unit, value and quality of each.
        frames: the frames of its question and answer, in words.
        age_ms: how long ago a running gateway heard it; None where it was heard now.
    """

    device: str
    bus: str
    error: str = ""
    points: tuple[tuple[str, str, float | None, str], ...] = ()
    frames: tuple[str, ...] = ()
    age_ms: int | None = None


@dataclass(slots=True)
class Overheard:
    """Takes snapshots and frames as the gateway's pipeline and its listeners would.

    What comes together is shown together: a frame, what it says, and what it was answered.
    """

    wanted: frozenset[str]
    bus: str
    show: Callable[[Probed], None]
    heard: set[str] = field(default_factory=set)
    _snapshots: list[Snapshot] = field(default_factory=list)
    _frames: dict[str, deque[RawFrame]] = field(default_factory=dict)

    def take(self, snapshot: Snapshot) -> None:
        """Take a snapshot that holds something; silence is told at the end."""
        if snapshot.answered and snapshot.device in self.wanted:
            self.heard.add(snapshot.device)
            if not self._snapshots:
                asyncio.get_running_loop().call_soon(self._flush)
            self._snapshots.append(snapshot)

    def take_frame(self, frame: RawFrame) -> None:
        """Take a raw frame: of a device that is meant, or of none that anybody knows."""
        for device in frame.devices or ("",):
            if not device or device in self.wanted:
                self._frames.setdefault(device, deque(maxlen=_MOST_FRAMES)).append(frame)

    def end(self, seconds: float) -> int:
        """Tell who said nothing, and what is left; returns how many said nothing."""
        self._flush()
        silent = sorted(self.wanted - self.heard)
        for device in silent:
            error = f"said nothing for {seconds:g} s"
            self._tell(Probed(device=device, bus=self.bus, error=error))
        for device in sorted(self._frames):
            error = "" if device else "from nobody that the site file names"
            self._tell(Probed(device=device, bus=self.bus, error=error))
        return len(silent)

    def _flush(self) -> None:
        snapshots, self._snapshots = self._snapshots, []
        last = {snapshot.device: index for index, snapshot in enumerate(snapshots)}
        for index, snapshot in enumerate(snapshots):
            told = Probed(device=snapshot.device, bus=self.bus, points=tuple(_points_of(snapshot)))
            if last[snapshot.device] == index:
                self._tell(told)
            else:
                self.show(told)

    def _tell(self, told: Probed) -> None:
        frames = frame_lines(self._frames.pop(told.device, ()))
        self.show(
            Probed(device=told.device, bus=told.bus, error=told.error, points=told.points, frames=frames)
        )


def _points_of(snapshot: Snapshot) -> Iterator[tuple[str, str, float | None, str]]:
    for index, point in enumerate(snapshot.points):
        yield point.name, point.unit, snapshot.values[index], snapshot.quality_at(index).value


def frame_lines(frames: Iterable[RawFrame]) -> tuple[str, ...]:
    """Return frames as lines; what repeats itself stands once, with a count."""
    lines: list[str] = []
    count = 0
    for frame in frames:
        line = f"{'->' if frame.sent else '<-'} {_raw_of(frame.data)}  {frame.text}"
        if lines and lines[-1] == line:
            count += 1
            continue
        if count:
            lines[-1] += f"  (and {count} more)"
        count = 0
        lines.append(line)
    if count:
        lines[-1] += f"  (and {count} more)"
    return tuple(lines)


def told_frame(told: Mapping[str, object]) -> RawFrame:
    """Return a frame as a running gateway tells it at its door."""
    devices = told["devices"]
    return RawFrame(
        sent=bool(told["sent"]),
        data=bytes.fromhex(str(told["hex"])),
        wall_ms=0,
        text=str(told["text"]),
        devices=tuple(map(str, devices)) if isinstance(devices, list) else (),
    )


def _raw_of(data: bytes) -> str:
    """Return bytes as text where they are text, else as hexadecimal digits."""
    shown = data[:_MOST_HEX_BYTES]
    more = f" … {len(data)} bytes" if len(data) > len(shown) else ""
    try:
        text = shown.decode()
    except UnicodeDecodeError:
        return shown.hex(" ") + more
    lines = text.replace("\r", "\\r").replace("\n", "\\n")
    return (lines if text and lines.isprintable() else shown.hex(" ")) + more
