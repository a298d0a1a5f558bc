"""A little physics: enough that closing a valve and opening a window matter."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.physics import Mains, Room


def kitchen(**changes):
    return Room(volume_m3=8, ventilation_m3_s=0.01, **changes)


def test_a_leak_fills_the_room():
    room = kitchen(leak_m3_s=0.04)
    room.advance(5)
    assert room.gas_lel > 25
    before = room.gas_lel
    room.advance(5)
    assert room.gas_lel > before


def test_a_closed_valve_stops_it_and_the_room_clears_slowly():
    room = kitchen(leak_m3_s=0.04)
    room.advance(5)
    room.valve_closed = True
    before = room.gas_lel
    room.advance(60)
    assert 0 < room.gas_lel < before


def test_a_fan_clears_it_quickly():
    slow, quick = kitchen(gas_lel=60), kitchen(gas_lel=60, fan_on=True)
    for room in (slow, quick):
        room.advance(30)
    assert quick.gas_lel < 20 < slow.gas_lel


@given(st.floats(0.1, 100), st.integers(1, 40))
def test_many_short_steps_are_one_long_one(seconds, parts):
    long, short = kitchen(leak_m3_s=0.02), kitchen(leak_m3_s=0.02)
    long.advance(seconds)
    for _ in range(parts):
        short.advance(seconds / parts)
    assert short.gas_lel == pytest.approx(long.gas_lel, rel=1e-6)


def test_a_room_without_any_air_exchange_fills_in_proportion():
    room = Room(volume_m3=10, ventilation_m3_s=0, leak_m3_s=0.005)
    room.advance(10)
    assert room.gas_lel == pytest.approx(10, rel=1e-6), (
        "0.05 m3 of methane in 10 m3 are 0.5 %, a tenth of 5 %"
    )


def test_a_meter_counts_what_is_used():
    mains = Mains()
    before = mains.energy_kwh
    noise = random.Random(1)
    for _ in range(3600):
        mains.advance(1, noise)
    assert mains.energy_kwh - before == pytest.approx(0.71, abs=0.05)
    assert 220 < mains.voltage_v < 240
