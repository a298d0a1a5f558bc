"""HJ 212 frames: the standard's own examples, split arrivals, noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.hj212frames import (
    Edition,
    FrameError,
    FrameReader,
    Packet,
    compute_check,
    decode_data,
    encode_packet,
    parse_parameters,
)

MN = "010000A8900016F000169DC0"
REAL_TIME = (
    b"##0320QN=20250801085857223;ST=21;CN=2011;PW=123456;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&DataTime=20250801085857;w01001-Rtd=7.42,w01001-Flag=N;w01009-Rtd=6.8,w01009-Flag=N;"
    b"w01010-Rtd=26.3,w01010-Flag=N;w01014-Rtd=412.0,w01014-Flag=N;w01003-Rtd=18.6,"
    b"w01003-Flag=N;w21003-Rtd=0.46,w21003-Flag=N;w01018-Rtd=14.2,w01018-Flag=M&&1A40\r\n"
)
KNOWN = [
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80\r\n",
    b"##0107QN=20160801085857223;ST=32;CN=1000;PW=123456;MN=010000A8900016F000169DC0;Flag=5;CP=&&OverTime=5;ReCount=3&&CAC1\r\n",
    b"##0094QN=20160801085857223;ST=91;CN=9011;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&QnRtn=1&&1B00\r\n",
    b"##0087QN=20250801085857223;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&F3C1\r\n",
    b"##0087QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&2200\r\n",
    b"##0201QN=20160801085857534;ST=32;CN=2061;PW=123456;MN=010000A8900016F000169DC0;Flag=7;PNUM=2;PNO=1;CP=&&DataTime=20160801080000;w00000-Cou=63.0,w00000-Min=16.4,w00000-Avg=17.5,w00000-Max=20.1,w00000-Flag=N&&1980\r\n",
    REAL_TIME,
]


@pytest.mark.parametrize(("data", "check"), [(b"123456789", 0x2F80), (b"\x00", 0x4040), (b"", 0xFFFF)])
def test_the_check_is_the_standards_and_not_the_modbus_one(data: bytes, check: int) -> None:
    assert compute_check(data) == check


@pytest.mark.parametrize("frame", KNOWN)
def test_a_known_frame_is_read_and_written_back_byte_for_byte(frame: bytes) -> None:
    reader = FrameReader()
    (packet,) = reader.feed(frame)
    assert reader.rejected == 0
    assert packet.mn == MN
    assert encode_packet(packet) == frame


def test_measurements_carry_their_flag() -> None:
    (packet,) = FrameReader().feed(REAL_TIME)
    parameters = parse_parameters(packet.cp)
    assert parameters["DataTime"] == {"": "20250801085857"}
    assert parameters["w01001"] == {"Rtd": "7.42", "Flag": "N"}
    assert parameters["w01018"]["Flag"] == "M"
    assert packet.wants_answer
    assert not packet.is_split
    assert packet.edition is Edition.Y2017


def test_a_frame_that_arrives_byte_by_byte_is_read_once() -> None:
    reader = FrameReader()
    packets = [p for byte in REAL_TIME for p in reader.feed(bytes([byte]))]
    assert len(packets) == 1


def test_a_frame_with_a_wrong_check_is_passed_over_and_the_next_one_is_read() -> None:
    reader = FrameReader()
    damaged = REAL_TIME.replace(b"w01001-Rtd=7.42", b"w01001-Rtd=9.42")
    packets = reader.feed(damaged + KNOWN[0])
    assert [p.cn for p in packets] == ["1062"]
    assert reader.rejected >= 1


def test_a_frame_that_only_keeps_the_modbus_check_is_refused() -> None:
    frame = KNOWN[0].replace(b"1C80\r\n", b"0759\r\n")
    assert FrameReader().feed(frame) == []


@pytest.mark.parametrize("data", [b"", b"QN=1;CP=&&&&", b"QN=1;CN=2;MN=3;Flag=x;CP=&&&&"])
def test_a_segment_without_its_fields_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        decode_data(data)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_noise_never_hides_the_frame_behind_it_for_long(noise: bytes, cut: int) -> None:
    reader = FrameReader()
    reader.feed(noise[:cut])
    reader.feed(noise[cut:])
    # A false head may claim up to 9,999 bytes: whole frames after it are all still found.
    stream = KNOWN[0] * 200
    assert len(reader.feed(stream)) >= 90


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="&;\r\n#"), max_size=100),
    st.integers(0, 11),
)
def test_what_is_written_is_read(cp: str, flag: int) -> None:
    packet = Packet(qn="1", st="21", cn="2011", pw="p", mn=MN, flag=flag, cp=cp)
    assert FrameReader().feed(encode_packet(packet)) == [packet]
