"""GB/T 26875.3 frames: known frames, cut by length, noise."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.gb26875frames import (
    CHINA,
    AnalogValue,
    Command,
    ComponentStatus,
    Frame,
    FrameError,
    FrameReader,
    Status,
    confirm,
    decode_adu,
    decode_frame,
    encode_frame,
)


def _hex(*parts: str) -> bytes:
    return bytes.fromhex("".join(parts))


STATUS = _hex("404000000101011e16080c15800d00000000000000000000040002190101000e2323")
CONFIRM = _hex("404000000101001e16080c15000000000000800d00000000000003ef2323")
GAS_FIRE = _hex(
    "4040010001003a3a08010819800d0000000000000000000030000202010101",
    "0b030001000300",
    "33b6b031b5a5d4aab3f8b7bf",
    "00" * 19,
    "393a08010819d62323",
)
ANALOG = _hex(
    "4040020001003a3a08010819800d0000000000000000000022000203020101",
    "0b0300010006fc00393a08010819",
    "0b016301000700059b05393a08010819c02323",
)


def test_a_gas_detectors_fire_is_read_with_its_place() -> None:
    (frame,) = FrameReader().feed(GAS_FIRE)
    assert frame.source == 0x0D80
    assert frame.sent_at == datetime(2025, 8, 1, 8, 58, 58, tzinfo=CHINA)
    (unit,) = decode_adu(frame.adu)
    assert isinstance(unit, ComponentStatus)
    assert unit.component_type == 11
    assert Status.FIRE in unit.status
    assert unit.text == "3栋1单元厨房"


def test_analog_values_are_scaled_to_their_units() -> None:
    (frame,) = FrameReader().feed(ANALOG)
    gas, pressure = decode_adu(frame.adu)
    assert isinstance(gas, AnalogValue)
    assert isinstance(pressure, AnalogValue)
    assert (gas.analog_type, gas.value) == (6, 25.2)
    assert (pressure.analog_type, pressure.value) == (5, 143.5)


@pytest.mark.parametrize("data", [STATUS, CONFIRM, GAS_FIRE, ANALOG])
def test_a_known_frame_is_written_back_byte_for_byte(data: bytes) -> None:
    assert encode_frame(decode_frame(data)) == data


def test_a_confirmation_repeats_the_serial_and_swaps_the_addresses() -> None:
    frame = decode_frame(GAS_FIRE)
    answer = confirm(frame, at=datetime(2025, 8, 1, 9, 0, 0, tzinfo=CHINA))
    assert (answer.serial, answer.destination, answer.source) == (1, 0x0D80, 0)
    assert answer.command is Command.CONFIRM


def test_an_end_mark_inside_the_data_does_not_cut_the_frame() -> None:
    frame = Frame(serial=7, command=Command.SEND, adu=b"\x80\x01####@@##")
    assert FrameReader().feed(encode_frame(frame) * 2) == [frame, frame]


def test_a_frame_with_a_wrong_checksum_is_passed_over_and_the_next_one_is_read() -> None:
    reader = FrameReader()
    damaged = bytearray(GAS_FIRE)
    damaged[30] ^= 0x10
    assert reader.feed(bytes(damaged) + STATUS) == [decode_frame(STATUS)]
    assert "checksum" in reader.last_error or reader.rejected


@pytest.mark.parametrize("adu", [b"\x02", b"\x02\x01", b"\x03\x02" + bytes(16), b"\x01\x00x"])
def test_objects_that_do_not_fit_their_bytes_are_refused(adu: bytes) -> None:
    with pytest.raises(FrameError):
        decode_adu(adu)


@given(st.binary(max_size=300))
def test_noise_never_hides_the_frames_behind_it_for_long(noise: bytes) -> None:
    reader = FrameReader()
    reader.feed(noise)
    assert len(reader.feed(STATUS * 100)) >= 60


@given(st.integers(0, 0xFFFF), st.binary(max_size=1024), st.sampled_from(Command))
def test_what_is_written_is_read(serial: int, adu: bytes, command: Command) -> None:
    frame = Frame(serial=serial, command=command, adu=adu, source=3456)
    assert FrameReader().feed(encode_frame(frame)) == [frame]
