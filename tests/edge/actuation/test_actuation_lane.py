"""Writes: ahead of polls, read back, expiring, interlocked, never replayed, always recorded."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from typer.testing import CliRunner

from edge.actuatororders import OrderError, actuator_orders
from edge.actuators import ActuationLane
from edge.cli import app
from edge.clock import ManualClock
from edge.drivers.modbus import ModbusDriver, TcpTransport
from edge.drivers.profile import shipped_profiles
from edge.errors import LinkError, NoAnswerError, ReadBackError, StoreError, WithdrawnError
from edge.interlocks import Interlock, guard_with
from edge.model import ActionResult, PlannedAction, Point, Snapshot
from edge.stores.actionlog import ActionLog
from edge.stores.outbox import Outbox
from edge.watch.localdoor import LocalDoor
from firmware_sim.devices.modbus import FaultKind
from firmware_sim.relay import Relay
from tests.harness.waiting import until
from tests.sim.bus import simulated_bus
from wire.vocabulary import ActionState, Quality

METER, VALVE = "eastron-sdm120", "coil-relay"
POINTS = (Point("gas_lel", "%{LEL}"),)


@dataclass
class Hand:
    """A driver: does what its list says, then works."""

    errors: list = field(default_factory=list)
    done: list = field(default_factory=list)
    waits_for_line: object = None

    async def act(self, device, action, *, veto=lambda: ""):
        if self.waits_for_line is not None:
            self.waits_for_line()
            if reason := veto():
                raise WithdrawnError(reason)
        if self.errors:
            error = self.errors.pop(0)
            if callable(error):
                error = error()
            if error is not None:
                raise error
        self.done.append((device, action))


@dataclass
class Results:
    seen: list[ActionResult] = field(default_factory=list)

    def settle(self, result):
        self.seen.append(result)


@dataclass
class Bench:
    clock: ManualClock
    lane: ActuationLane
    hand: Hand
    results: Results
    records: list[ActionResult]

    def plan(self, action="close_valve", *, life_s=30.0):
        now = self.clock.moment()
        return PlannedAction(
            alarm="a1",
            action=action,
            device="valve",
            decided=now,
            expires_boot_ms=now.boot_ms + round(life_s * 1000),
        )

    async def outcome(self, action):
        self.lane.start(action)
        before = len(self.results.seen)
        await until(lambda: len(self.results.seen) > before, what="the action is settled")
        return self.results.seen[-1]


@pytest.fixture
async def bench():
    clock, hand, results, records = ManualClock(), Hand(), Results(), []
    lane = ActuationLane(clock=clock, record=records.append)
    lane.employ(hand, ["valve"])
    lane.report_to(results)
    task = asyncio.create_task(lane.run())
    yield Bench(clock, lane, hand, results, records)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_an_action_that_fails_is_tried_again_until_it_works(bench):
    bench.hand.errors = [LinkError("away"), ReadBackError("reads back 0")]
    result = await bench.outcome(bench.plan())
    assert result.state is ActionState.CONFIRMED
    assert bench.hand.done == [("valve", "close_valve")]


async def test_an_action_that_could_not_be_sent_in_time_is_given_up_and_not_done_after_the_outage(bench):
    def away():
        bench.clock.advance(seconds=11)
        return LinkError("no connection")

    bench.hand.errors = [away, away, away]
    result = await bench.outcome(bench.plan())
    assert (result.state, result.detail) == (ActionState.EXPIRED, "no connection")
    bench.hand.errors = []
    for _ in range(20):
        await asyncio.sleep(0)
    assert bench.hand.done == [], "the outage is over and nothing is replayed"


async def test_a_device_that_refuses_three_times_has_failed(bench):
    bench.hand.errors = [ReadBackError("reads back 0, not 1")] * 3
    result = await bench.outcome(bench.plan())
    assert (result.state, result.detail) == (ActionState.FAILED, "reads back 0, not 1")


async def test_a_device_that_no_bus_carries_has_failed(bench):
    action = bench.plan()
    result = await bench.outcome(
        PlannedAction(**{**{n: getattr(action, n) for n in action.__slots__}, "device": "nobody"})
    )
    assert result.state is ActionState.FAILED


def gas(bench, value, quality=Quality.GOOD):
    return Snapshot(
        device="gas", points=POINTS, values=(value,), qualities=(quality,), at=bench.clock.moment()
    )


@pytest.mark.parametrize(
    ("value", "quality", "age_s", "why"),
    [
        (24.0, Quality.GOOD, 0, ""),
        (26.0, Quality.GOOD, 0, "gas_lel of gas is 26, above 25"),
        (None, Quality.COMM_FAULT, 0, "gas_lel of gas is not known"),
        (3.0, Quality.MAINTENANCE, 0, "gas_lel of gas is not known"),
        (3.0, Quality.GOOD, 31, "gas_lel of gas is not known"),
    ],
)
async def test_a_fan_is_not_started_while_gas_stands_in_its_zone_or_might(bench, value, quality, age_s, why):
    lock = Interlock(device="gas", point="gas_lel", above=25.0)
    bench.lane.obey(guard_with({("valve", "start_fan"): (lock,)}, {"gas": gas(bench, value, quality)}))
    bench.clock.advance(seconds=age_s)
    result = await bench.outcome(bench.plan("start_fan"))
    if why:
        assert (result.state, result.detail) == (ActionState.FAILED, f"interlocked: {why}")
        assert bench.hand.done == []
    else:
        assert result.state is ActionState.CONFIRMED


async def test_an_interlock_is_judged_again_before_every_attempt(bench):
    latest = {"gas": gas(bench, 3.0)}
    lock = Interlock(device="gas", point="gas_lel", above=25.0)
    bench.lane.obey(guard_with({("valve", "start_fan"): (lock,)}, latest))

    def gas_comes():
        latest["gas"] = gas(bench, 60.0)
        return LinkError("away")

    bench.hand.errors = [gas_comes]
    assert (await bench.outcome(bench.plan("start_fan"))).state is ActionState.FAILED
    assert bench.hand.done == []


async def test_a_write_that_waited_too_long_for_its_line_does_not_leave(bench):
    """Behind a slow transaction it gets the line when nobody wants it any more."""
    bench.hand.waits_for_line = lambda: bench.clock.advance(seconds=31)
    assert (await bench.outcome(bench.plan(life_s=30))).state is ActionState.EXPIRED
    assert bench.hand.done == []


async def test_an_interlock_that_came_while_a_write_waited_for_its_line_holds_it_back(bench):
    latest = {"gas": gas(bench, 3.0)}
    lock = Interlock(device="gas", point="gas_lel", above=25.0)
    bench.lane.obey(guard_with({("valve", "start_fan"): (lock,)}, latest))
    bench.hand.waits_for_line = lambda: latest.update(gas=gas(bench, 60.0))
    result = await bench.outcome(bench.plan("start_fan"))
    assert (result.state, bench.hand.done) == (ActionState.FAILED, [])
    assert "interlocked" in result.detail


async def test_a_veto_on_the_line_sends_nothing():
    async with simulated_bus(VALVE) as bus:
        begun = bus.driver.link.transactions
        with pytest.raises(WithdrawnError, match="expired"):
            await bus.driver.act(VALVE, "close_valve", veto=lambda: "expired")
        assert bus.driver.link.transactions == begun
        await bus.driver.act(VALVE, "close_valve")


async def test_a_write_into_an_outage_does_not_arrive_when_it_is_over():
    """Bytes that wait in the network or in a buffer would close a valve that was opened by hand since."""
    async with simulated_bus(VALVE, timeout_s=0.3) as bus, Relay(bus.server.port).serve() as proxy:
        functions: list[int] = []
        answer = bus.server._answer

        async def noting(writer, transaction, unit, request):
            functions.append(request[0])
            return await answer(writer, transaction, unit, request)

        bus.server._answer = noting
        unit_and_profile = {VALVE: (1, shipped_profiles()[VALVE])}
        driver = ModbusDriver(
            TcpTransport(host="127.0.0.1", port=proxy.port), timeout_s=0.3, devices=unit_and_profile
        )
        await driver.connect()
        proxy.stall()
        with pytest.raises((NoAnswerError, LinkError)):
            await driver.act(VALVE, "close_valve")
        assert not driver.link.connected
        await until(lambda: proxy.resets, what="the old connection is thrown away, not just closed")
        proxy.mend()
        await driver.connect()
        await driver.act(VALVE, "close_valve")
        assert functions.count(5) == 1, "the new write, not the old one"
        await driver.close()


async def test_what_was_never_heard_is_not_known(bench):
    lock = Interlock(device="gas", point="gas_lel", below=1.0)
    bench.lane.obey(guard_with({("valve", "start_fan"): (lock,)}, {}))
    assert "not known" in (await bench.outcome(bench.plan("start_fan"))).detail


@asynccontextmanager
async def action_log(path):
    outbox = Outbox(path)
    log = ActionLog(outbox.transact)
    task = asyncio.create_task(log.run())
    try:
        yield log
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        outbox.close()


async def test_the_record_says_who_had_what_done_when_and_what_came_of_it_after_a_restart(bench, tmp_path):
    async with action_log(tmp_path / "alarms.db") as log:
        bench.lane._record = log.note
        await bench.outcome(bench.plan())
        await bench.lane.try_out("valve", "close_valve", person="陈工", reason="年检")
    async with action_log(tmp_path / "alarms.db") as log:
        newest, *older = await log.recent()
    assert (newest.issuer, newest.reason, newest.state, newest.alarm) == ("陈工", "年检", "confirmed", "")
    assert [(r.issuer, r.state, r.alarm) for r in older] == [
        ("陈工", "planned", ""),
        ("rule", "confirmed", "a1"),
        ("rule", "planned", "a1"),
    ]
    assert newest.at_ms == bench.clock.wall_ms


async def test_a_record_that_the_disk_refuses_is_kept_and_written_when_it_takes_it_again(bench, monkeypatch):
    broken, rows = [True], []

    async def transact(work):
        if broken[0]:
            raise StoreError("disk full")
        rows.append(work)

    log = ActionLog(transact)
    monkeypatch.setattr("edge.stores.actionlog._RETRY_S", 0.0)
    bench.lane._record = log.note
    task = asyncio.create_task(log.run())
    assert (await bench.outcome(bench.plan())).state is ActionState.CONFIRMED, "the valve waits for no disk"
    assert rows == []
    broken[0] = False
    await until(lambda: rows, what="the record is written")
    task.cancel()
    await asyncio.wait([task])


async def test_a_person_on_site_tests_an_actuator_through_the_door_and_nobody_without_a_name_does(
    bench, tmp_path
):
    async with action_log(tmp_path / "alarms.db") as log:
        bench.lane._record = log.note
        door = LocalDoor(tmp_path, {}, actuator_orders(bench.lane, log))
        answer = await door.respond(
            '{"ask": "test_actuator", "device": "valve", "action": "close_valve", "person": "陈工"}'.encode()
        )
        assert answer == b'{"ok":true,"answer":{"state":"confirmed","detail":""}}'
        refused = await door.respond(
            b'{"ask": "test_actuator", "device": "valve", "action": "close_valve", "person": " "}'
        )
        assert b"found no person" in refused
        assert bench.hand.done == [("valve", "close_valve")]
        assert b'"issuer":"\xe9\x99\x88\xe5\xb7\xa5"' in await door.respond(b'{"ask": "actions"}')
        with pytest.raises(OrderError):
            await actuator_orders(bench.lane, log)["test_actuator"]({"device": "valve"})


async def test_a_write_leaves_after_at_most_the_transaction_in_flight():
    """Other gateways let a valve wait behind a queue of polls, or behind a dead unit's retries."""
    async with simulated_bus(METER, VALVE, timeout_s=0.3) as bus:
        order: list[int] = []
        answer = bus.server._answer

        async def noting(writer, transaction, unit, request):
            order.append(request[0])
            return await answer(writer, transaction, unit, request)

        bus.server._answer = noting

        async def poll():
            while True:
                await bus.driver.read(METER)

        polls = [asyncio.create_task(poll()) for _ in range(3)]
        worst = 0
        for _ in range(20):
            order.clear()
            await until(lambda: order, what="polls are under way")
            order.clear()
            await bus.driver.act(VALVE, "close_valve")
            worst = max(worst, order.index(5))
        for task in polls:
            task.cancel()
        await asyncio.wait(polls)
        assert worst <= len(polls), "one transaction in flight, and each poll that already waits once at most"


async def test_a_write_does_not_wait_for_a_dead_unit_more_than_its_one_question():
    async with simulated_bus(METER, VALVE, timeout_s=0.2, technique="rtu over tcp") as bus:
        bus.misbehave(1, FaultKind.MUTE)
        begun = bus.driver.link.transactions
        poll = asyncio.create_task(bus.driver.read(METER))
        await until(lambda: bus.driver.link.transactions > begun, what="the poll asks")
        await bus.driver.act(VALVE, "close_valve")
        assert bus.driver.link.transactions == begun + 3, "the dead question, the write, the reading back"
        await asyncio.wait([poll])
        assert poll.exception() is not None


async def test_a_person_types_the_test_and_reads_the_record(bench, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(
        "gateway: gw-1\nserver: {host: 127.0.0.1}\n"
        "buses: [{id: b, technique: modbus_tcp, host: 127.0.0.1}]\n"
        "devices: [{id: valve, bus: b, profile: coil-relay}]\n"
    )
    (tmp_path / "state").mkdir()
    async with action_log(tmp_path / "alarms.db") as log:
        bench.lane._record = log.note
        door = asyncio.create_task(LocalDoor(tmp_path / "state", {}, actuator_orders(bench.lane, log)).run())
        await until((tmp_path / "state" / "door.sock").exists, what="the door is open")
        typed = ["test-actuator", str(site), "valve", "close_valve", "--person", "陈工"]
        tested = await asyncio.to_thread(CliRunner().invoke, app, typed)
        listed = await asyncio.to_thread(CliRunner().invoke, app, ["actions", str(site)])
        door.cancel()
        await asyncio.wait([door])
    assert tested.exit_code == 0
    assert tested.output.endswith("valve close_valve: confirmed\n")
    assert "valve close_valve confirmed by 陈工" in listed.output
