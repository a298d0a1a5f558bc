"""What the supervisor is told: that everything which must go on goes on."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from edge.pipeline import Pipeline
from edge.ports import BusWorker, Clock
from edge.watch.health import notify_supervisor
from edge.watch.watchdog import BUS_LIMIT_MS, BUS_PREFIX, LOOP_LIMIT_MS, Watchdog, Watched

WATCHDOG_EVERY_S: Final = 5.0

log = structlog.get_logger(__name__)


async def feed_watchdog(watchdog: Watchdog, clock: Clock) -> None:
    """Tell the supervisor that everything still goes on; say what does not."""
    said: list[str] = []
    while True:
        stuck = watchdog.stuck(now_ms=clock.moment().boot_ms)
        if not stuck:
            notify_supervisor("WATCHDOG=1")
        elif stuck != said:
            log.critical("stuck", what=stuck)
        said = stuck
        await asyncio.sleep(WATCHDOG_EVERY_S)


def watched_parts(pipeline: Pipeline, workers: Mapping[str, BusWorker]) -> dict[str, Watched]:
    """Return all that must go on: the rules, the journal, the stores, every bus."""
    loops = {
        "rules": lambda: pipeline.ticks,
        "journal": lambda: pipeline.progress if pipeline.has_work else pipeline.ticks,
        "stores": lambda: pipeline.store_attempts,
    }
    buses = {f"{BUS_PREFIX}{name}": _attempts_of(worker) for name, worker in workers.items()}
    return {
        **{name: Watched(attempts=count, limit_ms=LOOP_LIMIT_MS) for name, count in loops.items()},
        **{name: Watched(attempts=count, limit_ms=BUS_LIMIT_MS) for name, count in buses.items()},
    }


def _attempts_of(worker: BusWorker) -> Callable[[], int]:
    return lambda: worker.attempts
