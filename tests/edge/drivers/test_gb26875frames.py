"""GB/T 26875.3 frames: known frames, cut by length, noise."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.gb26875frames import (
    CHINA,
    ChecksumError,
    Command,
    Dialect,
    Frame,
    FrameError,
    FrameReader,
    confirm,
    decode_frame,
    encode_frame,
)
from edge.drivers.gb26875units import (
    AnalogValue,
    ComponentStatus,
    Operation,
    Status,
    TransmitterStatus,
    decode_adu,
    duty_check,
    sync_clock,
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


def test_a_damaged_frame_can_be_denied_by_its_serial() -> None:
    damaged = bytearray(GAS_FIRE)
    damaged[-3] ^= 0x10
    with pytest.raises(ChecksumError):
        decode_frame(bytes(damaged))
    reader = FrameReader()
    assert reader.feed(bytes(damaged)) == []
    assert [(frame.serial, frame.source) for frame in reader.damaged] == [(1, 0x0D80)]


def test_a_makers_deviations_are_a_dialect() -> None:
    dialect = Dialect(bcd_time=True, tail=b"\x35\x35")
    at = datetime(2025, 12, 31, 23, 59, 58, tzinfo=CHINA)
    frame = Frame(serial=3, command=Command.SEND, source=5, sent_at=at)
    data = encode_frame(frame, dialect)
    assert data[6:12] == bytes.fromhex("585923311225")
    assert FrameReader(dialect_of=lambda source: dialect if source == 5 else Dialect()).feed(data) == [frame]
    assert FrameReader().feed(data) == []


def test_the_transmitters_own_status_and_what_was_pressed_are_read() -> None:
    tag = bytes((58, 58, 8, 1, 8, 25))
    (status,) = decode_adu(b"\x15\x01\x21" + tag)
    assert isinstance(status, TransmitterStatus)
    assert int(status.status) == 0x21
    (pressed,) = decode_adu(b"\x18\x01\x20\x07" + tag)
    assert isinstance(pressed, Operation)
    assert (pressed.names, pressed.operator, pressed.system_type) == (("confirm",), 7, None)
    (reset,) = decode_adu(b"\x04\x01\x01\x02\x01\x07" + tag)
    assert isinstance(reset, Operation)
    assert (reset.system_type, reset.system_address, reset.names) == (1, 2, ("reset",))


def test_the_duty_check_and_the_clock_are_written_as_in_the_standard() -> None:
    at = datetime(2025, 8, 1, 9, 0, 0, tzinfo=CHINA)
    frame = Frame(serial=7, command=Command.CONTROL, sent_at=at, destination=0x0D80, adu=duty_check(10))
    assert encode_frame(frame) == bytes.fromhex(
        "4040070001000000090108190000000000" + "00800d000000000300015b010a2a2323"
    )
    assert sync_clock(at) == bytes.fromhex("5a01000009010819")


def test_a_frame_whose_rest_never_comes_does_not_swallow_the_next() -> None:
    reader = FrameReader()
    assert reader.feed(ANALOG[:27] + STATUS) == []
    assert reader.give_up() == [decode_frame(STATUS)]
    assert not reader.is_waiting
