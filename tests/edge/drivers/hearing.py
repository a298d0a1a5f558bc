"""A listening driver's surroundings: a clock that is moved, a sink that keeps, devices that were heard."""

import time
from dataclasses import dataclass, field

from edge.clock import ManualClock
from edge.drivers.profile import shipped_profiles
from edge.model import Moment, Snapshot
from edge.reception import HeardDevice, HeardPoint, Reception
from wire.vocabulary import Quality


class RunningClock(ManualClock):
    """Stands still until it is moved, and lets loops turn in real time."""

    def pause_s(self, wanted_s: float) -> float:
        return min(wanted_s, 0.02)


class WallClock(RunningClock):
    """Tells the machine's time, so that devices and gateway agree; since boot it stands still until moved."""

    def moment(self) -> Moment:
        return Moment(wall_ms=time.time_ns() // 1_000_000, boot_ms=self.boot_ms)


@dataclass
class Sink:
    """Keeps what the pipeline would get."""

    snapshots: list[Snapshot] = field(default_factory=list)

    def take(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def told(
        self, device: str, point: str, *, live: bool | None = None
    ) -> list[tuple[float | None, Quality]]:
        """Return value and quality of every snapshot that has a value or a doubt about it."""
        found = []
        for snapshot in self.snapshots:
            if snapshot.device != device or live not in (None, snapshot.live):
                continue
            index = [p.name for p in snapshot.points].index(point)
            told = snapshot.values[index], snapshot.quality_at(index)
            if told != (None, Quality.STALE):
                found.append(told)
        return found

    def good(self, device: str, point: str) -> list[float | None]:
        """Return the live good values."""
        return [value for value, quality in self.told(device, point, live=True) if quality is Quality.GOOD]


def heard_device(device: str, model: str, *, period_s: float = 60.0) -> HeardDevice:
    profile = shipped_profiles()[model]
    points = zip(profile.named_points, profile.points, strict=True)
    return HeardDevice(
        id=device,
        points=tuple(HeardPoint(point=named, min=part.min, max=part.max) for named, part in points),
        period_ms=round(period_s * 1000),
    )


def reception_of(bus: str, *devices: HeardDevice, sink: Sink, clock: ManualClock) -> Reception:
    return Reception(bus=bus, devices=devices, sink=sink, clock=clock)
