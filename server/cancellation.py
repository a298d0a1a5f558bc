"""Cancellations that libraries swallow."""

import asyncio


def obey_cancellation() -> None:
    """Raise a cancellation of the current task that was swallowed, if there is one.

    Before Python 3.12, `asyncio.wait_for` drops a cancellation that comes together with the answer it
    waits for. aiomqtt and pymodbus wait with it, and a task group cancels only once: without this the
    process would not stop. Called after whatever may have waited so.

    Raises:
        asyncio.CancelledError: the task is to end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
