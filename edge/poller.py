"""One loop for each bus: due devices → driver → pipeline.

Each device keeps its own period and phase; a late poll is skipped, not queued. A device that does
not answer is asked again with growing pauses, one question at a time, never two dead ones in a row
while living ones wait. What cannot be read is a snapshot of quality `comm_fault`, never silence.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from edge.errors import DriverError, LinkError, NoAnswerError
from edge.model import Point, Snapshot
from edge.ports import BusDriver, Clock, SnapshotSink
from wire.messages import BusState
from wire.vocabulary import Quality

FIRST_PROBE_MS: Final = 1_000
LONGEST_PROBE_MS: Final = 30_000
LONGEST_PROBE_SAFETY_MS: Final = 5_000
LONGEST_RECONNECT_S: Final = 10.0
_FAULT_EVERY_MS: Final = 1_000
_SHORT_PROBE_S: Final = 0.3
_FULL_PROBE_EVERY: Final = 4
_IDLE_S: Final = 0.2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledDevice:
    """What the poller needs to know of a device.

    Attributes:
        id: within this gateway.
        points: in the order of the driver's values.
        period_ms: how often it is read.
        safety: whether a life-safety rule watches it; then it is asked more often while silent.
    """

    id: str
    points: tuple[Point, ...]
    period_ms: int
    safety: bool = False


@dataclass(slots=True)
class _Schedule:
    device: PolledDevice
    due_ms: int
    failures: int = 0
    probe_ms: int = 0
    """When a silent device is asked again."""

    @property
    def silent(self) -> bool:
        return self.failures > 0

    def skip_to_next(self, now_ms: int) -> None:
        """Move on by whole periods, keeping the phase."""
        period = self.device.period_ms
        missed = max((now_ms - self.due_ms) // period, 0)
        self.due_ms += (missed + 1) * period

    def put_off(self, now_ms: int) -> None:
        """Count a failure and pause longer than last time."""
        self.failures += 1
        longest = LONGEST_PROBE_SAFETY_MS if self.device.safety else LONGEST_PROBE_MS
        self.probe_ms = now_ms + min(FIRST_PROBE_MS * 2 ** min(self.failures - 1, 10), longest)


class BusPoller:
    """Polls the devices of one bus."""

    def __init__(
        self,
        *,
        bus: str,
        driver: BusDriver,
        devices: tuple[PolledDevice, ...],
        sink: SnapshotSink,
        clock: Clock,
    ) -> None:
        """Spread the devices' phases evenly, so that they do not all fall due at once."""
        self._bus = bus
        self._driver = driver
        self._sink = sink
        self._clock = clock
        now_ms = clock.moment().boot_ms
        self._schedules = [
            _Schedule(device=device, due_ms=now_ms + device.period_ms * index // len(devices))
            for index, device in enumerate(devices)
        ]
        self._probed_last = False
        self.connected = False
        self.attempts = 0
        """Grows with every completed attempt; a watchdog reads it."""

    def state(self) -> BusState:
        """Return how the bus stands, for the status."""
        return BusState(
            bus=self._bus,
            connected=self.connected,
            devices=len(self._schedules),
            silent=tuple(s.device.id for s in self._schedules if s.silent),
        )

    async def run(self) -> None:
        """Poll until cancelled; then close the connection."""
        failures = 0
        try:
            while True:
                try:
                    await self._driver.connect()
                except LinkError as error:
                    if self.connected or failures == 0:
                        log.warning("bus_unreachable", bus=self._bus, error=str(error))
                    failures += 1
                    await self._wait_unconnected(failures)
                    continue
                failures = 0
                self.connected = True
                log.info("bus_connected", bus=self._bus, devices=len(self._schedules))
                await self._poll_until_lost()
                self.connected = False
                await self._driver.close()
        finally:
            await self._driver.close()

    async def poll_next(self) -> float:
        """Do the next thing that is due and return how many seconds nothing is due after it.

        Raises:
            LinkError: the connection is gone.
        """
        now_ms = self._clock.moment().boot_ms
        chosen = self._choose(now_ms)
        if chosen is None:
            self._report_silent(now_ms)
            return self._idle_s(now_ms)
        self._probed_last = chosen.silent
        await self._poll(chosen)
        self.attempts += 1
        self._report_silent(self._clock.moment().boot_ms)
        return 0.0

    async def _poll_until_lost(self) -> None:
        try:
            while True:
                idle_s = await self.poll_next()
                await asyncio.sleep(self._clock.pause_s(idle_s) if idle_s else 0)
        except LinkError as error:
            log.warning("bus_lost", bus=self._bus, error=str(error))
            self._report_all_lost()

    async def _wait_unconnected(self, failures: int) -> None:
        """Pause before the next attempt, saying meanwhile that nothing can be read."""
        pause_s = min(0.2 * 2 ** min(failures, 10), LONGEST_RECONNECT_S)
        until_ms = self._clock.moment().boot_ms + pause_s * 1000 * random.uniform(0.7, 1)  # noqa: S311 - jitter
        self.attempts += 1
        while self._clock.moment().boot_ms < until_ms:
            self._report_all_lost()
            await asyncio.sleep(self._clock.pause_s(_IDLE_S))

    def _choose(self, now_ms: int) -> _Schedule | None:
        living = min(
            (s for s in self._schedules if not s.silent and s.due_ms <= now_ms),
            key=lambda s: s.due_ms,
            default=None,
        )
        dead = min(
            (s for s in self._schedules if s.silent and s.probe_ms <= now_ms),
            key=lambda s: s.probe_ms,
            default=None,
        )
        if dead is None or (living is not None and self._probed_last):
            return living
        some_live = any(not s.silent for s in self._schedules)
        if self._probed_last and some_live:
            return None
        return dead if living is None or not self._probed_last else living

    async def _poll(self, chosen: _Schedule) -> None:
        device = chosen.device
        try:
            async with asyncio.timeout(self._probe_limit_s(chosen)):
                values, qualities = await self._driver.read(device.id)
        except LinkError:
            raise
        except (DriverError, TimeoutError) as error:
            self._note_silence(chosen, error)
            return
        moment = self._clock.moment()
        if chosen.silent:
            log.info("device_answers_again", bus=self._bus, device=device.id)
            chosen.failures = 0
            chosen.due_ms = moment.boot_ms
        chosen.skip_to_next(moment.boot_ms)
        self._sink.take(
            Snapshot(
                device=device.id,
                points=device.points,
                values=tuple(values),
                qualities=None if qualities is None else tuple(qualities),
                at=moment,
            )
        )

    def _probe_limit_s(self, chosen: _Schedule) -> float | None:
        """Give a silent device little time, so that the living do not wait; now and then all of it."""
        living = any(not s.silent for s in self._schedules)
        if not chosen.silent or not living or chosen.failures % _FULL_PROBE_EVERY == 0:
            return None
        return _SHORT_PROBE_S

    def _note_silence(self, chosen: _Schedule, error: Exception) -> None:
        if not chosen.silent:
            kind = "device_silent" if isinstance(error, NoAnswerError) else "device_refuses"
            log.warning(kind, bus=self._bus, device=chosen.device.id, error=str(error))
        now_ms = self._clock.moment().boot_ms
        chosen.put_off(now_ms)
        self._report_fault(chosen, now_ms)

    def _report_silent(self, now_ms: int) -> None:
        for schedule in self._schedules:
            if schedule.silent and schedule.due_ms <= now_ms:
                self._report_fault(schedule, now_ms)

    def _report_all_lost(self) -> None:
        now_ms = self._clock.moment().boot_ms
        for schedule in self._schedules:
            if schedule.due_ms <= now_ms:
                self._report_fault(schedule, now_ms)

    def _report_fault(self, schedule: _Schedule, now_ms: int) -> None:
        """Hand on a snapshot without values; at most one a second for each device."""
        count = len(schedule.device.points)
        schedule.due_ms = now_ms + max(schedule.device.period_ms, _FAULT_EVERY_MS)
        self._sink.take(
            Snapshot(
                device=schedule.device.id,
                points=schedule.device.points,
                values=(None,) * count,
                qualities=(Quality.COMM_FAULT,) * count,
                at=self._clock.moment(),
            )
        )

    def _idle_s(self, now_ms: int) -> float:
        self._probed_last = False
        times = [s.probe_ms if s.silent else s.due_ms for s in self._schedules]
        times += [s.due_ms for s in self._schedules if s.silent]
        return min(max((min(times) - now_ms) / 1000, 0.001), _IDLE_S)


def build_devices(
    devices: Mapping[str, tuple[tuple[Point, ...], float]], *, safety: frozenset[str]
) -> tuple[PolledDevice, ...]:
    """Return what the poller needs for devices given as points and period in seconds."""
    return tuple(
        PolledDevice(id=name, points=points, period_ms=max(round(period_s * 1000), 1), safety=name in safety)
        for name, (points, period_s) in devices.items()
    )
