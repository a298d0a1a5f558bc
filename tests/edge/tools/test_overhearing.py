"""Raw frames in words: who is shown them, for how long, and what never is."""

import pytest

from edge.drivers.gb26875 import Behind, Place, TransmitterDesk
from edge.drivers.gb26875frames import Command, Frame, FrameReader, encode_frame
from edge.drivers.gb26875text import describe_frame
from edge.drivers.gb26875units import duty_check, sync_clock
from edge.drivers.hj212frames import FrameReader as HjReader
from edge.drivers.hj212frames import Packet, encode_packet
from edge.drivers.hj212text import describe_packet, hide_password
from edge.drivers.profile import shipped_profiles
from edge.errors import EdgeError
from edge.frametap import MOST_SHOWN_BYTES, FrameTap
from edge.model import RawFrame
from edge.tools.overhearing import frame_lines
from edge.watch.localframes import frame_orders
from tests.wire.examples import AT

PACKET = Packet(
    qn="20251124160000000", st="21", cn="2011", pw="123456", mn="A" * 24, flag=5, cp="w01001-Rtd=7.4"
)


def test_several_people_look_at_one_line_each_for_as_long_as_they_asked():
    tap, first, second, late = FrameTap(), [], [], []
    end = tap.tap_frames(first.append, for_s=60)
    tap.tap_frames(second.append, for_s=60)
    tap.tap_frames(late.append, for_s=-1)
    tap.note(b"\x01", sent=True, text="a question", devices=("gas",))
    end()
    tap.note(bytes(MOST_SHOWN_BYTES + 1), sent=False, text="an answer")
    assert [(f.sent, f.data, f.text, f.devices) for f in first] == [(True, b"\x01", "a question", ("gas",))]
    assert [len(frame.data) for frame in second] == [1, MOST_SHOWN_BYTES]
    assert late == []
    assert tap.is_open


def test_a_line_that_nobody_looks_at_costs_a_look_at_an_empty_list():
    tap, seen = FrameTap(), []
    tap.tap_frames(seen.append, for_s=-1)
    tap.note(b"\x01", sent=True, text="")
    assert not tap.is_open
    assert seen == []


def test_a_stations_packet_is_told_with_its_command_and_never_with_its_password():
    said = describe_packet(PACKET)
    assert said.startswith("CN=2011 real-time data, MN=AAAA")
    assert said.endswith("w01001-Rtd=7.4")
    assert "123456" not in said
    frame = encode_packet(PACKET)
    hidden = hide_password(frame)
    assert b"PW=******;MN=" in hidden
    assert len(hidden) == len(frame)
    assert "unknown command" in describe_packet(Packet(**{**_fields(PACKET), "cn": "7777"}))


def _fields(packet):
    return {name: getattr(packet, name) for name in packet.__dataclass_fields__}


@pytest.mark.parametrize(
    ("reader", "sound"),
    [
        (HjReader(), encode_packet(PACKET)),
        (FrameReader(), encode_frame(Frame(serial=1, command=Command.SEND, sent_at=AT))),
    ],
    ids=["hj212", "gb26875"],
)
def test_what_was_cut_is_shown_sound_or_not_and_with_what_is_wrong(reader, sound):
    seen = []
    reader.show = lambda data, found, error: seen.append((data, found is not None, error))
    spoilt = sound[:-3] + bytes((sound[-3] ^ 1,)) + sound[-2:]
    for data in (sound, spoilt):
        reader.feed(data)
    reader.give_up()
    assert seen[0] == (sound, True, "")
    assert seen[1][:2] == (spoilt, False)
    assert "expected" in seen[1][2]
    reader.feed(sound[:9])
    reader.give_up()
    assert seen[-1][2] == "the rest of a frame never came"


def test_a_panels_frames_are_told_with_orders_and_answers():
    desk = TransmitterDesk(
        [Behind(device="panel", place=Place(3456), profile=shipped_profiles()["gb26875-transmitter"])]
    )
    dialect = desk.dialect_of(3456)

    def say(command, adu=b""):
        frame = Frame(serial=7, command=command, adu=adu, source=0, destination=3456)
        return describe_frame(frame, dialect), desk.devices_of(frame)

    assert say(Command.CONTROL, sync_clock(AT)) == ("order 7, from 0 to 3456: set the clock", ("panel",))
    assert "is anybody on duty" in say(Command.CONTROL, duty_check(10))[0]
    assert say(Command.CONFIRM)[0] == "confirmation 7, from 0 to 3456"
    assert "objects of 7 bytes stated" in say(Command.SEND, b"\x15\x02")[0]
    assert "data of type 255" in say(Command.SEND, b"\xff\x00")[0]
    assert "transmitter status 0x04 (fault)" in say(Command.SEND, b"\x15\x01\x04" + bytes(6))[0]


def test_frames_that_repeat_themselves_stand_once_and_text_is_shown_as_text():
    same = RawFrame(sent=False, data=b"\x40\x1c\x01", wall_ms=1, text="gas_alarm 1")
    text = RawFrame(sent=True, data=b"##0004\r\n", wall_ms=2, text="a packet")
    assert frame_lines([same, same, same, text, same]) == (
        "<- 40 1c 01  gas_alarm 1  (and 2 more)",
        r"-> ##0004\r\n  a packet",
        "<- 40 1c 01  gas_alarm 1",
    )


async def test_the_door_shows_frames_until_each_device_was_heard():
    tap = FrameTap()
    show = frame_orders({"kitchen": tap})["frames"]

    class Line:
        def tap_frames(self, listener, **_):
            listener(RawFrame(sent=False, data=b"\x01", wall_ms=0, text="hello", devices=("gas",)))
            return lambda: None

    told = await frame_orders({"kitchen": Line()})["frames"](
        {"buses": ["kitchen"], "devices": ["gas"], "seconds": 600}
    )
    assert [(one["hex"], one["text"], one["devices"]) for one in told] == [("01", "hello", ["gas"])]
    assert await show({"buses": ["kitchen"], "seconds": 0}) == []
    assert not tap.is_open
    for wrong in ({"buses": ["cellar"]}, {"buses": ["kitchen"], "seconds": "soon"}):
        with pytest.raises(EdgeError, match="found no"):
            await show(wrong)
