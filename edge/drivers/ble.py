"""One Bluetooth adapter as a bus: detectors that advertise and devices that are connected to."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from edge.drivers.blehearing import AdvertisingDevice, Hearing
from edge.drivers.blescan import ScanKeeper
from edge.drivers.bluezwatch import BluezWatch
from edge.drivers.gatt import GattDevice, GattLink, GattSessions, NotSeenError
from edge.drivers.radio import Radio, Sighting
from edge.errors import StoreError
from edge.frametap import FrameTap
from edge.ports import Clock, CounterStore, Veto, never
from edge.reception import Reception
from wire.statusparts import BusState, UnassignedDevice

_KEEP_HOUSE_S: Final = 0.3

log = structlog.get_logger(__name__)


class BleBus:
    """Keeps one adapter going; see `edge.ports.BusWorker` and `edge.ports.Actor`."""

    def __init__(
        self,
        *,
        bus: str,
        adapter: str,
        passive: bool,
        advertising: Sequence[AdvertisingDevice],
        connected: Sequence[GattDevice],
        counters: CounterStore,
        reception: Reception,
        clock: Clock,
    ) -> None:
        """Join the parts; nothing is opened yet.

        Args:
            bus: its id.
            adapter: e.g. `hci0`.
            passive: whether to listen without asking.
            advertising: those that are heard.
            connected: those that are connected to.
            counters: where counters are kept.
            reception: turns what is heard of all of them into snapshots.
            clock: the machine's clocks.
        """
        self._bus = bus
        self._clock = clock
        self._counters = counters
        self._reception = reception
        self._hearing = Hearing(
            bus=bus,
            devices=advertising,
            others=[device.address for device in connected],
            reception=reception,
            clock=clock,
        )
        self._radio = Radio(adapter, self._take)
        self.tap = FrameTap()
        """Where raw frames can be listened to."""
        self._links = GattSessions(
            bus=bus,
            devices=connected,
            connect=self._connect,
            reception=reception,
            clock=clock,
            tap=self.tap,
        )
        self._wanted = {device.address for device in connected}
        self._seen: dict[str, Sighting] = {}
        self._scan = ScanKeeper(
            bus=bus,
            radio=self._radio,
            watch=BluezWatch(adapter),
            passive=passive,
            clock=clock,
            on_start=self._forget_seen,
            on_down=reception.lose_all,
            is_busy=lambda: self._links.is_busy,
            trouble=reception.trouble.note,
        )
        self._store_fails = False

    @property
    def attempts(self) -> int:
        """Grows with every look at the scan; a watchdog reads it."""
        return self._scan.attempts

    def state(self) -> BusState:
        """Return how the bus stands, for the status."""
        self._reception.connected = self._scan.is_sound
        return self._reception.state()

    def unassigned(self) -> tuple[UnassignedDevice, ...]:
        """Return who advertises in a format that is known and is not configured."""
        return self._reception.unassigned()

    async def run(self) -> None:
        """Listen and read until cancelled; then stop the scan, end every link, keep the counters."""
        with contextlib.suppress(StoreError):
            self._hearing.resume(await self._counters.load())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._scan.run(), name=f"scan-{self._bus}")
                group.create_task(self._links.run(), name=f"links-{self._bus}")
                group.create_task(self._keep_house(), name=f"house-{self._bus}")
        finally:
            with contextlib.suppress(StoreError):
                await self._counters.save(self._hearing.rest(), frozenset(self._hearing.forgotten))

    async def act(self, device: str, action: str, *, veto: Veto = never) -> None:
        """Carry out an action and read it back; see `edge.ports.BusDriver.act`."""
        await self._links.act(device, action, veto=veto)

    def re_enrol(self, device: str) -> bool:
        """Believe a device's counter anew; returns whether the device advertises on this bus."""
        return self._hearing.re_enrol(device)

    def _take(self, sighting: Sighting) -> None:
        self._scan.heard = True
        if self.tap.is_open and sighting.on_air:
            for data, text, devices in self._hearing.describe(sighting):
                self.tap.note(data, sent=False, text=text, devices=devices)
        if sighting.address in self._wanted and sighting.on_air:
            self._seen[sighting.address] = sighting
        self._hearing.take(sighting)

    async def _forget_seen(self) -> None:
        """What was seen before this scan may be the memory of a daemon that is gone."""
        self._seen.clear()
        await self._links.drop_all()

    async def _connect(self, address: str, on_gone: Callable[[], None]) -> GattLink:
        sighting = self._seen.get(address)
        if sighting is None:
            raise NotSeenError(f"{address} was not seen since the scan began")
        return await self._radio.connect(sighting.handle, on_gone)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(self._clock.pause_s(_KEEP_HOUSE_S))
            self._reception.lose_overdue()
            await self._save_counters()

    async def _save_counters(self) -> None:
        unsaved, forgotten = dict(self._hearing.unsaved), frozenset(self._hearing.forgotten)
        if not unsaved and not forgotten:
            return
        try:
            await self._counters.save(unsaved, forgotten)
        except StoreError as error:
            if not self._store_fails:
                log.error("counters_not_stored", bus=self._bus, error=str(error))
            self._store_fails = True
            return
        self._store_fails = False
        self._hearing.forgotten -= forgotten
        self._hearing.confirm(unsaved)
