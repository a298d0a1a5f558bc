"""The network's own time: a clock that can be pushed ahead, and what falls due by it."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

Action = Callable[[], Awaitable[None]]

_LONGEST_WAIT_S: Final = 3600.0

log = structlog.get_logger(__name__)


def machine_time() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Agenda:
    """What will happen, by a clock that runs with the machine's and can be pushed ahead.

    Quotas, receipts, ringing telephones and late persons go by it, so that an evening fits into a test.
    """

    base: Callable[[], datetime] = machine_time
    ahead_s: float = 0.0
    _due: list[tuple[datetime, int, str, Action]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _running: set["asyncio.Task[None]"] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        """Return the network's time."""
        return self.base() + timedelta(seconds=self.ahead_s)

    def after(self, seconds: float, name: str, action: Action) -> None:
        """Let something happen later.

        Args:
            seconds: from now, by the network's clock.
            name: of the task that will do it.
            action: what is done.
        """
        at = self.now() + timedelta(seconds=seconds)
        heapq.heappush(self._due, (at, next(self._numbers), name, action))
        self._news.set()

    async def advance(self, seconds: float) -> None:
        """Push the clock ahead, stopping at whatever falls due on the way, in its order."""
        target = self.now() + timedelta(seconds=seconds)
        while self._due and self._due[0][0] <= target:
            self.ahead_s += max((self._due[0][0] - self.now()).total_seconds(), 0.0)
            await self.settle()
        self.ahead_s += max((target - self.now()).total_seconds(), 0.0)
        self._news.set()

    async def settle(self) -> None:
        """Do what is due and wait until it is done."""
        self._start_due()
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
            self._start_due()

    async def run(self) -> None:
        """Do what falls due, until cancelled."""
        try:
            while True:
                self._start_due()
                self._news.clear()
                wait_s = (self._due[0][0] - self.now()).total_seconds() if self._due else _LONGEST_WAIT_S
                try:
                    async with asyncio.timeout(max(wait_s, 0.0)):
                        await self._news.wait()
                except TimeoutError:
                    pass
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def _start_due(self) -> None:
        while self._due and self._due[0][0] <= self.now():
            _, _, name, action = heapq.heappop(self._due)
            task = asyncio.create_task(_perform(name, action), name=name)
            self._running.add(task)
            task.add_done_callback(self._running.discard)


async def _perform(name: str, action: Action) -> None:
    try:
        await action()
    except Exception:
        log.exception("network_task_failed", task=name)
