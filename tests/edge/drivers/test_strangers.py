"""Who speaks on a bus and is not configured is named in the status, so that a person can enter it."""

from edge.drivers.adverts import BTHOME_UUID
from edge.drivers.blehearing import Hearing
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
