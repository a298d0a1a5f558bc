"""Noise of every kind raises a decoder's own error only, and makes nobody believe a broken frame."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds_of
from tests.fuzz.targets import TARGETS

_EACH = pytest.mark.parametrize("target", sorted(TARGETS))


@_EACH
def test_every_verified_frame_keeps_the_promise(target: str) -> None:
    seeds = seeds_of(target)
    assert seeds
    for seed in seeds:
        TARGETS[target](seed)


@_EACH
@settings(max_examples=60)
@given(noise=st.binary(max_size=200))
def test_pure_noise_keeps_the_promise(target: str, noise: bytes) -> None:
    TARGETS[target](noise)


@_EACH
@settings(max_examples=120)
@given(data=st.data())
def test_a_damaged_frame_keeps_the_promise(target: str, data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from(seeds_of(target))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    TARGETS[target](bytes(frame[:cut] if data.draw(st.booleans()) else frame))


@pytest.mark.parametrize("target", ["hj212", "gb26875"])
def test_a_frame_that_was_damaged_on_the_way_raises_no_alarm(target: str) -> None:
    """Every single flipped bit of every verified frame: nothing of it is believed."""
    from edge.drivers import gb26875frames, hj212frames

    reader_of = {"hj212": hj212frames.FrameReader, "gb26875": gb26875frames.FrameReader}[target]
    chance = random.Random(7)
    for seed in seeds_of(target)[:4]:
        frame = seed[1:]
        before = len(reader_of().feed(frame))
        assert before == 1
        for bit in chance.sample(range(len(frame) * 8), 400 if len(frame) > 50 else 200):
            damaged = bytearray(frame)
            damaged[bit // 8] ^= 1 << bit % 8
            believed = reader_of().feed(bytes(damaged))
            # The only letters that may change unseen are those of the check itself: its case.
            assert not believed or believed == reader_of().feed(frame), bit
