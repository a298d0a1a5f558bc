"""Bluetooth detectors over a simulated adapter, through bleak as it comes."""

import pytest

from firmware_sim.devices.ble import BleFault
from tests.harness.waiting import until
from tests.sim.air import MemoryCounters, open_air

GAS, SEALED, SMOKE = "bthome-gas", "bthome-gas-encrypted", "xiaomi-jtyjgd03mi"
SAID = {
    GAS: ("gas_alarm", {"gas_alarm": 1, "battery_percent": 90, "tamper": 0}),
    SEALED: ("gas_alarm", {"gas_alarm": 1, "battery_percent": 90}),
    SMOKE: ("smoke_alarm", {"smoke_alarm": 1, "battery_percent": 40}),
    "bthome-smoke": ("smoke_alarm", {"smoke_alarm": 1}),
    "bthome-leak": ("leak", {"moisture_detected": 1}),
    "bthome-temperature": ("temperature_c", {"temperature_c": 1, "humidity_percent": 40}),
}


@pytest.mark.parametrize("passive", [False, True], ids=["active", "passive"])
async def test_every_model_is_heard(passive):
    async with open_air(*SAID, passive=passive) as air:
        for model, (point, values) in SAID.items():
            air.devices[model].pinned = dict(values)
            await air.hear(model)
            assert air.ear.value(model, point) == 1, model
        assert bool(air.bluez.monitors) is passive
        assert air.bus.state().silent == ()


async def test_what_a_packet_does_not_name_is_stale_not_remembered():
    async with open_air(GAS) as air:
        air.devices[GAS].pinned = {"gas_alarm": 0, "battery_percent": 90}
        await air.hear(GAS)
        air.devices[GAS].read_points, air.devices[GAS].pinned = dict, {"gas_alarm": 0}
        snapshot = await air.hear(GAS)
        assert snapshot.values[:2] == (0.0, None)


async def test_a_device_that_falls_silent_is_lost_and_its_last_value_is_not_repeated():
    async with open_air(GAS) as air:
        air.devices[GAS].pinned = {"gas_alarm": 0}
        await air.hear(GAS)
        air.devices[GAS].misbehave(BleFault.MUTE)
        air.speak()
        air.clock.advance(seconds=181)
        await until(lambda: air.ear.lost(GAS), what="lost")
        assert air.bus.state().silent == (GAS,)
        air.devices[GAS].misbehave(BleFault.NONE)
        await air.hear(GAS)
        assert air.bus.state().silent == ()


async def test_a_device_that_repeats_its_last_packet_says_nothing():
    async with open_air(SEALED) as air:
        await air.hear(SEALED)
        air.devices[SEALED].misbehave(BleFault.STUCK)
        count = len(air.ear.of(SEALED))
        for _ in range(5):
            air.speak()
        await air.settle()
        assert len(air.ear.of(SEALED)) == count


@pytest.mark.parametrize("model", [SEALED, SMOKE])
async def test_a_played_back_packet_raises_and_never_ends(model):
    point = SAID[model][0]
    async with open_air(model) as air:
        device = air.devices[model]
        device.pinned = {point: 0}
        await air.hear(model)
        device.pinned = {point: 1}
        await air.hear(model)
        device.misbehave(BleFault.REPLAY)
        count = len(air.ear.of(model))
        air.speak()
        await until(lambda: len(air.ear.of(model)) > count, what="the played-back packet")
        played = air.ear.of(model)[count]
        assert played.values[0] == 0
        assert not played.may_clear
        assert air.ear.value(model, "counter_fell_back") == 1
        assert air.ear.lost(model), "a person is called"

        device.misbehave(BleFault.NONE)
        count = len(air.ear.of(model))
        air.speak()
        await until(lambda: len(air.ear.of(model)) > count, what="the device itself")
        assert not air.ear.of(model)[count].may_clear, "nobody has enrolled it again"
        assert air.ear.of(model)[count].values[0] == 1, "it alarms all the same"

        assert air.bus.re_enrol(model)
        await until(lambda: model not in air.counters.rows, what="the old counter is forgotten")
        await air.hear(model)
        await until(lambda: air.ear.of(model)[-1].may_clear, what="believed again")
        assert air.ear.value(model, "counter_fell_back") == 0


async def test_a_changed_battery_does_not_silence_an_alarm():
    async with open_air(SEALED) as air:
        await air.hear(SEALED)
        air.devices[SEALED].misbehave(BleFault.COUNTER_RESET)
        air.devices[SEALED].pinned = {"gas_alarm": 1}
        air.speak()
        await until(lambda: air.ear.value(SEALED, "gas_alarm") == 1, what="the alarm")
        assert not any(one.may_clear for one in air.ear.of(SEALED) if one.values[0] == 1)
        await until(lambda: air.counters.rows[SEALED].fallen, what="the fall is on the disk")


async def test_a_counter_is_remembered_over_a_restart_of_the_gateway():
    kept = MemoryCounters()
    async with open_air(SEALED, counters=kept) as air:
        await air.hear(SEALED)
        await until(lambda: kept.rows, what="stored")
        first = air.devices[SEALED].first
        await air.hear(SEALED)
    async with open_air(SEALED, counters=kept) as air:
        count = len(air.ear.of(SEALED))
        air.devices[SEALED].send(air.bluez, first)
        await until(lambda: len(air.ear.of(SEALED)) > count, what="the old packet")
        assert not air.ear.of(SEALED)[count].may_clear


@pytest.mark.parametrize(
    "fault", [BleFault.WRONG_KEY, BleFault.WRONG_CHECK, BleFault.TRUNCATED, BleFault.DOWNGRADE]
)
async def test_packets_that_cannot_be_believed_are_refused_once_and_not_in_a_flood(fault, capsys):
    async with open_air(SEALED) as air:
        device = air.devices[SEALED]
        device.pinned = {"gas_alarm": 1}
        device.misbehave(fault)

        def lost():
            air.speak()
            return air.ear.lost(SEALED)

        await until(lost, what="lost at once")
        for _ in range(10):
            air.speak()
        await air.settle()
        assert air.ear.value(SEALED, "gas_alarm") is None
        assert len(air.ear.of(SEALED)) == 1
        assert capsys.readouterr().out.count("packets_refused") == 1
        device.misbehave(BleFault.NONE)
        await air.hear(SEALED)
        assert air.ear.value(SEALED, "gas_alarm") == 1


async def test_a_key_that_is_not_this_devices_never_lets_a_value_through():
    async with open_air(SEALED) as air:
        air.devices[SEALED].key = bytes(16)
        for _ in range(5):
            air.speak()
        await air.settle()
        assert air.ear.value(SEALED, "gas_alarm") is None


async def test_a_flapping_detector_is_heard_each_time():
    async with open_air(GAS) as air:
        for turn in range(6):
            air.devices[GAS].pinned = {"gas_alarm": turn % 2}
            await air.hear(GAS)
            assert air.ear.value(GAS, "gas_alarm") == turn % 2


async def test_a_strangers_advertisements_are_passed_over():
    async with open_air(GAS) as air:
        air.devices[GAS].peripheral.address = "A4:C1:38:FF:FF:FF"
        for _ in range(3):
            air.speak()
        await air.settle()
        assert air.ear.snapshots == []
