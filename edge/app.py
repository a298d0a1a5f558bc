"""Puts the gateway together, runs it, stops it. The only file that knows every part."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import signal
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from edge.actionlog import ActionLog
from edge.actuatororders import actuator_orders
from edge.actuators import ActuationLane
from edge.answers import Answers, KnownDevice
from edge.buses import build_bus
from edge.clock import TEST_CLOCK_VARIABLE, machine_clock
from edge.commands import CommandDesk
from edge.config import LoadedSite, SiteSettings, StoreSettings
from edge.drivers.profile import shipped_profiles
from edge.errors import StoreError
from edge.health import SelfReport, notify_supervisor, read_boot_id
from edge.interlocks import build_interlocks, guard_with
from edge.localdoor import LocalDoor
from edge.mqtt import MqttDialer
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.ports import BusWorker, Clock, Enroller
from edge.readings import ReadingStore
from edge.rules.engine import RuleEngine
from edge.siteloader import SiteError, rules_of
from edge.storethread import IN_MEMORY
from edge.uplink import Uplink
from wire.messages import LaneDepth
from wire.vocabulary import Lane

STOP_LIMIT_S: Final = 4.0
_WATCHDOG_S: Final = 5.0
_DAY_MS: Final = 86_400_000

log = structlog.get_logger(__name__)


class AlreadyRunningError(Exception):
    """Another gateway uses the same state folder."""


class LoopEndedError(Exception):
    """A loop that runs for ever has ended; the text names it."""


@dataclass(slots=True)
class _Parts:
    """The built gateway."""

    pipeline: Pipeline
    uplink: Uplink
    lane: ActuationLane
    actions: ActionLog
    workers: dict[str, BusWorker]
    door: LocalDoor
    outbox: Outbox
    readings: ReadingStore


def run_gateway(site: LoadedSite, rejected: SiteError | None) -> int:
    """Run the gateway until it is told to stop; returns the process's exit code.

    Args:
        site: the configuration in force.
        rejected: why the newest site file is not in force, or None.
    """
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms, and then not needed
    except ImportError:
        return asyncio.run(_run(site, rejected))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(site, rejected))


async def _run(site: LoadedSite, rejected: SiteError | None) -> int:
    folder = site.path.parent / site.settings.stores.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _only_one(folder):
            return await _run_alone(site, rejected, folder)
    except AlreadyRunningError as error:
        log.critical("already_running", error=str(error))
        return 1


async def _run_alone(site: LoadedSite, rejected: SiteError | None, folder: Path) -> int:
    clock = machine_clock()
    if TEST_CLOCK_VARIABLE in os.environ:
        log.warning("test_clock_in_use", file=os.environ[TEST_CLOCK_VARIABLE])
    if rejected is not None:
        log.error("config_rejected", problems=str(rejected).splitlines())
    parts = _build(site, rejected, folder, clock)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        return await _serve(site.settings, parts, stop)
    finally:
        parts.outbox.close()
        parts.readings.close()


async def _serve(settings: SiteSettings, parts: _Parts, stop: asyncio.Event) -> int:
    await parts.pipeline.restore()
    main = asyncio.create_task(_run_tasks(parts), name="gateway")
    stopping = asyncio.create_task(stop.wait(), name="stop-signal")
    log.info("edge_started", gateway=settings.gateway, devices=len(settings.devices))
    notify_supervisor("READY=1")
    await asyncio.wait((main, stopping), return_when=asyncio.FIRST_COMPLETED)
    if main.done():
        stopping.cancel()
        error = main.exception()
        log.critical("edge_crashed", error=repr(error), exc_info=error)
        return 1
    log.info("edge_stopping")
    notify_supervisor("STOPPING=1")
    main.cancel()
    await asyncio.wait((main,), timeout=STOP_LIMIT_S)
    log.info("edge_stopped", clean=main.done())
    return 0 if main.done() else 1


async def _run_tasks(parts: _Parts) -> None:
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
        "watch-server": uplink.watch_server(),
        "watchdog": _feed_watchdog(parts),
        "local-door": parts.door.run(),
    }
    loops |= {f"bus-{name}": worker.run() for name, worker in parts.workers.items()}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop, name=name) for name, loop in loops.items()]
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        raise LoopEndedError(", ".join(sorted(task.get_name() for task in ended)))


async def _feed_watchdog(parts: _Parts) -> None:
    """Tell the supervisor that every bus still makes attempts; a stuck one does not pass."""
    seen: list[int] = []
    while True:
        attempts = [worker.attempts for worker in parts.workers.values()]
        if attempts != seen:
            notify_supervisor("WATCHDOG=1")
        seen = attempts
        await asyncio.sleep(_WATCHDOG_S)


def _build(site: LoadedSite, rejected: SiteError | None, folder: Path, clock: Clock) -> _Parts:
    settings = site.settings
    profiles = shipped_profiles()
    boot = read_boot_id()
    stores = settings.stores
    outbox, readings, in_memory = _open_stores(folder, stores)
    engine = RuleEngine(
        rules=rules_of(settings),
        points={
            device.id: tuple((p.name, p.unit) for p in profiles[device.profile].points)
            for device in settings.devices
        },
        labels={device.id: device.label for device in settings.devices},
        boot=boot,
        is_unsent=lambda alarm: alarm in uplink.alarms,
    )
    actions = ActionLog(outbox.transact)
    lane = ActuationLane(clock=clock, record=actions.note)
    workers: dict[str, BusWorker] = {}
    holder: list[Pipeline] = []
    report = SelfReport(
        site=site,
        rejected="" if rejected is None else str(rejected),
        rejected_hash="" if rejected is None else _hash_of(site.path),
        clock=clock,
        buses=lambda: tuple(worker.state() for worker in workers.values()),
        lanes=lambda: _lane_depths(outbox, readings, uplink),
        volatile=lambda: holder[0].volatile,
        written_bytes=lambda: readings.written_bytes + outbox.written_bytes,
        folder=folder,
    )
    uplink = Uplink(
        gateway=settings.gateway,
        boot=boot,
        dialer=MqttDialer(settings.server, folder=site.path.parent),
        clock=clock,
        outbox=outbox,
        readings=readings,
        engine=engine,
        status=report,
    )
    pipeline = Pipeline(
        engine=engine,
        outbox=outbox,
        readings=readings,
        actuator=lane,
        clock=clock,
        offer=uplink.offer,
        in_memory=in_memory,
    )
    holder.append(pipeline)
    lane.report_to(pipeline)
    lane.obey(guard_with(build_interlocks(settings, profiles), pipeline.latest))
    uplink.employ(
        CommandDesk(
            pipeline=pipeline,
            outbox=outbox,
            clock=clock,
            resync=uplink.request_resync,
            re_enrol=lambda device: any(
                worker.re_enrol(device) for worker in workers.values() if isinstance(worker, Enroller)
            ),
        )
    )
    for bus in settings.buses:
        built = build_bus(
            bus,
            settings=settings,
            profiles=profiles,
            sink=pipeline,
            clock=clock,
            folder=site.path.parent,
            counters=outbox.counters,
        )
        if built is not None:
            workers[bus.id] = built.worker
            lane.employ(built.actor, [device.id for device in settings.devices if device.bus == bus.id])
    answers = Answers(
        clock=clock,
        devices=[
            KnownDevice(id=device.id, label=device.label, bus=device.bus, profile=device.profile)
            for device in settings.devices
        ],
        status=uplink.status,
        latest=pipeline.latest,
        alarms=lambda: engine.alarms,
        workers=workers,
        measures=lambda: {
            "connected": uplink.connected,
            "alarms_written_bytes": outbox.written_bytes,
            "readings_written_bytes": readings.written_bytes,
            "readings_shed": readings.shed,
            "journal_turns": pipeline.progress,
        },
    )
    door = LocalDoor(folder, answers.questions, actuator_orders(lane, actions))
    return _Parts(pipeline, uplink, lane, actions, workers, door, outbox, readings)


def _open_stores(folder: Path, stores: StoreSettings) -> tuple[Outbox, ReadingStore, bool]:
    """Open both stores; a disk that cannot be used does not keep the gateway from alarming."""
    limits = {
        "max_bytes": stores.readings_max_mb * 1_000_000,
        "max_age_ms": stores.readings_max_days * _DAY_MS,
    }
    try:
        return Outbox(folder / "alarms.db"), ReadingStore(folder / "readings.db", **limits), False
    except StoreError as error:
        log.critical("store_unusable", error=str(error))
        return Outbox(IN_MEMORY), ReadingStore(IN_MEMORY, **limits), True


def _lane_depths(outbox: Outbox, readings: ReadingStore, uplink: Uplink) -> tuple[LaneDepth, ...]:
    return (
        LaneDepth(lane=Lane.ALARMS, run=outbox.run, last_seq=outbox.last_seq, waiting=len(uplink.alarms)),
        LaneDepth(
            lane=Lane.READINGS,
            run=readings.run,
            last_seq=readings.last_seq,
            waiting=readings.waiting,
            shed=readings.shed,
        ),
    )


def _hash_of(path: Path) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


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
