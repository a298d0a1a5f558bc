"""Identifiers that sort by the moment they were made.

UUID version 7 (RFC 9562, section 5.7). The standard library has it from Python 3.14 on.
"""

import os
import uuid

_RANDOM_A_BITS = 12
_RANDOM_B_BITS = 62


def new_uuid7(*, unix_ms: int) -> str:
    """Return a new UUIDv7 as 36 lower-case characters.

    Args:
        unix_ms: milliseconds since 1970-01-01 UTC; negative or over-large values are clamped to
            the 48 bits of the field, so that a gateway with a broken clock still makes
            identifiers.
    """
    moment = min(max(unix_ms, 0), (1 << 48) - 1)
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = moment << 80
    value |= 0x7 << 76
    value |= (random_bits >> _RANDOM_B_BITS & ((1 << _RANDOM_A_BITS) - 1)) << 64
    value |= 0b10 << _RANDOM_B_BITS
    value |= random_bits & ((1 << _RANDOM_B_BITS) - 1)
    return str(uuid.UUID(int=value))
