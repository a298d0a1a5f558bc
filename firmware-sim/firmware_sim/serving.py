"""Small web servers that start, say their port, and stop within a second."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


class PortTakenError(OSError):
    """A port is in use; the text names it."""


@asynccontextmanager
async def serve_app(app: Any, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve an ASGI application until the block ends; yields the port.

    Raises:
        PortTakenError: somebody else listens there.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise PortTakenError(f"port {port} on {host} is taken") from error
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="off"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([sock]), name=f"http-{port}")  # noqa: SLF001 - `serve` takes over the process's signals
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        sock.close()
