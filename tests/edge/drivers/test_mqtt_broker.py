"""Simulated devices on a real Mosquitto: what each misbehaviour leads to."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from edge.drivers.mqttbus import MqttBus
from edge.drivers.mqttmessages import MqttDevice
from edge.drivers.profile import shipped_profiles
from edge.errors import LinkError
from edge.site.busconfig import MqttBusSettings
from edge.uplink.mqtt import MqttDialer, MqttLink
from firmware_sim.devices import mqtt as sim
from firmware_sim.devices.modbus import Fault, FaultKind
from tests.edge.drivers.hearing import Sink, WallClock, heard_device, reception_of
from tests.harness.mosquitto import Mosquitto
from tests.harness.waiting import until
from wire.vocabulary import Quality

pytestmark = pytest.mark.story

DEVICES = {
    "gas": ("zigbee2mqtt-gas", "zigbee2mqtt/kitchen", {"gas_alarm": 0.0}),
    "lora": ("chirpstack-gas", "24e124aabbccddee", {"gas_lel": 3.0}),
    "plug": ("tasmota-plug", "washer", {"power_w": 1200.0}),
}
POINT = {"gas": "gas_alarm", "lora": "gas_lel", "plug": "power_w"}


class Home:
    """A broker, devices that speak to it, and a gateway that listens."""

    def __init__(self, bus: MqttBus, sink: Sink, clock: WallClock, broker: Mosquitto) -> None:
        self.bus, self.sink, self.clock, self.broker = bus, sink, clock, broker
        self.values = {name: dict(values) for name, (_, _, values) in DEVICES.items()}
        self.units = {
            index: sim.MqttDevice(
                read_points=lambda name=name: dict(self.values[name]), model=model, address=address
            )
            for index, (name, (model, address, _)) in enumerate(DEVICES.items())
        }
        self.devices = sim.MqttBus(host="127.0.0.1", port=broker.port, units=self.units, period_s=0.05)

    def good(self, device: str = "gas") -> list[float | None]:
        return self.sink.good(device, POINT[device])

    async def hears(self, device: str = "gas", *, more: int = 1) -> None:
        before = len(self.good(device))
        await until(lambda: len(self.good(device)) >= before + more, what=f"{device} heard")

    async def spoil(self, kind: FaultKind, *, unit: int = 0, **more: float) -> None:
        self.devices.misbehave(unit, Fault(kind, **more))
        before = self.devices.requests[unit]
        if kind not in (FaultKind.MUTE, FaultKind.REBOOT):
            await until(lambda: self.devices.requests[unit] >= before + 3, what="the change")


@asynccontextmanager
async def home(folder, *, speaking: bool = True):
    broker = Mosquitto(folder / "broker")
    await broker.start()
    sink, clock = Sink(), WallClock()
    reception = reception_of(
        "home",
        *(heard_device(name, model, period_s=900) for name, (model, _, _) in DEVICES.items()),
        sink=sink,
        clock=clock,
    )
    settings = MqttBusSettings(id="home", technique="mqtt", port=broker.port)
    bus = MqttBus(
        bus="home",
        client_id="gw-home",
        dialer=MqttDialer(settings, folder=folder),
        devices=[
            MqttDevice(device=name, address=address, profile=shipped_profiles()[model])
            for name, (model, address, _) in DEVICES.items()
        ],
        reception=reception,
        clock=clock,
    )
    task = asyncio.create_task(bus.run(), name="bus")
    opened = Home(bus, sink, clock, broker)
    try:
        if speaking:
            await until(lambda: bus.state().connected, what="the broker")
            await opened.devices.start()
        yield opened
    finally:
        await opened.devices.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await broker.stop()


async def test_devices_of_three_kinds_are_heard(tmp_path):
    async with home(tmp_path) as house:
        for device, (_, _, values) in DEVICES.items():
            await house.hears(device)
            assert house.good(device)[-1] == values[POINT[device]]
        house.values["gas"]["gas_alarm"] = 1.0
        await until(lambda: 1.0 in house.good("gas"), what="the alarm")


@pytest.mark.parametrize(
    "kind", [FaultKind.WRONG_CHECK, FaultKind.TRUNCATED, FaultKind.GARBAGE, FaultKind.NOISE]
)
async def test_a_message_that_is_no_json_is_a_fault_of_that_device_alone(tmp_path, capsys, kind):
    async with home(tmp_path) as house:
        await house.hears("gas")
        await house.spoil(kind)
        await until(lambda: (None, Quality.COMM_FAULT) in house.sink.told("gas", "gas_alarm"), what="a fault")
        told = capsys.readouterr().out
        assert told.count("message_odd") == 1, "said once, not with every message"
        await house.hears("plug", more=2)
        await house.spoil(FaultKind.NONE)
        await house.hears("gas")


@pytest.mark.parametrize("kind", [FaultKind.SPLIT, FaultKind.JOINED, FaultKind.FLAPPING, FaultKind.STUCK])
async def test_a_bad_line_and_a_stuck_sensor_are_still_heard(tmp_path, kind):
    async with home(tmp_path) as house:
        await house.spoil(kind)
        await house.hears("gas", more=3)


async def test_no_number_is_out_of_range(tmp_path):
    async with home(tmp_path) as house:
        await house.spoil(FaultKind.NAN, unit=1)
        await until(
            lambda: (None, Quality.OUT_OF_RANGE) in house.sink.told("lora", "gas_lel"), what="out of range"
        )
        await house.spoil(FaultKind.SENTINEL, unit=1)
        await until(
            lambda: (-9999.0, Quality.OUT_OF_RANGE) in house.sink.told("lora", "gas_lel"), what="range"
        )


async def test_another_devices_words_are_not_ours_and_silence_is_noticed(tmp_path):
    async with home(tmp_path) as house:
        await house.hears("gas")
        await house.spoil(FaultKind.WRONG_UNIT)
        heard = len(house.good("gas"))
        await house.hears("plug", more=3)
        assert len(house.good("gas")) <= heard + 1
        await house.spoil(FaultKind.MUTE, unit=1)
        house.clock.advance(seconds=900 * 1.6)
        await until(lambda: (None, Quality.COMM_FAULT) in house.sink.told("lora", "gas_lel"), what="silence")


async def test_a_device_that_says_it_leaves_is_lost_at_once_and_found_when_it_speaks(tmp_path):
    async with home(tmp_path) as house:
        await house.hears("gas")
        await house.spoil(FaultKind.REBOOT)
        await until(
            lambda: (None, Quality.COMM_FAULT) in house.sink.told("gas", "gas_alarm"), what="its leave"
        )
        assert "gas" in house.bus.state().silent
        await house.spoil(FaultKind.NONE)
        await until(lambda: "gas" not in house.bus.state().silent, what="its return")


async def test_a_recorded_message_played_back_and_a_late_one_reach_no_rule_twice(tmp_path):
    async with home(tmp_path) as house:
        await house.hears("lora")
        await house.spoil(FaultKind.REPLAY, unit=1)
        heard = len(house.good("lora"))
        await house.hears("plug", more=3)
        assert len(house.good("lora")) == heard
        await house.spoil(FaultKind.LATE, unit=1, delay_s=3600)
        await until(lambda: house.sink.told("lora", "gas_lel", live=False), what="history")


async def test_a_clock_a_year_behind_still_tells_of_now(tmp_path):
    async with home(tmp_path, speaking=False) as house:
        await until(lambda: house.bus.state().connected, what="the broker")
        house.devices.misbehave(1, Fault(FaultKind.WRONG_CLOCK))
        await house.devices.start()
        await house.hears("lora", more=3)
        lora = [s for s in house.sink.snapshots if s.device == "lora"]
        assert not lora[0].may_clear
        assert lora[-1].may_clear


async def test_what_the_broker_kept_is_stale_and_no_contact(tmp_path):
    async with home(tmp_path, speaking=False) as house:
        await until(lambda: house.bus.state().connected, what="the broker")
        house.units[0].retain = True
        house.values["gas"]["gas_alarm"] = 1.0
        await house.devices.start()
        await house.hears("gas")
        await house.devices.stop()
        second = Sink()
        listener = MqttBus(
            bus="second",
            client_id="gw-second",
            dialer=MqttDialer(
                MqttBusSettings(id="second", technique="mqtt", port=house.broker.port), folder=tmp_path
            ),
            devices=[
                MqttDevice(
                    device="gas", address=DEVICES["gas"][1], profile=shipped_profiles()["zigbee2mqtt-gas"]
                )
            ],
            reception=reception_of(
                "second", heard_device("gas", "zigbee2mqtt-gas"), sink=second, clock=house.clock
            ),
            clock=house.clock,
        )
        task = asyncio.create_task(listener.run(), name="second")
        await until(lambda: second.snapshots, what="the kept message")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert second.told("gas", "gas_alarm") == [(1.0, Quality.STALE)]
        assert not second.snapshots[0].live


async def test_a_broker_that_goes_and_comes_back_is_dialled_again(tmp_path):
    async with home(tmp_path) as house:
        await house.hears("gas")
        await house.broker.stop()
        await until(lambda: not house.bus.state().connected, what="the loss")
        assert (None, Quality.COMM_FAULT) in house.sink.told("gas", "gas_alarm")
        attempts = house.bus.attempts
        await until(lambda: house.bus.attempts > attempts, what="attempts")
        await house.broker.start()
        await house.hears("gas")


async def test_a_password_file_that_is_not_there_costs_the_bus_and_not_the_gateway(tmp_path):
    clock = WallClock()
    settings = MqttBusSettings(id="b", technique="mqtt", port=1, username="gw", password_file="absent")
    bus = MqttBus(
        bus="b",
        client_id="gw-b",
        dialer=MqttDialer(settings, folder=tmp_path),
        devices=[],
        reception=reception_of("b", sink=Sink(), clock=clock),
        clock=clock,
    )
    task = asyncio.create_task(bus.run(), name="bus")
    await until(lambda: bus.attempts >= 2, what="attempts")
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_detector_that_no_site_entry_names_is_told_as_unassigned_and_each_word_counts_once(tmp_path):
    async with home(tmp_path) as house:
        await house.hears()
        house.devices.misbehave(0, Fault(FaultKind.MUTE))
        stranger = sim.MqttDevice(read_points=lambda: {"gas_alarm": 1.0}, address="zigbee2mqtt/cellar")
        beside = sim.MqttBus(
            host="127.0.0.1",
            port=house.broker.port,
            units={0: stranger},
            period_s=0.05,
            client_prefix="beside",
        )
        await beside.start()
        (one,) = await until(house.bus.unassigned, what="the stranger")
        assert (one.address, one.said) == ("zigbee2mqtt/cellar", "zigbee2mqtt-gas")
        assert house.good()[-1] == 0.0, "its gas is not the kitchen's"
        assert len(house.good()) <= house.devices.requests[0], "what two subscriptions fit comes once"
        await beside.stop()


async def test_a_broker_that_refuses_to_be_looked_around_in_is_heard_all_the_same(tmp_path, monkeypatch):
    subscribe, refused = MqttLink.subscribe, []

    async def picky(link, topic):
        if topic.endswith("+"):
            refused.append(topic)
            raise LinkError("the broker hung up")
        await subscribe(link, topic)

    monkeypatch.setattr(MqttLink, "subscribe", picky)
    async with home(tmp_path) as house:
        await house.hears()
        assert refused == ["zigbee2mqtt/+"]
