"""A scenario with a Bluetooth bus: heard by whoever opens its message bus."""

import asyncio
import contextlib
from contextlib import asynccontextmanager

import pytest

from firmware_sim.devices.bluezbus import BUS_VARIABLE
from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.plant import SimulatedPlant
from firmware_sim.scenario import load_scenario
from firmware_sim.steps import FaultStep
from tests.harness.waiting import until
from tests.sim.air import KEY, AirClock, Ear, MemoryCounters, _close_bleak, address_of, build_ble_bus

SCENARIO = f"""\
name: a detector on the air
buses: {{air: {{technique: ble, period_s: 0.05}}}}
devices: [{{name: gas-air, model: bthome-gas, bus: air, address: '{address_of(1)}'}}]
"""


async def test_a_bluetooth_bus_of_a_scenario_is_heard_and_misbehaves(tmp_path, monkeypatch):
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO)
    ear = Ear()
    async with SimulatedPlant.start(load_scenario(path)) as plant:
        monkeypatch.setenv(BUS_VARIABLE, plant.servers["air"].address)
        bus = build_ble_bus(("bthome-gas",), ear=ear, clock=AirClock(), counters=MemoryCounters())
        task = asyncio.create_task(bus.run())
        await until(lambda: ear.value("bthome-gas", "gas_alarm") == 0, what="quiet")
        plant.pin("gas-air", {"gas_alarm": 1})
        await until(lambda: ear.value("bthome-gas", "gas_alarm") == 1, what="gas")
        plant.misbehave("gas-air", Fault(FaultKind.MUTE))
        assert plant.describe()["gas-air"]["fault"] == "mute"
        task.cancel()
        await asyncio.wait((task,))
        await _close_bleak()


PLAIN, SEALED = "bthome-gas", "bthome-gas-encrypted"
HOUSE = f"""\
name: a house on the air
buses: {{air: {{technique: ble, period_s: 0.05}}}}
devices:
  - {{name: {PLAIN}, model: {PLAIN}, bus: air, address: '{address_of(1)}'}}
  - {{name: {SEALED}, model: {SEALED}, bus: air, unit: 2, address: '{address_of(2)}', key: '{KEY.hex()}'}}
"""


class House:
    """A scenario's devices on the air, and the gateway's bus that hears them."""

    def __init__(self, plant, ear, clock):
        self.plant, self.ear, self.clock = plant, ear, clock

    def order(self, device, kind, **more):
        self.plant.perform(FaultStep(do="fault", device=device, fault=kind, **more))

    def gas(self, device):
        return self.ear.value(device, "gas_alarm")

    async def hears(self, device):
        """Wait until a change of what the device measures is heard."""
        wanted = 1 - (self.gas(device) or 0)
        self.plant.pin(device, {"gas_alarm": wanted})
        await until(lambda: self.gas(device) == wanted and not self.ear.lost(device), what=f"{device} heard")

    async def passes(self, seconds, condition, what):
        """Let time pass, second by second, until something is so."""
        for _ in range(seconds):
            if condition():
                return
            self.clock.advance(seconds=1)
            await asyncio.sleep(0.03)
        await until(condition, what=what)


@asynccontextmanager
async def house(folder, monkeypatch):
    path = folder / "scenario.yaml"
    path.write_text(HOUSE)
    ear, clock = Ear(), AirClock()
    async with SimulatedPlant.start(load_scenario(path)) as plant:
        monkeypatch.setenv(BUS_VARIABLE, plant.servers["air"].address)
        bus = build_ble_bus((PLAIN, SEALED), ear=ear, clock=clock, counters=MemoryCounters())
        task = asyncio.create_task(bus.run())
        made = House(plant, ear, clock)
        try:
            for device in (PLAIN, SEALED):
                await made.hears(device)
            yield made
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await _close_bleak()


@pytest.mark.parametrize(
    "kind", [FaultKind.WRONG_KEY, FaultKind.DOWNGRADE, FaultKind.WRONG_CHECK, FaultKind.TRUNCATED]
)
async def test_what_cannot_be_believed_is_no_value_and_costs_its_neighbour_nothing(
    tmp_path, monkeypatch, kind
):
    async with house(tmp_path, monkeypatch) as home:
        before = home.gas(SEALED)
        home.order(SEALED, kind)
        home.plant.pin(SEALED, {"gas_alarm": 1 - before})
        for _ in range(2):
            await home.hears(PLAIN)
        assert home.gas(SEALED) == before
        home.order(SEALED, FaultKind.NONE)
        await until(lambda: home.gas(SEALED) == 1 - before, what="believed again")


@pytest.mark.parametrize("kind", [FaultKind.ADAPTER_OFF, FaultKind.DAEMON_CRASH])
async def test_without_a_radio_every_device_is_lost_and_heard_again_when_it_is_back(
    tmp_path, monkeypatch, kind
):
    async with house(tmp_path, monkeypatch) as home:
        home.order(PLAIN, kind)
        await home.passes(40, lambda: home.ear.lost(PLAIN) and home.ear.lost(SEALED), "both are lost")
        home.order(PLAIN, FaultKind.NONE)
        for device in (PLAIN, SEALED):
            await home.passes(20, lambda one=device: not home.ear.lost(one), f"{device} is there again")
            await home.hears(device)


async def test_a_radio_that_has_gone_deaf_is_reset(tmp_path, monkeypatch):
    async with house(tmp_path, monkeypatch) as home:
        home.order(PLAIN, FaultKind.DEAF)
        bluez = home.plant.servers["air"]._bluez
        await home.passes(130, lambda: not bluez.deaf, "the reset")
        home.order(PLAIN, FaultKind.NONE)
        await home.hears(PLAIN)


@pytest.mark.parametrize(("kind", "more"), [(FaultKind.LATE, {"delay_s": 0.2}), (FaultKind.FLAPPING, {})])
async def test_words_that_come_late_or_only_now_and_then_are_still_heard(tmp_path, monkeypatch, kind, more):
    async with house(tmp_path, monkeypatch) as home:
        for device in (PLAIN, SEALED):
            home.order(device, kind, **more)
        for device in (PLAIN, SEALED):
            await home.hears(device)
        assert all(snapshot.may_clear for snapshot in home.ear.of(SEALED)[-2:]), "late is not played back"


async def test_what_no_device_on_the_air_does_is_refused_with_a_sentence(tmp_path, monkeypatch):
    async with house(tmp_path, monkeypatch) as home:
        with pytest.raises(ValueError, match="found fault exception on ble, allowed none, mute"):
            home.order(PLAIN, FaultKind.EXCEPTION)
        await home.hears(PLAIN)
