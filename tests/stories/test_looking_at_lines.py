"""A maintainer looks at every line of a house: what devices say, in values and in frames, and who is around."""

import asyncio
import json
import os
from contextlib import AsyncExitStack

import pytest

from edge.site.siteloader import load_site
from firmware_sim.demo.children import Child, command_of
from firmware_sim.demo.ports import pick_port
from firmware_sim.devices.ble import BLE_MODELS, BleFault, build_ble_device
from firmware_sim.devices.bluez import SimulatedBluez
from firmware_sim.devices.bluezbus import BUS_VARIABLE, private_bus
from firmware_sim.devices.gb26875 import GbComponent, Transmitter
from firmware_sim.devices.hj212 import Hj212Bus, Hj212Station
from firmware_sim.devices.modbus import ModbusServer
from firmware_sim.devices.mqtt import MqttBus, MqttDevice
from firmware_sim.devices.rtu import RtuServer
from tests.harness.mosquitto import Mosquitto
from tests.sim.bus import build_device

pytestmark = pytest.mark.story

MN, STRANGER = "010000A8900016F000169DC0", "99999999999999999999ABCD"
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
AIR = {
    "bthome-gas": "A4:C1:38:00:00:01",
    "bthome-gas-encrypted": "A4:C1:38:00:00:02",
    "xiaomi-jtyjgd03mi": "A4:C1:38:00:00:03",
    "bthome-leak": "A4:C1:38:00:00:04",
    "gatt-gas-probe": "A4:C1:38:00:00:05",
}
KEYED = ("bthome-gas-encrypted", "xiaomi-jtyjgd03mi")
SITE = """\
gateway: gw-house-01
server: {{host: 127.0.0.1, port: {broker}}}
buses:
  - {{id: kitchen, technique: modbus_tcp, host: 127.0.0.1, port: {tcp}, timeout_s: 0.3}}
  - {{id: cellar, technique: modbus_rtu_over_tcp, host: 127.0.0.1, port: {rtu}, timeout_s: 0.3}}
  - {{id: river, technique: hj212, host: 127.0.0.1, port: {hj212}}}
  - {{id: panel, technique: gb26875, host: 127.0.0.1, port: {gb26875}}}
  - {{id: home, technique: mqtt, port: {broker}}}
  - {{id: air, technique: ble}}
devices:
  - {{id: gas, bus: kitchen, unit: 1, profile: honeywell-midas}}
  - {{id: meter, bus: cellar, unit: 1, profile: eastron-sdm120}}
  - {{id: station, bus: river, address: {mn}, profile: river-station-hj212, password_file: pw}}
  - {{id: detector, bus: panel, address: "3456/1.1/11.65539", profile: gb26875-gas-detector}}
  - {{id: zigbee, bus: home, address: zigbee2mqtt/kitchen, profile: zigbee2mqtt-gas}}
  - {{id: plain, bus: air, address: "{air[0]}", profile: bthome-gas}}
  - {{id: sealed, bus: air, address: "{air[1]}", profile: bthome-gas-encrypted, key_file: key}}
  - {{id: smoke, bus: air, address: "{air[2]}", profile: xiaomi-jtyjgd03mi, key_file: key}}
  - {{id: probe, bus: air, address: "{air[4]}", profile: gatt-gas-probe, period_s: 1}}
"""
EXPECTED = {
    "gas": ("gas_lel", "12.5 %{LEL}", "read holding registers 0 to 8"),
    "meter": ("voltage_v", "229.5 V", "unit 1: read input registers 0"),
    "station": (
        "dissolved_oxygen_mg_l",
        "7.25 mg/L",
        "CN=2011 real-time data, MN=",
        "CN=9014 data is acknowledged",
    ),
    "detector": ("gas_lel", "30 %{LEL}", "1.1/11.65539", "analog type 6 = 30 %{LEL}", "confirmation"),
    "zigbee": ("gas_alarm", "1 1", "zigbee measured gas_alarm 1"),
    "plain": ("gas_alarm", "0 1", "bthome: battery_percent 97, gas_alarm 0"),
    "probe": ("temperature_c", "21 Cel", "read: temperature_c 21"),
    "smoke": ("smoke_alarm", "0 1", "mibeacon, encrypted: battery_percent 90, smoke_alarm 0; counter"),
}
"""Of each device: what is shown of it, and words of the frames that it was read from."""


class House:
    """Devices of every technique, and a site file for them."""

    def __init__(self, folder):
        self.folder, self.site = folder, folder / "site.yaml"
        self.ports = {name: pick_port() for name in ("hj212", "gb26875")}

    async def open(self, stack):
        broker = Mosquitto(self.folder / "broker")
        await broker.start()
        stack.push_async_callback(broker.stop)
        self.env = {BUS_VARIABLE: stack.enter_context(private_bus())}
        servers = (
            ModbusServer(host="127.0.0.1", port=0, units={1: build_device("honeywell-midas")}),
            RtuServer(host="127.0.0.1", port=0, units={1: build_device("eastron-sdm120")}),
        )
        for part in (*servers, *self._callers(broker.port)):
            await part.start()
            stack.push_async_callback(part.stop)
        await self._open_air(stack, self.env[BUS_VARIABLE])
        ports = {"broker": broker.port, "tcp": servers[0].port, "rtu": servers[1].port, **self.ports}
        self.site.write_text(SITE.format(**ports, mn=MN, air=list(AIR.values())))
        (self.folder / "pw").write_text("123456\n")
        (self.folder / "key").write_text(KEY.hex())

    def _callers(self, broker):
        river = {"dissolved_oxygen_mg_l": 7.25, "ph": 7.4}
        stations = [Hj212Station(read_points=lambda: river, address=mn) for mn in (MN, STRANGER)]
        component = GbComponent(
            read_points=lambda: {"gas_lel": 30.0, "gas_alarm": 1.0}, address="1.1/11.65539"
        )
        zigbee = MqttDevice(read_points=lambda: {"gas_alarm": 1.0}, address="zigbee2mqtt/kitchen")
        calling = {"host": "127.0.0.1", "period_s": 0.3}
        yield Hj212Bus(port=self.ports["hj212"], units=dict(enumerate(stations)), **calling)
        yield Transmitter(port=self.ports["gb26875"], units={0: component}, **calling)
        yield MqttBus(port=broker, units={0: zigbee}, **calling)

    async def _open_air(self, stack, address):
        bluez = SimulatedBluez(address)
        self.air = {
            model: build_ble_device(model, address=where, key=KEY if model in KEYED else None)
            for model, where in AIR.items()
        }
        bluez.peripherals.update({one.peripheral.address: one.peripheral for one in self.air.values()})
        await bluez.start()
        stack.push_async_callback(bluez.stop)

        async def speak():
            while True:
                await asyncio.sleep(0.2)
                for device in self.air.values():
                    device.speak(bluez)

        speaking = asyncio.create_task(speak(), name="air")
        stack.callback(speaking.cancel)

    async def do(self, *words):
        """Run a command of the gateway to its end; returns its exit code and what it wrote to each side."""
        process = await asyncio.create_subprocess_exec(
            *command_of("gridwarden-edge"),
            *words,
            cwd=self.folder,
            env={**os.environ, **self.env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, noted = await process.communicate()
        return process.returncode, said.decode(), noted.decode()


@pytest.fixture
async def house(tmp_path):
    async with AsyncExitStack() as stack:
        made = House(tmp_path)
        await made.open(stack)
        yield made


def by_device(said):
    found = {}
    for one in json.loads(said):
        found.setdefault(one["device"], []).append(one)
    return found


def shown(answers):
    """What is shown of a device: its points as people read them, and its frames."""
    points = [
        f"{p['point']} {p['value']:g} {p['unit']}"
        for one in answers
        for p in one["points"]
        if p["value"] is not None
    ]
    return "\n".join((*points, *(frame for one in answers for frame in one["frames"])))


def missing(answers):
    """What a probe has not shown yet, by device."""
    found = {
        device: [word for word in words if word not in shown(answers[device])]
        for device, words in EXPECTED.items()
    }
    return {device: words for device, words in found.items() if words}


def check(answers):
    assert missing(answers) == {}, {device: shown(answers[device]) for device in missing(answers)}
    assert "PW=******;" in shown(answers["station"])
    assert "123456" not in json.dumps(answers)


async def test_every_technique_shows_live_values_and_its_frames_in_words(house):
    house.air["bthome-gas-encrypted"].misbehave(BleFault.WRONG_KEY)
    code, said, noted = await house.do("probe", "site.yaml", "--seconds", "4", "--json")
    answers = by_device(said)
    check(answers)
    (sealed,) = answers["sealed"]
    assert sealed["error"] == "said nothing for 4 s"
    assert "the key does not fit" in shown([sealed])
    others = shown(answers[""])
    assert STRANGER in others
    assert f"{AIR['bthome-leak']} bthome: battery_percent 88, moisture_detected 0" in others
    assert code == 1, noted

    async with AsyncExitStack() as stack:
        house.air["bthome-gas-encrypted"].misbehave(BleFault.NONE)
        gateway = await Child.start(
            "gateway", [*command_of("gridwarden-edge"), "run", "site.yaml"], env=house.env, cwd=house.folder
        )
        stack.push_async_callback(gateway.stop)
        await gateway.ready("scan_started")
        for _ in range(4):  # it ends when each has spoken; a transmitter says its states before its values
            code, said, noted = await house.do("probe", "site.yaml", "--seconds", "20", "--json")
            assert "nothing was sent on its lines" in noted
            answers = by_device(said)
            assert code == 0, (answers, noted)
            if not missing(answers):
                break
        check(answers)
        assert "bthome, encrypted: battery_percent 97, gas_alarm 0" in shown(answers["sealed"])


async def test_sensors_on_the_air_are_found_with_models_to_choose_from(house):
    code, said, noted = await house.do("scan", "ble", "--seconds", "3")
    assert code == 0, noted
    for model, address in AIR.items():
        if model.startswith("gatt"):
            assert address not in said, "it advertises nothing that is known here"
            continue
        (line,) = [line for line in said.splitlines() if line.startswith(f"# {address}")]
        assert model in line.partition("may be")[2]
        values = "no key here" if model in KEYED else next(iter(BLE_MODELS[model]))
        assert values in line
    head = "gateway: gw-1\nserver: {host: 127.0.0.1}\n"
    fragment = "\n".join(line for line in said.splitlines() if not line.startswith("#"))
    (house.folder / "found.yaml").write_text(head + fragment + "\n")
    devices = load_site(house.folder / "found.yaml").settings.devices
    assert [device.address for device in devices] == [AIR[m] for m in AIR if not m.startswith("gatt")]
    assert [device.key_file is not None for device in devices] == [m in KEYED for m in AIR if m[:4] != "gatt"]
