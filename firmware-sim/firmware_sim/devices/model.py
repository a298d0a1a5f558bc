"""What a simulated device is: points from physics, and a register map that shows them."""

import math
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

READ_HOLDING: Final = 3
READ_INPUT: Final = 4
"""Function codes: Modbus Application Protocol V1.1b3, chapter 6."""

Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]
Points = Mapping[str, float]
_REORDER: Final[dict[Order, tuple[int, int, int, int]]] = {
    "ABCD": (0, 1, 2, 3),
    "CDAB": (2, 3, 0, 1),
    "BADC": (1, 0, 3, 2),
    "DCBA": (3, 2, 1, 0),
}


class NoSuchAddressError(Exception):
    """The device has no such address: Modbus exception 2."""


class NoSuchFunctionError(Exception):
    """The device does not know the function: Modbus exception 1."""


def float_words(value: float, order: Order = "ABCD") -> tuple[int, int]:
    """Return a float as the two words in which a device of that byte order shows it."""
    raw = struct.pack(">f", value)
    mixed = bytes(raw[i] for i in _REORDER[order])
    return struct.unpack(">HH", mixed)


@dataclass
class SimulatedDevice(ABC):
    """A device on a bus.

    Attributes:
        read_points: asks the world for this device's true values.
        pinned: values that somebody holds, by point; they win over the world.
    """

    read_points: Callable[[], Points]
    pinned: dict[str, float] = field(default_factory=dict)
    model: str = ""

    def points(self) -> dict[str, float]:
        """Return what the device measures now."""
        return {**self.read_points(), **self.pinned}

    @abstractmethod
    def registers(self, fc: int) -> dict[int, int]:
        """Return every word (functions 3 and 4) or bit (1 and 2) the device has, by address."""

    def read(self, fc: int, address: int, count: int) -> list[int]:
        """Return words or bits.

        Raises:
            NoSuchAddressError: the device lacks one of the addresses.
        """
        known = self.registers(fc)
        try:
            return [known[at] for at in range(address, address + count)]
        except KeyError as error:
            raise NoSuchAddressError from error

    def special(self, request: bytes) -> bytes | None:
        """Return the answer to a question that only this model knows, None for any other.

        Args:
            request: function code and what follows.
        """
        del request
        return None

    def write(self, fc: int, address: int, values: list[int]) -> None:
        """Write words or bits; most sensors take none.

        Raises:
            NoSuchAddressError, NoSuchFunctionError: the device refuses.
        """
        del fc, address, values
        raise NoSuchFunctionError


def with_floats(
    values: Mapping[int, float], *, order: Order = "ABCD", fill: tuple[int, int] | None = None
) -> dict[int, int]:
    """Return a map of words in which floats stand at their addresses.

    Args:
        values: address to value.
        order: the device's byte order.
        fill: first and last address to be filled with 0 where nothing stands, or None.
    """
    words: dict[int, int] = {} if fill is None else dict.fromkeys(range(fill[0], fill[1] + 1), 0)
    for address, value in values.items():
        words[address], words[address + 1] = float_words(value, order)
    return words


NAN: Final = math.nan
