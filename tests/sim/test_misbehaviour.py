"""What the driver promises when devices misbehave: one bad address, one bad block, one bad unit costs only itself."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvloop

from edge.drivers.modbus import ModbusDriver, RtuOverTcpTransport, TcpTransport
from edge.drivers.modbusprofile import ModbusProfile
from edge.errors import LinkError, NoAnswerError, RefusedError
from firmware_sim.devices.modbus import Fault, FaultKind, ModbusServer
from firmware_sim.devices.model import SimulatedDevice
from firmware_sim.devices.rtu import RtuServer
from tests.sim.bus import simulated_bus
from wire.vocabulary import Quality

GAS, METER = "honeywell-midas", "eastron-sdm120"


@dataclass
class Words(SimulatedDevice):
    """Holding registers, and what they were asked."""

    words: dict[int, int] = field(default_factory=dict)
    asked: list[tuple[int, int]] = field(default_factory=list)

    def registers(self, fc):
        return self.words if fc == 3 else {}

    def read(self, fc, address, count):
        self.asked.append((address, count))
        return super().read(fc, address, count)


def profile(*addresses, **more) -> ModbusProfile:
    points = [{"name": f"p{a}", "unit": "1", "fc": 3, "address": a, "type": "u16"} for a in addresses]
    base = {"model": "test", "vendor": "t", "title": "t", "kind": "water", "source": "t", "confidence": "low"}
    return ModbusProfile.model_validate({**base, "points": points, **more})


@dataclass
class Bench:
    server: ModbusServer
    driver: ModbusDriver
    device: Words

    def misbehave(self, kind, **more):
        self.server.misbehave(1, Fault(kind, **more))


@asynccontextmanager
async def bench(model, words, *, rtu=False, units=(1,), timeout_s=0.2):
    devices = {unit: Words(read_points=dict, words=dict(words)) for unit in units}
    server = (RtuServer if rtu else ModbusServer)(host="127.0.0.1", port=0, units=devices)
    await server.start()
    transport = (RtuOverTcpTransport if rtu else TcpTransport)(host="127.0.0.1", port=server.port)
    driver = ModbusDriver(
        transport, timeout_s=timeout_s, devices={f"d{unit}": (unit, model) for unit in units}
    )
    try:
        await driver.connect()
        yield Bench(server, driver, devices[units[0]])
    finally:
        await driver.close()
        await server.stop()


async def test_one_bad_address_costs_only_itself_and_is_remembered():
    async with bench(profile(*range(8)), {a: a for a in range(8) if a != 5}) as b:
        values, qualities = await b.driver.read("d1")
        assert values == (0, 1, 2, 3, 4, None, 6, 7)
        assert [i for i, quality in enumerate(qualities) if quality is not Quality.GOOD] == [5]
        b.device.asked.clear()
        assert (await b.driver.read("d1"))[0] == values
        assert (0, 8) not in b.device.asked, "the refused block is not asked for again"
        assert len(b.device.asked) <= 5


async def test_a_device_that_refuses_too_large_counts_is_read_in_smaller_pieces():
    class Small(Words):
        def special(self, request):
            return bytes((0x83, 3)) if request[4] > 4 else None

    async with bench(profile(*range(8)), {}) as b:
        b.server.units[1] = Small(read_points=dict, words={a: a for a in range(8)})
        assert (await b.driver.read("d1"))[0] == tuple(range(8))


async def test_what_one_block_brought_is_kept_when_another_one_fails():
    model = profile(0, 1, 100, 101, max_gap=4)
    async with bench(model, dict.fromkeys([0, 1, 100, 101], 7)) as b:

        def broken(request):
            return bytes((0x83, 4)) if request[1:3] == b"\x00\x64" else None

        b.device.special = broken
        values, qualities = await b.driver.read("d1")
        assert values == (7, 7, None, None)
        assert qualities[2:] == (Quality.COMM_FAULT, Quality.COMM_FAULT)


async def test_a_device_that_starts_and_refuses_everything_is_read_whole_again_afterwards():
    async with bench(profile(*range(8)), dict.fromkeys(range(8), 3)) as b:
        b.misbehave(FaultKind.EXCEPTION, code=2)
        with pytest.raises(RefusedError):
            await b.driver.read("d1")
        b.misbehave(FaultKind.NONE)
        b.device.asked.clear()
        assert (await b.driver.read("d1"))[1] is None
        assert b.device.asked == [(0, 8)]


async def test_a_reboot_is_silence_then_refusals_then_all_is_well():
    async with bench(profile(0, 1), {0: 1, 1: 2}, timeout_s=0.1) as b:
        b.misbehave(FaultKind.REBOOT, delay_s=0.15)
        seen = set()
        for _ in range(300):
            try:
                values, _ = await b.driver.read("d1")
            except (NoAnswerError, RefusedError) as error:
                seen.add(isinstance(error, RefusedError))
                await asyncio.sleep(0.01)
                continue
            assert values == (1, 2)
            break
        assert seen == {False, True}, "silent, then refusing"
        assert (await b.driver.read("d1"))[0] == (1, 2)


async def test_a_flapping_device_is_silent_now_and_then_and_never_wrong():
    async with bench(profile(0), {0: 42}, timeout_s=0.05) as b:
        b.misbehave(FaultKind.FLAPPING)
        heard, silent = 0, 0
        for _ in range(8):
            try:
                assert (await b.driver.read("d1"))[0] == (42,)
                heard += 1
            except NoAnswerError:
                silent += 1
        assert (heard, silent) == (4, 4)


async def test_noise_before_an_answer_on_a_serial_line_is_skipped():
    async with bench(profile(0, 1), {0: 5, 1: 6}, rtu=True) as b:
        b.misbehave(FaultKind.NOISE)
        assert (await b.driver.read("d1"))[0] == (5, 6)


@pytest.mark.parametrize("rtu", [False, True])
async def test_an_answer_to_the_question_before_is_not_taken_for_this_one(rtu):
    model = profile(0, 100, 101, 200, 201, max_gap=4)
    async with bench(model, {0: 5, 100: 6, 101: 7, 200: 8, 201: 9}, rtu=rtu) as b:
        b.misbehave(FaultKind.PREVIOUS)
        with pytest.raises(RefusedError, match="another question"):
            await b.driver.read("d1")
        b.misbehave(FaultKind.NONE)
        assert (await b.driver.read("d1"))[0] == (5, 6, 7, 8, 9)


async def test_a_late_answer_of_a_unit_is_not_taken_for_its_next_question_on_a_serial_line():
    model = profile(0, 100, max_gap=4)
    async with bench(model, {0: 5, 100: 6}, rtu=True, timeout_s=0.15) as b:
        b.misbehave(FaultKind.LATE, delay_s=0.2)
        with pytest.raises(NoAnswerError):
            await b.driver.read("d1")
        b.misbehave(FaultKind.NONE)
        assert (await b.driver.read("d1"))[0] == (5, 6)


async def test_a_sentinel_is_no_value_where_the_profile_says_so():
    model = ModbusProfile.model_validate(
        {
            **profile(0).model_dump(),
            "points": [{"name": "p", "unit": "1", "fc": 3, "address": 0, "type": "u16", "invalid": [0x7FFF]}],
        }
    )
    async with bench(model, {0: 5}) as b:
        b.misbehave(FaultKind.SENTINEL, code=0x7FFF)
        assert await b.driver.read("d1") == ((None,), (Quality.OUT_OF_RANGE,))


async def test_no_number_is_no_value_and_its_word_is_out_of_range():
    point = {"name": "p", "unit": "1", "fc": 3, "address": 0, "type": "float32"}
    model = ModbusProfile.model_validate({**profile(0).model_dump(), "points": [point]})
    async with bench(model, {0: 0x4148, 1: 0}) as b:
        assert (await b.driver.read("d1"))[0] == (12.5,)
        b.misbehave(FaultKind.NAN)
        assert await b.driver.read("d1") == ((None,), (Quality.OUT_OF_RANGE,))


@pytest.mark.parametrize("rtu", [False, True])
async def test_a_unit_that_hangs_up_is_an_error_and_is_read_again_after_a_new_connection(rtu):
    async with bench(profile(0), {0: 5}, rtu=rtu) as b:
        b.misbehave(FaultKind.DISCONNECT)
        with pytest.raises((NoAnswerError, LinkError)):
            await b.driver.read("d1")
        b.misbehave(FaultKind.NONE)
        await b.driver.connect()
        assert (await b.driver.read("d1"))[0] == (5,)


async def test_an_answer_of_another_transaction_is_none_of_ours():
    async with bench(profile(0), {0: 5}) as b:
        b.misbehave(FaultKind.WRONG_TRANSACTION)
        with pytest.raises((NoAnswerError, RefusedError)):
            await b.driver.read("d1")
        b.misbehave(FaultKind.NONE)
        assert (await b.driver.read("d1"))[0] == (5,)


async def test_a_stuck_device_repeats_itself_and_the_driver_hands_it_on_as_it_is():
    async with bench(profile(0), {0: 5}) as b:
        b.misbehave(FaultKind.STUCK)
        assert (await b.driver.read("d1"))[0] == (5,)
        b.device.words[0] = 9
        assert (await b.driver.read("d1"))[0] == (5,), "a rule on stuck values is what notices it"


async def test_a_converter_that_says_the_device_is_silent_is_silence():
    async with bench(profile(0), {0: 5}) as b:
        b.misbehave(FaultKind.EXCEPTION, code=11)
        with pytest.raises(NoAnswerError):
            await b.driver.read("d1")


async def test_silence_never_makes_the_driver_hang_up():
    """pymodbus alone closes the connection after five unanswered questions in a row."""
    async with bench(profile(0), {0: 5}, units=(1, 2), timeout_s=0.02) as b:
        b.misbehave(FaultKind.MUTE)
        for _ in range(12):
            with pytest.raises(NoAnswerError):
                await b.driver.read("d1")
        assert b.driver.link.connected
        assert (await b.driver.read("d2"))[0] == (5,)


@pytest.mark.parametrize("kind", [FaultKind.WRONG_UNIT, FaultKind.TRUNCATED, FaultKind.GARBAGE])
@pytest.mark.parametrize("technique", ["tcp", "rtu over tcp", "serial"])
async def test_nonsense_is_never_a_value(technique, kind):
    async with simulated_bus(GAS, METER, technique=technique) as bus:
        bus.misbehave(1, kind)
        with pytest.raises((NoAnswerError, RefusedError, LinkError)):
            await bus.driver.read(GAS)
        bus.misbehave(1, FaultKind.NONE)
        await bus.driver.connect()
        for _ in range(2):
            try:
                await bus.driver.read(GAS)
            except NoAnswerError:
                continue  # the rest of a truncated frame may stand in the way once
        values, _ = await bus.driver.read(GAS)
        assert values[0] == pytest.approx(12.5)


async def test_units_on_different_connections_share_nothing():
    """Another gateway keeps its list of silent units by unit id alone, over all buses."""
    async with bench(profile(0), {0: 1}) as one, bench(profile(0), {0: 2}) as other:
        one.misbehave(FaultKind.MUTE)
        with pytest.raises(NoAnswerError):
            await one.driver.read("d1")
        assert (await other.driver.read("d1"))[0] == (2,)


async def test_all_devices_of_a_bus_share_one_connection():
    """Another gateway opens the same port once for each unit."""
    async with bench(profile(0), {0: 1}, units=(1, 2, 3)) as b:
        for unit in (1, 2, 3):
            await b.driver.read(f"d{unit}")
        assert len(b.server._writers) == 1


async def test_whoever_listens_gets_the_raw_frames_with_their_time_until_it_is_over():
    async with bench(profile(0), {0: 0x1234}, rtu=True) as b:
        frames = []
        end = b.driver.tap.tap_frames(frames.append, for_s=60)
        await b.driver.read("d1")
        assert [(frame.sent, frame.data.hex()) for frame in frames] == [
            (True, "010300000001840a"),
            (False, "0103021234b533"),
        ]
        assert all(frame.wall_ms > 1_700_000_000_000 for frame in frames)
        end()
        await b.driver.read("d1")
        assert len(frames) == 2
        b.driver.tap.tap_frames(frames.append, for_s=0)
        await b.driver.read("d1")
        assert len(frames) == 2, "its time is over"


async def test_what_nobody_can_decode_is_heard_by_whoever_listens():
    async with bench(profile(0), {0: 1}, rtu=True) as b:
        frames = []
        b.driver.tap.tap_frames(frames.append, for_s=60)
        b.misbehave(FaultKind.WRONG_CHECK)
        with pytest.raises(NoAnswerError):
            await b.driver.read("d1")
        assert [frame.sent for frame in frames] == [True, False]


class Asleep(Words):
    """Measures only after a zero-count read of 0x2500, as some water probes do."""

    awake = False

    def special(self, request):
        if request == bytes.fromhex("0325000000"):
            self.awake = True
            return bytes.fromhex("0300")
        return None if self.awake else bytes((request[0] | 0x80, 4))


async def test_a_device_is_started_once_and_again_after_a_silence():
    model = profile(0, start=[{"pdu": "0325000000", "answer": "0300"}])
    async with bench(model, {}, rtu=True, timeout_s=0.1) as b:
        b.server.units[1] = device = Asleep(read_points=dict, words={0: 8})
        assert (await b.driver.read("d1"))[0] == (8,)
        before = b.driver.link.transactions
        await b.driver.read("d1")
        assert b.driver.link.transactions == before + 1, "no second start"
        b.misbehave(FaultKind.MUTE)
        with pytest.raises(NoAnswerError):
            await b.driver.read("d1")
        b.misbehave(FaultKind.NONE)
        device.awake = False
        assert (await b.driver.read("d1"))[0] == (8,)


async def test_a_device_whose_own_word_on_its_values_cannot_be_read_is_not_believed():
    model = profile(
        0, 1, quality={"fc": 3, "address": 90, "values": {"1": "good"}, "otherwise": "maintenance"}
    )
    async with bench(model, {0: 1, 1: 2}) as b:
        with pytest.raises(RefusedError):
            await b.driver.read("d1")
        b.device.words[90] = 1
        assert await b.driver.read("d1") == ((1, 2), None)
        b.device.words[90] = 0
        assert (await b.driver.read("d1"))[1] == (Quality.MAINTENANCE, Quality.MAINTENANCE)


async def test_a_device_that_says_nothing_about_an_address_is_read_without_it():
    """Some devices keep silent where others answer exception 2; the first question may be that one."""
    model = profile(0, 100, max_gap=4)
    async with bench(model, {0: 5, 100: 6}, timeout_s=0.05) as b:
        answer = b.server._answer

        async def picky(writer, transaction, unit, request):
            return request[1:3] == b"\x00\x00" or await answer(writer, transaction, unit, request)

        b.server._answer = picky
        with pytest.raises(NoAnswerError):
            await b.driver.read("d1")
        values, qualities = await b.driver.read("d1")
        assert (values, qualities) == ((None, 6), (Quality.COMM_FAULT, Quality.GOOD))
        before = b.driver.link.transactions
        await b.driver.read("d1")
        assert b.driver.link.transactions == before + 1, "the silent one is left alone for a while"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_device_that_hangs_up_at_once_is_a_broken_link_on_every_event_loop(loop):
    """uvloop raises a RuntimeError of its own when something is written to what is closed."""

    async def story():
        server = await asyncio.start_server(lambda _, writer: writer.transport.abort(), "127.0.0.1", 0)
        transport = TcpTransport(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        driver = ModbusDriver(transport, timeout_s=0.2, devices={"d1": (1, profile(0))})

        async def ask():
            await driver.connect()
            await driver.read("d1")

        for _ in range(20):
            with pytest.raises((LinkError, NoAnswerError)):
                await ask()
        server.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


async def test_a_write_to_what_is_closed_is_a_broken_link(monkeypatch):
    def closed(*_args, **_more):
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    async with bench(profile(0), {0: 1}) as b:
        monkeypatch.setattr(b.driver.link._client.ctx, "low_level_send", closed)
        with pytest.raises(LinkError, match="handler is closed"):
            await b.driver.read("d1")
