"""Work on a large street in a process of its own: to compare 120,000 devices takes seconds and 400 MB.

In a thread, the server's loop would wait for the interpreter at every step, and for the collector as long as
it looks through what was read: alarms were held up for seconds. The process ends with its work and takes its
memory along. A small street is worked on where it is: a process takes a second to begin.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Final, TypeVar

from sqlalchemy import func, select

from server.db.session import Database, work_alone
from server.devices.tables import Device
from server.errors import ImportRefusedError
from server.logs import configure_logs

_T = TypeVar("_T")

LARGE_BYTES: Final = 64 * 1024
"""Files from this size on; a workbook is compressed."""
LARGE_DEVICES: Final = 2_000
"""A register from this size on."""
_FIRST_TO_GO: Final = "500"
"""When memory runs out, Linux ends this process, which can be begun anew, before the server (proc(5))."""


async def work_apart(database: Database, size_bytes: int, work: Callable[[Database], Awaitable[_T]]) -> _T:
    """Do work of seconds on the street's database so that nobody waits for it.

    Args:
        database: where the register is.
        size_bytes: of the files that the work is about; none for an export.
        work: gets a database; with its arguments bound it can be sent to another process, as can what it
            returns and raises.

    Raises:
        ImportRefusedError: the process ended early, for want of memory say, or others wrote for too long;
            what was not committed is not done.
    """
    try:
        if not await _is_large(database, size_bytes):
            return await work(database)
        return await _in_another_process(database.url, work)
    except TimeoutError as error:
        raise ImportRefusedError(["the database is busy, try again"]) from error


async def _in_another_process(url: str, work: Callable[[Database], Awaitable[_T]]) -> _T:
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin)
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, partial(work_alone, url, work))
    except BrokenProcessPool as error:
        raise ImportRefusedError(["the work ended early, perhaps for want of memory"]) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def _is_large(database: Database, size_bytes: int) -> bool:
    if size_bytes >= LARGE_BYTES:
        return True
    async with database.read() as session:
        devices = await session.scalar(select(func.count()).select_from(Device))
    return (devices or 0) >= LARGE_DEVICES


def _begin() -> None:
    """Prepare a process of its own."""
    configure_logs()
    with suppress(OSError):  # there is no such file elsewhere than on Linux
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    Thread(target=_end_with_server, name="end with the server", daemon=True).start()


def _end_with_server() -> None:
    """Wait for the end of the server: one that was killed says nothing, and its processes would stay."""
    server = parent_process()
    assert server is not None, "begun by the server"
    server.join()
    os._exit(1)
