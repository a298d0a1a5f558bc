"""When the server does not take a life-safety alarm: siren, text message, webhook, until it does."""

import asyncio
import base64

import pytest
import standardwebhooks

from edge.clock import ManualClock, SystemClock
from edge.errors import WayOutError
from edge.pipeline import Pipeline
from edge.stores.outbox import encode_outgoing
from edge.uplink.modem import ModemWay
from edge.uplink.secondway import SecondWay, Siren, describe_alarm
from edge.uplink.smspdu import encode_submit
from edge.uplink.webhookway import WebhookWay
from firmware_sim.devices.modem import ModemFault, SimulatedModem, decode_submit
from tests.edge.site import Bench, gas_rule
from tests.harness.waiting import until
from wire.vocabulary import ActionState, AlarmClass

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests of 32 bytes").decode()


class Way:
    name = "send_sms"

    def __init__(self):
        self.told = []
        self.broken = False

    async def tell(self, alarm):
        self.told.append(alarm)
        if self.broken:
            raise WayOutError("no network")
        return "+86****0001"


class World:
    """A gateway whose server has not acknowledged what is in `unheard`."""

    def __init__(self, **rule):
        self.clock = ManualClock()
        self.bench = Bench(rules=(gas_rule(**rule),), clock=self.clock)
        self.unheard: set[str] = set()
        self.started, self.settled = [], []
        self.way = Way()
        self.second = self.second_way(lambda alarm: alarm in self.unheard)

    def second_way(self, is_unacknowledged):
        return SecondWay(
            clock=self.clock,
            after_s=30,
            alarms=lambda: self.bench.engine.alarms,
            is_unacknowledged=is_unacknowledged,
            siren=Siren(device="horn", sound="sound", silence="hush"),
            actuator=self,
            ways=[self.way],
            sink=self,
        )

    def start(self, action):
        self.started.append((action.action, action.device))

    def settle(self, result):
        self.settled.append((result.planned.action, result.state))
        self.bench.engine.settle(result)

    def leak(self):
        self.bench.measure(60.0)
        (alarm,) = self.bench.engine.alarms
        self.unheard.add(alarm)
        return alarm

    async def wait(self, group, seconds):
        for _ in range(seconds):
            self.clock.advance(seconds=1)
            self.second.look(group)
            for _ in range(5):
                await asyncio.sleep(0)


@pytest.fixture
def world():
    return World()


class Tasks(set):
    """As much of a task group as is needed here; its tasks end with the test."""

    def create_task(self, work, *, name):
        task = asyncio.create_task(work, name=name)
        self.add(task)
        return task


@pytest.fixture
async def group():
    tasks = Tasks()
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_alarm_that_the_server_takes_in_time_rings_nobody_twice(world, group):
    world.second.look(group)
    alarm = world.leak()
    await world.wait(group, 29)
    world.unheard.discard(alarm)
    await world.wait(group, 60)
    assert (world.started, world.way.told) == ([], [])


async def test_after_thirty_seconds_the_siren_sounds_and_the_message_goes(world, group):
    world.leak()
    await world.wait(group, 30)
    assert world.started == []
    await world.wait(group, 1)
    assert world.started == [("sound", "horn")]
    assert len(world.way.told) == 1
    assert world.settled == [("send_sms", ActionState.CONFIRMED)]
    (alarm,) = world.bench.engine.alarms.values()
    assert {a.action: a.state for a in alarm.actions}["send_sms"] is ActionState.CONFIRMED, (
        "it stands in the alarm"
    )


class SlowJournal:
    """The alarm store of a gateway whose disk answers when it is let."""

    def __init__(self):
        self.run, self.writes, self.let = "run-1", asyncio.Event(), asyncio.Event()

    async def commit(self, entries, _moment):
        self.writes.set()
        await self.let.wait()
        return [encode_outgoing(entry.alarm, self.run, seq) for seq, entry in enumerate(entries, 1)]


async def test_an_alarm_still_being_written_to_the_disk_does_not_count_as_taken_by_the_server(world, group):
    disk = SlowJournal()
    pipeline = Pipeline(
        engine=world.bench.engine,
        outbox=disk,
        readings=None,
        actuator=world,
        clock=world.clock,
        offer=lambda messages: world.unheard.update(message.key for message in messages),
        is_unacknowledged=lambda key: key in world.unheard,
    )
    world.second = world.second_way(pipeline.is_untaken)
    group.create_task(pipeline.run_journal(), name="journal")
    pipeline.take(world.bench.snapshot(60.0))
    world.second.look(group)
    await disk.writes.wait()
    world.second.look(group)
    assert world.unheard == set()
    disk.let.set()
    await until(lambda: world.unheard, what="the alarm is handed on to be sent")
    (alarm,) = world.bench.engine.alarms
    assert alarm not in pipeline.in_journal
    await world.wait(group, 31)
    assert ("sound", "horn") in world.started
    assert len(world.way.told) == 1


async def test_a_way_that_fails_is_tried_again_and_is_no_failed_action(world, group):
    world.way.broken = True
    world.leak()
    await world.wait(group, 32)
    assert ("send_sms", ActionState.PLANNED) in world.settled
    assert len(world.way.told) > 1
    world.way.broken = False
    await world.wait(group, 2)
    assert world.settled[-1] == ("send_sms", ActionState.CONFIRMED)


async def test_the_servers_word_ends_it_and_silences_the_siren(world, group):
    world.way.broken = True
    alarm = world.leak()
    await world.wait(group, 32)
    world.unheard.discard(alarm)
    await world.wait(group, 1)
    tried = len(world.way.told)
    assert world.started[-1] == ("hush", "horn")
    await world.wait(group, 60)
    assert len(world.way.told) == tried


async def test_a_later_state_of_an_alarm_that_the_server_has_is_no_reason(world, group):
    alarm = world.leak()
    world.unheard.discard(alarm)
    await world.wait(group, 1)
    world.unheard.add(alarm)
    await world.wait(group, 120)
    assert world.started == []


async def test_only_life_safety_goes_the_second_way(group):
    world = World(class_=AlarmClass.HAZARD)
    world.leak()
    await world.wait(group, 120)
    assert world.started == []


async def test_a_siren_that_did_not_sound_is_sounded_again(world, group):
    world.leak()
    await world.wait(group, 100)
    assert world.started.count(("sound", "horn")) == 2


# --- the modem ---------------------------------------------------------------------------------


@pytest.fixture
async def modem():
    opened = SimulatedModem()
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def alarm():
    (decision,) = Bench().measure(60.0)
    return decision.alarm


def way_of(modem, *numbers):
    return ModemWay(device=modem.port, baud=115_200, numbers=numbers or ("+8613800000001",), gateway="gw-1")


async def test_a_text_message_says_in_chinese_what_and_where(modem, alarm):
    said = await way_of(modem, "+8613800000001", "12345").tell(alarm)
    assert [text.number for text in modem.sent] == ["+8613800000001", "12345"]
    assert modem.sent[0].text == describe_alarm(alarm, "gw-1")
    assert "燃气报警：探测器 测值60%LEL" in modem.sent[0].text
    assert said == "+86****0001, 123****2345"


@pytest.mark.parametrize(
    ("fault", "says"), [(ModemFault.NO_SIM, r"CME ERROR: 10"), (ModemFault.NO_NETWORK, r"CMS ERROR: 38")]
)
async def test_what_the_modem_says_is_said(modem, alarm, fault, says):
    modem.fault = fault
    with pytest.raises(WayOutError, match=says):
        await way_of(modem).tell(alarm)
    modem.fault = ModemFault.CHATTY
    await way_of(modem).tell(alarm)
    assert len(modem.sent) == 1


async def test_a_modem_that_is_mute_or_gone_is_an_error_in_time(modem, alarm, monkeypatch):
    monkeypatch.setattr("edge.uplink.modem._ANSWER_S", 0.2)
    modem.fault = ModemFault.MUTE
    with pytest.raises(WayOutError, match="did not answer"):
        await way_of(modem).tell(alarm)
    gone = ModemWay(device="/dev/serial/by-id/not-there", baud=9600, numbers=("1",), gateway="gw-1")
    with pytest.raises(WayOutError, match="not-there"):
        await gone.tell(alarm)


@pytest.mark.parametrize("text", ["燃气", "泄漏" * 35, "泄漏" * 36, "漏😀" * 120, "x" * 67 * 3])
def test_long_messages_are_split_and_come_together_again(text):
    parts = [decode_submit(unit) for _, unit in encode_submit("+8613800138000", text, reference=7)]
    assert "".join(part for _, part, _ in parts) == text
    assert {number for number, _, _ in parts} == {"+8613800138000"}
    for index, (_, part, place) in enumerate(parts, 1):
        assert len(part.encode("utf-16-be")) <= 140
        assert place == (None if len(parts) == 1 else (7, len(parts), index))


def test_a_unit_is_what_the_standard_shows():
    """SMS-SUBMIT of one UCS2 character, counted by hand from 3GPP TS 23.040 clause 9.2.2.2."""
    assert encode_submit("+8613800138000", "火") == [
        (17, "00" + "1100" + "0D91" + "683108108300F0" + "00" + "08" + "A7" + "02" + "706B")
    ]


# --- the webhook -------------------------------------------------------------------------------


async def test_a_webhook_is_signed_so_that_a_stranger_can_check_it(tmp_path, alarm):
    (tmp_path / "secret").write_text(SECRET + "\n")
    heard = []

    async def receive(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        pairs = [line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line]
        headers = {name.lower(): value for name, value in pairs}
        heard.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clock = SystemClock()  # the checker below wants a timestamp of now
    way = WebhookWay(
        url=f"http://127.0.0.1:{port}/alarm", secret_file=tmp_path / "secret", gateway="gw-1", clock=clock
    )
    status = 503
    with pytest.raises(WayOutError, match="503"):
        await way.tell(alarm)
    status = 204
    assert await way.tell(alarm) == "127.0.0.1"
    server.close()
    await server.wait_closed()
    (first, _), (headers, body) = heard
    assert first["webhook-id"] == headers["webhook-id"], "a repeat is recognised"
    raw = base64.b64encode(b"a secret of the tests of 32 bytes").decode()
    verified = standardwebhooks.Webhook(raw).verify(body, headers)
    assert verified["alarm"]["device"] == "gas"


async def test_a_receiver_that_is_gone_and_a_secret_that_is_missing_are_errors(tmp_path, alarm):
    (tmp_path / "secret").write_text(SECRET)
    for url, secret, says in (
        ("http://127.0.0.1:1/x", "secret", "webhook"),
        ("http://127.0.0.1:1/x", "nothing", "secret cannot be read"),
    ):
        way = WebhookWay(url=url, secret_file=tmp_path / secret, gateway="gw-1", clock=ManualClock())
        with pytest.raises(WayOutError, match=says):
            await way.tell(alarm)


async def test_both_ways_go_side_by_side_until_each_has_worked(world, group):
    other = Way()
    world.second._ways = (world.way, other)
    world.way.broken = True
    world.leak()
    await world.wait(group, 31)
    await until(lambda: len(other.told) == 1, what="the other way")
