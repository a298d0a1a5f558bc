"""Device models: one YAML file each, so that a maintainer adds a model without touching Python."""

from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML

from edge.errors import ConfigError
from edge.model import Point
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


class Confidence(StrEnum):
    """How well the register map is known."""

    VERIFIED = "verified"
    """Read in the maker's text or in code that runs against the device."""
    SOURCED = "sourced"
    """One public source; not checked on a device."""
    LOW = "low"


REGISTERS: Final = {
    ValueType.U16: 1,
    ValueType.I16: 1,
    ValueType.U32: 2,
    ValueType.I32: 2,
    ValueType.FLOAT32: 2,
    ValueType.BIT: 1,
}
BIT_FUNCTIONS: Final = (1, 2)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PointProfile(_Part):
    """One measured quantity: `value = raw × scale + offset`, in the named unit."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    unit: str
    """UCUM code."""
    fc: Literal[1, 2, 3, 4]
    address: Address
    """On the wire, counted from 0."""
    type: ValueType
    byte_order: ByteOrder = ByteOrder.ABCD
    scale: float = 1.0
    offset: float = 0.0
    min: float | None = None
    max: float | None = None
    """Outside min and max, in the named unit, the quality is `out_of_range`."""
    invalid: tuple[float, ...] = ()
    """Raw values that mean "no value"."""
    mask: int | None = None
    """Applied to the raw word; the result is shifted down to bit 0."""

    @property
    def registers(self) -> int:
        """How many registers or bits it takes."""
        return REGISTERS[self.type]


class QualityWord(_Part):
    """A word with which the device says how far its values can be believed."""

    fc: Literal[3, 4]
    address: Address
    mask: int = 0xFFFF
    values: dict[int, Quality]
    """Masked word to quality; a word that is not listed means `otherwise`."""
    otherwise: Quality = Quality.GOOD


class ReadBack(_Part):
    """How to see that an action took effect."""

    fc: Literal[1, 2, 3, 4]
    address: Address
    equals: int


class ActionProfile(_Part):
    """A write and how to see that it took effect."""

    fc: Literal[5, 6]
    address: Address
    value: Annotated[int, Field(ge=0, le=65535)]
    read_back: ReadBack
    settle_s: Annotated[float, Field(ge=0, le=30)] = 0.2
    """Pause between the write and the reading back."""


class Profile(_Part):
    """A device model on Modbus."""

    model: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    vendor: str
    title: str
    kind: Literal["gas", "fire", "electric", "water", "actuator"]
    source: str
    """Manual and page, or repository and commit."""
    confidence: Confidence
    notes: str = ""
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    max_gap: Annotated[int, Field(ge=0, le=125)] = 32
    """How many unused registers may be read along rather than asking twice."""
    even: bool = False
    """Whether every read must start at an even address and span an even count."""
    forbidden: tuple[tuple[Address, Address], ...] = ()
    """Ranges, first and last address, that no read may touch."""
    points: Annotated[tuple[PointProfile, ...], Field(min_length=1)]
    quality: QualityWord | None = None
    actions: dict[str, ActionProfile] = {}

    @model_validator(mode="after")
    def _check(self) -> "Profile":
        names = [point.name for point in self.points]
        if len(set(names)) != len(names):
            raise ValueError("two points have the same name")
        for point in self.points:
            if (point.fc in BIT_FUNCTIONS) != (point.type is ValueType.BIT):
                raise ValueError(f"point {point.name}: functions 1 and 2 read bits, 3 and 4 words")
        for name in self.actions:
            if name.startswith("open_") and "valve" in name:
                raise ValueError(f"action {name}: software only ever closes a gas valve")
        return self

    @property
    def named_points(self) -> tuple[Point, ...]:
        """The points as the gateway knows them, in the order of its snapshots."""
        return tuple(Point(name=point.name, unit=point.unit) for point in self.points)


def parse_profile(text: str, *, origin: str) -> Profile:
    """Read a profile.

    Args:
        text: YAML.
        origin: named in errors.

    Raises:
        ConfigError: it is no valid profile.
    """
    try:
        return Profile.model_validate(YAML(typ="safe").load(text))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigError(f"{origin}: {problems}") from error


@cache
def shipped_profiles() -> dict[str, Profile]:
    """Return the profiles that ship with the gateway, by model.

    Raises:
        ConfigError: one of them is not valid.
    """
    folder: Traversable = resources.files("edge.drivers") / "profiles"
    found = [
        parse_profile(file.read_text(encoding="utf-8"), origin=file.name)
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml")
    ]
    return {profile.model: profile for profile in found}
