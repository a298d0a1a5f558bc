"""The seams of the gateway process, all on one page.

Services speak to these; adapters implement them; `app.py` alone knows both.
"""

from asyncio import Future
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from edge.model import ActionResult, Moment, PlannedAction, Snapshot
from edge.records import Acked, AlarmRecord, Block, Changes
from wire.topics import Down, Up
from wire.vocabulary import Clock as ClockTrust
from wire.vocabulary import Quality


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

    async def act(self, device: str, action: str) -> None:
        """Carry out an action of the device's profile and read it back.

        Raises:
            edge.errors.ReadBackError: the device does not show what was written.
            edge.errors.NoAnswerError, RefusedError, LinkError: as for `read`.
        """


class SnapshotSink(Protocol):
    """Where polled snapshots go: the pipeline."""

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


class ReadingSink(Protocol):
    """Where the readings of a snapshot are kept: the readings store."""

    def append(self, snapshot: Snapshot) -> None:
        """Keep the readings of one snapshot; returns at once and never raises."""


class AlarmStore(Protocol):
    """The durable store of alarms. Futures end after the commit, or with a `StoreError`."""

    def commit(self, changes: Changes) -> "Future[None]":
        """Keep one set of changes, all or nothing."""

    def begin_again(self, changes: Changes) -> "Future[None]":
        """Open the file anew and keep a complete image in it under a new run."""

    def mark_acked(self, acked: Sequence[Acked]) -> "Future[None]":
        """Remember which states the server has committed."""

    def take_back(
        self, committed: Mapping[str, int], *, window: int
    ) -> "Future[tuple[AlarmRecord, ...]]":
        """Mark states that the server has lost as not acked, and return them.

        Args:
            committed: the highest number the server holds, by run.
            window: how many numbers before the highest one are in doubt too.
        """

    def prune(self, *, before_wall_ms: int) -> "Future[int]":
        """Drop acked, cleared alarms and answers older than a moment; return how many."""


class BlockStore(Protocol):
    """The durable ring of blocks of readings."""

    run: str

    def fetch(self, *, after_seq: int, limit: int) -> "Future[tuple[Block, ...]]":
        """Return the oldest blocks after a number."""


class Link(Protocol):
    """One connection to the broker."""

    async def publish(self, channel: Up, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait for the broker's PUBACK, which promises nothing.

        Raises:
            edge.errors.BrokerError: the connection is gone or the broker does not answer.
        """

    def incoming(self) -> AsyncIterator[tuple[Down, bytes]]:
        """Yield what the server says.

        Raises:
            edge.errors.BrokerError: the connection is gone.
        """


class Broker(Protocol):
    """Opens connections to the broker."""

    def connect_alarms(self, *, will: bytes) -> AbstractAsyncContextManager[Link]:
        """Open the alarm connection, subscribed to everything the server says.

        Raises:
            edge.errors.BrokerError: the broker cannot be reached.
        """

    def connect_readings(self) -> AbstractAsyncContextManager[Link]:
        """Open the connection for readings.

        Raises:
            edge.errors.BrokerError: the broker cannot be reached.
        """


class SecondWayOut(Protocol):
    """What is left when the server does not take a life-safety alarm."""

    def call(self, alarm: str) -> None:
        """Make the alarm known on the spot; returns at once and never raises."""
