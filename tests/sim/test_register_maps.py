"""Each profile reads what its simulated device measures, over a real socket; misbehaviour is told apart."""

import pytest

from edge.drivers.modbus import ModbusDriver, SerialTransport, TcpTransport
from edge.drivers.modbusprofile import ModbusProfile, ValueType
from edge.drivers.profile import shipped_profiles
from edge.errors import LinkError, NoAnswerError, ReadBackError, RefusedError
from firmware_sim.devices.modbus import FaultKind
from firmware_sim.devices.models import MODELS
from tests.sim.bus import TECHNIQUES, TRUE_VALUES, simulated_bus
from wire.vocabulary import Quality

GAS, METER = "honeywell-midas", "eastron-sdm120"


def named(model, values):
    return dict(zip([point.name for point in shipped_profiles()[model].points], values, strict=True))


def test_every_shipped_modbus_profile_has_a_simulated_device():
    models = {model for model, p in shipped_profiles().items() if isinstance(p, ModbusProfile)}
    assert models == set(TRUE_VALUES) == set(MODELS)
    assert len(models) >= 16


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("model", TRUE_VALUES)
async def test_a_profile_reads_what_the_device_measures(model, technique):
    async with simulated_bus(model, technique=technique) as bus:
        values, qualities = await bus.driver.read(model)
    assert qualities is None, "all good"
    found = named(model, values)
    assert None not in found.values()
    for name, value in TRUE_VALUES[model].items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=0.06), name


async def test_neighbours_are_read_with_few_requests():
    async with simulated_bus(METER) as bus:
        await bus.driver.read(METER)
        assert bus.server.requests[1] <= 3, "seven points in at most three requests"


@pytest.mark.parametrize(
    ("technique", "kind"),
    [
        ("tcp", FaultKind.MUTE),
        ("tcp", FaultKind.GARBAGE),
        ("tcp", FaultKind.WRONG_TRANSACTION),
        ("rtu over tcp", FaultKind.MUTE),
        ("rtu over tcp", FaultKind.WRONG_CHECK),
        ("rtu over tcp", FaultKind.TRUNCATED),
        ("serial", FaultKind.MUTE),
        ("serial", FaultKind.WRONG_CHECK),
        ("serial", FaultKind.GARBAGE),
    ],
)
async def test_a_device_that_does_not_answer_is_silent_and_its_neighbour_is_not(technique, kind):
    async with simulated_bus(GAS, METER, technique=technique) as bus:
        bus.misbehave(1, kind)
        with pytest.raises((NoAnswerError, RefusedError, LinkError)):
            await bus.driver.read(GAS)
        await bus.driver.connect()
        values, _ = await bus.driver.read(METER)
        assert named(METER, values)["voltage_v"] == pytest.approx(229.5, abs=0.1)


async def test_an_answer_of_another_unit_is_no_answer_of_this_one():
    async with simulated_bus(GAS) as bus:
        bus.misbehave(1, FaultKind.WRONG_UNIT)
        with pytest.raises((NoAnswerError, RefusedError)):
            await bus.driver.read(GAS)


@pytest.mark.parametrize("technique", TECHNIQUES)
async def test_a_late_answer_is_not_taken_for_the_next_one(technique):
    async with simulated_bus(GAS, METER, technique=technique) as bus:
        bus.misbehave(1, FaultKind.LATE, delay_s=0.4)
        with pytest.raises(NoAnswerError):
            await bus.driver.read(GAS)
        bus.misbehave(1, FaultKind.NONE)
        for _ in range(3):
            values, _ = await bus.driver.read(METER)
            assert named(METER, values)["frequency_hz"] == pytest.approx(50, abs=0.1)
        values, _ = await bus.driver.read(GAS)
        assert named(GAS, values)["gas_lel"] == pytest.approx(12.5)


async def test_an_exception_is_a_refusal():
    async with simulated_bus(GAS) as bus:
        bus.misbehave(1, FaultKind.EXCEPTION, code=4)
        with pytest.raises(RefusedError, match="exception 4"):
            await bus.driver.read(GAS)


async def test_not_a_number_is_no_value():
    async with simulated_bus(METER) as bus:
        bus.misbehave(1, FaultKind.NAN)
        values, qualities = await bus.driver.read(METER)
        assert qualities is not None
        assert all(quality is not Quality.GOOD for quality in qualities)
        assert all(value is None or value == value for value in values)  # noqa: PLR0124 - NaN


async def test_a_connection_that_is_hung_up_is_a_broken_link():
    async with simulated_bus(GAS) as bus:
        bus.misbehave(1, FaultKind.DISCONNECT)
        with pytest.raises((LinkError, NoAnswerError)):
            await bus.driver.read(GAS)
        bus.misbehave(1, FaultKind.NONE)
        await bus.driver.connect()
        values, _ = await bus.driver.read(GAS)
        assert named(GAS, values)["gas_lel"] == pytest.approx(12.5)


async def test_a_detector_in_calibration_does_not_vouch_for_its_gas():
    async with simulated_bus(GAS) as bus:
        bus.server.units[1].state = 0
        _, qualities = await bus.driver.read(GAS)
        assert qualities is not None
        assert Quality.GOOD not in qualities


@pytest.mark.parametrize("technique", TECHNIQUES)
async def test_a_valve_is_closed_and_read_back(technique):
    async with simulated_bus("coil-relay", technique=technique) as bus:
        assert named("coil-relay", (await bus.driver.read("coil-relay"))[0])["valve_closed"] == 0
        await bus.driver.act("coil-relay", "close_valve")
        assert named("coil-relay", (await bus.driver.read("coil-relay"))[0])["valve_closed"] == 1


async def test_a_siren_sounds_and_is_silenced_and_both_are_read_back():
    async with simulated_bus("siren-relay") as bus:
        for action, sounding in (("sound", 1), ("silence", 0)):
            await bus.driver.act("siren-relay", action)
            assert named("siren-relay", (await bus.driver.read("siren-relay"))[0])["sounding"] == sounding
        assert bus.server.units[1].writes == [True, False]


async def test_a_valve_that_says_done_and_is_not_is_noticed(monkeypatch):
    async with simulated_bus("coil-relay") as bus:
        monkeypatch.setattr(bus.server.units[1], "write", lambda *_: None)
        with pytest.raises(ReadBackError):
            await bus.driver.act("coil-relay", "close_valve")


async def test_a_valve_on_a_bus_that_is_not_connected_is_a_broken_link_and_nothing_worse():
    async with simulated_bus("coil-relay") as bus:
        await bus.driver.close()
        with pytest.raises(LinkError):
            await bus.driver.act("coil-relay", "close_valve")


async def test_a_serial_port_that_is_not_there_is_a_broken_link_with_its_name():
    driver = ModbusDriver(SerialTransport(device="/dev/no-such-port"), timeout_s=0.2, devices={})
    with pytest.raises(LinkError, match="no-such-port"):
        await driver.connect()


async def test_a_probe_that_was_just_started_does_not_vouch_for_what_it_measures():
    async with simulated_bus("yosemitech-y502") as bus:
        model = shipped_profiles()["yosemitech-y502"]
        driver = ModbusDriver(
            TcpTransport(host="127.0.0.1", port=bus.server.port), timeout_s=0.3, devices={"p": (1, model)}
        )
        await driver.connect()
        values, qualities = await driver.read("p")
        await driver.close()
    assert set(values) == {None}
    assert set(qualities) == {Quality.MAINTENANCE}
    assert bus.server.units[1].started


@pytest.mark.parametrize("model", ["yosemitech-y510", "yosemitech-y520", "yosemitech-y550"])
async def test_a_probe_that_reports_an_error_does_not_vouch_for_its_values(model):
    async with simulated_bus(model) as bus:
        bus.server.units[1].error = 3
        _, qualities = await bus.driver.read(model)
        assert Quality.GOOD not in qualities


async def test_the_breaker_can_only_be_read():
    assert shipped_profiles()["lx47le-125"].actions == {}


async def test_a_controllers_channel_says_how_long_ago_its_sensor_was_heard():
    async with simulated_bus("otis-oi-7032") as bus:
        found = named("otis-oi-7032", (await bus.driver.read("otis-oi-7032"))[0])
        assert found["ch32_age_s"] == 70
        assert bus.server.requests[1] <= 2, "96 points in two requests"


@pytest.mark.parametrize("model", TRUE_VALUES)
async def test_no_profile_reads_a_value_where_the_device_says_that_it_has_none(model):
    async with simulated_bus(model) as bus:
        bus.misbehave(1, FaultKind.NAN)
        try:
            values, qualities = await bus.driver.read(model)
        except RefusedError:
            return
        floats = [
            index
            for index, point in enumerate(shipped_profiles()[model].points)
            if point.type is ValueType.FLOAT32
        ]
        assert all(values[index] is None for index in floats)
        assert not floats or Quality.GOOD not in {qualities[index] for index in floats}
