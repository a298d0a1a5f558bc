"""Runs the gateway and stops it; what it is made of stands in `edge.assembly`."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Coroutine, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import structlog

from edge.assembly import Parts, build_parts
from edge.clock import TEST_CLOCK_VARIABLE, machine_clock
from edge.ports import Clock
from edge.site.siteloader import file_problems
from edge.site.trial import ChosenSite, choose_site, save_record, state_folder
from edge.succession import Succession
from edge.watch.health import notify_supervisor, read_boot_id, watch_itself
from edge.watch.supervision import feed_watchdog

STOP_LIMIT_S: Final = 4.0

log = structlog.get_logger(__name__)


class AlreadyRunningError(Exception):
    """Another gateway uses the same state folder."""


class LoopEndedError(Exception):
    """A loop that runs for ever has ended; the text names it."""


class Ending(StrEnum):
    """Why a gateway that ran does not run on."""

    STOPPED = "stopped"
    """It was told to stop."""
    CRASHED = "crashed"
    """A loop broke or ended."""
    RELOADED = "reloaded"
    """A new configuration is to be taken."""


def run_gateway(path: Path) -> int:
    """Run the gateway until it is told to stop; returns the process's exit code.

    Args:
        path: the site file.

    Raises:
        SiteError: the site file cannot be used and there is no last good one.
    """
    chosen = choose_site(path, boot=read_boot_id())
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms, and then not needed
    except ImportError:
        return asyncio.run(_run(chosen))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(chosen))


async def _run(chosen: ChosenSite) -> int:
    """Run with one configuration after the other, in this process: a reload loses nothing."""
    clock = machine_clock()
    if TEST_CLOCK_VARIABLE in os.environ:
        log.warning("test_clock_in_use", file=os.environ[TEST_CLOCK_VARIABLE])
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number, event in ((signal.SIGINT, stop), (signal.SIGTERM, stop), (signal.SIGHUP, reload)):
        loop.add_signal_handler(number, event.set)
    succession = Succession(chosen=chosen, boot=read_boot_id(), clock=clock, stop=stop, reload=reload)
    while True:
        folder = state_folder(succession.chosen.site)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with _only_one(folder):
                ending, clean = await _run_once(succession, folder, clock)
        except AlreadyRunningError as error:
            log.critical("already_running", error=str(error))
            return 1
        if ending is not Ending.RELOADED:
            return 0 if ending is Ending.STOPPED and clean else 1


async def _run_once(succession: Succession, folder: Path, clock: Clock) -> tuple[Ending, bool]:
    chosen = succession.chosen
    save_record(folder, chosen.record)
    if chosen.rejected:
        log.error("config_rejected", problems=chosen.rejected.splitlines())
    for problem in file_problems(chosen.site):
        log.error("config_file_unusable", problem=str(problem))
    parts = build_parts(chosen, folder, clock)
    try:
        return await _serve(succession, parts)
    finally:
        parts.outbox.close()
        parts.readings.close()


async def _serve(succession: Succession, parts: Parts) -> tuple[Ending, bool]:
    settings = succession.chosen.site.settings
    await parts.pipeline.restore()
    main = asyncio.create_task(_run_tasks(parts), name="gateway")
    stopping = asyncio.create_task(succession.stop.wait(), name="stop-signal")
    successor = asyncio.create_task(
        succession.next_site(parts.report, parts.uplink, parts.watchdog, lambda: parts.pipeline.volatile),
        name="next-configuration",
    )
    log.info("edge_started", gateway=settings.gateway, devices=len(settings.devices))
    notify_supervisor("READY=1")
    await asyncio.wait((main, stopping, successor), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if main.done():
        successor.cancel()
        error = main.exception()
        log.critical("edge_crashed", error=repr(error), exc_info=error)
        return Ending.CRASHED, False
    ending = Ending.RELOADED if successor.done() and not succession.stop.is_set() else Ending.STOPPED
    successor.cancel()
    log.info("edge_stopping", why=ending.value)
    if ending is Ending.STOPPED:
        notify_supervisor("STOPPING=1")
    main.cancel()
    await asyncio.wait((main,), timeout=STOP_LIMIT_S)
    log.info("edge_stopped", clean=main.done())
    if ending is Ending.RELOADED:
        succession.chosen = successor.result()
        if not main.done():
            return Ending.CRASHED, False  # what hangs is not built upon: the supervisor starts anew
    return ending, main.done()


async def _run_tasks(parts: Parts) -> None:
    """Run every loop under one roof: if one breaks or ends, all stop and a supervisor starts anew.

    Raises:
        LoopEndedError: a loop ended by itself; a gateway without it would only look alive.
    """
    pipeline, uplink = parts.pipeline, parts.uplink
    loops: dict[str, Coroutine[Any, Any, None]] = {
        "journal": pipeline.run_journal(),
        "clock": pipeline.run_clock(),
        "readings": pipeline.run_readings(),
        "recovery": pipeline.run_recovery(),
        "actuators": parts.lane.run(),
        "action-log": parts.actions.run(),
        "uplink-alarms": uplink.run_alarms(),
        "uplink-readings": uplink.run_readings(),
        "raw-traffic": parts.traffic.run(),
        "configuration": parts.teller.run(),
        "second-way": parts.second_way.run(),
        "page": parts.page,
        "watch-files": uplink.files.run(),
        "watchdog": feed_watchdog(parts.watchdog, parts.clock),
        "self-watch": watch_itself(parts.report, sink=pipeline.take_self, clock=parts.clock),
        "local-door": parts.door.run(),
    }
    loops |= {f"bus-{name}": worker.run() for name, worker in parts.workers.items()}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop, name=name) for name, loop in loops.items()]
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        raise LoopEndedError(", ".join(sorted(task.get_name() for task in ended)))


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the state folder: two gateways never share a store.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunningError(f"{folder} is in use by another gateway") from error
        yield
