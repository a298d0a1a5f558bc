"""BLE advertisements: published vectors, wrong keys, downgrades, noise."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.adverts import AdvertError, decode_bthome, decode_mibeacon

ADDRESS = bytes.fromhex("5448E68F80A5")
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
SEALED = bytes.fromhex("41a47266c95f730011223378237214")
GAS = bytes.fromhex("40000701610cbd0b17001c0129002b00")


def test_a_plain_gas_alarm_is_read() -> None:
    advert = decode_bthome(GAS, address=ADDRESS)
    assert advert.packet == 7
    assert advert.values["gas_alarm"] == 1
    assert advert.values["co_alarm"] == 0
    assert advert.values["voltage_v"] == 3.005
    assert advert.values["battery_percent"] == 97


def test_the_published_encrypted_example_is_read() -> None:
    advert = decode_bthome(SEALED, address=ADDRESS, key=KEY)
    assert advert.values == {"temperature_c": 25.06, "humidity_percent": 50.55}
    assert advert.encrypted
    assert advert.counter == 0x33221100


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (SEALED, None),
        (SEALED, bytes(16)),
        (SEALED[:6], KEY),
        (GAS, KEY),
        (b"", None),
        (b"\x20\x00", None),
        (GAS[:3] + b"\x0c\x01", None),
        (b"\x40\x53", None),
    ],
)
def test_what_cannot_be_believed_is_refused(data: bytes, key: bytes | None) -> None:
    with pytest.raises(AdvertError):
        decode_bthome(data, address=ADDRESS, key=key)


def test_a_flipped_bit_in_an_encrypted_packet_is_refused() -> None:
    for bit in range(8, len(SEALED) * 8):
        damaged = bytearray(SEALED)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AdvertError):
            decode_bthome(bytes(damaged), address=ADDRESS, key=KEY)


def _mibeacon(body: bytes, *, encrypted: bool, key: bytes = KEY) -> bytes:
    control = (0x5 << 12) | 0x40 | (0x08 if encrypted else 0)
    head = control.to_bytes(2, "little") + b"\x97\x09" + b"\x21"
    if not encrypted:
        return head + body
    extended = b"\x01\x00\x00"
    nonce = ADDRESS[::-1] + head[2:5] + extended
    sealed = AESCCM(key, tag_length=4).encrypt(nonce, body, b"\x11")
    return head + sealed[:-4] + extended + sealed[-4:]


@pytest.mark.parametrize(("byte", "smoke"), [(b"\x01", 1.0), (b"\x00", 0.0)])
def test_a_smoke_detector_is_read_through_its_encryption(byte: bytes, smoke: float) -> None:
    data = _mibeacon(b"\x15\x10\x01" + byte, encrypted=True)
    advert = decode_mibeacon(data, address=ADDRESS, key=KEY)
    assert advert.values == {"smoke_alarm": smoke}
    assert advert.counter == 0x121


def test_a_plain_packet_of_a_keyed_smoke_detector_is_refused() -> None:
    data = _mibeacon(b"\x15\x10\x01\x00", encrypted=False)
    assert decode_mibeacon(data, address=ADDRESS).values == {"smoke_alarm": 0.0}
    with pytest.raises(AdvertError):
        decode_mibeacon(data, address=ADDRESS, key=KEY)


@given(st.binary(max_size=40), st.sampled_from([None, KEY]))
def test_noise_raises_only_our_own_error(data: bytes, key: bytes | None) -> None:
    for decode in (decode_bthome, decode_mibeacon):
        try:
            decode(data, address=ADDRESS, key=key)
        except AdvertError:
            continue
