"""How a bus is kept going on which devices call: open, keep house, open again when it broke."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Final

import structlog

from edge.errors import LinkError
from edge.frametap import FrameTap
from edge.ports import Clock
from edge.reception import Reception
from wire.statusparts import BusState, UnassignedDevice

HOUSEKEEPING_S: Final = 1.0
LONGEST_REOPEN_S: Final = 10.0
_MOST_STRANGERS: Final = 100

log = structlog.get_logger(__name__)


class ListeningBus(ABC):
    """A bus whose devices speak by themselves."""

    def __init__(self, *, bus: str, reception: Reception, clock: Clock) -> None:
        """Join the parts; nothing is opened yet."""
        self._bus = bus
        self._reception = reception
        self._clock = clock
        self._strangers: OrderedDict[str, None] = OrderedDict()
        self.tap = FrameTap()
        """Where raw frames can be listened to."""
        self.attempts = 0
        """Grows with every completed attempt; a watchdog reads it."""

    def state(self) -> BusState:
        """Return how the bus stands, for the status."""
        return self._reception.state()

    def unassigned(self) -> tuple[UnassignedDevice, ...]:
        """Return who speaks here and is not configured."""
        return self._reception.unassigned()

    async def run(self) -> None:
        """Listen until cancelled; then end every connection."""
        failures = 0
        try:
            while True:
                try:
                    await self._open()
                except LinkError as error:
                    if failures == 0:
                        log.warning("bus_unreachable", bus=self._bus, error=str(error))
                        self._reception.lose_all()
                    self._reception.trouble.note(error)
                    failures += 1
                    await self._wait_unopened(failures)
                    continue
                failures = 0
                self._reception.connected = True
                await self._keep_house_until_lost()
                await self._close()
        finally:
            await self._close()

    async def _keep_house_until_lost(self) -> None:
        try:
            while True:
                self._keep_house()
                self._reception.lose_overdue()
                self.attempts += 1
                await asyncio.sleep(self._clock.pause_s(HOUSEKEEPING_S) or 0)
        except LinkError as error:
            log.warning("bus_lost", bus=self._bus, error=str(error))
            self._reception.trouble.note(error)
            self._reception.lose_all()

    async def _wait_unopened(self, failures: int) -> None:
        pause_s = min(0.2 * 2 ** min(failures, 10), LONGEST_REOPEN_S) * random.uniform(0.7, 1)  # noqa: S311 - jitter
        self.attempts += 1
        await asyncio.sleep(self._clock.pause_s(pause_s))

    def is_new_stranger(self, name: str) -> bool:
        """Tell whether an unknown device is met for the first time; it is remembered, within bounds."""
        if name in self._strangers:
            return False
        self._strangers[name] = None
        if len(self._strangers) > _MOST_STRANGERS:
            self._strangers.popitem(last=False)
        return True

    @abstractmethod
    async def _open(self) -> None:
        """Begin to listen.

        Raises:
            LinkError: that is not possible now.
        """

    @abstractmethod
    async def _close(self) -> None:
        """Stop listening; never raises."""

    @abstractmethod
    def _keep_house(self) -> None:
        """Do what time asks for; returns at once.

        Raises:
            LinkError: the bus is gone.
        """
