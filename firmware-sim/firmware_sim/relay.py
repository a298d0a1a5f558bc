"""A TCP line between two processes, such as a gateway and its broker, that can be cut and stalled."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from firmware_sim.demo.ports import LOOPBACK

_CHUNK: Final = 64 * 1024


class Relay:
    """Passes bytes on; a cut ends every connection and refuses new ones."""

    def __init__(self, target_port: int) -> None:
        """Name the port to which what comes is passed on."""
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._readers: set[asyncio.StreamReader] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut = False
        self.port = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Relay"]:
        """Listen until the block ends; `port` is where the other side connects."""
        server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def resets(self) -> int:
        """How many open connections one end has thrown away, with what was under way on them."""
        return sum(reader.exception() is not None for reader in self._readers)

    def cut(self) -> None:
        """End every connection and refuse new ones, as a cable pulled out."""
        self._cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def stall(self) -> None:
        """Let nothing pass while connections stay up, as a mobile network does."""
        self._flowing.clear()

    def mend(self) -> None:
        """Let everything pass again."""
        self._cut = False
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            onward_reader, onward_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        for source, target in ((reader, onward_writer), (onward_reader, writer)):
            task = asyncio.create_task(self._pump(source, target), name="relay")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._readers.add(reader)
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                if reader.exception() is not None:
                    break  # the sender threw it away: what a network holds of a reset connection is lost
                writer.write(data)
                await writer.drain()
        self._writers.discard(writer)
        self._readers.discard(reader)
        with contextlib.suppress(OSError):
            writer.close()
