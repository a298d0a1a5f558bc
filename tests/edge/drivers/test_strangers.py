"""Who speaks on a bus and is not configured is named in the status, so that a person can enter it."""

from edge.drivers.adverts import BTHOME_UUID
from edge.drivers.blehearing import Hearing
from edge.drivers.mqttmessages import MqttDevice
from edge.drivers.mqttstrangers import Neighbourhood
from edge.drivers.profile import shipped_profiles
from edge.drivers.radio import Sighting
from edge.reception import MOST_STRANGERS, Reception
from tests.edge.drivers.hearing import RunningClock, Sink


def reception(clock):
    return Reception(bus="b", devices=(), sink=Sink(), clock=clock, technique="ble")


def sighting(address, *, uuid=BTHOME_UUID, on_air=True):
    return Sighting(
        address=address, services={uuid: b"\x40\x00\x01"}, on_air=on_air, state=(-60,), handle=None
    )


def test_a_stranger_is_named_once_with_the_time_it_was_heard_last():
    clock = RunningClock()
    heard = reception(clock)
    heard.note_stranger("A1", said="ST=21")
    clock.advance(seconds=60)
    heard.note_stranger("A1", said="ST=21")
    [one] = heard.unassigned()
    assert (one.bus, one.technique, one.address, one.said) == ("b", "ble", "A1", "ST=21")
    assert one.heard_at == clock.moment().as_datetime()


def test_a_flood_of_strangers_is_bounded_and_the_newest_are_kept():
    heard = reception(RunningClock())
    for number in range(MOST_STRANGERS + 5):
        heard.note_stranger(f"A{number}")
    heard.note_stranger("A6")
    names = [one.address for one in heard.unassigned()]
    assert len(names) == MOST_STRANGERS
    assert names[0] == "A5"
    assert names[-1] == "A6"


def test_what_is_no_text_and_what_is_too_long_is_left_out():
    heard = reception(RunningClock())
    heard.note_stranger("A\x00\x1b1" + "x" * 500, said="\n")
    [one] = heard.unassigned()
    assert one.address.startswith("A1x")
    assert len(one.address) <= 100
    assert one.said == ""


def test_a_detector_in_a_known_format_is_a_stranger_and_a_headset_is_nobody():
    clock = RunningClock()
    heard = reception(clock)
    hearing = Hearing(bus="b", devices=(), reception=heard, clock=clock, others=["AA:AA:AA:AA:AA:01"])
    hearing.take(sighting("AA:AA:AA:AA:AA:01"))
    hearing.take(sighting("AA:AA:AA:AA:AA:02", uuid="0000180f-0000-1000-8000-00805f9b34fb"))
    hearing.take(sighting("AA:AA:AA:AA:AA:03", on_air=False))
    hearing.take(sighting("AA:AA:AA:AA:AA:04"))
    assert [(one.address, one.said) for one in heard.unassigned()] == [("AA:AA:AA:AA:AA:04", "bthome")]


def neighbours(*devices):
    return Neighbourhood(
        MqttDevice(device=f"d{number}", address=address, profile=shipped_profiles()[model])
        for number, (model, address) in enumerate(devices)
    )


def test_who_speaks_beside_a_configured_device_is_recognised_by_what_a_model_can_read():
    known = neighbours(
        ("zigbee2mqtt-gas", "zigbee2mqtt/kitchen"),
        ("zigbee2mqtt-smoke", "zigbee2mqtt/hall"),
        ("tasmota-plug", "washer"),
        ("chirpstack-gas", "24e124aabbccddee"),
    )
    assert known.filters == ("zigbee2mqtt/+", "tele/+/SENSOR", "application/+/device/+/event/up")
    said = {
        ("zigbee2mqtt/cellar", b'{"gas": true, "linkquality": 90}'): (
            "zigbee2mqtt/cellar",
            "zigbee2mqtt-gas",
        ),
        ("zigbee2mqtt/attic", b'{"smoke": false}'): ("zigbee2mqtt/attic", "zigbee2mqtt-smoke"),
        ("tele/dryer/SENSOR", b'{"ENERGY": {"Power": 7}}'): ("dryer", "tasmota-plug"),
        ("application/9/device/0011223344556677/event/up", b'{"object": {"gas_lel": 3}}'): (
            "0011223344556677",
            "chirpstack-gas",
        ),
    }
    for (topic, payload), expected in said.items():
        assert known.recognise(topic, payload) == expected
    for topic, payload in (
        ("zigbee2mqtt/lamp", b'{"brightness": 3}'),
        ("zigbee2mqtt/lamp", b"\xff\x00"),
        ("zigbee2mqtt/bridge/state", b'{"gas": true}'),
        ("other/cellar", b'{"gas": true}'),
        ("tele/dryer/STATE", b'{"ENERGY": {"Power": 7}}'),
    ):
        assert known.recognise(topic, payload) is None, topic


def test_a_device_at_the_root_of_a_broker_does_not_make_the_gateway_hear_everything():
    assert neighbours(("zigbee2mqtt-gas", "kitchen")).filters == ()
