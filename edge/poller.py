"""One loop for each bus: due devices → driver → pipeline.

Each device keeps its own period and phase; a late poll is skipped, not queued. A device that does
not answer is asked again with growing pauses, one question at a time, between questions to living
ones, and for all of them together at most a small share of the bus's time; once it answers it is
read as before. What cannot be read is a snapshot of quality `comm_fault`, never silence.
"""

import asyncio
import heapq
import random
from collections.abc import Mapping
from typing import Final

import structlog

from edge.errors import DriverError, LinkError, NoAnswerError
from edge.model import Point, Snapshot
from edge.ports import BusDriver, Clock, SnapshotSink
from edge.schedule import PolledDevice, Schedule
from edge.trouble import LastTrouble
from wire.statusparts import BusState, UnassignedDevice
from wire.vocabulary import Quality

__all__ = ["BusPoller", "PolledDevice", "build_devices"]

LONGEST_RECONNECT_S: Final = 10.0
RENEW_AFTER_MS: Final = (10_000, 60_000)
"""Nobody on the bus answers: the connection is opened anew after this long, the first time and later."""
PHASE_STEP_MS: Final = 100
"""Devices whose phases fall into one step are asked one right after the other."""
PROBE_SHARE: Final = 0.08
"""Of the bus's time, at most, for asking silent devices while others live."""
_FAULT_EVERY_MS: Final = 1_000
_IDLE_S: Final = 0.2

log = structlog.get_logger(__name__)


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
        """Spread the devices' phases, so that they do not all fall due at once.

        Phases lie whole steps apart: devices of one step are asked one right after the other, and the
        processor sleeps in between. Waking costs a gateway more than asking.
        """
        self._bus = bus
        self._driver = driver
        self._sink = sink
        self._clock = clock
        now_ms = clock.moment().boot_ms
        self._schedules = [
            Schedule(device=device, due_ms=now_ms + _phase_ms(device, index, len(devices)))
            for index, device in enumerate(devices)
        ]
        self._living = self._schedules.copy()
        """A heap by due time; silent devices are not in it."""
        heapq.heapify(self._living)
        self._silent: list[Schedule] = []
        self._probed_last = False
        self._probe_free_ms = 0
        self._heard_ms = now_ms
        self._renewals = 0
        self._trouble = LastTrouble(clock)
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
            last_error=self._trouble.text,
            last_error_at=self._trouble.at,
        )

    def unassigned(self) -> tuple[UnassignedDevice, ...]:
        """Return nothing: whoever is not asked does not speak."""
        return ()

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
                    self._trouble.note(error)
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
        if self._silent:
            self._report_silent(now_ms)
            await self._renew_if_dead(now_ms)
        chosen = self._choose(now_ms)
        if chosen is None:
            self._probed_last = False
            self.attempts += 1  # nothing was due: that, too, is a turn that came to its end
            return self._idle_s(now_ms)
        await self._poll(chosen, now_ms)
        self.attempts += 1
        return 0.0

    async def _poll_until_lost(self) -> None:
        try:
            while True:
                idle_s = await self.poll_next()
                await asyncio.sleep(self._clock.pause_s(idle_s) if idle_s else 0)
        except LinkError as error:
            log.warning("bus_lost", bus=self._bus, error=str(error))
            self._trouble.note(error)
            self._report_all_lost()

    async def _wait_unconnected(self, failures: int) -> None:
        """Pause before the next attempt, saying meanwhile that nothing can be read."""
        pause_s = min(0.2 * 2 ** min(failures, 10), LONGEST_RECONNECT_S)
        until_ms = self._clock.moment().boot_ms + pause_s * 1000 * random.uniform(0.7, 1)  # noqa: S311 - jitter
        self.attempts += 1
        while self._clock.moment().boot_ms < until_ms:
            self._report_all_lost()
            await asyncio.sleep(self._clock.pause_s(_IDLE_S))

    def _choose(self, now_ms: int) -> Schedule | None:
        """Take what is asked next out of its list: living ones by due time, a silent one in between."""
        due = self._living[0] if self._living and self._living[0].due_ms <= now_ms else None
        if self._silent and not (self._living and (now_ms < self._probe_free_ms or self._probed_last)):
            probe = min(self._silent, key=lambda schedule: schedule.probe_ms)
            if probe.probe_ms <= now_ms:
                self._silent.remove(probe)
                self._probed_last = True
                return probe
        self._probed_last = False
        return heapq.heappop(self._living) if due is not None else None

    async def _poll(self, chosen: Schedule, began_ms: int) -> None:
        device = chosen.device
        limit_s = chosen.limit_s() if self._living else None
        try:
            if limit_s is None:
                values, qualities = await self._driver.read(device.id)
            else:
                async with asyncio.timeout(limit_s):
                    values, qualities = await self._driver.read(device.id)
        except LinkError:
            self._put_back(chosen)
            raise
        except (DriverError, TimeoutError) as error:
            self._note_silence(chosen, error, began_ms)
            return
        except BaseException:
            self._put_back(chosen)
            raise
        moment = self._clock.moment()
        if chosen.silent:
            log.info("device_answers_again", bus=self._bus, device=device.id)
        chosen.note_answer(moment.boot_ms, (moment.boot_ms - began_ms) / 1000)
        self._heard_ms = moment.boot_ms
        self._renewals = 0
        heapq.heappush(self._living, chosen)
        self._sink.take(
            Snapshot(
                device=device.id,
                points=device.points,
                values=tuple(values),
                qualities=None if qualities is None else tuple(qualities),
                at=moment,
            )
        )

    def _put_back(self, chosen: Schedule) -> None:
        if chosen.silent:
            self._silent.append(chosen)
        else:
            heapq.heappush(self._living, chosen)

    def _note_silence(self, chosen: Schedule, error: Exception, began_ms: int) -> None:
        if not chosen.silent:
            kind = "device_silent" if isinstance(error, NoAnswerError | TimeoutError) else "device_refuses"
            log.warning(kind, bus=self._bus, device=chosen.device.id, error=str(error))
            self._trouble.note(str(error) or "no answer in time", device=chosen.device.id)
        now_ms = self._clock.moment().boot_ms
        if chosen.silent or chosen.failures:
            # What was lost with it is won back before the next one: the living keep their periods.
            self._probe_free_ms = now_ms + round((now_ms - began_ms) * (1 / PROBE_SHARE - 1))
        chosen.note_silence(now_ms)
        self._silent.append(chosen)
        self._report_fault(chosen, now_ms)

    async def _renew_if_dead(self, now_ms: int) -> None:
        """Open the connection anew when nobody has answered for long: a dead one looks like dead devices.

        Raises:
            LinkError: it cannot be opened.
        """
        after_ms = RENEW_AFTER_MS[min(self._renewals, len(RENEW_AFTER_MS) - 1)]
        if self._living or now_ms - self._heard_ms < after_ms:
            return
        log.warning("bus_renewed", bus=self._bus, silent=len(self._silent))
        self._renewals += 1
        self._heard_ms = now_ms
        await self._driver.close()
        await self._driver.connect()

    def _report_silent(self, now_ms: int) -> None:
        for schedule in self._silent:
            if schedule.due_ms <= now_ms:
                self._report_fault(schedule, now_ms)

    def _report_all_lost(self) -> None:
        now_ms = self._clock.moment().boot_ms
        for schedule in self._schedules:
            if schedule.due_ms <= now_ms:
                self._report_fault(schedule, now_ms)
        heapq.heapify(self._living)

    def _report_fault(self, schedule: Schedule, now_ms: int) -> None:
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
        free_ms = self._probe_free_ms if self._living else 0
        times = [max(s.probe_ms, free_ms) for s in self._silent] + [s.due_ms for s in self._silent]
        if self._living:
            times.append(self._living[0].due_ms)
        return min(max((min(times) - now_ms) / 1000, 0.001), _IDLE_S)


def _phase_ms(device: PolledDevice, index: int, count: int) -> int:
    spread_ms = device.period_ms * index // count
    return spread_ms - spread_ms % PHASE_STEP_MS


def build_devices(
    devices: Mapping[str, tuple[tuple[Point, ...], float]], *, safety: frozenset[str]
) -> tuple[PolledDevice, ...]:
    """Return what the poller needs for devices given as points and period in seconds."""
    return tuple(
        PolledDevice(id=name, points=points, period_ms=max(round(period_s * 1000), 1), safety=name in safety)
        for name, (points, period_s) in devices.items()
    )
