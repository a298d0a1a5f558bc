"""Words to numbers: every type and byte order, sentinels and ranges. Pure."""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge.drivers.modbusprofile import BIT_FUNCTIONS, ByteOrder, ModbusProfile, PointProfile, ValueType
from edge.drivers.planner import Block
from wire.vocabulary import Quality

_FORMATS: Final = {
    ValueType.U16: "H",
    ValueType.I16: "h",
    ValueType.U32: "I",
    ValueType.I32: "i",
    ValueType.U64: "Q",
    ValueType.I64: "q",
    ValueType.FLOAT32: "f",
    ValueType.FLOAT64: "d",
    ValueType.BCD16: "H",
    ValueType.BCD32: "I",
}
_BCD: Final = (ValueType.BCD16, ValueType.BCD32)
_HEX_DIGITS: Final = 10
_Read = Callable[[bytes], float]


@dataclass(frozen=True, slots=True)
class BlockDecoder:
    """How to read the points of one block out of its answer."""

    block: Block
    pack: struct.Struct | None
    readers: tuple[tuple[int, _Read, PointProfile], ...]
    """Index of the point in the device's snapshot, how to read its raw value, its profile."""

    def decode(
        self,
        answer: Sequence[int] | Sequence[bool],
        values: list[float | None],
        qualities: list[Quality],
    ) -> bool:
        """Put the block's values and qualities in their places.

        Args:
            answer: the words or bits of the block, as many as were asked for.
            values: of the whole device, changed in place.
            qualities: likewise.

        Returns:
            Whether all qualities are good.
        """
        raw = bytes(answer) if self.pack is None else self.pack.pack(*answer)
        good = True
        for index, read, point in self.readers:
            number = read(raw)
            value = number * point.scale + point.offset
            if _is_usable(number, value, point):
                values[index] = value
                qualities[index] = Quality.GOOD
            else:
                values[index] = None
                qualities[index] = Quality.OUT_OF_RANGE
                good = False
        return good


def compile_block(profile: ModbusProfile, block: Block) -> BlockDecoder:
    """Prepare a block for decoding."""
    bits = block.fc in BIT_FUNCTIONS
    readers = tuple(
        (index, _reader(point, (point.address - block.address) * (1 if bits else 2)), point)
        for index, point in enumerate(profile.points)
        if index in block.points
    )
    return BlockDecoder(
        block=block, pack=None if bits else struct.Struct(f">{block.count}H"), readers=readers
    )


def _reader(point: PointProfile, at: int) -> _Read:
    if point.type is ValueType.BIT:
        return lambda raw: float(raw[at])
    unpack = _unpacker(point, at)
    if point.mask is not None:
        mask, shift = point.mask, (point.mask & -point.mask).bit_length() - 1
        return lambda raw: float((int(unpack(raw)) & mask) >> shift)
    if point.type in _BCD:
        return lambda raw: _from_bcd(int(unpack(raw)))
    return unpack


def _unpacker(point: PointProfile, at: int) -> Callable[[bytes], float]:
    """Return what takes a value's bytes in the device's order and makes its number.

    Little-endian bytes are the whole value reversed (DCBA). Where only words or only bytes are
    reversed (CDAB, BADC), the words are put the other way round first.
    """
    little = point.byte_order in (ByteOrder.DCBA, ByteOrder.BADC)
    unpack = struct.Struct(("<" if little else ">") + _FORMATS[point.type]).unpack_from
    count = point.registers
    if count > 1 and point.byte_order in (ByteOrder.CDAB, ByteOrder.BADC):
        starts = [at + 2 * word for word in range(count)][::-1]
        return lambda raw: unpack(b"".join(raw[start : start + 2] for start in starts))[0]
    return lambda raw: unpack(raw, at)[0]


def _from_bcd(word: int) -> float:
    """Return the number of a word of decimal digits; NaN where a digit is none."""
    total, factor = 0, 1
    while word:
        word, digit = word >> 4, word & 0xF
        if digit >= _HEX_DIGITS:
            return math.nan
        total += digit * factor
        factor *= 10
    return float(total)


def _is_usable(raw: float, value: float, point: PointProfile) -> bool:
    if not math.isfinite(value) or raw in point.invalid:
        return False
    if point.min is not None and value < point.min:
        return False
    return point.max is None or value <= point.max
