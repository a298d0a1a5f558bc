"""The server watches itself: canaries, silent gateways, and a watchdog beside it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from server.devices.service import GATEWAY_DEVICE
from server.devices.tables import Device, Gateway
from server.errors import ServerError, SettingsError
from server.escalation.canary import CANARY_GATEWAY, Canary
from server.escalation.canary import receive as receive_canary
from server.escalation.canarystanding import CanaryStanding, Stage, canary_standing
from server.escalation.tables import CanaryRun
from server.intake.received import receive
from server.intake.silence import SilenceWatch
from server.items.tables import Item
from server.notify.canaryway import CanaryWay
from server.notify.channels import Outcome, Verdict
from server.people.tables import Duty, Person, Role, Scope
from server.places.tables import PlacesVersion
from server.pulse import Pulses
from server.watchdog import Watch, Word, read_addressees
from tests.harness.waiting import until
from tests.server.world import GATEWAY, World, at
from wire.vocabulary import Kind, Presence


@dataclass
class Link:
    is_up: bool = True


@pytest.fixture
async def watch(world):
    async with world.database.write() as session:
        session.add(Person(code="keeper", name="维护某", webhook_url="https://phone.example/keeper"))
        await session.flush()
        session.add(Duty(person="keeper", role=Role.MAINTAINER, scope=Scope.STREET, code=""))
        session.add(PlacesVersion(at=world.clock.now()))
    return SilenceWatch(
        database=world.database, clock=world.clock, link=Link(), policies=world.policies, pulses=Pulses()
    )


async def hear(world, presence=Presence.ONLINE):
    async with world.database.write() as session:
        gateway = await session.get(Gateway, GATEWAY)
        gateway.heard_at = world.clock.now()
        gateway.presence = presence


async def let_pass(world, watch, seconds):
    for _ in range(round(seconds / 5)):
        await world.pass_time(5)
        await watch.turn()
    await world.settle()


class TestSilence:
    async def test_a_silent_gateway_is_an_item_of_its_maintainer_within_ninety_seconds(self, world, watch):
        await watch.turn()
        await hear(world)
        await let_pass(world, watch, 85)
        assert await world.items() == []
        await let_pass(world, watch, 5)
        item = await world.item()
        assert (item.device, item.kind, item.owner) == (GATEWAY_DEVICE, Kind.CONTACT, "keeper")
        assert len(world.heard("keeper")) == 1
        assert world.heard("leader") == []
        await let_pass(world, watch, 60)
        assert len(await world.items()) == 1

    async def test_at_night_too(self, world, watch):
        world.clock.time = world.clock.time.replace(hour=18)  # two in the morning in the street
        await watch.turn()
        await hear(world)
        await let_pass(world, watch, 95)
        assert len(world.heard("keeper")) == 1

    async def test_its_return_is_noted_on_the_same_item(self, world, watch):
        await watch.turn()
        await hear(world)
        await let_pass(world, watch, 90)
        await hear(world)
        await let_pass(world, watch, 5)
        assert (await world.item()).alarm_over

    async def test_one_that_said_goodbye_has_thirty_seconds(self, world, watch):
        await watch.turn()
        await hear(world)
        await let_pass(world, watch, 90 - 5)
        await hear(world, Presence.OFFLINE)
        await let_pass(world, watch, 25)
        assert await world.items() == []
        await let_pass(world, watch, 5)
        assert len(await world.items()) == 1

    async def test_after_the_server_was_away_every_gateway_has_its_time(self, world, watch):
        await hear(world)
        world.clock.advance(seconds=3600)
        await watch.turn()  # the server has just started
        await let_pass(world, watch, 60)
        assert await world.items() == []
        await hear(world)
        await let_pass(world, watch, 60)
        assert await world.items() == []

    async def test_after_the_broker_was_away_likewise(self, world, watch):
        await watch.turn()
        await hear(world)
        watch._link.is_up = False
        await let_pass(world, watch, 600)
        watch._link.is_up = True
        await let_pass(world, watch, 85)
        assert await world.items() == []
        await let_pass(world, watch, 10)
        assert len(await world.items()) == 1

    async def test_after_the_clock_was_set_forward_likewise(self, world, watch):
        await watch.turn()
        await let_pass(world, watch, 100)
        await hear(world)
        await watch.turn()
        world.clock.time += timedelta(hours=1)  # the wall clock alone
        await let_pass(world, watch, 85)
        assert await world.items() == []
        await let_pass(world, watch, 10)
        assert len(await world.items()) == 1

    async def test_one_that_was_never_heard_is_not_silent(self, world, watch):
        await watch.turn()
        await let_pass(world, watch, 300)
        assert await world.items() == []


class Loopback:
    """A channel whose messages come back in, as long as the network holds."""

    def __init__(self, world) -> None:
        self.world, self.cut, self.sent = world, False, []

    async def send(self, message):
        self.sent.append(message)
        if self.cut:
            return Outcome(verdict=Verdict.TEMPORARY, reason="ConnectError")
        async with self.world.database.write() as session:
            await receive_canary(session, message.id, now=self.world.clock.now())
        return Outcome(verdict=Verdict.SENT)


class Broker:
    """Keeps what is published until the intake takes it."""

    def __init__(self, world) -> None:
        self.world, self.away, self.sent = world, False, []

    async def publish(self, topic, payload):
        if self.away:
            raise ServerError("not connected to the broker")
        self.sent.append(receive(topic, payload, at=self.world.clock.now()))

    async def deliver(self):
        sent, self.sent = self.sent, []
        await self.world.take(*sent)


@dataclass
class Flock:
    """The canary and what it goes through."""

    world: World
    broker: Broker
    loopback: Loopback
    canary: Canary

    async def fly(self, seconds, *, step=5, deliver=True):
        """Let time pass in small steps."""
        for _ in range(round(seconds / step)):
            self.world.clock.advance(seconds=step)
            with suppress(ServerError):
                await self.canary.turn()
            if deliver:
                await self.broker.deliver()
            await self.world.settle()

    async def standing(self):
        async with self.world.database.read() as session:
            return await canary_standing(session, now=self.world.clock.now())


class TestCanary:
    @pytest.fixture
    def flock(self, world):
        broker, loopback = Broker(world), Loopback(world)
        world.worker._canary_way = CanaryWay(channel=loopback, address="http://127.0.0.1/canary")
        canary = Canary(
            database=world.database, clock=world.clock, publish=broker.publish, every_s=300, pulses=Pulses()
        )
        return Flock(world, broker, loopback, canary)

    async def test_it_goes_through_intake_sender_and_channel_and_leaves_nothing_behind(self, world, flock):
        await flock.fly(5)
        world.clock.advance(seconds=7)
        assert await flock.standing() == CanaryStanding(age_s=7, arrived=flock.loopback.sent[0].id)
        [run] = await world.rows(CanaryRun)
        assert run.sent_at <= run.taken_in_at <= run.handed_at <= run.received_at
        assert await world.rows(Item) == []
        assert await world.notices() == []
        gateways = {row.id for row in await world.rows(Gateway)}
        assert CANARY_GATEWAY not in gateways
        assert CANARY_GATEWAY not in {row.gateway for row in await world.rows(Device)}

    async def test_one_every_five_minutes_after_a_restart_too(self, flock):
        await flock.fly(600, step=20)
        assert len(flock.loopback.sent) == 2

    async def test_a_lost_one_is_soon_followed_by_another_that_proves_the_chain_mended(self, flock):
        flock.loopback.cut = True
        await flock.fly(300, step=20)
        assert (await flock.standing()).failing is Stage.RECEIVED
        flock.loopback.cut = False
        await flock.fly(10)
        assert (await flock.standing()).failing is None

    @pytest.mark.parametrize("stage", Stage)
    async def test_wherever_the_chain_is_cut_that_stage_is_named_and_the_age_grows(self, world, flock, stage):
        await flock.fly(5)
        match stage:
            case Stage.TAKEN_IN:
                deliver = False
            case Stage.HANDED:
                deliver = True
                world.worker._start_canary = hangs
            case Stage.RECEIVED:
                deliver = True
                flock.loopback.cut = True
        await flock.fly(280, step=20, deliver=deliver)
        assert (await flock.standing()).failing is None
        await flock.fly(100, step=20, deliver=deliver)
        standing = await flock.standing()
        assert (standing.failing, standing.age_s) == (stage, 380)
        assert standing.refusal == ("ConnectError" if stage is Stage.RECEIVED else "")

    async def test_after_days_without_one_its_age_is_still_known(self, flock):
        await flock.fly(5)
        flock.loopback.cut = True
        for _ in range(10):
            flock.world.clock.advance(seconds=3 * 3600)
            await flock.fly(5)
        assert (await flock.standing()).age_s == 10 * (3 * 3600 + 5)

    async def test_a_broker_that_is_away_for_a_moment_loses_none(self, flock):
        flock.broker.away = True
        await flock.fly(20)
        flock.broker.away = False
        await flock.fly(10)
        assert (await flock.standing()).age_s == 25
        assert len(await flock.world.rows(CanaryRun)) == 1

    async def test_a_canary_that_hangs_holds_up_no_notice(self, world, flock):
        hanging = asyncio.Event()

        async def send(message):
            await hanging.wait()
            return Outcome(verdict=Verdict.TEMPORARY)

        flock.loopback.send = send
        await flock.canary.turn()
        await flock.broker.deliver()
        running = asyncio.create_task(world.worker.run())
        try:
            await until(lambda: world.worker._canary_under_way, what="the canary hangs")
            await world.raise_alarm()
            world.worker.hear([("notice", "")])
            await until(lambda: world.channel.sent, what="a notice leaves")
        finally:
            running.cancel()
            await asyncio.wait([running])


async def hangs(_group):
    """A sender of notices that looks after no canary."""


class TestWatch:
    def test_three_failures_in_a_row_are_told_and_then_every_ten_minutes(self):
        watch = Watch()
        words = [watch.judge(at(seconds=second), ready=second == 5) for second in range(0, 700, 5)]
        told = [5 * index for index, word in enumerate(words) if word is Word.DEAD]
        assert told == [20, 620]

    def test_its_return_is_told_once(self):
        watch = Watch()
        for second in (0, 5, 10):
            watch.judge(at(seconds=second), ready=False)
        assert watch.judge(at(seconds=15), ready=True) is Word.BACK
        assert watch.judge(at(seconds=20), ready=True) is Word.NOTHING

    def test_a_clock_set_back_keeps_nobody_in_the_dark(self):
        watch = Watch()
        for second in (0, 5, 10):
            watch.judge(at(seconds=second), ready=False)
        assert watch.judge(at() - timedelta(days=1), ready=False) is Word.DEAD

    @pytest.mark.parametrize(("text", "said"), [("", "empty"), ("sms", "no address")])
    def test_whom_to_tell_must_be_said(self, text, said):
        with pytest.raises(SettingsError, match=said):
            read_addressees(text)

    def test_several_are_told(self):
        found = read_addressees("sms=199, webhook=https://x/?a=b")
        assert [(one.channel, one.address) for one in found] == [
            ("sms", "199"),
            ("webhook", "https://x/?a=b"),
        ]
