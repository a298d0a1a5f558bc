"""Profiles of devices on Modbus: which register holds what, and what may be written."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from edge.drivers.profileparts import Part, PointPart, ProfilePart
from wire.vocabulary import Quality

Address = Annotated[int, Field(ge=0, le=65535)]


class ByteOrder(StrEnum):
    """How a device orders the four bytes ABCD of a 32-bit value on the wire."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


class ValueType(StrEnum):
    """What a value is made of."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    FLOAT32 = "float32"
    BIT = "bit"


REGISTERS: Final = {
    ValueType.U16: 1,
    ValueType.I16: 1,
    ValueType.U32: 2,
    ValueType.I32: 2,
    ValueType.FLOAT32: 2,
    ValueType.BIT: 1,
}
BIT_FUNCTIONS: Final = (1, 2)


class PointProfile(PointPart):
    """One measured quantity: `value = raw × scale + offset`, in the named unit."""

    fc: Literal[1, 2, 3, 4]
    address: Address
    """On the wire, counted from 0."""
    type: ValueType
    byte_order: ByteOrder = ByteOrder.ABCD
    scale: float = 1.0
    offset: float = 0.0
    invalid: tuple[float, ...] = ()
    """Raw values that mean "no value"."""
    mask: int | None = None
    """Applied to the raw word; the result is shifted down to bit 0."""

    @property
    def registers(self) -> int:
        """How many registers or bits it takes."""
        return REGISTERS[self.type]


class QualityWord(Part):
    """A word with which the device says how far its values can be believed."""

    fc: Literal[3, 4]
    address: Address
    mask: int = 0xFFFF
    values: dict[int, Quality]
    """Masked word to quality; a word that is not listed means `otherwise`."""
    otherwise: Quality = Quality.GOOD


class ReadBack(Part):
    """How to see that an action took effect."""

    fc: Literal[1, 2, 3, 4]
    address: Address
    equals: int


class ActionProfile(Part):
    """A write and how to see that it took effect."""

    fc: Literal[5, 6]
    address: Address
    value: Annotated[int, Field(ge=0, le=65535)]
    read_back: ReadBack
    settle_s: Annotated[float, Field(ge=0, le=30)] = 0.2
    """Pause between the write and the reading back."""


class ModbusProfile(ProfilePart):
    """A device model on Modbus."""

    technique: Literal["modbus"] = "modbus"
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    max_gap: Annotated[int, Field(ge=0, le=125)] = 32
    """How many unused registers may be read along rather than asking twice."""
    pause_ms: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """How long the device must be left alone between one transaction and the next."""
    even: bool = False
    """Whether every read must start at an even address and span an even count."""
    forbidden: tuple[tuple[Address, Address], ...] = ()
    """Ranges, first and last address, that no read may touch."""
    points: Annotated[tuple[PointProfile, ...], Field(min_length=1)]
    quality: QualityWord | None = None
    actions: dict[str, ActionProfile] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> "ModbusProfile":
        self.check_names()
        for point in self.points:
            if (point.fc in BIT_FUNCTIONS) != (point.type is ValueType.BIT):
                raise ValueError(f"point {point.name}: functions 1 and 2 read bits, 3 and 4 words")
        for name in self.actions:
            if name.startswith("open_") and "valve" in name:
                raise ValueError(f"action {name}: software only ever closes a gas valve")
        return self
