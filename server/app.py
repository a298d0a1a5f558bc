"""The composition root: builds the parts, runs them together, stops them together.

If any loop crashes, the process ends: a dead engine must never sit behind a health page that
answers 200. uvicorn therefore runs as one task among the others, behind a shield; its own signal
handlers, which would raise the signal again after its stop and kill the siblings, are not installed.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import structlog
import uvicorn
from fastapi import FastAPI

from server.access.allowancekeeper import LOOP as ALLOWANCES_LOOP
from server.access.allowancekeeper import AllowanceKeeper, recall
from server.access.dutylinks import DutyLinks
from server.access.links import LinkBook
from server.access.service import issue_first_run_code
from server.clock import MovedClock, server_clock
from server.config import Settings
from server.context import Context
from server.db.base import Base
from server.db.migrate import migrate
from server.db.session import Database, WriteSession
from server.devices import conditions
from server.errors import ServerError
from server.escalation.canary import Canary
from server.escalation.keeper import PolicyKeeper
from server.escalation.loop import CarryOut, EscalationLoop
from server.escalation.plan import Policies, make_policies
from server.escalation.tables import Due
from server.escalation.wallclock import ClockWatch
from server.history import spool
from server.history.database import HistoryDatabase
from server.history.influx import Influx, influx_address
from server.history.packer import Packer
from server.history.retention import plan_retention
from server.history.spool import Feeder
from server.http import build_app
from server.intake.commands import CommandSender
from server.intake.mqtt import broker_address
from server.intake.service import Intake
from server.intake.silence import SilenceWatch
from server.items import timed
from server.items.clockchange import clock_set_back
from server.notify.accounts import load_accounts
from server.notify.canaryway import CanaryWay
from server.notify.cards import CardKeeper
from server.notify.channels.door import Door
from server.notify.channels.webhook import WebhookChannel
from server.notify.claims import LinkMaker, Pair
from server.notify.rosternews import RosterNews
from server.notify.setup import build_channels, note_channels
from server.notify.worker import NotifyWorker
from server.pulse import ALWAYS, Pulses
from server.retention.loop import Upkeep
from server.retention.service import Lives
from server.routing.proving import NightlyProof

log = structlog.get_logger()

STOP_S: Final = 4.0
"""How long a stop may take before what is left is cut off."""
_GRACE_S: Final = 1
"""How long open requests get when the server stops; live streams never end by themselves."""
EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
_BACKLOG: Final = 1024


def run(settings: Settings) -> int:
    """Run the server until a signal stops it or something crashes.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when it could not start or a part crashed.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_run(settings))


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with AsyncExitStack() as stack:
            listener = stack.enter_context(_listening(settings.http_host, settings.http_port))
            parts = await _build(settings, stack, listening=listener.getsockname()[:2])
            await _run_parts(parts, listener, stop)
    except ServerError as error:
        log.critical("server_failed", error=str(error))
        return EXIT_FAILED
    except Exception:
        log.exception("server_crashed")
        return EXIT_FAILED
    log.info("server_stopped")
    return EXIT_OK


class _Runs(Protocol):
    """A loop of its own."""

    async def run(self) -> None:
        """Go on until cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Everything that runs, in the order in which it is started."""

    intake: Intake
    commands: CommandSender
    escalation: EscalationLoop
    notify: NotifyWorker
    web: FastAPI
    others: Mapping[str, _Runs] = field(default_factory=dict)
    """Loops besides the alarm's path, by name."""


async def _build(settings: Settings, stack: AsyncExitStack, *, listening: tuple[str, int]) -> _Parts:
    """Build the parts; each registers its own end with the stack."""
    clock, pulses = server_clock(), Pulses()
    if isinstance(clock, MovedClock):
        log.warning("test_clock_in_use")
    policies = make_policies(settings.step_backup_s)
    await asyncio.to_thread(migrate, settings.database)
    database = Database(settings.database)
    stack.push_async_callback(database.close)
    await _show_first_run_code(settings, database, now=clock.now())
    readings = HistoryDatabase(settings.readings_database)
    stack.push_async_callback(readings.close)
    await readings.prepare()
    port = listening[1]
    webhook = WebhookChannel(settings.webhook_key(), allowed=settings.webhook_allow)
    stack.push_async_callback(webhook.close)
    intake = Intake(
        database=database,
        readings=readings,
        clock=clock,
        address=broker_address(settings),
        policies=policies,
        pulses=pulses,
    )
    door = await stack.enter_async_context(Door())
    accounts = load_accounts(settings.channels_file)
    channels = build_channels(accounts, webhook, door=door, clock=clock, stack=stack)
    await note_channels(database, channels.by_kind, now=clock.now())
    make_link = _link_maker(settings, port)
    cards = (
        CardKeeper(database=database, clock=clock, wecom=channels.wecom, make_link=make_link, pulses=pulses)
        if channels.wecom
        else None
    )
    commands = CommandSender(database=database, clock=clock, link=intake.link, pulses=pulses)
    escalation = EscalationLoop(
        database=database,
        clock=clock,
        carry_out=_carrying_out(policies),
        pulses=pulses,
        look_ahead=_looking_ahead,
        clock_watch=ClockWatch(database=database, clock=clock, carry_over=clock_set_back),
    )
    notify = NotifyWorker(
        database=database,
        clock=clock,
        channels=channels.by_kind,
        make_link=make_link,
        pulses=pulses,
        canary_way=CanaryWay.build(settings, listening, stack),
    )
    roster_news = RosterNews(
        database=database,
        clock=clock,
        channels=channels.by_kind,
        link_of=_duty_link_maker(settings, port),
        pulses=pulses,
    )
    hearers = (commands.hear, escalation.hear, notify.hear, roster_news.hear)
    for hear in (*hearers, *((cards.hear,) if cards else ())):
        stack.callback(database.listen(hear))
    influx = _open_influx(settings, stack, readings)
    context = Context(
        settings=settings,
        clock=clock,
        database=database,
        readings=readings,
        influx=influx,
        policies=policies,
        pulses=pulses,
        channels=channels.by_kind,
    )
    async with database.read() as session:
        await recall(session, context.allowances, now=clock.now())
    packer = Packer(
        database=readings,
        clock=clock,
        pulses=pulses,
        retention=plan_retention(settings, database, readings),
    )
    others: dict[str, _Runs] = {
        "history-packer": packer,
        "route-proof": NightlyProof(database=database, clock=clock, pulses=pulses),
        "roster-news": roster_news,
        "upkeep": Upkeep(
            database=database,
            clock=clock,
            pulses=pulses,
            lives=Lives.of(settings),
            photos=settings.photo_folder,
        ),
    }
    keeper = PolicyKeeper(database=database, policies=policies, clock=clock, pulses=pulses)
    await keeper.turn()
    stack.callback(database.listen(keeper.hear))
    others["policies"] = keeper
    others["silence"] = SilenceWatch(
        database=database, clock=clock, link=intake.link, policies=policies, pulses=pulses
    )
    if settings.canary_every_s:
        others["canary"] = Canary(
            database=database,
            clock=clock,
            publish=intake.link.publish_up,
            every_s=settings.canary_every_s,
            pulses=pulses,
        )
    others[conditions.LOOP] = conditions.ConditionKeeper(
        database=database, readings=readings, clock=clock, pulses=pulses
    )
    others[ALLOWANCES_LOOP] = AllowanceKeeper(
        database=database, allowances=context.allowances, clock=clock, pulses=pulses
    )
    if cards is not None:
        others["cards"] = cards
    if influx is not None:
        others["history-feeder"] = Feeder(database=readings, influx=influx, clock=clock, pulses=pulses)
    web = build_app(context)
    others["cockpit"] = web.state.board
    pulses.expect(*ALWAYS, *others, boot_s=clock.boot_s())
    return _Parts(
        intake=intake,
        commands=commands,
        escalation=escalation,
        notify=notify,
        web=web,
        others=others,
    )


async def _show_first_run_code(settings: Settings, database: Database, *, now: datetime) -> None:
    """Show, once, the code that makes the first operator; nothing when there is one."""
    async with database.write() as session:
        code = await issue_first_run_code(session, now=now, code=settings.first_run_code)
    if code is not None:
        log.warning("first_run_code", code=code, page="/setup")


async def _run_parts(parts: _Parts, listener: socket.socket, stop: asyncio.Event) -> None:
    server = _WebServer(
        uvicorn.Config(
            parts.web,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(part, name=name)
            for name, part in (
                ("intake", parts.intake.run()),
                ("commands", parts.commands.run()),
                ("escalation", parts.escalation.run()),
                ("notify", parts.notify.run()),
                *((name, other.run()) for name, other in parts.others.items()),
                ("web", _serve(server, listener)),
            )
        ]
        await server.up.wait()
        log.info("server_started", http_port=listener.getsockname()[1])
        stopping = asyncio.create_task(stop.wait(), name="stop-signal")
        ended, _ = await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stopping not in ended:
            # A server without one of its loops would only look alive.
            raise ServerError(f"ended by itself: {', '.join(task.get_name() for task in ended)}")
        log.info("server_stopping")
        limit.reschedule(asyncio.get_running_loop().time() + STOP_S)
        for task in tasks:
            task.cancel()


class _WebServer(uvicorn.Server):
    """uvicorn without its signal handlers, which says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: they stop every part, not this one alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        self.up.set()


async def _serve(server: _WebServer, listener: socket.socket) -> None:
    """Serve until cancelled, then finish open requests before the cancellation goes on."""
    # Not of the group: a sibling's crash must not cut requests in flight. Owned by this function.
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web-serve")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    raise ServerError("the web server ended by itself")


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open the port, so that a taken one is known before anything else is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise ServerError(f"cannot listen on {host} port {port}: {error.strerror}") from error
        yield listener


def _carrying_out(policies: Policies) -> CarryOut:
    async def carry_out(session: WriteSession, due: Due, now: datetime) -> str:
        return await timed.carry_out(session, due, now=now, policies=policies)

    return carry_out


async def _looking_ahead(session: WriteSession, rows: Sequence[Due], now: datetime) -> Sequence[Base]:
    return await timed.look_ahead(session, rows, now=now)


def _open_influx(settings: Settings, stack: AsyncExitStack, readings: HistoryDatabase) -> Influx | None:
    """Return the InfluxDB, if one is named, and let readings go to its spool from now on."""
    if not settings.influx_url:
        return None
    influx = Influx(influx_address(settings))
    stack.callback(influx.close)
    readings.on_stored = spool.put
    return influx


def _link_maker(settings: Settings, port: int) -> LinkMaker:
    book = LinkBook(settings.signing_key())
    address = settings.address(port)

    async def make_links(session: WriteSession, pairs: Collection[Pair], now: datetime) -> Mapping[Pair, str]:
        made = await book.make_many(session, pairs, now)
        return {pair: f"{address}/i/{token}" for pair, token in made.items()}

    return make_links


def _duty_link_maker(settings: Settings, port: int) -> Callable[[str], str]:
    links = DutyLinks(settings.signing_key())
    address = settings.address(port)
    return lambda message: f"{address}/my/duty/links/{links.make(message)}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop where it runs: stdlib asyncio costs up to three times as much here."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms, and then not needed
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
