"""Keeping a connection: served again whenever it is lost, with growing pauses, until told to stop."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from edge.cancellation import await_cancellable
from edge.errors import LinkError
from edge.ports import Clock

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_GOOD_LINK_S: Final = 5.0
"""A connection that lasted this long was a good one: the next pause is the first again."""

log = structlog.get_logger(__name__)


async def keep_connected(lane: str, serve: Callable[[], Coroutine[Any, Any, None]], *, clock: Clock) -> None:
    """Serve a connection again and again; ends only when cancelled.

    Args:
        lane: its name in the log.
        serve: opens it and serves it until it is lost; raises a group of `LinkError` then.
        clock: tells how long it lasted.
    """
    failures = 0
    while True:
        began_ms = clock.moment().boot_ms
        try:
            # In a task of its own: a task group of Python 3.11 whose child has failed leaves this one's count
            # of cancellations raised, and nobody could tell that from being told to stop.
            await await_cancellable(serve())
        except* LinkError as group:  # the first failure is loud, repeats are quiet
            level = log.warning if failures == 0 else log.debug
            level("link_lost", lane=lane, error=str(group.exceptions[0]), failures=failures)
        if clock.moment().boot_ms - began_ms > _GOOD_LINK_S * 1000:
            failures = 0
        pause_s = min(_FIRST_PAUSE_S * 2**failures, _LONGEST_PAUSE_S)
        failures = min(failures + 1, 10)
        await asyncio.sleep(clock.pause_s(pause_s * random.uniform(0.5, 1)))  # noqa: S311 - jitter
