"""Masks and scales that fuzzing found: what a profile may not say, and what then cannot go wrong."""

import struct

import pytest
from pydantic import ValidationError

from edge.drivers.modbusprofile import ModbusProfile, PointProfile
from edge.drivers.planner import plan_reads
from edge.drivers.registers import compile_block
from wire.vocabulary import Quality


def point(**changes):
    return PointProfile(**{"name": "p", "unit": "1", "fc": 3, "address": 0, "type": "u16", **changes})


def decode(words, **changes):
    profile = ModbusProfile(
        model="m", vendor="v", title="t", kind="gas", source="s", confidence="low", points=(point(**changes),)
    )
    values, qualities = [None], [Quality.COMM_FAULT]
    compile_block(profile, plan_reads(profile)[0]).decode(words, values, qualities)
    return values[0], qualities[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask": 0},
        {"mask": -1},
        {"type": "float32", "mask": 1},
        {"type": "bit", "fc": 1, "mask": 1},
        {"scale": float("inf")},
        {"offset": float("nan")},
    ],
)
def test_a_point_that_no_answer_could_fill_is_refused(wrong):
    with pytest.raises(ValidationError):
        point(**wrong)


def test_a_mask_looks_at_the_words_in_their_own_order():
    assert decode([0x0001, 0x8000], type="u32", byte_order="CDAB", mask=0x8000_0000) == (1.0, Quality.GOOD)
    assert decode([0x8000, 0x0001], type="u32", byte_order="ABCD", mask=0x8000_0000) == (1.0, Quality.GOOD)


def test_a_value_that_is_too_large_for_a_number_is_no_value():
    largest = struct.unpack(">2H", struct.pack(">f", 3e38))
    assert decode(list(largest), type="float32", scale=1e300) == (None, Quality.OUT_OF_RANGE)
