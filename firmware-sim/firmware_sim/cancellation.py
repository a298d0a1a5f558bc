"""Waiting for libraries that swallow cancellations.

Before Python 3.12, `asyncio.wait_for` drops a cancellation that comes together with the answer it waits
for. aiomqtt and pymodbus wait with it, and a task group cancels only once: awaited directly, they would
let a process run on that was told to stop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


async def await_cancellable(work: Awaitable[_T]) -> _T:
    """Await a library's work in a task of its own, so that a cancellation of the caller is never lost.

    Raises:
        Exception: whatever the work raises.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()  # seen; the caller is leaving anyway
        raise
    return task.result()


@asynccontextmanager
async def enter_cancellable(manager: AbstractAsyncContextManager[_T]) -> AsyncIterator[_T]:
    """Enter and leave a library's context in the same way; what was entered is always left."""
    entering = asyncio.ensure_future(manager.__aenter__())
    try:
        await asyncio.wait((entering,))
    except asyncio.CancelledError:
        entering.cancel()
        await asyncio.wait((entering,))
        if not entering.cancelled() and entering.exception() is None:
            await await_cancellable(_leave(manager, None))
        raise
    value = entering.result()
    try:
        yield value
    except BaseException as error:
        if not await await_cancellable(_leave(manager, error)):
            raise
    else:
        await await_cancellable(_leave(manager, None))


async def _leave(manager: AbstractAsyncContextManager[Any], error: BaseException | None) -> bool:
    if error is None:
        return bool(await manager.__aexit__(None, None, None))
    return bool(await manager.__aexit__(type(error), error, error.__traceback__))
