"""A bounded queue between the link and a worker. When it is full it says so; it never drops."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class BoundedQueue(Generic[_T]):
    """First in, first out; taken in batches by one worker."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` entries."""
        self._limit = limit
        self._entries: deque[_T] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """Return how many entries wait."""
        return len(self._entries)

    def offer(self, entry: _T, *, reserve: int = 0) -> bool:
        """Add an entry; false means that the queue is full and the entry was not taken.

        Args:
            entry: what is to wait.
            reserve: how far beyond the limit this entry may still go.
        """
        if len(self._entries) >= self._limit + reserve:
            return False
        self._entries.append(entry)
        self._filled.set()
        return True

    async def take(self, most: int, *, linger_s: float, patience_s: float) -> list[_T]:
        """Wait for an entry and return up to `most`, oldest first.

        What comes alone, after a pause, is taken at once: nobody waits for company that is not there.
        Where batch follows batch, each has a little time to fill up.

        Args:
            most: the size of a batch.
            linger_s: how long after asking a batch is taken at the earliest; a full one sooner.
            patience_s: how long to wait for the first entry; then the batch is empty.
        """
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        try:
            async with asyncio.timeout(patience_s):
                while not self._entries:
                    self._filled.clear()
                    await self._filled.wait()
        except TimeoutError:
            return []
        rest_s = asked_s + linger_s - loop.time()
        if rest_s > 0 and len(self._entries) < most:
            await asyncio.sleep(rest_s)
        return [self._entries.popleft() for _ in range(min(most, len(self._entries)))]
