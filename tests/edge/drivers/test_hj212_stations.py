"""Simulated stations on real sockets: what each misbehaviour leads to, and whom it harms."""

import asyncio
import contextlib
import itertools
from contextlib import asynccontextmanager

import pytest

from edge.drivers.door import Limits
from edge.drivers.framecutting import REFUSALS
from edge.drivers.hj212 import Station
from edge.drivers.hj212server import Hj212Server
from edge.drivers.profile import shipped_profiles
from edge.site.busconfig import Hj212BusSettings
from firmware_sim.devices.hj212 import Hj212Bus, Hj212Station, frame
from firmware_sim.devices.modbus import Fault, FaultKind
from tests.edge.drivers.hearing import RunningClock, Sink, WallClock, heard_device, reception_of
from tests.harness.waiting import until
from wire.vocabulary import Quality

MODEL = "river-station-hj212"
MNS = {"river": "A" * 24, "canal": "B" * 24}
OXYGEN = "dissolved_oxygen_mg_l"
PERIOD_S = 60.0


class Riverside:
    """A gateway's port, and the stations that call on it."""

    def __init__(self, server: Hj212Server, sink: Sink, clock: WallClock) -> None:
        self.server, self.sink, self.clock = server, sink, clock
        drift = itertools.count()
        self.stations = {
            index: Hj212Station(
                read_points=lambda: {OXYGEN: 7.5 + next(drift) % 1000 / 1000, "ph": 7.4}, address=mn
            )
            for index, mn in enumerate(MNS.values())
        }
        self.bus = Hj212Bus(host="127.0.0.1", port=server.port, units=self.stations, period_s=0.05)

    def good(self, device: str = "river") -> list[float | None]:
        return self.sink.good(device, OXYGEN)

    async def hears(self, device: str = "river", *, more: int = 1) -> None:
        """Wait for further good values; the stations' clock is the machine's, so data is never the same."""
        before = len(self.good(device))
        await until(lambda: len(self.good(device)) >= before + more, what=f"{device} heard")

    def spoil(self, kind: FaultKind, *, unit: int = 0, **more: float) -> None:
        self.bus.misbehave(unit, Fault(kind, **more))


@asynccontextmanager
async def riverside(*, limits: Limits | None = None, calling: bool = True):
    sink, clock = Sink(), WallClock()
    reception = reception_of(
        "stations",
        *(heard_device(device, MODEL, period_s=PERIOD_S) for device in MNS),
        sink=sink,
        clock=clock,
    )
    server = Hj212Server(
        Hj212BusSettings(id="stations", technique="hj212", host="127.0.0.1", port=0),
        stations=[
            Station(mn=mn, devices=((device, shipped_profiles()[MODEL]),), password="123456")
            for device, mn in MNS.items()
        ],
        reception=reception,
        clock=clock,
        limits=limits or Limits(rest_s=0.1),
    )
    task = asyncio.create_task(server.run(), name="bus")
    await until(lambda: server.port, what="the port")
    side = Riverside(server, sink, clock)
    if calling:
        await side.bus.start()
    try:
        yield side
    finally:
        await side.bus.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_stations_call_are_heard_and_acknowledged():
    async with riverside() as side:
        await side.hears("river")
        await side.hears("canal")
        await until(lambda: "9014" in side.stations[0].answers, what="an acknowledgement")
        assert side.server.state().connected
        assert side.server.state().silent == ()


@pytest.mark.parametrize(
    "kind",
    [FaultKind.MUTE, FaultKind.WRONG_CHECK, FaultKind.TRUNCATED, FaultKind.GARBAGE, FaultKind.WRONG_UNIT],
)
async def test_a_station_that_cannot_be_understood_falls_silent_alone_and_comes_back(kind):
    async with riverside() as side:
        await side.hears("river")
        side.spoil(kind)
        before = side.bus.requests[0]
        await side.hears("canal", more=4)
        count = len(side.good("river"))
        if kind is not FaultKind.MUTE:
            await until(lambda: side.bus.requests[0] >= before + 4, what="spoilt words")
        await side.hears("canal", more=3)
        assert len(side.good("river")) <= count + 1, "at most what was under way"
        quiet = len(side.good("river"))
        side.clock.advance(seconds=PERIOD_S * 1.6)
        await until(lambda: (None, Quality.COMM_FAULT) in side.sink.told("river", OXYGEN), what="a fault")
        assert len(side.good("river")) == quiet, "no value from a frame with a bad check"
        side.spoil(FaultKind.NONE)
        await side.hears("river")
        assert "river" not in side.server.state().silent


@pytest.mark.parametrize("kind", [FaultKind.NOISE, FaultKind.SPLIT, FaultKind.FLAPPING])
async def test_a_bad_line_costs_no_value(kind):
    async with riverside() as side:
        side.spoil(kind)
        await side.hears("river", more=3)


async def test_two_frames_in_one_segment_are_both_read_and_the_same_is_taken_once():
    async with riverside() as side:
        side.spoil(FaultKind.JOINED)
        await side.hears("river")
        await until(lambda: side.bus.requests[0] >= 4, what="double frames")
        assert len(side.good("river")) == len(set(side.good("river"))), "each measurement once"
        assert side.stations[0].answers.count("9014") >= 4


async def test_a_recorded_packet_played_back_is_acknowledged_and_not_taken():
    async with riverside() as side:
        await side.hears("river")
        side.spoil(FaultKind.REPLAY)
        before = side.bus.requests[0]
        await until(lambda: side.bus.requests[0] >= before + 2, what="the change")
        count, answered = len(side.good("river")), len(side.stations[0].answers)
        await until(lambda: len(side.stations[0].answers) >= answered + 5, what="acknowledgements")
        assert len(side.good("river")) == count


@pytest.mark.parametrize("kind", [FaultKind.NAN, FaultKind.SENTINEL])
async def test_no_number_and_a_sentinel_are_out_of_range(kind):
    async with riverside() as side:
        side.spoil(kind)
        await until(
            lambda: any(q is Quality.OUT_OF_RANGE for _, q in side.sink.told("river", OXYGEN)), what=kind
        )


async def test_a_stuck_station_repeats_itself_and_each_value_is_kept_for_the_rule_that_notices():
    async with riverside() as side:
        side.spoil(FaultKind.STUCK)
        before = len(side.good("river"))
        await side.hears("river", more=3)
        assert len(set(side.good("river")[before + 1 :])) == 1


async def test_data_that_comes_late_is_history_and_reaches_no_rule():
    async with riverside() as side:
        side.spoil(FaultKind.LATE, delay_s=7200)
        await until(lambda: side.sink.told("river", OXYGEN, live=False), what="history")
        (snapshot, *_) = [s for s in side.sink.snapshots if not s.live]
        assert side.clock.moment().wall_ms - snapshot.at.wall_ms >= 7_190_000


async def test_a_station_a_year_behind_is_told_the_time_and_sets_its_clock():
    async with riverside() as side:
        side.spoil(FaultKind.WRONG_CLOCK)
        await until(lambda: "1012" in side.stations[0].answers, what="the time")
        await side.hears("river")


async def test_a_station_that_restarts_is_heard_again():
    async with riverside() as side:
        await side.hears("river")
        side.spoil(FaultKind.REBOOT)
        await side.hears("canal", more=3)
        side.spoil(FaultKind.NONE)
        await side.hears("river")


async def test_a_flag_other_than_n_reaches_no_rule_as_a_measurement():
    async with riverside() as side:
        side.stations[0].flag = "C"
        await until(lambda: side.bus.requests[0] >= 3, what="words")
        await until(
            lambda: Quality.MAINTENANCE in {q for _, q in side.sink.told("river", OXYGEN)}, what="calibration"
        )
        assert side.good("river") == []


async def hang_up(writer) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


# --- strangers -------------------------------------------------------------------------------------


async def test_one_who_sends_without_end_and_one_who_never_ends_a_frame_harm_nobody():
    limits = Limits(callers=6, callers_per_peer=6, first_frame_s=0.3, rest_s=0.05, bytes_per_s=50_000)
    async with riverside(limits=limits, calling=False) as side:
        flood = b"##9999" + b"x" * 4000

        async def pester(*, slowly: bool) -> None:
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", side.server.port)
                try:
                    while True:
                        writer.write(b"#" if slowly else flood)
                        await writer.drain()
                        await asyncio.sleep(0.01)
                except OSError:
                    await asyncio.sleep(0.01)
                finally:
                    await hang_up(writer)

        strangers = [
            asyncio.create_task(pester(slowly=index % 2 == 0), name=f"stranger-{index}") for index in range(5)
        ]
        try:
            await until(lambda: len(side.server._door._callers) >= 5, what="the strangers are there")
            await side.bus.start()
            await side.hears("river", more=2)
            await side.hears("canal", more=2)
        finally:
            for task in strangers:
                task.cancel()
            await asyncio.gather(*strangers, return_exceptions=True)


async def test_unknown_stations_are_told_so_and_then_hung_up_on():
    async with riverside(calling=False) as side:
        reader, writer = await asyncio.open_connection("127.0.0.1", side.server.port)
        words = frame(
            f"QN=20250801085857223;ST=21;CN=2011;PW=1;MN={'C' * 24};Flag=5;CP=&&DataTime=20250801085857&&"
        )
        writer.write(words * REFUSALS)
        async with asyncio.timeout(10):
            answered = await reader.read(200)
            with contextlib.suppress(ConnectionResetError):
                while await reader.read(4096):
                    pass
        assert b"CN=9011" in answered
        assert b"QnRtn=4" in answered
        [stranger] = side.server.unassigned()
        assert (stranger.address, stranger.said) == ("C" * 24, "ST=21")
        await hang_up(writer)


async def test_too_many_callers_from_one_address_are_refused():
    async with riverside(limits=Limits(callers_per_peer=3), calling=False) as side:
        lines = [await asyncio.open_connection("127.0.0.1", side.server.port) for _ in range(4)]
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                assert await lines[-1][0].read(1) == b""
        for _, writer in lines:
            await hang_up(writer)


async def test_a_taken_port_is_tried_again_and_the_devices_count_as_lost_meanwhile():
    async with riverside(calling=False) as side:
        sink, clock = Sink(), RunningClock()
        second = Hj212Server(
            Hj212BusSettings(id="second", technique="hj212", host="127.0.0.1", port=side.server.port),
            stations=[],
            reception=reception_of("second", heard_device("pond", MODEL), sink=sink, clock=clock),
            clock=clock,
        )
        task = asyncio.create_task(second.run(), name="second")
        await until(lambda: second.attempts >= 2, what="two attempts")
        assert not second.state().connected
        assert second.state().silent == ("pond",)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
