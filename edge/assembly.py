"""Puts the gateway together out of its parts. The only file that knows every part; nothing runs here."""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from edge.actuatororders import actuator_orders
from edge.actuators import ActuationLane
from edge.buses import build_bus
from edge.drivers.profile import actions_of, shipped_profiles
from edge.errors import StoreError
from edge.interlocks import build_interlocks, guard_with
from edge.pipeline import Pipeline
from edge.ports import BusWorker, Clock, Enroller, FrameSource
from edge.rules.engine import RuleEngine
from edge.site.config import StoreSettings
from edge.site.inforce import content_of
from edge.site.periods import report_policy_of
from edge.site.siterules import rules_of
from edge.site.trial import ChosenSite
from edge.stores.actionlog import ActionLog
from edge.stores.diskreturn import ALARMS_FILE, READINGS_FILE, DiskReturn
from edge.stores.exceptionreport import ExceptionFilter, ReportPolicy
from edge.stores.outbox import Outbox
from edge.stores.readings import ReadingStore
from edge.stores.storethread import IN_MEMORY
from edge.uplink.certificates import expiry_of
from edge.uplink.commands import CommandDesk
from edge.uplink.configuration import ConfigurationTeller
from edge.uplink.connections import Uplink
from edge.uplink.mqtt import MqttDialer
from edge.uplink.rawtraffic import TrafficDesk
from edge.uplink.secondway import SecondWay
from edge.uplink.waysout import build_siren, build_ways
from edge.watch.answers import Answers, KnownDevice
from edge.watch.health import SOFTWARE, SelfReport, read_boot_id
from edge.watch.localdoor import LocalDoor
from edge.watch.localframes import frame_orders
from edge.watch.pageloader import serve_page
from edge.watch.selfwatch import SELF_DEVICE, SELF_POINTS, self_rules
from edge.watch.supervision import watched_parts
from edge.watch.watchdog import Watchdog
from wire.messages import LaneDepth
from wire.vocabulary import Lane

_DAY_MS: Final = 86_400_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Parts:
    """The built gateway."""

    pipeline: Pipeline
    uplink: Uplink
    traffic: TrafficDesk
    teller: ConfigurationTeller
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


def build_parts(chosen: ChosenSite, folder: Path, clock: Clock) -> Parts:
    """Build every part of the gateway for one configuration; nothing runs yet.

    Args:
        chosen: the configuration.
        folder: where the stores lie.
        clock: the machine's clocks.
    """
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
    rules = (*rules_of(settings), *self_rules())
    own_points = {SELF_DEVICE: tuple((p.name, p.unit) for p in SELF_POINTS)}
    engine = RuleEngine(
        rules=rules,
        points={
            **{
                device.id: tuple((p.name, p.unit) for p in profiles[device.profile].points)
                for device in settings.devices
            },
            **own_points,
        },
        labels={**{device.id: device.label for device in settings.devices}, SELF_DEVICE: "网关"},
        boot=boot,
        is_unsent=lambda alarm: pipeline.is_untaken(alarm),  # noqa: PLW0108 - there is no pipeline yet
        since_ms=clock.moment().boot_ms,
    )
    actions = ActionLog(outbox.transact)
    lane = ActuationLane(clock=clock, record=actions.note)
    workers: dict[str, BusWorker] = {}
    frames: dict[str, FrameSource] = {}
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
        warming=engine.warming,
        store_bytes=lambda: readings.written_bytes + outbox.written_bytes,
        certificate_expires_at=lambda: (
            None if settings.server.tls is None else expiry_of(settings.server.tls, site.path.parent)
        ),
        folder=folder,
        unassigned=lambda: tuple(one for worker in workers.values() for one in worker.unassigned()),
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
        in_journal=lambda: pipeline.in_journal,
    )
    pipeline = Pipeline(
        engine=engine,
        outbox=outbox,
        readings=readings,
        actuator=lane,
        clock=clock,
        offer=uplink.offer,
        is_unacknowledged=lambda alarm: alarm in uplink.alarms,
        return_to_disk=DiskReturn(folder, outbox, readings, sent=lambda: uplink.batches.keys)
        if in_memory
        else None,
        reports=ExceptionFilter(policies),
    )
    holder.append(pipeline)
    lane.report_to(pipeline)
    lane.obey(guard_with(build_interlocks(settings, profiles), pipeline.latest))
    traffic = TrafficDesk(
        buses=frames, send=uplink.tell, alarms_wait=lambda: len(uplink.alarms) > 0, clock=clock
    )
    teller = ConfigurationTeller(
        content=lambda: content_of(site, rules, more_points=own_points, software=SOFTWARE),
        send=uplink.tell_beside,
        alarms_wait=lambda: len(uplink.alarms) > 0,
        clock=clock,
    )
    uplink.employ(
        CommandDesk(
            pipeline=pipeline,
            outbox=outbox,
            clock=clock,
            resync=uplink.request_resync,
            raw_traffic=traffic.show,
            actions={device.id: actions_of(profiles[device.profile]) for device in settings.devices},
            re_enrol=lambda device: any(
                worker.re_enrol(device) for worker in workers.values() if isinstance(worker, Enroller)
            ),
        ),
        teller,
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
            frames[bus.id] = built.frames
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
            "last_ack_age_ms": _age_ms(uplink.acked_boot_ms, clock),
            "alarms_written_bytes": outbox.written_bytes,
            "readings_written_bytes": readings.written_bytes,
            "readings_shed": readings.shed,
            "journal_turns": pipeline.progress,
        },
    )
    door = LocalDoor(folder, answers.questions, {**actuator_orders(lane, actions), **frame_orders(frames)})
    page = serve_page(settings.page, folder=site.path.parent, answers=answers, clock=clock)
    second_way = SecondWay(
        clock=clock,
        after_s=settings.second_way.after_s,
        alarms=lambda: engine.alarms,
        is_unacknowledged=pipeline.is_untaken,
        siren=build_siren(settings),
        actuator=lane,
        ways=build_ways(settings, folder=site.path.parent, clock=clock),
        sink=pipeline,
    )
    watchdog = Watchdog(watched_parts(pipeline, workers), now_ms=clock.moment().boot_ms)
    return Parts(
        pipeline, uplink, traffic, teller, lane, actions, workers, door, page, second_way,
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
        return Outbox(folder / ALARMS_FILE), open_readings(folder / READINGS_FILE), False
    except StoreError as error:
        log.critical("store_unusable", error=str(error))
        return Outbox(IN_MEMORY), open_readings(IN_MEMORY), True


def _age_ms(boot_ms: int | None, clock: Clock) -> int | None:
    return None if boot_ms is None else clock.moment().boot_ms - boot_ms


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
