"""Orders at the gateway's desk: carried out once, refused with a sentence, kept over a restart."""

import asyncio
import shutil
from datetime import timedelta

import pytest

from edge.clock import ManualClock
from edge.model import ActionResult
from edge.pipeline import Pipeline
from edge.rules.replay import AlarmList, replay
from edge.stores.outbox import Outbox
from edge.stores.readings import ReadingStore
from edge.stores.recorded import rows_of, snapshots_of
from edge.stores.storedreadings import read_store
from edge.uplink.commands import CommandDesk
from tests.edge.site import Bench, gas_rule
from wire import codec
from wire import orders as wire_orders
from wire.messages import CommandMessage
from wire.vocabulary import ActionState, CommandOutcome, Suppression


class Valve:
    """An actuator that answers as it is told to."""

    def __init__(self):
        self.state, self.started, self.sink = ActionState.CONFIRMED, [], None

    def start(self, action):
        self.started.append(action)
        result = ActionResult(planned=action, state=self.state, at=action.decided, detail="no answer")
        asyncio.get_running_loop().call_soon(self.sink.settle, result)


class Gateway:
    """Rules, stores, desk and a valve, without a network."""

    def __init__(self, folder):
        self.clock, self.valve, self.folder = ManualClock(), Valve(), folder
        self.bench = Bench(rules=(gas_rule(),), clock=self.clock)
        self.outbox = Outbox(folder / "alarms.db")
        self.readings = ReadingStore(folder / "readings.db", max_bytes=10_000_000, max_age_ms=10**9)
        self.pipeline = Pipeline(
            engine=self.bench.engine,
            outbox=self.outbox,
            readings=self.readings,
            actuator=self.valve,
            clock=self.clock,
            offer=lambda _messages: None,
        )
        self.valve.sink = self.pipeline
        self.desk = CommandDesk(
            pipeline=self.pipeline,
            outbox=self.outbox,
            clock=self.clock,
            resync=lambda: None,
            actions={"gas": frozenset(), "valve": frozenset({"close_valve"})},
        )

    async def order(self, order, name="c1", reason="hot work"):
        command = CommandMessage(
            v=1,
            command=name,
            session="s",
            issuer="op-1",
            reason=reason,
            issued_at=self.clock.moment().as_datetime(),
            expires_in_ms=60_000,
            order=codec.as_raw(order),
        )
        return await self.desk.handle(command, session="s")

    def until(self, hours=1):
        return self.clock.moment().as_datetime() + timedelta(hours=hours)

    def close(self):
        self.outbox.close()
        self.readings.close()


@pytest.fixture
def gateway(tmp_path):
    made = Gateway(tmp_path)
    yield made
    made.close()


async def test_a_valve_is_closed_once_and_answered_when_it_was_read_back(gateway):
    report = await gateway.order(wire_orders.CloseValveOrder(device="valve"))
    assert report.outcome is CommandOutcome.DONE
    assert await gateway.order(wire_orders.CloseValveOrder(device="valve")) == report
    assert [action.action for action in gateway.valve.started] == ["close_valve"]


async def test_a_valve_that_does_not_close_is_said_to_have_failed(gateway):
    gateway.valve.state = ActionState.FAILED
    report = await gateway.order(wire_orders.CloseValveOrder(device="valve"))
    assert (report.outcome, report.detail) == (CommandOutcome.FAILED, "failed: no answer")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _g: wire_orders.CloseValveOrder(device="gas"), "no valve"),
        (lambda _g: wire_orders.CloseValveOrder(device="nothing"), "no device"),
        (lambda g: wire_orders.ShelveOrder(device="gas", rule="gas-high", until=g.until()), "second person"),
        (lambda g: wire_orders.ShelveOrder(until=g.until(), agreed_by="op-2"), "name an alarm"),
        (lambda _g: wire_orders.UnshelveOrder(device="gas", rule="gas-high"), "not shelved"),
        (lambda _g: wire_orders.BackInServiceOrder(device="gas"), "not out of service"),
        (lambda _g: wire_orders.SilenceOrder(), "no siren"),
        (lambda _g: wire_orders.RawTrafficOrder(bus="b", seconds=5), "no bus"),
    ],
)
async def test_what_may_not_be_is_refused_with_a_sentence(gateway, make, said):
    report = await gateway.order(make(gateway))
    assert report.outcome is CommandOutcome.REFUSED
    assert said in report.detail


async def test_what_is_out_of_service_is_so_after_a_restart(gateway, tmp_path):
    order = wire_orders.OutOfServiceOrder(device="gas", until=gateway.until(), agreed_by="op-2")
    assert (await gateway.order(order)).outcome is CommandOutcome.DONE
    await gateway.pipeline._journal()
    gateway.close()
    again = Gateway(tmp_path)
    await again.pipeline.restore()
    (raised,) = again.bench.measure(30)
    assert (raised.alarm.suppression, raised.actions) == (Suppression.OUT_OF_SERVICE, ())
    again.close()


async def test_a_recorded_day_raises_what_was_raised(gateway, tmp_path):
    live = AlarmList()
    taken = gateway.bench.engine.take
    gateway.pipeline.engine.take = lambda snapshot, now: (told := taken(snapshot, now), live.add(told))[0]
    for value in (1, 30, 60, 3, 2, 26, 90, 0):
        gateway.pipeline.take(gateway.bench.snapshot(value))
        gateway.clock.advance(seconds=1)
    await gateway.pipeline._write_block()
    gateway.close()
    shutil.copyfile(tmp_path / "readings.db", tmp_path / "copy.db")
    rows = [row for batch in read_store(tmp_path / "copy.db") for row in rows_of(batch)]
    found = AlarmList()
    offset_ms = gateway.clock.moment().wall_ms - gateway.clock.moment().boot_ms
    fresh = Bench(rules=(gas_rule(),)).engine
    for _, decisions in replay(fresh, snapshots_of(rows, fresh.points, offset_ms=offset_ms)):
        found.add(decisions)

    def times(alarms):
        return [(one.alarm.raised_at, one.cleared_at, one.alarm.value) for one in alarms.alarms]

    assert len(times(live)) == 2
    assert times(found) == times(live)
