"""Checks written a second time, in another way than the drivers', to judge what the drivers believed."""

import struct


def hj212_segments(stream: bytes) -> list[bytes]:
    """Every data segment in a stream whose frame is whole and whose check fits."""
    found = []
    at = stream.find(b"##")
    while at >= 0:
        digits = stream[at + 2 : at + 6]
        if len(digits) == 4 and all(0x30 <= byte <= 0x39 for byte in digits):
            end = at + 6 + int(digits)
            data, check, tail = stream[at + 6 : end], stream[end : end + 4], stream[end + 4 : end + 6]
            if tail == b"\r\n" and check.upper() == f"{_hj212_check(data):04X}".encode():
                found.append(data)
        at = stream.find(b"##", at + 1)
    return found


def _hj212_check(data: bytes) -> int:
    """HJ 212-2017, Annex A, by the table of its 256 shifts."""
    register = 0xFFFF
    for byte in data:
        register = _SHIFTED[((register >> 8) ^ byte) & 0xFF] ^ (((register >> 8) ^ byte) >> 8)
    return register


def _shift(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value


_SHIFTED = [_shift(value) for value in range(256)]


def gb26875_frames(stream: bytes) -> list[bytes]:
    """Every byte string in a stream that is a whole frame of GB/T 26875.3 with a fitting checksum."""
    found = []
    at = stream.find(b"@@")
    while at >= 0:
        if len(stream) >= at + 30:
            (size,) = struct.unpack_from("<H", stream, at + 24)
            frame = stream[at : at + 30 + size]
            fits = len(frame) == 30 + size and sum(frame[2:-3]) % 256 == frame[-3]
            if fits and frame.endswith(b"##"):
                found.append(frame)
        at = stream.find(b"@@", at + 1)
    return found
