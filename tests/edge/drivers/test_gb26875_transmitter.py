"""A simulated transmission device on real sockets: what each misbehaviour leads to."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from edge.drivers.door import Limits
from edge.drivers.gb26875 import Behind, parse_place
from edge.drivers.gb26875server import Gb26875Server
from edge.drivers.profile import shipped_profiles
from edge.site.busconfig import Gb26875BusSettings
from firmware_sim.devices.gb26875 import GbComponent, Transmitter
from firmware_sim.devices.modbus import Fault, FaultKind
from tests.edge.drivers.hearing import Sink, WallClock, heard_device, reception_of
from tests.harness.waiting import until
from wire.vocabulary import Quality

MODELS = {"gas": "gb26875-gas-detector", "hydrant": "gb26875-hydrant"}
PLACES = {"gas": "3456/1.1/11.65539", "hydrant": "3456/11.1/24.7"}
PERIOD_S = 120.0


class Building:
    """A gateway's port, and the transmission device that calls on it."""

    def __init__(self, server: Gb26875Server, sink: Sink, clock: WallClock, **more) -> None:
        self.server, self.sink, self.clock = server, sink, clock
        self.values = {"gas_alarm": 0.0, "gas_lel": 3.0}
        units = {
            0: GbComponent(read_points=lambda: dict(self.values), address="1.1/11.65539"),
            1: GbComponent(read_points=lambda: {"pressure_kpa": 350.0}, address="11.1/24.7"),
        }
        self.transmitter = Transmitter(host="127.0.0.1", port=server.port, units=units, period_s=0.05, **more)

    def good(self, device: str = "gas", point: str = "gas_lel") -> list[float | None]:
        return self.sink.good(device, point)

    async def hears(self, *, more: int = 1) -> None:
        before = len(self.good())
        await until(lambda: len(self.good()) >= before + more, what="gas heard")

    def spoil(self, kind: FaultKind, *units: int, **more: float) -> None:
        for unit in units or (0, 1):
            self.transmitter.misbehave(unit, Fault(kind, **more))


@asynccontextmanager
async def building(*, profiles: dict[str, object] | None = None, settings: dict | None = None, **more):
    sink, clock = Sink(), WallClock()
    devices = [heard_device(device, model, period_s=PERIOD_S) for device, model in MODELS.items()]
    models = {device: shipped_profiles()[model] for device, model in MODELS.items()} | (profiles or {})
    server = Gb26875Server(
        Gb26875BusSettings(id="fire", technique="gb26875", host="127.0.0.1", port=0, **(settings or {})),
        devices=[
            Behind(device=device, place=parse_place(place), profile=models[device])
            for device, place in PLACES.items()
        ],
        reception=reception_of("fire", *devices, sink=sink, clock=clock),
        clock=clock,
        limits=Limits(rest_s=0.1),
    )
    task = asyncio.create_task(server.run(), name="bus")
    await until(lambda: server.state().connected, what="the port")
    opened = Building(server, sink, clock, **more)
    await opened.transmitter.start()
    try:
        yield opened
    finally:
        await opened.transmitter.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
async def test_components_are_heard_and_confirmed(udp):
    async with building(udp=udp) as house:
        await house.hears(more=2)
        assert house.good()[-1] == 3.0
        await until(lambda: 350.0 in house.good("hydrant", "pressure_kpa"), what="pressure")
        await until(lambda: len(house.transmitter.confirmed) >= 4, what="confirmations")
        house.values["gas_alarm"] = 1.0
        await until(lambda: 1.0 in house.good("gas", "gas_alarm"), what="the alarm")


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest.mark.parametrize("kind", [FaultKind.WRONG_CHECK, FaultKind.TRUNCATED, FaultKind.GARBAGE])
async def test_no_value_comes_from_a_damaged_frame(udp, kind):
    async with building(udp=udp) as house:
        house.values |= {"gas_alarm": 0.0}
        await house.hears()
        house.spoil(kind)
        before = house.transmitter.requests[0]
        await until(lambda: house.transmitter.requests[0] >= before + 2, what="the change")
        house.values["gas_alarm"] = 1.0
        quiet = len(house.good())
        await until(lambda: house.transmitter.requests[0] >= before + 6, what="damaged words")
        assert len(house.good()) <= quiet + 1
        assert 1.0 not in house.good("gas", "gas_alarm"), "no alarm from a frame with a bad check"
        if kind is FaultKind.WRONG_CHECK:
            await until(lambda: house.transmitter.denied, what="a denial, so that it is sent again")
        house.spoil(FaultKind.NONE)
        await until(lambda: 1.0 in house.good("gas", "gas_alarm"), what="the alarm")


@pytest.mark.parametrize("kind", [FaultKind.NOISE, FaultKind.SPLIT, FaultKind.FLAPPING, FaultKind.JOINED])
async def test_a_bad_line_costs_no_value(kind):
    async with building() as house:
        house.spoil(kind, 0)
        await house.hears(more=3)


async def test_two_frames_in_one_datagram_are_both_read():
    async with building(udp=True) as house:
        house.spoil(FaultKind.JOINED)
        await house.hears()
        await until(lambda: len(house.transmitter.confirmed) >= 8, what="confirmations")
        assert len(house.transmitter.confirmed) > len(set(house.transmitter.confirmed)), "each copy confirmed"


async def test_a_silent_transmitter_is_noticed_and_heard_again():
    async with building(settings={"ask_s": 0}) as house:
        await house.hears()
        house.spoil(FaultKind.MUTE)
        before = house.transmitter.requests[0]
        await until(lambda: house.transmitter.requests[0] >= before + 2, what="silence")
        house.clock.advance(seconds=PERIOD_S * 1.6)
        await until(lambda: (None, Quality.COMM_FAULT) in house.sink.told("gas", "gas_lel"), what="a fault")
        house.spoil(FaultKind.NONE)
        await house.hears()


async def test_a_transmitter_that_only_answers_questions_is_there():
    """Components may have nothing to say for weeks; that they could is what the answers show."""
    async with building(settings={"ask_s": 30}) as house:
        await house.hears()
        for unit in (0, 1):
            house.transmitter.units[unit].pinned.clear()
        house.transmitter._frames = lambda _number, _fault: []
        for _ in range(8):
            asked = len(house.transmitter.orders)
            house.clock.advance(seconds=31)
            await until(lambda asked=asked: len(house.transmitter.orders) > asked, what="a question")
        assert house.server.state().silent == ()
        assert (None, Quality.COMM_FAULT) not in house.sink.told("gas", "gas_lel")


async def test_a_component_at_another_address_is_named_in_the_log_and_heard_by_nobody(capsys):
    async with building() as house:
        house.spoil(FaultKind.WRONG_UNIT)
        before = house.transmitter.requests[0]
        await until(lambda: house.transmitter.requests[0] >= before + 3, what="words")
        await until(lambda: "place_unassigned" in capsys.readouterr().out, what="the place in the log")
        assert [(one.technique, one.address) for one in house.server.unassigned()] != []


async def test_recorded_frames_played_back_are_confirmed_and_not_taken():
    async with building() as house:
        house.values["gas_alarm"] = 1.0
        await until(lambda: 1.0 in house.good("gas", "gas_alarm"), what="the alarm")
        house.spoil(FaultKind.REPLAY)
        before = house.transmitter.requests[0]
        await until(lambda: house.transmitter.requests[0] >= before + 2, what="the change")
        count, confirmed = len(house.good()), len(house.transmitter.confirmed)
        await until(lambda: len(house.transmitter.confirmed) >= confirmed + 4, what="confirmations")
        assert len(house.good()) == count


@pytest.mark.parametrize("kind", [FaultKind.NAN, FaultKind.SENTINEL])
async def test_no_number_and_a_sentinel_are_out_of_range(kind):
    async with building() as house:
        house.spoil(kind)
        await until(
            lambda: Quality.OUT_OF_RANGE in {q for _, q in house.sink.told("gas", "gas_lel")}, what=kind
        )


@pytest.mark.parametrize("kind", [FaultKind.STUCK, FaultKind.LATE, FaultKind.WRONG_CLOCK])
async def test_a_stuck_a_late_and_a_wrongly_timed_component_still_alarm(kind):
    async with building() as house:
        await house.hears()
        house.values["gas_alarm"] = 1.0
        house.spoil(kind, delay_s=3600)
        await until(lambda: 1.0 in house.good("gas", "gas_alarm"), what="the alarm")


async def test_late_words_do_not_clear():
    async with building() as house:
        await house.hears()
        house.spoil(FaultKind.LATE, delay_s=3600)
        before = house.transmitter.requests[0]
        await until(lambda: house.transmitter.requests[0] >= before + 3, what="late words")
        late = [s for s in house.sink.snapshots if s.device == "gas" and s.qualities != (Quality.STALE,) * 5]
        assert not late[-1].may_clear


async def test_a_transmitter_that_restarts_is_heard_again():
    async with building() as house:
        await house.hears()
        house.spoil(FaultKind.REBOOT)
        await until(lambda: house.transmitter.serial == 0, what="the restart")
        house.spoil(FaultKind.NONE)
        await house.hears()


async def test_clock_and_duty_belong_to_the_monitoring_centre_unless_the_site_says_otherwise():
    async with building() as house:
        house.spoil(FaultKind.WRONG_CLOCK)
        await house.hears(more=3)
        house.clock.advance(seconds=3600)
        await until(lambda: house.transmitter.orders, what="a question")
        assert {order[0] for order in house.transmitter.orders} == {81}
    async with building(settings={"set_time": True, "duty_check_s": 600}) as house:
        house.spoil(FaultKind.WRONG_CLOCK)
        await until(lambda: any(order[0] == 90 for order in house.transmitter.orders), what="the time")
        house.clock.advance(seconds=601)
        await until(lambda: b"\x5b\x01\x0a" in house.transmitter.orders, what="a duty check")


async def test_a_maker_that_writes_decimal_times_and_another_end_mark_is_understood_by_its_profile():
    odd = shipped_profiles()["gb26875-gas-detector-bcd35"]
    async with building(profiles={"gas": odd}, decimal=True, end=0x35) as house:
        await house.hears(more=2)
        await until(lambda: house.transmitter.confirmed, what="confirmations it understands")
