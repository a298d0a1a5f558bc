"""Tells the server which configuration is in force, if it does not know it, and never while an alarm waits.

The server says on every connection which configuration it has of this gateway. Where that is another one,
the whole of it goes in small parts, one after the other, beside the alarms' connection; and again, ever more
seldom, until the server says that it keeps the whole. Nothing is held in memory in between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import msgspec
import structlog
from msgspec import UnsetType

from edge.ports import Clock
from edge.site.inforce import ConfigurationContent
from wire.configuration import (
    MAX_CONFIGURATION_PARTS,
    BusInForce,
    ConfigurationReport,
    DeviceInForce,
    ProfileInForce,
    RuleInForce,
)

PART_BYTES: Final = 16_000
"""Of one part, about: on a line of 16 kbit/s it passes in 8 s."""
_MOST_PART_BYTES: Final = 200_000
_FULL_PARTS: Final = MAX_CONFIGURATION_PARTS // 2
"""Packed in order, parts are at least half full."""
FIRST_REPEAT_MS: Final = 60_000
MOST_TRIES: Final = 7
"""In one session: the last is an hour after the first. A server that never keeps it is not asked for ever."""
_ALARM_PAUSE_S: Final = 1.0
_LINK_PAUSE_S: Final = 5.0

Entry = BusInForce | ProfileInForce | DeviceInForce | RuleInForce

log = structlog.get_logger(__name__)


class TooLargeError(ValueError):
    """A configuration does not fit into the parts that the contract allows."""


def cut_into_parts(content: ConfigurationContent) -> tuple[ConfigurationReport, ...]:
    """Cut a configuration into reports; put together in their order they are the whole of it.

    Raises:
        TooLargeError: it does not fit.
    """
    sized = [(entry, len(msgspec.json.encode(entry)) + 1) for entry in _entries(content)]
    most = max(PART_BYTES, sum(size for _, size in sized) // _FULL_PARTS)
    piles: list[list[Entry]] = [[]]
    filled = 0
    for entry, size in sized:
        if piles[-1] and filled + size > most:
            piles.append([])
            filled = 0
        piles[-1].append(entry)
        filled += size
    if len(piles) > MAX_CONFIGURATION_PARTS or any(size > _MOST_PART_BYTES for _, size in sized):
        raise TooLargeError(f"{len(sized)} entries in {len(piles)} parts of {most} bytes")
    content_hash = content.hash
    return tuple(
        ConfigurationReport(
            content_hash=content_hash,
            file_hash=content.file_hash,
            version=content.version,
            software=content.software,
            part=number,
            parts=len(piles),
            buses=tuple(one for one in pile if isinstance(one, BusInForce)),
            profiles=tuple(one for one in pile if isinstance(one, ProfileInForce)),
            devices=tuple(one for one in pile if isinstance(one, DeviceInForce)),
            rules=tuple(one for one in pile if isinstance(one, RuleInForce)),
        )
        for number, pile in enumerate(piles, start=1)
    )


def _entries(content: ConfigurationContent) -> Iterator[Entry]:
    yield from content.buses
    yield from content.profiles
    yield from content.devices
    yield from content.rules


class ConfigurationTeller:
    """Tells one configuration to whatever server does not have it."""

    def __init__(
        self,
        *,
        content: Callable[[], ConfigurationContent],
        send: Callable[[ConfigurationReport], Awaitable[bool]],
        alarms_wait: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Join the parts.

        Args:
            content: builds what is told; asked only when it is to be sent, and once to know its hash.
            send: sends a part; tells whether there was a connection to send it over.
            alarms_wait: whether an alarm waits for the server's word.
            clock: the machine's clocks.
        """
        self._content = content
        self._send = send
        self._alarms_wait = alarms_wait
        self._clock = clock
        self._hash = ""
        self._wanted = False
        self._tries = 0
        self._due_ms = 0
        self._left: list[ConfigurationReport] = []
        self._news = asyncio.Event()

    @property
    def content_hash(self) -> str:
        """What identifies the configuration in force."""
        if not self._hash:
            self._hash = self._content().hash
        return self._hash

    @property
    def is_telling(self) -> bool:
        """Whether there is something that the server does not keep yet."""
        return self._wanted

    def hear(self, held: str | UnsetType) -> None:
        """Take what the server says on a new connection: the configuration it has, if it keeps any."""
        self._left = []
        self._wanted = not isinstance(held, UnsetType) and held != self.content_hash
        self._tries, self._due_ms = 0, 0
        self._news.set()

    def settle(self, content_hash: str) -> None:
        """Take the server's word that it keeps a configuration."""
        if content_hash == self.content_hash:
            self._wanted, self._left = False, []
            log.info("configuration_kept_by_server", content_hash=content_hash)

    async def run(self) -> None:
        """Tell what is to be told; sleeps while there is nothing. Runs until cancelled."""
        while True:
            self._news.clear()
            wait_s = await self.turn()
            try:
                async with asyncio.timeout(None if wait_s is None else self._clock.pause_s(wait_s)):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def turn(self) -> float | None:
        """Send at most one part; returns after how many seconds to look again, None for not before news."""
        now_ms = self._clock.moment().boot_ms
        if not self._wanted:
            return None
        if now_ms < self._due_ms:
            return (self._due_ms - now_ms) / 1000
        if self._alarms_wait():
            return _ALARM_PAUSE_S
        if not self._left and not self._begin():
            return None
        part = self._left[0]
        if not await self._send(part):
            self._left = []
            return _LINK_PAUSE_S
        if self._left and self._left[0] is part:  # otherwise the server said something meanwhile
            del self._left[0]
            if not self._left:
                self._finish_try(now_ms)
        return 0.0

    def _begin(self) -> bool:
        try:
            self._left = list(cut_into_parts(self._content()))
        except TooLargeError as error:
            log.error("configuration_too_large", error=str(error))
            self._wanted = False
            return False
        log.info("configuration_told", content_hash=self.content_hash, parts=len(self._left))
        return True

    def _finish_try(self, now_ms: int) -> None:
        self._tries += 1
        self._due_ms = now_ms + FIRST_REPEAT_MS * 2 ** (self._tries - 1)
        if self._tries >= MOST_TRIES:
            self._wanted = False
            log.warning("configuration_not_kept_by_server", tries=self._tries)
