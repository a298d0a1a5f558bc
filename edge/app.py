"""Puts the gateway together, runs it, stops it. The only file that knows every part."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import structlog

from edge.actionlog import ActionLog
from edge.actuatororders import actuator_orders
from edge.actuators import ActuationLane
from edge.answers import Answers, KnownDevice
from edge.buses import build_bus
from edge.certificates import expiry_of
from edge.clock import TEST_CLOCK_VARIABLE, machine_clock
from edge.commands import CommandDesk
from edge.config import StoreSettings
from edge.drivers.profile import actions_of, shipped_profiles
from edge.errors import StoreError
from edge.exceptionreport import ExceptionFilter, ReportPolicy
from edge.health import SelfReport, notify_supervisor, read_boot_id, watch_itself
from edge.interlocks import build_interlocks, guard_with
from edge.localdoor import LocalDoor
from edge.mqtt import MqttDialer
from edge.outbox import Outbox
from edge.pageloader import serve_page
from edge.periods import report_policy_of
from edge.pipeline import Pipeline
from edge.ports import BusWorker, Clock, Enroller
from edge.readings import ReadingStore
from edge.rules.engine import RuleEngine
from edge.secondway import SecondWay
from edge.selfwatch import SELF_DEVICE, SELF_POINTS, self_rules
from edge.siteloader import file_problems
from edge.siterules import rules_of
from edge.storethread import IN_MEMORY
from edge.succession import Succession
from edge.supervision import feed_watchdog, watched_parts
from edge.trial import ChosenSite, choose_site, save_record, state_folder
from edge.uplink import Uplink
from edge.watchdog import Watchdog
from edge.waysout import build_siren, build_ways
from wire.messages import LaneDepth
from wire.vocabulary import Lane

STOP_LIMIT_S: Final = 4.0
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
    page: Coroutine[Any, Any, None]
    second_way: SecondWay
    watchdog: Watchdog
    report: SelfReport
    clock: Clock
    outbox: Outbox
    readings: ReadingStore


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
    parts = _build(chosen, folder, clock)
    try:
        return await _serve(succession, parts)
    finally:
        parts.outbox.close()
        parts.readings.close()


async def _serve(succession: Succession, parts: _Parts) -> tuple[Ending, bool]:
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


def _build(chosen: ChosenSite, folder: Path, clock: Clock) -> _Parts:
    site = chosen.site
    settings = site.settings
    profiles = shipped_profiles()
    boot = read_boot_id()
    stores = settings.stores
    policies = {
        device.id: report_policy_of(device, profiles[device.profile], settings.report)
        for device in settings.devices
    }
    outbox, readings, in_memory = _open_stores(folder, stores, policies)
    engine = RuleEngine(
        rules=(*rules_of(settings), *self_rules()),
        points={
            **{
                device.id: tuple((p.name, p.unit) for p in profiles[device.profile].points)
                for device in settings.devices
            },
            SELF_DEVICE: tuple((p.name, p.unit) for p in SELF_POINTS),
        },
        labels={**{device.id: device.label for device in settings.devices}, SELF_DEVICE: "网关"},
        boot=boot,
        is_unsent=lambda alarm: alarm in uplink.alarms,
        since_ms=clock.moment().boot_ms,
    )
    actions = ActionLog(outbox.transact)
    lane = ActuationLane(clock=clock, record=actions.note)
    workers: dict[str, BusWorker] = {}
    holder: list[Pipeline] = []
    report = SelfReport(
        site=site,
        record=chosen.record,
        clock=clock,
        buses=lambda: tuple(worker.state() for worker in workers.values()),
        lanes=lambda: _lane_depths(outbox, readings, uplink),
        store_failed=lambda: holder[0].store_failed,
        volatile=lambda: holder[0].volatile,
        suppressions=engine.book.shelves.as_states,
        store_bytes=lambda: readings.written_bytes + outbox.written_bytes,
        certificate_expires_at=lambda: (
            None if settings.server.tls is None else expiry_of(settings.server.tls, site.path.parent)
        ),
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
        reports=ExceptionFilter(policies),
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
            actions={device.id: actions_of(profiles[device.profile]) for device in settings.devices},
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
    page = serve_page(settings.page, folder=site.path.parent, answers=answers, clock=clock)
    second_way = SecondWay(
        clock=clock,
        after_s=settings.second_way.after_s,
        alarms=lambda: engine.alarms,
        is_unacknowledged=lambda alarm: alarm in uplink.alarms,
        siren=build_siren(settings),
        actuator=lane,
        ways=build_ways(settings, folder=site.path.parent, clock=clock),
        sink=pipeline,
    )
    watchdog = Watchdog(watched_parts(pipeline, workers), now_ms=clock.moment().boot_ms)
    return _Parts(
        pipeline, uplink, lane, actions, workers, door, page, second_way,
        watchdog, report, clock, outbox, readings,
    )  # fmt: skip


def _open_stores(
    folder: Path, stores: StoreSettings, policies: Mapping[str, ReportPolicy]
) -> tuple[Outbox, ReadingStore, bool]:
    """Open both stores; a disk that cannot be used does not keep the gateway from alarming."""

    def open_readings(path: Path) -> ReadingStore:
        return ReadingStore(
            path,
            max_bytes=stores.readings_max_mb * 1_000_000,
            max_age_ms=stores.readings_max_days * _DAY_MS,
            policies=policies,
        )

    try:
        return Outbox(folder / "alarms.db"), open_readings(folder / "readings.db"), False
    except StoreError as error:
        log.critical("store_unusable", error=str(error))
        return Outbox(IN_MEMORY), open_readings(IN_MEMORY), True


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
