"""A gas detector on the air: it alarms at once, and no packet by itself takes the alarm back."""

import pytest

from firmware_sim.devices.ble import BleFault, Detector, build_ble_device
from firmware_sim.devices.bluez import SimulatedBluez
from firmware_sim.devices.bluezbus import BUS_VARIABLE, private_bus
from tests.harness.street import SITE
from tests.harness.waiting import until

pytestmark = pytest.mark.story

KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
ADDRESS = "A4:C1:38:00:12:EF"
ON_AIR = (
    SITE.replace("devices:\n", "  - {{id: air, technique: ble}}\ndevices:\n", 1).replace(
        "rules:\n",
        f"  - {{{{id: gas-air, bus: air, address: '{ADDRESS}', key_file: gas-air.key,"
        " profile: bthome-gas-encrypted, label: 卧室燃气探测器}}\nrules:\n",
        1,
    )
    + """\
  - id: gas-on-air
    type: threshold
    devices: [gas-air]
    point: gas_alarm
    above: 0.5
    latching: true
    kind: gas
    class: life_safety
"""
)


@pytest.fixture
async def bluez(monkeypatch):
    with private_bus() as address:
        monkeypatch.setenv(BUS_VARIABLE, address)
        simulated = SimulatedBluez(address)
        await simulated.start()
        yield simulated
        await simulated.stop()


@pytest.fixture
async def detector(bluez, street):
    device = build_ble_device("bthome-gas-encrypted", address=ADDRESS, key=KEY)
    assert isinstance(device, Detector)
    bluez.peripherals[ADDRESS] = device.peripheral
    (street.folder / "gas-air.key").write_text(KEY.hex())
    street.write_site(ON_AIR)
    await street.start()
    await street.parts["gateway"].ready("scan_started")
    return device


async def open_alarm(street):
    item = await street.item_of("gas-air")
    (alarm,) = (await street.desk.item(item["id"]))["alarms"]
    return alarm


async def test_gas_on_the_air_raises_an_alarm_that_no_packet_takes_back(street, bluez, detector):
    async def says(change: str, speaks=True):
        def told():
            if speaks:
                detector.speak(bluez)
            return any(
                line.get("event") == "alarm_journalled"
                and line.get("rule") == "gas-on-air"
                and line.get("change") == change
                for line in street.parts["gateway"].lines
            )

        await until(told, what=change)

    async def logged(event: str):
        def told():
            detector.speak(bluez)
            return any(line.get("event") == event for line in street.parts["gateway"].lines)

        await until(told, what=event)

    quiet = detector.next_packet()
    detector.send(bluez, quiet)
    detector.pinned = {"gas_alarm": 1}
    await says("raised")
    alarm = await open_alarm(street)
    assert alarm["class"] == "life_safety"

    # Somebody plays back what the detector said before the gas came.
    detector.send(bluez, quiet)
    detector.misbehave(BleFault.REPLAY)
    await logged("counter_fell_back")
    assert (await open_alarm(street))["condition"] == "active"

    # The detector itself says that the gas is gone, with the counter it always had.
    detector.misbehave(BleFault.NONE)
    detector.pinned = {}
    for _ in range(5):
        detector.speak(bluez)
    assert (await open_alarm(street))["condition"] == "active"


async def test_after_a_power_cycle_of_the_adapter_the_detector_is_heard_again(street, bluez, detector):
    detector.speak(bluez)
    bluez.set_powered(on=False)
    await street.parts["gateway"].wait_for(lambda line: line.get("event") == "adapter_is_off")
    await until(lambda: bluez.sessions, what="the scan goes on")
    detector.pinned = {"gas_alarm": 1}
    detector.speak(bluez)
    await street.journalled("gas-on-air", "raised")


async def test_a_scan_that_hears_nothing_is_found_after_90_seconds(street, bluez, detector):
    bluez.deaf = bluez.deaf_until_reset = True
    street.gateway_clock.move(91)
    line = await street.parts["gateway"].wait_for(lambda one: one.get("event") == "scan_silent")
    assert line["remedy"] == "restart"
    street.gateway_clock.move(31)
    await until(lambda: not bluez.deaf, what="the adapter is reset")
    await until(lambda: bluez.sessions, what="the scan goes on")
    detector.pinned = {"gas_alarm": 1}
    detector.speak(bluez)
    await street.journalled("gas-on-air", "raised")
