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
    ValueType.FLOAT32: "f",
}
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
    little = point.byte_order in (ByteOrder.DCBA, ByteOrder.BADC)
    unpack = struct.Struct(("<" if little else ">") + _FORMATS[point.type]).unpack_from
    swapped = point.registers > 1 and point.byte_order in (ByteOrder.CDAB, ByteOrder.BADC)
    if point.mask is not None:
        mask, shift = point.mask, (point.mask & -point.mask).bit_length() - 1
        return lambda raw: float((int(unpack(raw, at)[0]) & mask) >> shift)
    if swapped:
        return lambda raw: float(unpack(raw[at + 2 : at + 4] + raw[at : at + 2])[0])
    return lambda raw: float(unpack(raw, at)[0])


def _is_usable(raw: float, value: float, point: PointProfile) -> bool:
    if not math.isfinite(raw) or raw in point.invalid:
        return False
    if point.min is not None and value < point.min:
        return False
    return point.max is None or value <= point.max
