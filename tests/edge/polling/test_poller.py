"""The deadline scheduler: the living keep their periods, the silent are asked in between, nothing queues."""

import asyncio
import itertools
from dataclasses import dataclass, field

import pytest

from edge.clock import ManualClock
from edge.errors import LinkError, NoAnswerError
from edge.model import Point, Snapshot
from edge.poller import RENEW_AFTER_MS, BusPoller, PolledDevice
from wire.vocabulary import Quality

POINTS = (Point("p", "1"),)
TIMEOUT_S = 1.0


@dataclass
class Line:
    """A driver on a clock that moves as long as its answers take."""

    clock: ManualClock
    answer_s: float = 0.01
    silent: set[str] = field(default_factory=set)
    answers_after: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    connects: int = 0
    down: bool = False
    limit_s: float | None = None

    async def connect(self):
        if self.down:
            raise LinkError("away")
        self.connects += 1

    async def close(self):
        pass

    async def read(self, device):
        if self.down:
            raise LinkError("gone")
        self.asked.append((device, self.clock.boot_ms))
        needed_s = TIMEOUT_S * 10 if device in self.silent else self.answers_after.get(device, self.answer_s)
        allowed_s = min(TIMEOUT_S, self.limit_s or TIMEOUT_S)
        self.clock.advance(seconds=min(needed_s, allowed_s))
        if needed_s > allowed_s:
            raise NoAnswerError("silence")
        return (1.0,), None

    def times(self, device):
        return [at for name, at in self.asked if name == device]


@dataclass
class Heard:
    snapshots: list[Snapshot] = field(default_factory=list)

    def take(self, snapshot):
        self.snapshots.append(snapshot)

    def faults(self, device):
        return [s for s in self.snapshots if s.device == device and not s.answered]


@dataclass
class Bench:
    clock: ManualClock
    line: Line
    poller: BusPoller
    heard: Heard

    async def run(self, seconds):
        end = self.clock.boot_ms + seconds * 1000
        while self.clock.boot_ms < end:
            idle_s = await self.poller.poll_next()
            self.clock.advance(seconds=idle_s)


@pytest.fixture
def bench(monkeypatch):
    def build(count, *, period_ms=1000, safety=False, **more):
        clock, heard = ManualClock(), Heard()
        line = Line(clock, **more)
        devices = tuple(
            PolledDevice(id=f"d{i}", points=POINTS, period_ms=period_ms, safety=safety) for i in range(count)
        )
        poller = BusPoller(bus="b", driver=line, devices=devices, sink=heard, clock=clock)

        class Limit:
            """Time limits of the manual clock: the line obeys them instead of the event loop."""

            def __init__(self, limit_s):
                self.limit_s = limit_s

            async def __aenter__(self):
                line.limit_s = self.limit_s

            async def __aexit__(self, *_):
                line.limit_s = None

        monkeypatch.setattr("edge.poller.asyncio", type("A", (), {"timeout": Limit, "sleep": asyncio.sleep}))
        return Bench(clock, line, poller, heard)

    return build


def mean_period_ms(times):
    return (times[-1] - times[0]) / (len(times) - 1)


async def test_each_device_keeps_its_period_and_phase(bench):
    b = bench(4, period_ms=1000)
    await b.run(20)
    for device in ("d0", "d3"):
        assert mean_period_ms(b.line.times(device)) == pytest.approx(1000, rel=0.01)
    firsts = sorted(at for _, at in b.line.asked[:4])
    assert firsts[-1] - firsts[0] == pytest.approx(700, abs=30), "spread over the period in whole steps"


async def test_a_late_poll_is_skipped_and_never_queued(bench):
    b = bench(1, period_ms=100)
    await b.run(1)
    b.line.answers_after["d0"] = 0.95
    await b.run(3)
    b.line.answers_after.clear()
    before = len(b.line.asked)
    await b.run(1)
    assert len(b.line.asked) - before <= 11, "nothing is made up for"


@pytest.mark.parametrize("safety", [False, True])
@pytest.mark.parametrize(("period_ms", "answer_s"), [(1000, 0.01), (100, 0.002), (1600, 0.05)])
async def test_a_quarter_of_the_bus_silent_costs_the_living_at_most_a_tenth(
    bench, period_ms, answer_s, safety
):
    alive = bench(32, period_ms=period_ms, answer_s=answer_s, safety=safety)
    await alive.run(120)
    some = bench(32, period_ms=period_ms, answer_s=answer_s, safety=safety)
    some.line.silent = {f"d{i}" for i in range(0, 32, 4)}
    await some.run(60)
    settled = some.clock.boot_ms
    await some.run(120)
    for device in ("d1", "d2", "d31"):
        times = [at for at in some.line.times(device) if at >= settled]
        assert mean_period_ms(times) <= 1.1 * mean_period_ms(alive.line.times(device))
    for device in some.line.silent:
        asked = [at for at in some.line.times(device) if at >= settled]
        assert asked, "and every silent one was asked meanwhile"


async def test_never_two_silent_ones_in_a_row_while_a_living_one_is_due(bench):
    b = bench(6, period_ms=20, answer_s=0.01)
    b.line.silent = {"d0", "d1", "d2"}
    await b.run(60)
    names = [name for name, at in b.line.asked if at > b.clock.boot_ms - 50_000]
    pairs = itertools.pairwise(names)
    assert not [pair for pair in pairs if set(pair) <= b.line.silent]


async def test_a_device_that_misses_one_answer_is_asked_again_at_once(bench):
    b = bench(2, period_ms=1000)
    await b.run(2)
    b.line.silent = {"d0"}
    while not b.heard.faults("d0"):
        b.clock.advance(seconds=await b.poller.poll_next())
    b.line.silent = set()
    lost_at = b.clock.boot_ms
    await b.run(1)
    again = next(s for s in b.heard.snapshots if s.device == "d0" and s.at.boot_ms > lost_at and s.answered)
    assert again.at.boot_ms - lost_at <= 50


async def test_pauses_grow_to_their_limit_which_is_short_for_what_guards_lives(bench):
    pauses = {}
    for safety in (False, True):
        b = bench(2, period_ms=1000, safety=safety)
        b.line.silent = {"d0"}
        await b.run(300)
        times = b.line.times("d0")
        pauses[safety] = times[-1] - times[-2]
        grown = [after - before for before, after in itertools.pairwise(times[:7])]
        assert grown == sorted(grown) or safety
    assert 25_000 < pauses[False] < 35_000
    assert pauses[True] < 15_000


async def test_a_device_that_answers_again_is_read_at_its_period_at_once(bench):
    b = bench(3, period_ms=1000)
    b.line.silent = {"d0"}
    await b.run(100)
    silent = b.poller.state()
    assert silent.last_error.startswith("d0: ")
    assert silent.last_error_at is not None
    b.line.silent = set()
    await b.run(45)
    assert b.poller.state().last_error_at == silent.last_error_at, "what is over is told with its time"
    last = [at for at in b.line.times("d0") if at > b.clock.boot_ms - 10_000]
    assert mean_period_ms(last) == pytest.approx(1000, rel=0.02)
    assert not b.poller.state().silent


async def test_a_silent_device_is_told_about_at_most_once_a_second_and_at_least_at_its_period(bench):
    b = bench(2, period_ms=100)
    b.line.silent = {"d0"}
    await b.run(20)
    faults = b.heard.faults("d0")
    assert 15 <= len(faults) <= 24
    assert faults[0].qualities == (Quality.COMM_FAULT,)


async def test_a_flapping_device_does_not_starve_its_bus(bench):
    b = bench(4, period_ms=100)
    for _ in range(300):
        b.line.silent = {"d0"} if len(b.line.times("d0")) % 2 else set()
        b.clock.advance(seconds=await b.poller.poll_next())
    settled = b.clock.boot_ms
    while b.clock.boot_ms < settled + 60_000:
        b.line.silent = {"d0"} if len(b.line.times("d0")) % 2 else set()
        b.clock.advance(seconds=await b.poller.poll_next())
    living = [at for at in b.line.times("d1") if at >= settled]
    assert mean_period_ms(living) <= 115


async def test_a_connection_on_which_nobody_answers_is_opened_anew_by_us(bench):
    b = bench(3)
    b.line.silent = {"d0", "d1", "d2"}
    await b.run(RENEW_AFTER_MS[0] / 1000 + 5)
    assert b.line.connects == 1
    await b.run(60)
    assert b.line.connects == 2, "and less often later"


async def test_one_that_answers_keeps_the_connection(bench):
    b = bench(3)
    b.line.silent = {"d0", "d1"}
    await b.run(120)
    assert b.line.connects == 0


async def test_a_lost_connection_is_told_for_every_device_and_taken_up_again():
    clock, heard = ManualClock(), Heard()
    line = Line(clock)
    devices = tuple(PolledDevice(id=f"d{i}", points=POINTS, period_ms=1000) for i in range(2))
    poller = BusPoller(bus="b", driver=line, devices=devices, sink=heard, clock=clock)
    task = asyncio.create_task(poller.run())

    async def turn(times):
        for _ in range(times):
            await asyncio.sleep(0)
            clock.advance(seconds=0.05)

    await turn(100)
    assert poller.connected
    line.down = True
    await turn(200)
    assert {s.device for s in heard.snapshots if not s.answered} == {"d0", "d1"}
    assert not poller.connected
    assert poller.state().last_error
    assert "d0" not in poller.state().last_error, "of the bus, not of a device"
    line.down = False
    await turn(600)
    assert poller.connected
    assert heard.snapshots[-1].answered
    task.cancel()
    await asyncio.wait([task])
