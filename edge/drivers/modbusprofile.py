"""Profiles of devices on Modbus: which register holds what, and what may be written."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from edge.drivers.profileparts import Part, PointPart, ProfilePart
from wire.vocabulary import Quality

Address = Annotated[int, Field(ge=0, le=65535)]


class ByteOrder(StrEnum):
    """How a device orders the bytes of a value of several registers on the wire.

    A to D stand for a 32-bit value's bytes, the most significant first; a 64-bit value of eight bytes
    follows the same pattern: words in order or reversed, bytes in a word in order or reversed.
    """

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
    U64 = "u64"
    I64 = "i64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    """Four decimal digits in one register."""
    BCD32 = "bcd32"
    """Eight decimal digits in two registers."""
    BIT = "bit"


REGISTERS: Final = {
    ValueType.U16: 1,
    ValueType.I16: 1,
    ValueType.U32: 2,
    ValueType.I32: 2,
    ValueType.U64: 4,
    ValueType.I64: 4,
    ValueType.FLOAT32: 2,
    ValueType.FLOAT64: 4,
    ValueType.BCD16: 1,
    ValueType.BCD32: 2,
    ValueType.BIT: 1,
}
BIT_FUNCTIONS: Final = (1, 2)
_MASKABLE: Final = (ValueType.U16, ValueType.U32, ValueType.U64)
_WRITING: Final = (5, 6, 15, 21, 22, 23)


class PointProfile(PointPart):
    """One measured quantity: `value = raw × scale + offset`, in the named unit."""

    fc: Literal[1, 2, 3, 4]
    address: Address
    """On the wire, counted from 0."""
    type: ValueType
    byte_order: ByteOrder = ByteOrder.ABCD
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    invalid: tuple[float, ...] = ()
    """Raw values that mean "no value"."""
    mask: Annotated[int, Field(ge=1, le=0xFFFF_FFFF)] | None = None
    """Applied to the raw word; the result is shifted down to bit 0."""
    states: dict[int, str] = Field(default_factory=dict)
    """What a number stands for, for people: `{0: warming up, 1: monitoring}`."""

    @model_validator(mode="after")
    def _check(self) -> "PointProfile":
        if (self.fc in BIT_FUNCTIONS) != (self.type is ValueType.BIT):
            raise ValueError(f"point {self.name}: functions 1 and 2 read bits, 3 and 4 words")
        if self.mask is not None and (self.type not in _MASKABLE or self.mask <= 0):
            raise ValueError(f"point {self.name}: only bits of an unsigned word can be picked out")
        if self.address + self.registers > 65_536:  # noqa: PLR2004 - addresses have 16 bits
            raise ValueError(f"point {self.name}: its last register lies behind address 65535")
        return self

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
    mask: int = 0xFFFF
    """Applied to what is read."""


class RawCommand(Part):
    """A question that no standard function builds, as bytes: what a device must hear before it measures.

    It can never write: functions that do are refused here, and function 16 only without registers.
    """

    pdu: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]
    """Function code and what follows, hexadecimal; unit and check are added."""
    answer: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")] = ""
    """With what its answer begins, function code first."""
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    """How long the device needs afterwards; what it measures until then is of quality `maintenance`."""

    @model_validator(mode="after")
    def _check(self) -> "RawCommand":
        pdu = self.pdu_bytes
        if pdu[0] in _WRITING or (pdu[0] == 16 and any(pdu[3:5])):  # noqa: PLR2004 - write many registers
            raise ValueError(f"start command {self.pdu}: it would write, which only a named action may")
        return self

    @property
    def pdu_bytes(self) -> bytes:
        """The command's bytes."""
        return bytes.fromhex(self.pdu)

    @property
    def answer_bytes(self) -> bytes:
        """The first bytes of its answer."""
        return bytes.fromhex(self.answer)


class ReadBlock(Part):
    """Addresses that must be read in one request, whether each of them is wanted or not."""

    fc: Literal[1, 2, 3, 4]
    address: Address
    count: Annotated[int, Field(ge=1, le=2000)]


class Interlock(Part):
    """A state of the same device without which an action must not be carried out."""

    point: str
    above: float | None = None
    """Forbidden while the point is greater than this."""
    below: float | None = None
    """Forbidden while the point is smaller than this."""

    @model_validator(mode="after")
    def _check(self) -> "Interlock":
        if (self.above is None) == (self.below is None):
            raise ValueError("an interlock names exactly one of above and below")
        return self


class ActionProfile(Part):
    """A write and how to see that it took effect."""

    fc: Literal[5, 6, 15, 16]
    address: Address
    value: Annotated[int, Field(ge=0, le=65535)]
    read_back: ReadBack
    settle_s: Annotated[float, Field(ge=0, le=30)] = 0.2
    """Pause between the write and the reading back."""
    not_while: tuple[Interlock, ...] = ()
    """States of the device itself in which it must not be done."""


class ModbusProfile(ProfilePart):
    """A device model on Modbus."""

    technique: Literal["modbus"] = "modbus"
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    max_gap: Annotated[int, Field(ge=0, le=125)] = 50
    """How many unused registers may be read along rather than asking twice."""
    pause_ms: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """How long the device must be left alone between one transaction and the next."""
    even: bool = False
    """Whether every read must start at an even address and span an even count."""
    forbidden: tuple[tuple[Address, Address], ...] = ()
    """Ranges, first and last address, that no read may touch."""
    points: Annotated[tuple[PointProfile, ...], Field(min_length=1)]
    read_blocks: tuple[ReadBlock, ...] = ()
    """What must be read in one piece; everything else is planned around it."""
    start: tuple[RawCommand, ...] = ()
    """What the device must hear before it measures: once, and again after every silence."""
    serial: str = ""
    """How its serial line is set when it leaves the maker, for people: `9600 8N1, address 1`."""
    quality: QualityWord | None = None
    actions: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ActionProfile] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _check(self) -> "ModbusProfile":
        self.check_names()
        names = {point.name for point in self.points}
        for name, action in self.actions.items():
            for lock in action.not_while:
                if lock.point not in names:
                    raise ValueError(f"action {name}: interlock on unknown point {lock.point}")
        check_valves(self.actions)
        return self


def check_valves(actions: Mapping[str, ActionProfile]) -> None:
    """Check that no action can open a gas valve, by its name or by what it writes.

    Raises:
        ValueError: one could.
    """
    shut = {(_place(action)): action.value for name, action in actions.items() if closes_valve(name)}
    for name, action in actions.items():
        words = name.split("_")
        if "valve" in words and not closes_valve(name):
            raise ValueError(f"action {name}: software only ever closes a gas valve")
        if shut.get(_place(action), action.value) != action.value:
            raise ValueError(f"action {name}: it would open the gas valve that another action closes")


def closes_valve(action: str) -> bool:
    """Tell whether an action is one that closes a valve."""
    words = action.split("_")
    return "valve" in words and "close" in words and "open" not in words


def _place(action: ActionProfile) -> tuple[bool, int]:
    return action.fc in (5, 15), action.address
