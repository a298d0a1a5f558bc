"""Waiting for libraries that swallow cancellations.

Before Python 3.12, `asyncio.wait_for` drops a cancellation that comes together with the answer it waits
for. aiomqtt and pymodbus wait with it, and a task group cancels only once: awaited directly, they would
let a process run on that was told to stop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

_OBEY_S: Final = 1.0
"""How long a cancelled task is given to end."""
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


async def await_directly(work: Awaitable[_T]) -> _T:
    """The same as `await_cancellable` without a task, for what is awaited many times a second.

    A cancellation that the work swallowed shows in the task's count. Compared is the count before: a task
    group of Python 3.11 leaves it raised after a child has failed. For work without task groups of its own.

    Raises:
        Exception: whatever the work raises.
    """
    task = asyncio.current_task()
    assert task is not None, "whoever awaits runs in a task"
    before = task.cancelling()
    try:
        result = await work
    except Exception as error:
        if task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return result


async def await_within(limit_s: float, work: Awaitable[_T]) -> _T:
    """Await a library's work for a limited time; one that does not even obey a cancellation is left behind.

    Args:
        limit_s: how long to wait, in seconds.
        work: what the library does.

    Raises:
        TimeoutError: it took longer.
        Exception: whatever the work raises.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait((task,), timeout=limit_s)
    except asyncio.CancelledError:
        await _call_off(task)
        raise
    if not done:
        await _call_off(task)
        raise TimeoutError(f"nothing came within {limit_s:g} s")
    return task.result()


async def _call_off(task: asyncio.Future[Any]) -> None:
    task.add_done_callback(_look_at)
    task.cancel()
    await asyncio.wait((task,), timeout=_OBEY_S)


def _look_at(task: asyncio.Future[Any]) -> None:
    """See how it ended, so that nobody complains about an error that no one awaits any more."""
    if not task.cancelled():
        task.exception()


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
