"""What a message through a broker means: paths, words, times, retained values, nonsense."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import ManualClock
from edge.drivers.listenedprofile import MqttProfile
from edge.drivers.mqttmessages import Meaning, MessageDesk, MqttDevice, matches
from edge.drivers.profile import shipped_profiles
from wire.vocabulary import Quality

TOPIC = "zigbee2mqtt/kitchen"


class Talk:
    """One device and a desk."""

    def __init__(self, model: str = "zigbee2mqtt-gas", address: str = TOPIC, **changes) -> None:
        profile = MqttProfile.model_validate(shipped_profiles()[model].model_dump() | changes)
        self.desk = MessageDesk([MqttDevice(device="gas", address=address, profile=profile)])
        self.topic = profile.topic.replace("{address}", address).replace("+", "7")
        self.clock = ManualClock()

    def say(self, told, *, topic: str | None = None, retained: bool = False):
        payload = told if isinstance(told, bytes) else json.dumps(told).encode()
        heard = self.desk.take(topic or self.topic, payload, retained=retained, now=self.clock.moment())
        return heard[0] if heard else None

    def uplink(self, value: float, *, age_s: float = 0):
        at = datetime.fromtimestamp(self.clock.wall_ms / 1000, tz=UTC) - timedelta(seconds=age_s)
        return self.say({"time": at.isoformat(), "object": {"gas_lel": value}})


def lora() -> Talk:
    return Talk("chirpstack-gas", "24e124aabbccddee")


def test_yes_and_no_are_one_and_zero_and_what_is_not_said_has_no_value():
    heard = Talk().say({"gas": True, "linkquality": 90})
    assert (heard.meaning, heard.values, heard.qualities) == (Meaning.MEASURED, {"gas_alarm": 1.0}, {})
    assert heard.may_clear


def test_paths_go_down_through_objects_and_lists():
    plug = Talk("tasmota-plug", "washer")
    assert plug.topic == "tele/washer/SENSOR"
    assert plug.say({"Time": "x", "ENERGY": {"Power": 1200, "Voltage": 231}}).values == {
        "power_w": 1200.0,
        "voltage_v": 231.0,
    }
    point = {"name": "gas_alarm", "unit": "1", "path": "a.1.b", "scale": 0.1, "offset": 2}
    assert Talk(points=[point]).say({"a": [0, {"b": 30}]}).values == {"gas_alarm": 5.0}


@pytest.mark.parametrize(("said", "value"), [(b"ON", 1), (b'"OFF"', 0), (b"true", 7), (b"3.5", 3.5)])
def test_a_message_may_be_one_word(said, value):
    point = {"name": "gas_alarm", "unit": "1", "path": "", "values": {"ON": 1, "OFF": 0, "true": 7}}
    assert Talk(points=[point]).say(said).values == {"gas_alarm": value}


@pytest.mark.parametrize(
    "said", [b'{"gas": NaN}', b'{"gas": 1e999}', b'{"gas": "x"}', b'{"gas": {}}', b'{"gas": [1]}']
)
def test_what_is_no_number_is_out_of_range_and_remarked(said):
    heard = Talk().say(said)
    assert (heard.values, heard.qualities) == ({"gas_alarm": None}, {"gas_alarm": Quality.OUT_OF_RANGE})
    assert "gas is no number" in heard.remarks[0]


@pytest.mark.parametrize("said", [b"", b"{", b"\xff\xfe", b"hello", b"[" * 100_000, b"9" * 10_000])
def test_what_is_no_json_is_a_fault_of_contact_and_remarked(said):
    heard = Talk().say(said)
    assert heard.meaning is Meaning.NONSENSE
    assert set(heard.qualities.values()) == {Quality.COMM_FAULT}
    assert "no JSON" in heard.remarks[0]


@given(st.binary(max_size=300))
def test_no_bytes_break_it(said):
    for talk in (Talk(), Talk("tasmota-plug"), lora()):
        talk.say(said)
        talk.say(said, retained=True)
        talk.say(said, topic=f"{TOPIC}/availability")


def test_null_is_no_value_and_shows_that_the_device_is_there():
    assert Talk().say({"gas": None}).meaning is Meaning.ALIVE


def test_what_the_broker_kept_is_stale():
    heard = Talk().say({"gas": False}, retained=True)
    assert (heard.meaning, heard.qualities) == (Meaning.RETAINED, {"gas_alarm": Quality.STALE})
    assert heard.at_wall_ms is not None
    assert not heard.may_clear


@pytest.mark.parametrize(
    ("said", "retained", "meaning"),
    [
        (b"online", False, Meaning.ALIVE),
        (b"online", True, Meaning.RETAINED),
        (b"offline", False, Meaning.GONE),
        (b"offline", True, Meaning.GONE),
        (b'{"state": "offline"}', False, Meaning.GONE),
        (b"Offline", False, Meaning.GONE),
        (b"what?", False, Meaning.RETAINED),
    ],
)
def test_availability_is_believed_for_absence_and_when_fresh_for_presence(said, retained, meaning):
    heard = Talk().say(said, topic=f"{TOPIC}/availability", retained=retained)
    assert heard.meaning is meaning
    assert heard.values == {}
    assert bool(heard.remarks) == (said == b"what?")


def test_a_message_with_its_own_time_counts_once():
    talk = lora()
    assert talk.uplink(3).meaning is Meaning.MEASURED
    assert talk.uplink(3).meaning is Meaning.REPEATED


def test_what_is_older_than_what_was_heard_is_history():
    talk = lora()
    talk.uplink(30)
    late = talk.uplink(0, age_s=600)
    assert (late.meaning, late.may_clear) == (Meaning.KEPT, False)
    assert late.at_wall_ms == talk.clock.wall_ms - 600_000


def test_a_clock_a_year_behind_may_raise_at_once_and_clear_when_it_runs_steadily():
    talk = lora()
    year_s = 365 * 86_400
    first = talk.uplink(60, age_s=year_s)
    assert (first.meaning, first.may_clear) == (Meaning.MEASURED, False)
    talk.clock.advance(seconds=60)
    assert talk.uplink(0, age_s=year_s).may_clear


@pytest.mark.parametrize("time", [None, 5, "yesterday", {"a": 1}])
def test_a_message_without_its_time_may_raise_and_never_clears(time):
    heard = lora().say({"time": time, "object": {"gas_lel": 60}})
    assert (heard.meaning, heard.may_clear) == (Meaning.MEASURED, False)


@pytest.mark.parametrize(("form", "scale"), [("unix_s", 1), ("unix_ms", 1000)])
def test_times_are_read_in_the_profiles_form(form, scale):
    talk = Talk("chirpstack-gas", "24e124", time_format=form)
    heard = talk.say({"time": talk.clock.wall_ms / 1000 * scale, "object": {"gas_lel": 1}})
    assert heard.may_clear


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [("a/+/c", "a/b/c", True), ("a/+/c", "a/b/b/c", False), ("a", "a", True), ("a", "a/b", False)],
)
def test_topics_fit_level_by_level(wanted, topic, fits):
    assert matches(wanted, topic) is fits


def test_a_profile_needs_the_address_in_its_topics():
    for topic in ("fixed", "{address}/#", "{other}"):
        with pytest.raises(ValueError):
            Talk(topic=topic)
    with pytest.raises(ValueError, match="topic of its own"):
        Talk(availability="{address}")


def test_a_device_that_is_not_ours_means_nothing():
    assert Talk().say({"gas": True}, topic="zigbee2mqtt/bath") is None
