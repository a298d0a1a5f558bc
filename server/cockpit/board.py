"""The board: the street's state in memory, one for all viewers, told on as numbered increments.

A page asks for a snapshot once and follows the stream from its number. Every event carries the next
number; a beat repeats the newest. Who finds a number missing, or comes back to a server that has begun
anew (another `epoch`), asks for a snapshot again: nothing is missed, and nothing is computed per viewer.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from itertools import islice
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.clock import Clock
from server.cockpit.figures import PANELS
from server.cockpit.reading import BoardItem, read_board_items
from server.db.session import Announcement, Database
from server.escalation.plan import Policies
from server.pulse import Pulses
from wire.ids import new_uuid7

log = structlog.get_logger(__name__)

BEAT_S: Final = 3.0
_KEPT_EVENTS: Final = 2_000
_LEAST_PAUSE_S: Final = 0.02
"""Between two turns: a burst is a few large events, not thousands. What comes after a quiet moment is told at
once."""
_LOOK_S: Final = 1.0
_ALL_EVERY_S: Final = 60.0
"""How often every item is read anew, whatever was announced: a second look costs little."""
_TOLD_OF: Final = ("item", "notice", "due")


class Board:
    """What every cockpit shows."""

    def __init__(self, *, database: Database, clock: Clock, policies: Policies, pulses: Pulses) -> None:
        """Join the parts; `run` keeps it up to date, `Database.listen(board.hear)` tells it of changes."""
        self._database = database
        self._clock = clock
        self._policies = policies
        self._pulses = pulses
        self.epoch = new_uuid7(unix_ms=round(clock.now().timestamp() * 1000))
        self.seq = 0
        self._items: dict[str, BoardItem] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._panels: dict[str, dict[str, Any]] = {}
        self._events: deque[tuple[int, bytes]] = deque(maxlen=_KEPT_EVENTS)
        self._beat = 0
        self._told = asyncio.Event()
        self._dirty: set[str] = set()
        self._heard = asyncio.Event()
        self._all_at: float | None = None
        self._judged_at = 0.0
        self._panel_at: dict[str, float] = {}
        self._turning = asyncio.Lock()

    def hear(self, announced: list[Announcement]) -> None:
        """Note which items changed; for `Database.listen`."""
        changed = {which for what, which in announced if what in _TOLD_OF}
        if changed:
            self._dirty |= changed
            self._heard.set()

    async def run(self) -> None:
        """Keep the board up to date and its viewers told, until cancelled."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        while True:
            self._pulses.beat("cockpit", boot_s=self._clock.boot_s())
            began_s = loop.time()
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                # What is shown keeps the age it has: the pages see that it does not advance.
                log.warning("cockpit_not_read", error=str(error))
                await asyncio.sleep(_LOOK_S)
                continue  # and no beat: a page that hears none for ten seconds turns grey
            if loop.time() >= beat_at:
                beat_at = loop.time() + BEAT_S
                self._beat += 1
                self._wake()
            ended_s = loop.time()
            # Never more than a third of the time: in a storm, showing must not hold up telling.
            rest_s = max(_LEAST_PAUSE_S, min(2 * (ended_s - began_s), _LOOK_S))
            await self._wait_for_news(rests_until=ended_s + rest_s)

    async def turn(self) -> None:
        """Read what changed and what is due to be computed, and tell what differs."""
        async with self._turning:
            now, boot_s = self._clock.now(), self._clock.boot_s()
            looked_at = await self._read_items(boot_s)
            changed, gone = self._judge_again(looked_at, now, boot_s)
            if changed or gone:
                self._tell("items", {"rows": changed, "gone": gone, "now": now.isoformat()})
            panels = await self._read_panels(now, boot_s)
            if panels:
                self._panels |= panels
                self._tell("panels", {"panels": panels, "now": now.isoformat()})

    async def snapshot(self) -> dict[str, Any]:
        """Return everything that is shown, with the number from which to follow the stream."""
        await self.turn()
        return {
            "epoch": self.epoch,
            "seq": self.seq,
            "now": self._clock.now().isoformat(),
            "up_ms": _up_ms(),
            "items": list(self._rows.values()),
            "panels": self._panels,
        }

    async def follow(self, after: str, still: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """Yield server-sent events after a number.

        Args:
            after: `epoch.seq` of the newest event that the viewer has; anything else means none.
            still: whether the viewer may still watch; asked at the beginning and at every beat.
        """
        position = self._position(after)
        yield b"retry: 1000\n\n"
        if position is None:
            yield b"event: resync\ndata: {}\n\n"
            position = self.seq
        beat = -1
        while True:
            told = self._told  # taken before looking: what comes between is not lost
            missed = self._since(position)
            if missed is None:
                yield b"event: resync\ndata: {}\n\n"
                position = self.seq
            elif missed:
                position = missed[-1][0]
                yield b"".join(text for _, text in missed)
            elif beat != self._beat:
                beat = self._beat
                if not await still():
                    yield b"event: gone\ndata: {}\n\n"
                    return
                yield self._beat_text(position)
            else:
                await told.wait()

    def _position(self, after: str) -> int | None:
        epoch, _, number = after.rpartition(".")
        if epoch != self.epoch or not number.isdecimal() or int(number) > self.seq:
            return None
        return int(number)

    def _since(self, position: int) -> list[tuple[int, bytes]] | None:
        """Return the events after a number; None when some of them are no longer kept."""
        if position == self.seq:
            return []
        count = self.seq - position
        if count > len(self._events):
            return None
        return list(islice(reversed(self._events), count))[::-1]

    def _beat_text(self, position: int) -> bytes:
        now = self._clock.now().isoformat()
        data = {"epoch": self.epoch, "seq": position, "now": now, "up_ms": _up_ms()}
        return f"event: beat\ndata: {json.dumps(data)}\n\n".encode()

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        self.seq += 1
        said = {"seq": self.seq, "up_ms": _up_ms(), **data}
        body = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        text = f"id: {self.epoch}.{self.seq}\nevent: {name}\ndata: {body}\n\n"
        self._events.append((self.seq, text.encode()))  # once, however many read it
        self._wake()

    def _wake(self) -> None:
        self._told.set()
        self._told = asyncio.Event()

    async def _wait_for_news(self, *, rests_until: float) -> None:
        try:
            async with asyncio.timeout(self._clock.pause_s(_LOOK_S)):
                await self._heard.wait()
        except TimeoutError:
            return
        self._heard.clear()
        await asyncio.sleep(max(0.0, rests_until - asyncio.get_running_loop().time()))

    def _judge_again(
        self, read: set[str] | None, now: datetime, boot_s: float
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Make the rows anew of what was read, and once in a while of all: time makes concerns.

        Args:
            read: ids of the items that were read; None for all.
            now: the server's time.
            boot_s: seconds since the machine started.

        Returns:
            The rows that differ, and the ids that are gone.
        """
        if read is None or boot_s - self._judged_at >= _LOOK_S:
            self._judged_at = boot_s
            read = self._rows.keys() | self._items.keys()
        changed: list[dict[str, Any]] = []
        gone: list[str] = []
        for which in read:
            item = self._items.get(which)
            if item is None:
                if self._rows.pop(which, None) is not None:
                    gone.append(which)
                continue
            row = item.row(now)
            if self._rows.get(which) != row:
                self._rows[which] = row
                changed.append(row)
        return changed, gone

    async def _read_items(self, boot_s: float) -> set[str] | None:
        """Read what changed; returns its ids, or None when everything was read."""
        everything = self._all_at is None or boot_s - self._all_at >= _ALL_EVERY_S
        dirty, self._dirty = self._dirty, set()
        if not everything and not dirty:
            return dirty
        try:
            async with self._database.read() as session:
                found = await read_board_items(session, self._policies, None if everything else dirty)
        except BaseException:
            self._dirty |= dirty  # to be read at the next turn
            raise
        if everything:
            self._items, self._all_at = found, boot_s
            return None
        for which in dirty:
            self._items.pop(which, None)
        self._items |= found
        return dirty

    async def _read_panels(self, now: datetime, boot_s: float) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, panel in PANELS.items():
            read_at = self._panel_at.get(name)
            if read_at is not None and (found or boot_s - read_at < panel.every_s):
                continue  # one at a turn: items do not wait for a row of figures
            try:
                async with self._database.read() as session:
                    data = await panel.read(session, now)
            except SQLAlchemyError as error:  # the others go on; this one shows its age
                log.warning("cockpit_panel_not_read", panel=name, error=str(error))
                continue
            self._panel_at[name] = boot_s
            found[name] = {"at": now.isoformat(), "every_s": panel.every_s, **data}
        return found


def _up_ms() -> int:
    """Return a running time by which a viewer sees how late a word comes; no clock that is set."""
    return round(time.monotonic() * 1000)
