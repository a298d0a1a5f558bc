"""Words to numbers: every type in every order, sentinels, digits, bits; and which blocks are read."""

import struct

import pytest
from pydantic import ValidationError

from edge.drivers.modbusprofile import ModbusProfile, PointProfile
from edge.drivers.planner import plan_reads, split_block
from edge.drivers.registers import compile_block
from wire.vocabulary import Quality

ORDERS = {
    "ABCD": lambda raw: raw,
    "CDAB": lambda raw: b"".join(raw[i : i + 2] for i in range(len(raw) - 2, -1, -2)),
    "BADC": lambda raw: b"".join(raw[i : i + 2][::-1] for i in range(0, len(raw), 2)),
    "DCBA": lambda raw: raw[::-1],
}
TYPES = {
    "u16": (">H", 51_234),
    "i16": (">h", -12_345),
    "u32": (">I", 3_123_456_789),
    "i32": (">i", -1_234_567_890),
    "u64": (">Q", 2**52 + 12_345),
    "i64": (">q", -(2**52) + 999),
    "float32": (">f", 7.420000076293945),
    "float64": (">d", -1234.5678901234),
}


def profile(*points, **more) -> ModbusProfile:
    return ModbusProfile.model_validate(
        {
            "model": "test",
            "vendor": "test",
            "title": "test",
            "kind": "water",
            "source": "test",
            "confidence": "low",
            "points": [
                {"name": f"p{index}", "unit": "1", "fc": 3, **point} for index, point in enumerate(points)
            ],
            **more,
        }
    )


def decode(raw: bytes, **point) -> tuple[float | None, Quality]:
    model = profile({"address": 10, **point})
    (block,) = plan_reads(model)
    values, qualities = [None], [Quality.COMM_FAULT]
    compile_block(model, block).decode(struct.unpack(f">{len(raw) // 2}H", raw), values, qualities)
    return values[0], qualities[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_read_in_every_order(kind, order):
    layout, value = TYPES[kind]
    raw = struct.pack(layout, value)
    single = len(raw) == 2
    wire = raw if single and order in ("ABCD", "CDAB") else raw[::-1] if single else ORDERS[order](raw)
    assert decode(wire, type=kind, byte_order=order) == (value, Quality.GOOD)


def test_the_published_check_value_of_reversed_floats_holds():
    assert decode(bytes.fromhex("a470ed40"), type="float32", byte_order="DCBA")[0] == pytest.approx(7.42)


def test_decimal_digits_are_read_and_what_is_none_is_no_value():
    assert decode(bytes.fromhex("1234"), type="bcd16") == (1234, Quality.GOOD)
    assert decode(bytes.fromhex("12345678"), type="bcd32", scale=0.01) == (
        pytest.approx(123456.78),
        Quality.GOOD,
    )
    assert decode(bytes.fromhex("12a4"), type="bcd16") == (None, Quality.OUT_OF_RANGE)


def test_bits_are_picked_out_of_a_word():
    assert decode(bytes.fromhex("0730"), type="u16", mask=0x0700)[0] == 7
    assert decode(bytes.fromhex("00010002"), type="u32", mask=0x0001_0000)[0] == 1


@pytest.mark.parametrize(
    ("raw", "point"),
    [
        ("ffff", {"type": "u16", "invalid": [65535]}),
        ("8000", {"type": "i16", "invalid": [-32768]}),
        ("7fc00000", {"type": "float32"}),
        ("ffffffff", {"type": "float32"}),
        ("7f800000", {"type": "float32"}),
        ("c61c3c00", {"type": "float32", "invalid": [-9999]}),
        ("03e9", {"type": "u16", "scale": 0.1, "max": 100}),
    ],
)
def test_what_means_none_or_cannot_be_is_no_value(raw, point):
    assert decode(bytes.fromhex(raw), **point) == (None, Quality.OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("point", "complaint"),
    [
        ({"address": 0, "type": "bit"}, "functions 1 and 2 read bits"),
        ({"address": 0, "type": "float32", "mask": 1}, "unsigned word"),
        ({"address": 65_535, "type": "u32"}, "behind address 65535"),
    ],
)
def test_a_point_that_cannot_be_is_refused(point, complaint):
    with pytest.raises(ValidationError, match=complaint):
        PointProfile.model_validate({"name": "p", "unit": "1", "fc": 3, **point})


def spans(model: ModbusProfile) -> list[tuple[int, int, int]]:
    return [(block.fc, block.address, block.count) for block in plan_reads(model)]


def u16(address, **more):
    return {"address": address, "type": "u16", **more}


def test_neighbours_are_joined_and_small_gaps_bridged():
    assert spans(profile(u16(0), u16(1), u16(20), max_gap=32)) == [(3, 0, 21)]
    assert spans(profile(u16(0), u16(1), u16(20), max_gap=10)) == [(3, 0, 2), (3, 20, 1)]


def test_a_block_never_exceeds_the_devices_cap():
    assert spans(profile(*(u16(a) for a in range(130)))) == [(3, 0, 125), (3, 125, 5)]
    assert spans(profile(*(u16(a) for a in range(20)), max_registers=16)) == [(3, 0, 16), (3, 16, 4)]
    bits = [{"address": a, "type": "bit", "fc": 1} for a in range(0, 2100, 50)]
    assert all(count <= 2000 for _, _, count in spans(profile(*bits, max_gap=125)))


def test_a_forbidden_range_is_never_touched():
    model = profile(u16(0), u16(8), u16(16), forbidden=[[4, 5]])
    assert spans(model) == [(3, 0, 1), (3, 8, 9)]


def test_what_must_be_read_in_one_piece_is_and_is_not_cut():
    model = profile(u16(2), u16(5), u16(40), read_blocks=[{"fc": 3, "address": 0, "count": 16}], max_gap=64)
    assert spans(model) == [(3, 0, 16), (3, 40, 1)]
    assert split_block(model, plan_reads(model)[0]) == ()


def test_a_refused_block_is_cut_at_its_widest_gap():
    model = profile(u16(0), u16(1), u16(9), u16(10))
    (block,) = plan_reads(model)
    assert [(b.address, b.count) for b in split_block(model, block)] == [(0, 2), (9, 2)]


VALVE = {"fc": 5, "address": 0, "value": 1, "read_back": {"fc": 1, "address": 0, "equals": 1}}


@pytest.mark.parametrize(
    "actions",
    [
        {"open_valve": VALVE},
        {"valve_open": VALVE},
        {"close_valve": VALVE, "reset": {**VALVE, "value": 0}},
        {"close_valve": VALVE, "reset": {**VALVE, "fc": 15, "value": 0}},
    ],
)
def test_a_profile_that_would_open_a_gas_valve_is_refused(actions):
    with pytest.raises(ValidationError, match="gas valve"):
        profile(u16(0), actions=actions)


@pytest.mark.parametrize("pdu", ["0500000000", "0600000001", "1000000001020000", "0f00000001"])
def test_a_start_command_can_never_write(pdu):
    with pytest.raises(ValidationError, match="it would write"):
        profile(u16(0), start=[{"pdu": pdu}])


def test_a_start_command_without_registers_is_allowed():
    assert profile(u16(0), start=[{"pdu": "101c00000000"}, {"pdu": "0325000000"}]).start[0].pdu_bytes[0] == 16
