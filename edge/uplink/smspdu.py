"""Text messages as protocol data units: SMS-SUBMIT in UCS2, split where they are long. Pure.

Source: 3GPP TS 23.040 clauses 9.2.2.2 (SMS-SUBMIT), 9.2.3.24.1 (concatenation, 8-bit reference) and
9.1.2.5 (addresses); TS 23.038 clause 4 (data coding 0x08: UCS2).
"""

from typing import Final

SINGLE_CHARACTERS: Final = 70
PART_CHARACTERS: Final = 67
"""Six of the 140 bytes hold the header of a part."""
_SUBMIT: Final = 0x11
"""SMS-SUBMIT with a relative validity period."""
_HAS_HEADER: Final = 0x40
_UCS2: Final = 0x08
_VALID_ONE_DAY: Final = 0xA7
_INTERNATIONAL: Final = 0x91
_UNKNOWN: Final = 0x81


def encode_submit(number: str, text: str, *, reference: int = 0) -> list[tuple[int, str]]:
    """Return the parts of a message as (length for `AT+CMGS`, hexadecimal PDU).

    Args:
        number: digits, with a leading `+` when international.
        text: any; characters beyond the basic plane count twice.
        reference: 0 to 255, the same for all parts of a message.
    """
    data = text.encode("utf-16-be")
    if len(data) // 2 <= SINGLE_CHARACTERS:
        return [_submit(number, data, b"")]
    pieces = _split(data)
    return [
        _submit(number, piece, bytes((5, 0, 3, reference & 0xFF, len(pieces), index)))
        for index, piece in enumerate(pieces, 1)
    ]


def _split(data: bytes) -> list[bytes]:
    """Split UTF-16 into parts without cutting a surrogate pair in two."""
    pieces: list[bytes] = []
    start = 0
    while start < len(data):
        end = min(start + 2 * PART_CHARACTERS, len(data))
        if end < len(data) and 0xD8 <= data[end - 2] <= 0xDB:  # noqa: PLR2004 - a high surrogate (Unicode 3.8)
            end -= 2
        pieces.append(data[start:end])
        start = end
    return pieces


def _submit(number: str, data: bytes, header: bytes) -> tuple[int, str]:
    body = header + data
    unit = bytes((
        _SUBMIT | (_HAS_HEADER if header else 0),
        0,  # the modem numbers its messages
        *_address(number),
        0,
        _UCS2,
        _VALID_ONE_DAY,
        len(body),
    )) + body  # fmt: skip
    # 00: the service centre that the SIM card names.
    return len(unit), "00" + unit.hex().upper()


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    kind = _INTERNATIONAL if number.startswith("+") else _UNKNOWN
    padded = digits + "F" * (len(digits) % 2)
    swapped = "".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2))
    return bytes((len(digits), kind)) + bytes.fromhex(swapped)
