"""Columns of numbers packed into a block of bytes and back. Pure.

A block is small because neighbours are alike: times and values are kept as differences, values as
whole numbers of their last decimal where that loses nothing, the bytes of equal weight side by side,
and all of it deflated.
"""

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FORMAT: Final = 1
_HEADER: Final = struct.Struct("<BI")
"""Format and number of rows."""
_COLUMN: Final = struct.Struct("<BBB")
"""Form, parameter, width of one whole number in bytes."""
_SCALED, _PLAIN, _SAME = 0, 1, 2
_DECIMALS: Final = (0, 1, 2, 3, 4, 6)
_LARGEST: Final = float(2**52)
_DEFLATE: Final = 6
_WIDTHS: Final = ((1, np.int8), (2, np.int16), (4, np.int32), (8, np.int64))


class BlockError(ValueError):
    """Bytes that are no block of ours."""


def pack_columns(whole: tuple[Ints, ...], floats: tuple[Floats, ...]) -> bytes:
    """Return columns of equal length as a block.

    Args:
        whole: whole numbers.
        floats: numbers with decimals; NaN where there is none.
    """
    parts = [_pack_whole(column) for column in whole]
    for index, column in enumerate(floats):
        same = next((i for i in range(index) if np.array_equal(floats[i], column, equal_nan=True)), None)
        parts.append(_COLUMN.pack(_SAME, same, 0) if same is not None else _pack_floats(column))
    return _HEADER.pack(_FORMAT, len(whole[0])) + zlib.compress(b"".join(parts), _DEFLATE)


def unpack_columns(data: bytes, whole: int, floats: int) -> tuple[list[Ints], list[Floats]]:
    """Read a block of so many columns of each kind.

    Raises:
        BlockError: it is none.
    """
    reader = _Reader(data)
    wholes = [reader.whole() for _ in range(whole)]
    found: list[Floats] = []
    for _ in range(floats):
        found.append(reader.floats(found))
    return wholes, found


def _pack_whole(values: Ints) -> bytes:
    width, data = _differences(values)
    return _COLUMN.pack(_SCALED, 0, width) + data


def _pack_floats(values: Floats) -> bytes:
    missing = np.isnan(values)
    filled = _fill(values, missing) if missing.any() else values
    if np.isfinite(filled).all():
        for decimals in _DECIMALS:
            with np.errstate(over="ignore"):
                scaled = np.rint(filled * 10.0**decimals)
            if np.abs(scaled).max(initial=0) < _LARGEST and np.array_equal(scaled / 10.0**decimals, filled):
                width, data = _differences(scaled.astype(np.int64))
                mask = np.packbits(missing).tobytes()
                return _COLUMN.pack(_SCALED, decimals, width) + mask + data
    return _COLUMN.pack(_PLAIN, 0, 8) + _side_by_side(values, 8)


def _fill(values: Floats, missing: NDArray[np.bool_]) -> Floats:
    """Put the value before in the place of a missing one, so that the differences stay small."""
    source = np.maximum.accumulate(np.where(missing, 0, np.arange(len(values))))
    return np.nan_to_num(values[source], nan=0.0)


def _differences(values: Ints) -> tuple[int, bytes]:
    steps = np.diff(values, prepend=np.int64(0))
    largest = int(np.abs(steps).max(initial=0))
    width, kind = next(
        (width, kind) for width, kind in _WIDTHS if width == _WIDTHS[-1][0] or largest < 1 << 8 * width - 1
    )
    return width, _side_by_side(steps.astype(kind), width)


def _side_by_side(values: NDArray[Any], width: int) -> bytes:
    """Put all first bytes together, then all second ones, …: equal weights deflate better."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(-1, width).T.tobytes()


class _Reader:
    """Reads the columns of one block, one after the other."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size:
            raise BlockError("too short")
        form, self.count = _HEADER.unpack_from(data)
        if form != _FORMAT:
            raise BlockError(f"form {form} is not known")
        try:
            self._body = zlib.decompress(data[_HEADER.size :])
        except zlib.error as error:
            raise BlockError(str(error)) from error
        self._at = 0

    def take(self, size: int) -> bytes:
        part = self._body[self._at : self._at + size]
        if len(part) != size:
            raise BlockError("cut off")
        self._at += size
        return part

    def whole(self) -> Ints:
        _, _, width = _COLUMN.unpack(self.take(_COLUMN.size))
        return self._sums(width)

    def floats(self, earlier: list[Floats]) -> Floats:
        form, parameter, width = _COLUMN.unpack(self.take(_COLUMN.size))
        if form == _SAME:
            return earlier[int(parameter)]
        if form == _PLAIN:
            return np.frombuffer(self._weave(8).tobytes(), np.float64)
        missing = np.unpackbits(np.frombuffer(self.take((self.count + 7) // 8), np.uint8), count=self.count)
        values: Floats = self._sums(width) / np.float64(10.0**parameter)
        values[missing.astype(bool)] = np.nan
        return values

    def _sums(self, width: int) -> Ints:
        kind = dict(_WIDTHS).get(width)
        if kind is None:
            raise BlockError(f"width {width} is not known")
        return np.cumsum(self._weave(width).view(kind), dtype=np.int64)

    def _weave(self, width: int) -> NDArray[np.uint8]:
        parts = np.frombuffer(self.take(width * self.count), np.uint8).reshape(width, self.count)
        return np.ascontiguousarray(parts.T).reshape(-1)
