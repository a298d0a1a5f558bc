"""What the gateway tells about itself on the spot: to tools, to its page, to whoever measures it.

Plain values that can be written as JSON. Everything is computed when asked, nothing is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from edge.model import Snapshot
from edge.ports import BusWorker, Clock
from wire.messages import AlarmState, StatusMessage


class PointValue(TypedDict):
    """One point as it was heard last."""

    point: str
    unit: str
    value: float | None
    quality: str


class DeviceValues(TypedDict):
    """One device as it was heard last; `at` and `age_ms` are None for one that was never heard."""

    device: str
    label: str
    bus: str
    profile: str
    at: str | None
    age_ms: int | None
    points: list[PointValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDevice:
    """What the site file says of a device."""

    id: str
    label: str
    bus: str
    profile: str


class Answers:
    """Answers the questions `status`, `values`, `alarms`, `buses` and `metrics`."""

    def __init__(
        self,
        *,
        clock: Clock,
        devices: Iterable[KnownDevice],
        status: Callable[[], StatusMessage],
        latest: Mapping[str, Snapshot],
        alarms: Callable[[], Mapping[str, AlarmState]],
        workers: Mapping[str, BusWorker],
        measures: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Know whom to ask.

        Args:
            clock: the machine's clocks.
            devices: in the order of the site file.
            status: the status message as it would be sent now.
            latest: the newest snapshot of each device that was heard.
            alarms: those that are not cleared.
            workers: by the bus they keep going.
            measures: counters of this run, by name with their unit.
        """
        self._clock = clock
        self._devices = tuple(devices)
        self._status = status
        self._latest = latest
        self._alarms = alarms
        self._workers = workers
        self._measures = measures

    @property
    def questions(self) -> Mapping[str, Callable[[], Any]]:
        """What can be asked, by name."""
        return {
            "status": self.status,
            "values": self.values,
            "alarms": self.alarms,
            "buses": self.buses,
            "metrics": self.metrics,
        }

    def status(self) -> StatusMessage:
        """Return the status message as it would be sent now."""
        return self._status()

    def values(self) -> list[DeviceValues]:
        """Return every device of the site file with what was heard of it last."""
        now_ms = self._clock.moment().boot_ms
        return [_values_of(device, self._latest.get(device.id), now_ms) for device in self._devices]

    def alarms(self) -> list[AlarmState]:
        """Return the alarms that are not cleared, the newest first."""
        return sorted(self._alarms().values(), key=lambda alarm: alarm.raised_at, reverse=True)

    def buses(self) -> list[dict[str, Any]]:
        """Return how each bus stands and how many attempts it has completed."""
        found = []
        for name, worker in self._workers.items():
            state = worker.state()
            found.append(
                {
                    "bus": name,
                    "connected": state.connected,
                    "devices": state.devices,
                    "silent": list(state.silent),
                    "attempts": worker.attempts,
                }
            )
        return found

    def metrics(self) -> Mapping[str, Any]:
        """Return the counters of this run."""
        return self._measures()


def _values_of(device: KnownDevice, snapshot: Snapshot | None, now_ms: int) -> DeviceValues:
    points: list[PointValue] = []
    if snapshot is not None:
        points = [
            PointValue(
                point=point.name,
                unit=point.unit,
                value=snapshot.values[index],
                quality=snapshot.quality_at(index).value,
            )
            for index, point in enumerate(snapshot.points)
        ]
    return DeviceValues(
        device=device.id,
        label=device.label,
        bus=device.bus,
        profile=device.profile,
        at=None if snapshot is None else snapshot.at.as_datetime().isoformat(),
        age_ms=None if snapshot is None else max(now_ms - snapshot.at.boot_ms, 0),
        points=points,
    )
