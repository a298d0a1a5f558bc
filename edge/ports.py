"""The seams of the gateway process, all on one page.

Services speak to these; adapters implement them; `assembly.py` alone knows both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edge.model import ActionResult, Moment, PlannedAction, RawFrame, Snapshot
from wire.statusparts import BusState, UnassignedDevice
from wire.vocabulary import Clock as ClockTrust
from wire.vocabulary import Quality

Veto = Callable[[], str]
"""Why something must not be done any more, asked at the last moment; empty while it may."""


def never() -> str:
    """Have nothing against it."""
    return ""


class Clock(Protocol):
    """Both clocks of the machine."""

    def moment(self) -> Moment:
        """Return now."""

    def trust(self) -> ClockTrust:
        """Tell whether the wall clock is disciplined by a time source."""

    def pause_s(self, wanted_s: float) -> float:
        """Return how many real seconds to sleep when a loop wants to sleep `wanted_s`.

        The same, but for a clock that a test moves: there it is short.
        """


class BusDriver(Protocol):
    """One bus: a connection and the devices behind it. One call at a time."""

    async def connect(self) -> None:
        """Open the connection.

        Raises:
            edge.errors.LinkError: the bus cannot be reached.
        """

    async def close(self) -> None:
        """Close the connection; never raises."""

    async def read(self, device: str) -> tuple[Sequence[float | None], Sequence[Quality] | None]:
        """Read all points of a device: values and qualities in the order of its points.

        Qualities are None when all are good.

        Raises:
            edge.errors.NoAnswerError: the device stays silent.
            edge.errors.RefusedError: the device answers with an exception or nonsense.
            edge.errors.LinkError: the connection is gone.
        """

    async def act(self, device: str, action: str, *, veto: Veto = never) -> None:
        """Carry out an action of the device's profile and read it back.

        Args:
            device: the device's id.
            action: of its profile.
            veto: asked when the write holds the line, however long it waited for that.

        Raises:
            edge.errors.WithdrawnError: there was a veto; nothing was sent.
            edge.errors.ReadBackError: the device does not show what was written.
            edge.errors.NoAnswerError, RefusedError, LinkError: as for `read`.
        """


class FrameSource(Protocol):
    """A bus whose raw frames can be listened to."""

    def tap_frames(self, listener: Callable[[RawFrame], None], *, for_s: float) -> Callable[[], None]:
        """Hand every raw frame to a listener for a limited time; returns what ends it early."""


class BusWorker(Protocol):
    """Whoever keeps one bus going: a poller, or a listener to devices that speak by themselves."""

    @property
    def attempts(self) -> int:
        """Grows with every completed attempt to hear something; a watchdog reads it."""

    def state(self) -> BusState:
        """Return how the bus stands, for the status."""

    def unassigned(self) -> tuple[UnassignedDevice, ...]:
        """Return what is heard on the bus and not configured, for the status."""

    async def run(self) -> None:
        """Work until cancelled; then close what is open."""


class Actor(Protocol):
    """Whoever can tell the devices of a bus to do something."""

    async def act(self, device: str, action: str, *, veto: Veto = never) -> None:
        """Carry out an action of the device's profile and read it back; see `BusDriver.act`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCounter:
    """What is durably known of a device that numbers what it says.

    Attributes:
        heard: a number that was surely heard.
        ceiling: no higher one was believed before this was stored.
        fallen: whether it fell back, and nobody has enrolled the device again since.
    """

    heard: int
    ceiling: int
    fallen: bool = False


class CounterStore(Protocol):
    """Where those counters are kept over a power cut."""

    async def load(self) -> Mapping[str, StoredCounter]:
        """Return what is kept, by device.

        Raises:
            edge.errors.StoreError: the store cannot be read.
        """

    async def save(self, counters: Mapping[str, StoredCounter], forget: Iterable[str] = ()) -> None:
        """Keep counters durably, and forget devices.

        Raises:
            edge.errors.StoreError: nothing was written.
        """


@runtime_checkable
class Enroller(Protocol):
    """A bus whose devices number what they say, and are enrolled with a number."""

    def re_enrol(self, device: str) -> bool:
        """Believe a device's counter anew; returns whether the device is one that numbers what it says."""


class SnapshotSink(Protocol):
    """Where snapshots go: the pipeline."""

    def take(self, snapshot: Snapshot) -> None:
        """Take one snapshot; returns at once and never raises."""


class ActionSink(Protocol):
    """Where results of actions go: the pipeline."""

    def settle(self, result: ActionResult) -> None:
        """Take one result; returns at once and never raises."""


class Actuator(Protocol):
    """Whoever carries out actions: the actuation lane."""

    def start(self, action: PlannedAction) -> None:
        """Start an action, ahead of every poll; returns at once and never raises."""
