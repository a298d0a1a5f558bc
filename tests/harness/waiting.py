"""Waiting for what must come. The limit only ends a test that has failed; nothing is measured by it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

_POLL_S = 0.05
_LIMIT_S = 80.0


async def until(condition: Callable[[], Any | Awaitable[Any]], *, what: str = "", limit_s: float = _LIMIT_S):
    """Ask again and again until the answer is true; returns the answer."""
    answer: Any = None
    try:
        async with asyncio.timeout(limit_s):
            while True:
                answer = condition()
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return answer
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise AssertionError(f"never came: {what or condition}; last answer {answer!r}") from error


async def listens(port: int) -> bool:
    """Tell whether somebody takes connections at a port of this machine."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
