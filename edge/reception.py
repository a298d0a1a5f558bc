"""What devices say by themselves, as snapshots: the listening drivers' common end.

A message seldom names every point of its device. What it does not name has no value in that snapshot
and quality `stale`: an old value is never passed off as a fresh one.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from edge.model import Moment, Point, Snapshot
from edge.ports import Clock, SnapshotSink
from edge.trouble import LastTrouble
from wire.statusparts import BusState, UnassignedDevice
from wire.vocabulary import Quality

SILENT_PERIODS: Final = 3
"""A device that speaks by itself counts as silent after so many of its periods."""
MOST_STRANGERS: Final = 20
"""So many of a bus are remembered that are not configured."""
_MOST_TEXT: Final = 100
OVERDUE_PERIODS: Final = 1.5
"""After so many of its periods a device's values are no values any more."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardPoint:
    """A point and what its sensor can measure, in its unit; None where there is no limit."""

    point: Point
    min: float | None = None
    max: float | None = None

    def judge(self, value: float) -> Quality:
        """Return how far a value can be believed."""
        inside = (self.min is None or value >= self.min) and (self.max is None or value <= self.max)
        return Quality.GOOD if inside and value == value else Quality.OUT_OF_RANGE  # noqa: PLR0124 - NaN


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardDevice:
    """What a listening driver needs to know of a device.

    Attributes:
        id: within this gateway.
        points: in the order of its snapshots.
        period_ms: how long it is silent at most while all is well.
    """

    id: str
    points: tuple[HeardPoint, ...]
    period_ms: int


class Reception:
    """Turns what was heard on one bus into snapshots."""

    def __init__(
        self,
        *,
        bus: str,
        devices: Sequence[HeardDevice],
        sink: SnapshotSink,
        clock: Clock,
        technique: str = "",
    ) -> None:
        """Know the devices of a bus."""
        self._technique = technique
        self._strangers: OrderedDict[str, UnassignedDevice] = OrderedDict()
        self._bus = bus
        self._sink = sink
        self._clock = clock
        self._devices = {device.id: device for device in devices}
        self._points = {device.id: tuple(p.point for p in device.points) for device in devices}
        now_ms = clock.moment().boot_ms
        self._heard_ms = {device.id: now_ms for device in devices}
        self._lost: set[str] = set()
        self.trouble = LastTrouble(clock)
        """What went wrong last; whoever listens notes it."""
        self.connected = False

    def note_stranger(self, address: str, *, said: str = "") -> None:
        """Note one that speaks and is not configured; the one not heard for longest makes way.

        Args:
            address: as a site file would name it; what is no text is left out.
            said: what it says of itself.
        """
        known = _printable(address)
        self._strangers[known] = UnassignedDevice(
            bus=self._bus,
            technique=self._technique,
            address=known,
            said=_printable(said),
            heard_at=self._clock.moment().as_datetime(),
        )
        self._strangers.move_to_end(known)
        while len(self._strangers) > MOST_STRANGERS:
            self._strangers.popitem(last=False)

    def unassigned(self) -> tuple[UnassignedDevice, ...]:
        """Return who was heard and is not configured, the newest last."""
        return tuple(self._strangers.values())

    def hear(
        self,
        device: str,
        values: Mapping[str, float | None],
        *,
        qualities: Mapping[str, Quality] | None = None,
        may_clear: bool = True,
        at_wall_ms: int | None = None,
    ) -> None:
        """Take what a device said.

        Args:
            device: its id.
            values: by the point's name; names that are no points of it are passed over.
            qualities: where the device itself doubts a value.
            may_clear: see `Snapshot`.
            at_wall_ms: when it was measured, for what comes late; None for now.
        """
        known = self._devices[device]
        doubts = qualities or {}
        found: list[float | None] = []
        judged: list[Quality] = []
        for heard in known.points:
            name = heard.point.name
            value = values.get(name)
            found.append(value)
            if name in doubts:
                judged.append(doubts[name])
            elif value is None:
                judged.append(Quality.STALE)
            else:
                judged.append(heard.judge(value))
        moment = self._clock.moment()
        if at_wall_ms is None:
            self._note_heard(device, moment)
        else:
            moment = Moment(wall_ms=at_wall_ms, boot_ms=moment.boot_ms)
        self._sink.take(
            Snapshot(
                device=device,
                points=self._points[device],
                values=tuple(found),
                qualities=None if all(q is Quality.GOOD for q in judged) else tuple(judged),
                at=moment,
                may_clear=may_clear,
                live=at_wall_ms is None,
            )
        )

    def lose(self, device: str) -> None:
        """Say that a device cannot be heard any more; its contact rule decides what follows."""
        count = len(self._points[device])
        self._lost.add(device)
        self._sink.take(
            Snapshot(
                device=device,
                points=self._points[device],
                values=(None,) * count,
                qualities=(Quality.COMM_FAULT,) * count,
                at=self._clock.moment(),
            )
        )

    def lose_overdue(self) -> None:
        """Say of every device that has been silent too long that it cannot be heard; once each."""
        now_ms = self._clock.moment().boot_ms
        for device in self._devices.values():
            quiet_ms = now_ms - self._heard_ms[device.id]
            if device.id not in self._lost and quiet_ms > OVERDUE_PERIODS * device.period_ms:
                log.warning("device_silent", bus=self._bus, device=device.id, quiet_s=quiet_ms // 1000)
                self.trouble.note(f"silent for {quiet_ms // 1000} s", device=device.id)
                self.lose(device.id)

    def is_lost(self, device: str) -> bool:
        """Return whether a device counts as not to be heard."""
        return device in self._lost

    def keep(self, device: str) -> None:
        """Note that a device is there although it measured nothing: old values stay old, contact is kept."""
        quiet_ms = self._clock.moment().boot_ms - self._heard_ms[device]
        if device in self._lost or quiet_ms >= self._devices[device].period_ms / 2:
            self.hear(device, {})

    def lose_all(self) -> None:
        """Say that none of the bus's devices can be heard."""
        self.connected = False
        for device in self._devices:
            self.lose(device)

    def state(self) -> BusState:
        """Return how the bus stands, for the status."""
        now_ms = self._clock.moment().boot_ms
        return BusState(
            bus=self._bus,
            connected=self.connected,
            devices=len(self._devices),
            silent=tuple(
                device.id
                for device in self._devices.values()
                if device.id in self._lost
                or now_ms - self._heard_ms[device.id] > SILENT_PERIODS * device.period_ms
            ),
            last_error=self.trouble.text,
            last_error_at=self.trouble.at,
        )

    def _note_heard(self, device: str, moment: Moment) -> None:
        self._heard_ms[device] = moment.boot_ms
        if device in self._lost:
            self._lost.discard(device)
            log.info("device_heard_again", bus=self._bus, device=device)


def _printable(text: str) -> str:
    return "".join(sign for sign in text[:_MOST_TEXT] if sign.isprintable())
