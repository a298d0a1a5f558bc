"""The gateway's line to its broker: a TCP relay that can go dead."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from firmware_sim.demo.ports import LOOPBACK

_CHUNK: Final = 64 * 1024


@dataclass(slots=True)
class Line:
    """Passes bytes on while it is up; when it goes dead, connections end and new ones are refused."""

    target_port: int
    port: int = 0
    up: bool = True
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Line"]:
        """Relay until the block ends; `port` is where the gateway connects."""
        server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.set_up(up=False)
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def set_up(self, *, up: bool) -> None:
        """Let the line go dead or come back."""
        self.up = up
        if not up:
            for writer in tuple(self._writers):
                writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.up:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self.target_port)
        except OSError:
            writer.transport.abort()
            return
        for source, target in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._relay(source, target), name="line")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                writer.write(data)
                await writer.drain()
        self._writers.discard(writer)
        writer.transport.abort()
