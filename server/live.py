"""Telling open pages that something changed. Fed by the database's announcements after a commit.

A page is told no content, only to ask again: what it may see is decided when it asks.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from server.db.session import Announcement

BEAT_S: Final = 3.0
"""A stream says that it lives this often; a page that hears nothing for ten seconds says so."""
_MOST_WAITING: Final = 100
STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Proxies must not hold a stream back; the second is nginx's word for it."""


class Hub:
    """Everyone who watches."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._watchers: set[asyncio.Queue[Announcement]] = set()

    def __len__(self) -> int:
        """Return how many watch."""
        return len(self._watchers)

    def hear(self, announced: list[Announcement]) -> None:
        """Pass announcements on; for `Database.listen`. A watcher that lags is told once."""
        for queue in self._watchers:
            for one in announced:
                if queue.qsize() < _MOST_WAITING:
                    queue.put_nowait(one)

    async def stream(self, *, item: str | None = None) -> AsyncIterator[str]:
        """Yield server-sent events: `change` when there is reason to ask again, `beat` otherwise.

        Args:
            item: only changes of this item count; None for all.
        """
        queue: asyncio.Queue[Announcement] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield "retry: 1000\nevent: beat\ndata: \n\n"
            while True:
                try:
                    async with asyncio.timeout(BEAT_S):
                        first = await queue.get()
                except TimeoutError:
                    yield "event: beat\ndata: \n\n"
                    continue
                waiting = [first]
                while not queue.empty():
                    waiting.append(queue.get_nowait())
                if item is None or ("item", item) in waiting:
                    yield "event: change\ndata: \n\n"
        finally:
            self._watchers.discard(queue)
