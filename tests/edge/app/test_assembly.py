"""Parts that must agree with one another once they are put together."""

import asyncio

import msgspec
import pytest

from edge.assembly import build_parts
from edge.clock import ManualClock
from edge.drivers.profile import shipped_profiles
from edge.errors import StoreError
from edge.model import Snapshot
from edge.site.trial import choose_site, state_folder
from tests.edge.config.test_site_file import GOOD
from tests.harness.waiting import until
from wire.messages import AlarmState
from wire.vocabulary import Condition


class Disk:
    """The alarm store of a gateway: it has written, and says so when it is let."""

    def __init__(self, outbox):
        self._commit, outbox.commit = outbox.commit, self.commit
        self.writes, self.let = asyncio.Event(), asyncio.Event()
        self.broken = False
        self.let.set()

    async def commit(self, entries, moment):
        if self.broken:
            raise StoreError("the card is read-only")
        numbered = await self._commit(entries, moment)
        self.writes.set()
        await self.let.wait()
        return numbered

    def grow_slow(self):
        self.writes.clear()
        self.let.clear()


class Gateway:
    """A gateway of the site file of the tests whose server takes all it is offered, at once or when asked."""

    def __init__(self, folder):
        (folder / "site.yaml").write_text(GOOD)
        chosen = choose_site(folder / "site.yaml", boot="boot-1")
        state_folder(chosen.site).mkdir()
        self.clock = ManualClock()
        self.parts = build_parts(chosen, state_folder(chosen.site), self.clock)
        self.disk = Disk(self.parts.outbox)
        self.alarms = self.parts.pipeline.engine.alarms
        self.rule, self.device = chosen.site.settings.rules[0].id, chosen.site.settings.rules[0].devices[0]
        model = next(one.profile for one in chosen.site.settings.devices if one.id == self.device)
        self.points = shipped_profiles()[model].named_points
        self.point = chosen.site.settings.rules[0].point

    def measure(self, value):
        self.clock.advance(seconds=1)
        values = tuple(value if point.name == self.point else 0.0 for point in self.points)
        at = self.clock.moment()
        self.parts.pipeline.take(Snapshot(device=self.device, points=self.points, values=values, at=at))
        return self.parts.pipeline.engine.states[self.rule, self.device]

    @property
    def on_the_way(self):
        """The alarms that the server has not taken, as they would be sent next."""
        lane = self.parts.uplink.alarms
        return {
            message.key: msgspec.json.decode(message.body, type=AlarmState)
            for message in lane.due(self.clock.moment().boot_ms)
        }

    async def is_told(self):
        await until(lambda: not self.parts.pipeline.in_journal, what="all is journalled")

    def let_the_server_take_all(self):
        lane = self.parts.uplink.alarms
        for message in lane.due(self.clock.moment().boot_ms):
            lane.acknowledge(message.run, [message.seq])
        assert len(lane) == 0


@pytest.fixture
async def gateway(tmp_path):
    made = Gateway(tmp_path)
    journal = asyncio.create_task(made.parts.pipeline.run_journal(), name="journal")
    yield made
    made.disk.let.set()
    journal.cancel()
    await asyncio.wait([journal])
    made.parts.page.close()
    made.parts.outbox.close()
    made.parts.readings.close()


async def test_a_cause_that_returns_while_its_end_is_being_written_goes_on_with_the_same_alarm(gateway):
    raised = gateway.measure(60.0)
    await gateway.is_told()
    gateway.let_the_server_take_all()

    gateway.disk.grow_slow()
    gateway.measure(0.0)
    assert raised.alarm not in gateway.alarms
    await gateway.disk.writes.wait()
    returned = gateway.measure(60.0)
    assert (returned.alarm, returned.count) == (raised.alarm, 2)

    gateway.disk.let.set()
    await gateway.is_told()
    assert gateway.parts.uplink.alarms.keys == {raised.alarm}


async def test_a_sensor_that_flaps_faster_than_the_disk_writes_is_one_alarm_with_a_count(gateway):
    gateway.disk.grow_slow()
    raised = gateway.measure(60.0)
    for _ in range(20):
        gateway.measure(0.0)
        flapped = gateway.measure(60.0)
    assert (flapped.alarm, flapped.count) == (raised.alarm, 21)


async def test_the_end_of_an_alarm_that_is_being_written_is_still_among_what_the_gateway_lists(gateway):
    told = []

    class Link:
        async def publish(self, _topic, payload, **_):
            told.append(payload.decode())

    raised = gateway.measure(60.0)
    await gateway.is_told()
    gateway.let_the_server_take_all()
    gateway.disk.grow_slow()
    gateway.measure(0.0)
    await gateway.disk.writes.wait()
    stating = asyncio.create_task(gateway.parts.uplink._resync(Link()))
    gateway.parts.uplink.request_resync()
    await until(lambda: told, what="the list of alarms")
    stating.cancel()
    assert raised.alarm in told[0]


async def test_a_cause_that_returns_after_the_server_took_its_end_is_an_alarm_of_its_own(gateway):
    raised = gateway.measure(60.0)
    gateway.measure(0.0)
    await gateway.is_told()
    gateway.let_the_server_take_all()
    assert gateway.measure(60.0).alarm != raised.alarm


async def test_what_changes_while_a_disk_that_is_back_writes_everything_is_not_overwritten_by_it(gateway):
    gateway.disk.broken = True
    raised = gateway.measure(60.0)
    await gateway.is_told()
    gateway.measure(0.0)
    await gateway.is_told()
    assert gateway.parts.pipeline.volatile

    gateway.disk.broken = False
    gateway.disk.grow_slow()
    recovering = asyncio.create_task(gateway.parts.pipeline._recover())
    await gateway.disk.writes.wait()
    again = gateway.measure(60.0)
    assert again.alarm == raised.alarm
    await gateway.is_told()
    gateway.disk.let.set()
    await recovering
    await gateway.is_told()

    assert not gateway.parts.pipeline.volatile
    assert gateway.on_the_way[raised.alarm].condition is Condition.ACTIVE
    states, alarms, unsent = await gateway.parts.outbox.load()
    assert [alarm.condition for alarm in alarms] == [Condition.ACTIVE]
    assert states[gateway.rule, gateway.device].alarm == raised.alarm
    assert [message.key for message in unsent] == [raised.alarm]
