"""Raw Modbus frames in words. Pure.

Modbus Application Protocol V1.1b3, chapters 4 to 7; Modbus over serial line V1.02, 2.5.1.
"""

from typing import Final

_FUNCTIONS: Final = {
    1: "read coils",
    2: "read discrete inputs",
    3: "read holding registers",
    4: "read input registers",
    5: "write coil",
    6: "write register",
    15: "write coils",
    16: "write registers",
    43: "read device identification",
}
_EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not answer",
}
_READS: Final = (1, 2, 3, 4)
_WORD_READS: Final = (3, 4)
_ERROR_BIT: Final = 0x80
_TCP_HEADER_BYTES: Final = 7
_CHECK_BYTES: Final = 2
_LEAST_PDU_BYTES: Final = 2
_ADDRESS_AND_COUNT: Final = 5


def describe_frame(data: bytes, *, tcp: bool, sent: bool) -> str:
    """Return what a frame says.

    Args:
        data: all of its bytes.
        tcp: whether it has the header of Modbus TCP; otherwise unit and check of a serial line.
        sent: whether it is a question.
    """
    if tcp:
        if len(data) < _TCP_HEADER_BYTES + 1:
            return f"{len(data)} bytes, too few for a frame"
        return f"unit {data[6]}: {_describe(data[7:], sent=sent)}"
    if len(data) < 1 + _LEAST_PDU_BYTES + _CHECK_BYTES - 1:
        return f"{len(data)} bytes, too few for a frame"
    expected = serial_check(data[:-_CHECK_BYTES])
    said = f"unit {data[0]}: {_describe(data[1:-_CHECK_BYTES], sent=sent)}"
    if int.from_bytes(data[-_CHECK_BYTES:], "little") != expected:
        return f"{said}; the check does not fit (expected {expected.to_bytes(2, 'little').hex(' ')})"
    return said


def serial_check(data: bytes) -> int:
    """Return the check of a frame on a serial line (V1.02, 6.2.2)."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def _describe(pdu: bytes, *, sent: bool) -> str:
    if not pdu:
        return "nothing"
    code = pdu[0]
    if code & _ERROR_BIT:
        name = _FUNCTIONS.get(code & ~_ERROR_BIT, f"function {code & ~_ERROR_BIT}")
        why = pdu[1] if len(pdu) > 1 else 0
        return f"{name} refused, exception {why} ({_EXCEPTIONS.get(why, 'unknown')})"
    return _describe_question(pdu) if sent else _describe_answer(pdu)


def _describe_question(pdu: bytes) -> str:
    code = pdu[0]
    name = _FUNCTIONS.get(code, f"function {code}")
    if len(pdu) < _ADDRESS_AND_COUNT:
        return name
    first, second = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
    if code in _READS:
        return f"{name} {first} to {first + max(second, 1) - 1} (0x{first:04X}, {second})"
    return f"{name} {first} (0x{first:04X}), value 0x{second:04X}"


def _describe_answer(pdu: bytes) -> str:
    code = pdu[0]
    name = _FUNCTIONS.get(code, f"function {code}")
    if code in _WORD_READS:
        words = [f"{int.from_bytes(pdu[at : at + 2], 'big'):04X}" for at in range(2, len(pdu) - 1, 2)]
        return f"{name}: {' '.join(words)}"
    return f"{name}: {pdu[1:].hex(' ')}"
