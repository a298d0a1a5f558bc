"""Our decoders against bthome-ble and xiaomi-ble: `make oracles`, in an environment of its own."""

import pytest

reason = "bthome-ble and xiaomi-ble are not installed here; run: make oracles"
bthome_ble = pytest.importorskip("bthome_ble", reason=reason)
xiaomi_ble = pytest.importorskip("xiaomi_ble", reason=reason)

from habluetooth import BluetoothServiceInfoBleak  # noqa: E402 - after the skip

from edge.drivers.adverts import BTHOME_UUID, MIBEACON_UUID, decode_bthome, decode_mibeacon  # noqa: E402 - after the skip
from firmware_sim.devices.bleadverts import encode_bthome, seal_bthome, seal_mibeacon  # noqa: E402 - after the skip

ADDRESS = "A4:C1:38:00:12:EF"
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
RAW = bytes.fromhex(ADDRESS.replace(":", ""))
NAMES = {
    "battery": "battery_percent",
    "temperature": "temperature_c",
    "humidity": "humidity_percent",
    "voltage": "voltage_v",
    "carbon_monoxide": "co_alarm",
    "gas": "gas_alarm",
    "moisture": "moisture_detected",
    "smoke": "smoke_alarm",
    "tamper": "tamper",
    "pressure": "pressure_kpa",
}
VALUES = [
    {"battery_percent": 97, "voltage_v": 3.005, "co_alarm": 0, "gas_alarm": 1, "smoke_alarm": 0, "tamper": 0},
    {"temperature_c": -12.34, "humidity_percent": 50.55},
    {"moisture_detected": 1, "battery_percent": 3},
    {"smoke_alarm": 1},
    {"gas_alarm": 0, "battery_percent": 100},
]


def info(uuid: str, data: bytes):
    return BluetoothServiceInfoBleak(
        name="sensor",
        address=ADDRESS,
        rssi=-60,
        manufacturer_data={},
        service_data={uuid: data},
        service_uuids=[],
        source="hci0",
        device=None,
        advertisement=None,
        connectable=True,
        time=0,
        tx_power=None,
    )


def theirs(parser, uuid: str, data: bytes) -> dict[str, float]:
    update = parser.update(info(uuid, data))
    found = {
        **{key.key: value.native_value for key, value in update.entity_values.items()},
        **{key.key: value.native_value for key, value in update.binary_entity_values.items()},
    }
    return {NAMES[key]: float(value) for key, value in found.items() if key in NAMES}


@pytest.mark.parametrize("values", VALUES)
def test_plain_bthome_is_read_alike(values):
    data = encode_bthome(values, packet=7)
    found = theirs(bthome_ble.BTHomeBluetoothDeviceData(), BTHOME_UUID, data)
    assert found == pytest.approx(dict(decode_bthome(data, address=RAW).values))
    assert found == pytest.approx(values)


@pytest.mark.parametrize("values", VALUES)
def test_encrypted_bthome_is_read_alike(values):
    data = seal_bthome(values, address=ADDRESS, key=KEY, counter=4711)
    found = theirs(bthome_ble.BTHomeBluetoothDeviceData(bindkey=KEY), BTHOME_UUID, data)
    assert found == pytest.approx(dict(decode_bthome(data, address=RAW, key=KEY).values))
    assert found == pytest.approx(values)


@pytest.mark.parametrize("smoke", [0, 1])
def test_a_smoke_detector_that_speaks_mibeacon_is_read_alike(smoke):
    data = seal_mibeacon({"smoke_alarm": smoke}, address=ADDRESS, key=KEY, counter=0x121, product=0x0997)
    found = theirs(xiaomi_ble.XiaomiBluetoothDeviceData(bindkey=KEY), MIBEACON_UUID, data)
    ours = decode_mibeacon(data, address=RAW, key=KEY)
    assert found == dict(ours.values) == {"smoke_alarm": float(smoke)}


def test_ours_refuses_the_played_back_packet_that_theirs_takes():
    """Their guard takes any counter below 100 for a restart: an old packet would end a gas alarm."""
    parser = bthome_ble.BTHomeBluetoothDeviceData(bindkey=KEY)
    old = seal_bthome({"gas_alarm": 0}, address=ADDRESS, key=KEY, counter=50)
    new = seal_bthome({"gas_alarm": 1}, address=ADDRESS, key=KEY, counter=5000)
    assert theirs(parser, BTHOME_UUID, new) == {"gas_alarm": 1}
    assert theirs(parser, BTHOME_UUID, old) == {"gas_alarm": 0}

    from edge.drivers.replayguard import Standing, Track, judge_counter

    track = Track()
    for data, expected in ((new, Standing.UNSURE), (old, Standing.FALLEN)):
        counter = decode_bthome(data, address=RAW, key=KEY).counter
        track, standing, _ = judge_counter(track, counter, 0)
        assert standing is expected
