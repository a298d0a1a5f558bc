"""Devices that speak by themselves, through the real gateway process to the wire: one story for each technique."""

from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from firmware_sim.demo.children import Child, command_of
from firmware_sim.demo.ports import pick_port
from firmware_sim.devices.gb26875 import GbComponent, Transmitter
from firmware_sim.devices.hj212 import Hj212Bus, Hj212Station
from firmware_sim.devices.mqtt import MqttBus, MqttDevice
from firmware_sim.devices.speaking import SpeakingBus
from tests.harness.mosquitto import Mosquitto
from tests.harness.waiting import until
from tests.harness.wiretap import listen_to_alarms
from wire.vocabulary import Condition

pytestmark = pytest.mark.story

MN = "010000A8900016F000169DC0"
SITE = """\
gateway: gw-demo-01
server: {{host: 127.0.0.1, port: {broker}}}
buses:
  - {bus}
devices:
  - {{id: device-1, bus: calls, profile: {model}, address: "{address}", label: 测试{more}}}
rules:
  - {{id: limit, type: threshold, devices: [device-1], point: {point}, {limit}, kind: {kind}, class: hazard}}
"""


@asynccontextmanager
async def gateway_with(folder, **site):
    """Give the wiretap of a gateway whose one device calls."""
    async with AsyncExitStack() as stack:
        broker = Mosquitto(folder / "broker")
        await broker.start()
        stack.push_async_callback(broker.stop)
        heard = await stack.enter_async_context(listen_to_alarms(broker.port))
        path = folder / "site.yaml"
        site["bus"] = site["bus"].format(port=site.get("port", broker.port))
        path.write_text(SITE.format(**{"broker": broker.port, "more": "", **site}), encoding="utf-8")
        (folder / "pw").write_text("123456\n")
        gateway = await Child.start(
            "gateway", [*command_of("gridwarden-edge"), "run", str(path)], env={}, cwd=folder
        )
        stack.push_async_callback(gateway.stop)
        await gateway.ready("bus_listening")
        yield heard, broker.port


async def raised_and_ended(
    heard, device: SpeakingBus, values: dict[str, float], end: dict[str, float]
) -> None:
    """Wait for the alarm on the wire, let the cause go and wait for the end."""
    await device.start()
    try:
        alarm = await until(
            lambda: next((a for a in heard if a.rule == "limit" and a.condition is Condition.ACTIVE), None),
            what="the alarm on the wire",
        )
        assert alarm.device == "device-1"
        values.update(end)
        device.nudge()
        await until(
            lambda: any(a.alarm == alarm.alarm and a.condition is Condition.NORMAL for a in heard),
            what="its end",
        )
    finally:
        await device.stop()


async def test_a_river_stations_spill_reaches_the_wire(tmp_path):
    port, values = pick_port(), {"dissolved_oxygen_mg_l": 1.0, "ph": 7.2}
    site = {
        "bus": "{{id: calls, technique: hj212, host: 127.0.0.1, port: {port}}}",
        "port": port,
        "model": "river-station-hj212",
        "address": MN,
        "more": ", password_file: pw",
        "point": "dissolved_oxygen_mg_l",
        "limit": "below: 3",
        "kind": "water",
    }
    async with gateway_with(tmp_path, **site) as (heard, _):
        station = Hj212Station(read_points=lambda: dict(values), address=MN)
        bus = Hj212Bus(host="127.0.0.1", port=port, units={0: station}, period_s=0.3)
        await raised_and_ended(heard, bus, values, {"dissolved_oxygen_mg_l": 7.5})
        assert "9014" in station.answers


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
async def test_a_gas_detector_behind_a_fire_panel_reaches_the_wire(tmp_path, udp):
    port, values = pick_port(), {"gas_alarm": 1.0, "gas_lel": 30.0}
    site = {
        "bus": "{{id: calls, technique: gb26875, host: 127.0.0.1, port: {port}}}",
        "port": port,
        "model": "gb26875-gas-detector",
        "address": "3456/1.1/11.65539",
        "point": "gas_alarm",
        "limit": "above: 0.5",
        "kind": "gas",
    }
    async with gateway_with(tmp_path, **site) as (heard, _):
        detector = GbComponent(read_points=lambda: dict(values), address="1.1/11.65539")
        panel = Transmitter(host="127.0.0.1", port=port, units={0: detector}, period_s=0.3, udp=udp)
        await raised_and_ended(heard, panel, values, {"gas_alarm": 0.0, "gas_lel": 2.0})
        assert panel.confirmed


async def test_a_wireless_gas_detector_reaches_the_wire(tmp_path):
    values = {"gas_alarm": 1.0}
    site = {
        "bus": "{{id: calls, technique: mqtt, port: {port}}}",
        "model": "zigbee2mqtt-gas",
        "address": "zigbee2mqtt/kitchen",
        "point": "gas_alarm",
        "limit": "above: 0.5",
        "kind": "gas",
    }
    async with gateway_with(tmp_path, **site) as (heard, port):
        detector = MqttDevice(read_points=lambda: dict(values), address="zigbee2mqtt/kitchen")
        bus = MqttBus(host="127.0.0.1", port=port, units={0: detector}, period_s=0.3)
        await raised_and_ended(heard, bus, values, {"gas_alarm": 0.0})
