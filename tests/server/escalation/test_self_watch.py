"""The server watches itself: canaries, silent gateways, and a watchdog beside it."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from server.devices.service import GATEWAY_DEVICE
from server.devices.tables import Device, Gateway
from server.errors import SettingsError
from server.escalation.canary import CANARY_GATEWAY, Canary, canary_age_s
from server.escalation.tables import CanaryRun
from server.intake.received import receive
from server.intake.silence import SilenceWatch
from server.items.tables import Item
from server.people.tables import Duty, Person, Role, Scope
from server.places.tables import PlacesVersion
from server.pulse import Pulses
from server.watchdog import Watch, Word, read_addressees
from tests.server.world import GATEWAY, at
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

    async def test_one_that_was_never_heard_is_not_silent(self, world, watch):
        await watch.turn()
        await let_pass(world, watch, 300)
        assert await world.items() == []


class TestCanary:
    @pytest.fixture
    def flock(self, world):
        sent = []

        async def publish(topic, payload):
            sent.append(receive(topic, payload, at=world.clock.now()))

        canary = Canary(
            database=world.database, clock=world.clock, publish=publish, every_s=300, pulses=Pulses()
        )
        return canary, sent

    async def age(self, world):
        async with world.database.read() as session:
            return await canary_age_s(session, now=world.clock.now())

    async def test_it_goes_through_intake_and_sender_and_leaves_nothing_behind(self, world, flock):
        canary, sent = flock
        assert await canary.turn()
        assert await self.age(world) is None
        await world.take(*sent)
        await world.settle()
        world.clock.advance(seconds=7)
        assert await self.age(world) == 7
        assert await world.rows(Item) == []
        assert await world.notices() == []
        gateways = {row.id for row in await world.rows(Gateway)}
        assert CANARY_GATEWAY not in gateways
        assert CANARY_GATEWAY not in {row.gateway for row in await world.rows(Device)}

    async def test_one_every_five_minutes_after_a_restart_too(self, world, flock):
        canary, sent = flock
        for _ in range(60):
            await canary.turn()
            world.clock.advance(seconds=10)
        assert len(sent) == 2

    async def test_its_age_grows_when_the_intake_is_dead(self, world, flock):
        canary, sent = flock
        await canary.turn()
        await world.take(*sent)
        await world.settle()
        for _ in range(3):
            world.clock.advance(seconds=300)
            await canary.turn()
            await world.settle()
        assert await self.age(world) == 900
        assert sum(run.received_at is not None for run in await world.rows(CanaryRun)) == 1


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
