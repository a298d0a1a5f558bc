"""A TCP port on which devices call: who may stay, for how long, and how fast they may talk.

Every caller is a stranger until a first sound frame. One that sends nothing sound, sends without end, or
never reads its answers costs itself its connection and nobody else anything.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

_CHUNK: Final = 4_096
_MOST_UNREAD_BYTES: Final = 65_536

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What callers may take.

    Attributes:
        callers: connections at once.
        callers_per_peer: of them from one address; stations behind one mobile network share one.
        first_frame_s: until a first sound frame.
        idle_s: until the next sound frame after that.
        rest_s: pause inside a frame after which its beginning is given up.
        bytes_per_s: from one known caller, and from all strangers of one address; more waits.
    """

    callers: int = 256
    callers_per_peer: int = 64
    first_frame_s: float = 30.0
    idle_s: float = 900.0
    rest_s: float = 5.0
    bytes_per_s: int = 32_768


class Conversation(Protocol):
    """What is said on one connection."""

    @property
    def is_waiting(self) -> bool:
        """Whether a frame has begun and not ended."""

    def take(self, data: bytes) -> int:
        """Take bytes as they come; returns how many sound frames from a known device ended in them."""

    def give_up(self) -> int:
        """Stop waiting for the rest of a frame; returns as `take`."""


@dataclass(eq=False, slots=True)
class Caller:
    """One connection.

    Attributes:
        peer: address it calls from.
    """

    peer: str
    writer: asyncio.StreamWriter
    known: bool = False
    deadline_s: float = 0.0
    allowance: "Allowance | None" = None
    """Its own once it is known, so that a stranger behind the same address cannot slow it down."""

    def answer(self, frame: bytes) -> None:
        """Send; a caller that does not read its answers loses its connection."""
        if self.writer.is_closing():
            return
        self.writer.write(frame)
        if self.writer.transport.get_write_buffer_size() > _MOST_UNREAD_BYTES:
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection at once."""
        self.writer.transport.abort()


@dataclass(slots=True)
class Allowance:
    """How much one address may still send: fills with time, empties with bytes."""

    bytes_per_s: int
    left: float = field(default=0.0)
    at_s: float = 0.0

    def take(self, size: int, now_s: float) -> float:
        """Take bytes out; returns for how many seconds the address must wait."""
        if not self.at_s:
            self.left = float(self.bytes_per_s)
        self.left = min(self.left + (now_s - self.at_s) * self.bytes_per_s, float(self.bytes_per_s))
        self.at_s = now_s
        self.left -= size
        return max(-self.left / self.bytes_per_s, 0.0)


class TcpDoor:
    """Listens, admits callers and hands their bytes to conversations."""

    def __init__(
        self, *, bus: str, host: str, port: int, limits: Limits, begin: Callable[[Caller], Conversation]
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            bus: named in logs.
            host: address to listen on.
            port: 0 picks a free one.
            limits: what callers may take.
            begin: gives the conversation of a new caller.
        """
        self._bus = bus
        self._host = host
        self._port = port
        self._limits = limits
        self._begin = begin
        self._server: asyncio.Server | None = None
        self._callers: dict[Caller, asyncio.Task[None]] = {}
        self._allowances: dict[str, Allowance] = {}

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: the address is not there or the port is taken.
        """
        self._server = await asyncio.start_server(self._accept, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._callers.values())
        for caller, task in list(self._callers.items()):
            caller.hang_up()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = (writer.get_extra_info("peername") or ("?",))[0]
        caller = Caller(peer=str(peer), writer=writer)
        if not self._admit(caller):
            caller.hang_up()
            return
        caller.deadline_s = _now_s() + self._limits.first_frame_s
        task = asyncio.create_task(self._serve(caller, reader), name=f"caller-{self._bus}-{peer}")
        self._callers[caller] = task

    def _admit(self, caller: Caller) -> bool:
        """Tell whether a caller may stay; a stranger makes way for a newcomer where all is full."""
        peers = Counter(other.peer for other in self._callers)
        if peers[caller.peer] >= self._limits.callers_per_peer:
            log.warning("caller_refused", bus=self._bus, peer=caller.peer, why="too many from this address")
            return False
        if len(self._callers) < self._limits.callers:
            return True
        strangers = [other for other in self._callers if not other.known]
        if not strangers:
            log.warning("caller_refused", bus=self._bus, peer=caller.peer, why="too many callers")
            return False
        # The address with most strangers gives way first, and of its strangers the oldest.
        crowded = Counter(other.peer for other in strangers).most_common(1)[0][0]
        oldest = min((o for o in strangers if o.peer == crowded), key=lambda other: other.deadline_s)
        oldest.hang_up()
        self._callers.pop(oldest).cancel()
        return True

    async def _serve(self, caller: Caller, reader: asyncio.StreamReader) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await self._converse(caller, reader, self._begin(caller))
        except Exception:
            # A mistake of ours with one caller's bytes must not silence the others.
            log.exception("caller_failed", bus=self._bus, peer=caller.peer)
        finally:
            self._callers.pop(caller, None)
            caller.hang_up()
            with contextlib.suppress(OSError):
                await caller.writer.wait_closed()
            if not any(other.peer == caller.peer for other in self._callers):
                self._allowances.pop(caller.peer, None)

    async def _converse(
        self, caller: Caller, reader: asyncio.StreamReader, conversation: Conversation
    ) -> None:
        limits = self._limits
        while True:
            left_s = caller.deadline_s - _now_s()
            if left_s <= 0:
                log.info("caller_idle", bus=self._bus, peer=caller.peer, known=caller.known)
                return
            try:
                async with asyncio.timeout(min(limits.rest_s, left_s) if conversation.is_waiting else left_s):
                    data = await reader.read(_CHUNK)
            except TimeoutError:
                sound = conversation.give_up() if conversation.is_waiting else 0
            else:
                if not data:
                    return
                sound = conversation.take(data)
                await self._slow_down(caller, len(data), sound=bool(sound))
            if sound:
                caller.known = True
                caller.deadline_s = _now_s() + limits.idle_s

    async def _slow_down(self, caller: Caller, size: int, *, sound: bool) -> None:
        """Let a caller wait that sends too fast: strangers share the allowance of their address."""
        if caller.allowance is None and (sound or caller.known):
            caller.allowance = Allowance(self._limits.bytes_per_s)
        shared = self._allowances.setdefault(caller.peer, Allowance(self._limits.bytes_per_s))
        wait_s = (caller.allowance or shared).take(size, _now_s())
        if wait_s > 0:
            await asyncio.sleep(wait_s)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
