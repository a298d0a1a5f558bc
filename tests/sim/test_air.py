"""A scenario with a Bluetooth bus: heard by whoever opens its message bus."""

import asyncio

from firmware_sim.devices.bluezbus import BUS_VARIABLE
from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.plant import SimulatedPlant
from firmware_sim.scenario import load_scenario
from tests.harness.waiting import until
from tests.sim.air import AirClock, Ear, MemoryCounters, _close_bleak, address_of, build_ble_bus

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
