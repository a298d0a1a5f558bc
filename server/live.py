"""Telling open pages that something changed. Fed by the database's announcements after a commit.

A page is told no content, only to ask again: what it may see is decided when it asks.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from server.db.session import Announcement

BEAT_S: Final = 3.0
"""A stream says that it lives this often; a page that hears nothing for ten seconds says so."""
_MOST_WAITING: Final = 100
STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Proxies must not hold a stream back; the second is nginx's word for it."""


async def _always() -> bool:
    return True


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

    async def stream(
        self,
        *,
        item: str | None = None,
        still: Callable[[], Awaitable[bool]] = _always,
        mine: Callable[[Sequence[Announcement]], Awaitable[bool]] | None = None,
    ) -> AsyncIterator[str]:
        """Yield server-sent events: `change` when there is reason to ask again, `beat` otherwise.

        Args:
            item: only changes of this item count; None for all.
            still: whether the watcher may still watch; asked before every event, and a stream that may
                no longer go on ends with `gone`. A right taken away thus ends it within a beat.
            mine: whether announcements concern the watcher; None when all do.
        """
        queue: asyncio.Queue[Announcement] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield "retry: 1000\nevent: beat\ndata: \n\n"
            beat_at = _now() + BEAT_S
            while True:
                waiting = await _gather(queue, until=beat_at)
                if not await still():
                    yield "event: gone\ndata: \n\n"
                    return
                wanted = bool(waiting) and (item is None or ("item", item) in waiting)
                if wanted and (mine is None or await mine(waiting)):
                    yield "event: change\ndata: \n\n"
                    beat_at = _now() + BEAT_S
                if _now() >= beat_at:
                    yield "event: beat\ndata: \n\n"
                    beat_at = _now() + BEAT_S
        finally:
            self._watchers.discard(queue)


async def _gather(queue: asyncio.Queue[Announcement], *, until: float) -> list[Announcement]:
    """Return everything that was announced, waiting for the first until the loop's time `until`."""
    try:
        async with asyncio.timeout_at(until):
            waiting = [await queue.get()]
    except TimeoutError:
        return []
    while not queue.empty():
        waiting.append(queue.get_nowait())
    return waiting


def _now() -> float:
    return asyncio.get_running_loop().time()
