"""Whatever a line does to messages, and whatever stops in between: in the end both sides say the same.

The gateway's own rules, store, numbers and uplink on one side, the server's intake on the other, and between
them a line that loses, doubles, delays and reorders; either side is killed, the gateway's disk fails and comes
back. When it is over and the line is good, the server holds each alarm exactly as the gateway does.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from edge.clock import ManualClock
from edge.errors import StoreError
from edge.pipeline import Pipeline
from edge.rules.inforce import rule_in_force
from edge.rules.suppression import RefusedError
from edge.site.inforce import ConfigurationContent
from edge.stores.outbox import Outbox
from edge.stores.readings import ReadingStore
from edge.stores.storethread import IN_MEMORY
from edge.uplink.configuration import ConfigurationTeller
from edge.uplink.connections import Uplink
from server.alarms.tables import Alarm
from server.devices.inforce import configuration_in_force
from server.history.database import HistoryDatabase
from server.intake import status as statuses
from server.intake.configurations import ConfigurationIntake
from server.intake.received import receive
from tests.edge.site import POINTS, Bench, gas_rule
from tests.harness.waiting import until
from tests.server.world import GATEWAY, World
from wire import codec
from wire.configuration import ConfigurationReport
from wire.messages import AckReply, ConfigurationReply, StatusMessage
from wire.topics import Up, up_topic
from wire.vocabulary import AlarmClass, Clock, Kind, Lane, Presence

_TURNS = 60
_LEVELS = (0.0, 10.0, 24.0, 30.0, 60.0)
CONFIGURATION = ConfigurationContent(
    file_hash="file",
    version="1",
    software="gridwarden",
    buses=(),
    profiles=(),
    devices=(),
    rules=tuple(
        msgspec.structs.replace(rule_in_force(gas_rule(id=f"rule-{n:03}"), POINTS["gas"]), clause="x" * 900)
        for n in range(80)
    ),
)
"""Six parts."""
RULES = (
    gas_rule(actions=(), latching=True),
    gas_rule(id="gas-low", actions=(), above=10.0, hysteresis=2.0, class_=AlarmClass.HAZARD),
    gas_rule(id="gas-rising", actions=(), above=20.0, hysteresis=0.0, kind=Kind.FIRE, on_delay_ms=2_000),
)


@pytest.fixture
async def history(tmp_path):
    database = HistoryDatabase(f"sqlite+aiosqlite:///{tmp_path}/history.db")
    await database.prepare()
    yield database
    await database.engine.dispose()


class NoActuator:
    def start(self, action: object) -> None:
        pass


class AilingOutbox(Outbox):
    """A store whose disk takes nothing while it is told so."""

    refuses = False

    async def commit(self, entries, now):
        if self.refuses:
            raise StoreError("the card is read-only")
        return await super().commit(entries, now)


@dataclass
class Line:
    """Messages on their way, in both directions."""

    chance: Random
    bad: bool = True
    up: list[tuple[str, bytes]] = field(default_factory=list)
    down: list[bytes] = field(default_factory=list)
    reports: int = 0

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        del retain
        self.up.append((topic, payload))
        self.reports += topic == up_topic(GATEWAY, Up.REPORTS)

    async def say(self, gateway: str, word: ConfigurationReply) -> None:
        assert gateway == GATEWAY
        self.down.append(codec.encode(word))

    def carry(self, queue: list[Any]) -> list[Any]:
        """Take what arrives this time; the rest is late, some is lost, some comes twice."""
        if not self.bad:
            arrived, queue[:] = list(queue), []
            return arrived
        arrived, late = [], []
        for message in queue:
            luck = self.chance.random()
            if luck < 0.55:
                arrived.append(message)
            elif luck < 0.7:
                arrived.append(message)
                late.append(message)
            elif luck < 0.9:
                late.append(message)
        self.chance.shuffle(late)
        if self.chance.random() < 0.3:
            self.chance.shuffle(arrived)
        queue[:] = late
        return arrived

    def tear(self) -> None:
        self.up.clear()
        self.down.clear()


class Gateway:
    """One process of a gateway: what it holds in memory dies with it."""

    def __init__(self, folder, line: Line, clock: ManualClock, *, boot: str) -> None:
        self.bench = Bench(rules=RULES, boot=boot, clock=clock)
        self.line = line
        self.outbox = AilingOutbox(folder / "alarms.db")
        self.readings = ReadingStore(IN_MEMORY, max_bytes=10**7, max_age_ms=10**12)
        self.uplink = Uplink(
            gateway=GATEWAY,
            boot=self.bench.boot,
            dialer=_NoDialer(),
            clock=self.bench.clock,
            outbox=self.outbox,
            readings=self.readings,
            engine=self.bench.engine,
            status=self._status,
            in_journal=lambda: (),
        )
        self.pipeline = Pipeline(
            engine=self.bench.engine,
            outbox=self.outbox,
            readings=self.readings,
            actuator=NoActuator(),
            clock=self.bench.clock,
            offer=self.uplink.offer,
        )
        self.teller = ConfigurationTeller(
            content=lambda: CONFIGURATION,
            send=self._tell,
            alarms_wait=lambda: len(self.uplink.alarms) > 0,
            clock=clock,
        )
        self.uplink.employ(None, self.teller)
        self.session = 0

    async def _tell(self, report: ConfigurationReport) -> bool:
        assert len(self.uplink.alarms) == 0, "an alarm waits behind a configuration"
        self.line.up.append(self.uplink._paper.report(report))
        return True

    async def tell_configuration(self) -> None:
        """Tell what goes before the next pause."""
        while await self.teller.turn() == 0.0:
            pass

    def _status(self) -> StatusMessage:
        moment = self.bench.clock.moment()
        return StatusMessage(
            v=1,
            gateway=GATEWAY,
            session="",
            boot=self.bench.boot,
            up_ms=moment.boot_ms,
            sent_at=moment.as_datetime(),
            clock=Clock.SYNCED,
            presence=Presence.ONLINE,
        )

    async def measure(self, value: float) -> None:
        self.pipeline.take(self.bench.snapshot(value))
        await self.pipeline._journal()

    async def tick(self, seconds: float) -> None:
        self.pipeline.decide(self.bench.pass_time(seconds))
        await self.pipeline._journal()

    async def reset_latches(self) -> None:
        for alarm in list(self.bench.engine.alarms):
            with contextlib.suppress(RefusedError):
                self.pipeline.decide(self.bench.engine.reset(alarm, self.bench.now()))
        await self.pipeline._journal()

    def send_due(self) -> None:
        for message in self.uplink.alarms.due(self.bench.clock.moment().boot_ms):
            self.line.up.append(self.uplink._paper.alarm(message))

    async def hear(self, payload: bytes) -> None:
        """Take a word of the server; where it asks for the open alarms, wait until they are stated."""
        stated = self.line.reports
        await self.uplink._hear(payload)
        if not self.uplink._resync_wanted.is_set():
            return
        resync = asyncio.create_task(self.uplink._resync(self.line))
        await until(lambda: self.line.reports > stated, what="the open alarms, stated")
        resync.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await resync

    def connect(self) -> None:
        """A new session: what was in flight counts as not sent."""
        self.session += 1
        self.uplink._paper.session = f"{self.bench.boot}-{self.session}"
        self.uplink.alarms.lose_connection()
        status = self.uplink._status_now(Presence.ONLINE)
        self.line.up.append((up_topic(GATEWAY, Up.STATUS), codec.encode(status)))

    async def recover(self) -> None:
        self.outbox.refuses = False
        if self.pipeline.volatile:
            await self.pipeline._recover()
            await self.pipeline._journal()

    def die(self) -> None:
        self.outbox.close()
        self.readings.close()


class _NoDialer:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: ()


async def serve(world: World, history: HistoryDatabase, line: Line, *, dies: bool = False) -> None:
    """The server takes what arrives, commits it, and says so; killed, it may have committed and not said so."""
    arrived = [receive(topic, payload, at=world.clock.now()) for topic, payload in line.carry(line.up)]
    alarms = [one for one in arrived if one.channel is not Up.STATUS]
    kept = ConfigurationIntake(database=world.database, clock=world.clock, say=line.say)
    if alarms:
        done = await world.take(*alarms)
        for gateway, part in done.configurations:
            kept.offer(gateway, part)
        if not dies:
            for _ in done.configurations:
                await kept.turn(patience_s=0)
            for (_, run), seqs in done.acks.items():
                line.down.append(
                    codec.encode(AckReply(lane=Lane.ALARMS, run=run, seqs=tuple(sorted(set(seqs)))))
                )
    heard = await statuses.keep(
        world.database, [one for one in arrived if one.channel is Up.STATUS], now=world.clock.now()
    )
    for one in heard:
        reply = await statuses.committed_reply(world.database, history, one)
        if reply is not None and not dies:
            line.down.append(codec.encode(reply))


async def held_by_server(world: World) -> dict[str, tuple]:
    alarms: list[Alarm] = await world.rows(Alarm)
    return {
        one.alarm: (one.rule, one.class_, one.condition, one.latched, one.value)
        for one in alarms
        if one.cleared_at is None and one.superseded_at is None
    }


def held_by_gateway(gateway: Gateway) -> dict[str, tuple]:
    return {
        one.alarm: (one.rule, one.class_, one.condition, one.latched, one.value)
        for one in gateway.bench.engine.alarms.values()
    }


HAPPENS = {
    "measure": 12, "wait": 6, "reset": 2, "tear": 2, "kill": 1, "server dies": 2, "disk fails": 1, "disk returns": 2
}  # fmt: skip


@dataclass
class Play:
    """A gateway, a server and the line between them, and what befalls them."""

    world: World
    folder: Path
    chance: Random
    history: HistoryDatabase
    clock: ManualClock = field(default_factory=ManualClock)
    newest: dict[str, datetime] = field(default_factory=dict)
    starts: int = 0

    def __post_init__(self) -> None:
        self.line = Line(self.chance)

    async def start(self) -> None:
        self.starts += 1
        self.gateway = Gateway(self.folder, self.line, self.clock, boot=f"boot-{self.starts}")
        await self.gateway.pipeline.restore()
        await self.gateway.pipeline._journal()
        self.gateway.connect()

    async def befall(self, what: str) -> None:
        gateway = self.gateway
        match what:
            case "measure":
                await gateway.measure(self.chance.choice(_LEVELS))
            case "wait":
                await gateway.tick(self.chance.choice((1, 3, 15)))
            case "reset":
                await gateway.reset_latches()
            case "tear":
                self.line.tear()
                gateway.connect()
            case "kill" if not gateway.pipeline.volatile:  # what lives in memory dies with it, and says so
                self.line.tear()
                gateway.die()
                await self.start()
            case "disk fails":
                gateway.outbox.refuses = True
            case "disk returns":
                await gateway.recover()

    async def go_on(self, seconds: float, *, server_dies: bool = False) -> None:
        self.world.clock.advance(seconds=seconds)
        await self.gateway.tick(seconds)
        self.gateway.send_due()
        await self.gateway.tell_configuration()
        await serve(self.world, self.history, self.line, dies=server_dies)
        for payload in self.line.carry(self.line.down):
            await self.gateway.hear(payload)
        await self.check_order()

    async def check_order(self) -> None:
        """A state that is older than one that was held is never held again."""
        for one in await self.world.rows(Alarm):
            assert one.changed_at >= self.newest.get(one.alarm, one.changed_at), f"{one.alarm} went back"
            self.newest[one.alarm] = one.changed_at

    async def come_to_rest(self) -> None:
        """The line is good, the disk works, and what was late arrives; perhaps on a new connection."""
        await self.gateway.recover()
        self.line.bad = False
        if self.chance.random() < 0.3:
            self.gateway.connect()
        for _ in range(40):
            await self.go_on(5)
        assert len(self.gateway.uplink.alarms) == 0
        for _ in range(20):  # what was lost on the bad line is told again, ever more seldom
            if await self.has_configuration():
                return
            await self.go_on(60)
        raise AssertionError("the server never said that it keeps the configuration")

    async def has_configuration(self) -> bool:
        """Whether the server holds what the gateway told, whole, and the gateway knows it."""
        async with self.world.database.read() as session:
            held = await configuration_in_force(session, GATEWAY)
        return held is not None and held.rules == CONFIGURATION.rules and not self.gateway.teller.is_telling


@pytest.mark.parametrize("seed", range(10))
async def test_both_sides_say_the_same_in_the_end(world, history, tmp_path, seed):
    play = Play(world=world, folder=tmp_path, chance=Random(seed), history=history)
    await play.start()
    raised: set[str] = set()
    story = play.chance.choices(list(HAPPENS), weights=list(HAPPENS.values()), k=_TURNS)
    for what in story:
        await play.befall(what)
        await play.go_on(1, server_dies=what == "server dies")
        raised |= set(play.gateway.bench.engine.alarms)
    await play.come_to_rest()
    play.gateway.die()
    assert await held_by_server(world) == held_by_gateway(play.gateway), (seed, story)
    assert raised <= set(play.newest), (seed, story)
