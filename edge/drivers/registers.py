"""Words to numbers: every type and byte order, sentinels and ranges. Pure."""

import math
import struct
import sys
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
_LARGEST: Final = sys.float_info.max
"""Nothing beyond it, and not what is no number, is within it."""
_Read = Callable[[bytes], float]


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a raw number stands for, and between which values it can be believed."""

    scale: float
    offset: float
    low: float
    high: float
    invalid: frozenset[float]

    @classmethod
    def of(cls, point: PointProfile) -> "_Meaning":
        low = -_LARGEST if point.min is None else max(point.min, -_LARGEST)
        high = _LARGEST if point.max is None else min(point.max, _LARGEST)
        return cls(point.scale, point.offset, low, high, frozenset(point.invalid))

    def value_of(self, number: float) -> float | None:
        """Return the value; None where there is none, NaN and infinity among them."""
        value = number * self.scale + self.offset
        return value if self.low <= value <= self.high and number not in self.invalid else None


@dataclass(frozen=True, slots=True)
class BlockDecoder:
    """How to read the points of one block out of its answer."""

    block: Block
    pack: struct.Struct | None
    unpack: struct.Struct
    """Takes all plain numbers of the block out at once."""
    plain: tuple[tuple[int, _Meaning], ...]
    """For each of those, its point's index in the device's snapshot and what it stands for."""
    readers: tuple[tuple[int, _Read, _Meaning], ...]
    """The same for what needs more: index, how to read the raw number, what it stands for."""

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
        for (index, meaning), number in zip(self.plain, self.unpack.unpack_from(raw), strict=True):
            # `value_of`, spelled out: this is done for every value of every poll
            value = number * meaning.scale + meaning.offset
            if meaning.low <= value <= meaning.high and not (meaning.invalid and number in meaning.invalid):
                values[index], qualities[index] = value, Quality.GOOD
            else:
                values[index], qualities[index], good = None, Quality.OUT_OF_RANGE, False
        for index, read, meaning in self.readers:
            found = meaning.value_of(read(raw))
            values[index] = found
            qualities[index] = Quality.OUT_OF_RANGE if found is None else Quality.GOOD
            good &= found is not None
        return good


def compile_block(profile: ModbusProfile, block: Block) -> BlockDecoder:
    """Prepare a block for decoding."""
    bits = block.fc in BIT_FUNCTIONS
    layout, at = ">", 0
    plain: list[tuple[int, _Meaning]] = []
    readers: list[tuple[int, _Read, _Meaning]] = []
    points = sorted(
        ((index, point) for index, point in enumerate(profile.points) if index in block.points),
        key=lambda entry: entry[1].address,
    )
    for index, point in points:
        begins = (point.address - block.address) * (1 if bits else 2)
        if _is_plain(point) and begins >= at:
            layout += f"{begins - at}x{_FORMATS[point.type]}"
            at = begins + 2 * point.registers
            plain.append((index, _Meaning.of(point)))
        else:
            readers.append((index, _reader(point, begins), _Meaning.of(point)))
    return BlockDecoder(
        block=block,
        pack=None if bits else struct.Struct(f">{block.count}H"),
        unpack=struct.Struct(layout),
        plain=tuple(plain),
        readers=tuple(readers),
    )


def _is_plain(point: PointProfile) -> bool:
    """Tell whether a number stands on the wire as it is: big-endian, without masks or digits."""
    return (
        point.type is not ValueType.BIT
        and point.type not in _BCD
        and point.mask is None
        and point.byte_order is ByteOrder.ABCD
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
