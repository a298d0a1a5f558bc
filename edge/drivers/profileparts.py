"""What every profile of a device model has, whatever technique the model speaks."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.model import Point


class Part(BaseModel):
    """Base: immutable, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Confidence(StrEnum):
    """How well the register map is known."""

    VERIFIED = "verified"
    """Read in the maker's text or in code that runs against the device."""
    SOURCED = "sourced"
    """One public source; not checked on a device."""
    LOW = "low"


class PointPart(Part):
    """One measured quantity."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    unit: str
    """UCUM code."""
    min: float | None = None
    max: float | None = None
    """Outside min and max, in the named unit, the quality is `out_of_range`."""
    deadband: Annotated[float, Field(ge=0)] = 0.0
    """A change of no more than this, in the named unit, is not worth storing."""
    deadband_percent: Annotated[float, Field(ge=0, le=100)] = 0.0
    """The same as a part of the value; the wider of both counts."""


class ProfilePart(Part):
    """A device model."""

    model: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    vendor: str
    title: str
    kind: Literal["gas", "fire", "electric", "water", "actuator"]
    source: str
    """Manual and page, or repository and commit."""
    confidence: Confidence
    notes: str = ""
    points: Sequence[PointPart]
    heartbeat_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """A value that does not change is stored again after this time; 0 stores every reading."""

    def check_names(self) -> None:
        """Check that no two points have the same name.

        Raises:
            ValueError: two have.
        """
        names = [point.name for point in self.points]
        if len(set(names)) != len(names):
            raise ValueError("two points have the same name")

    @property
    def named_points(self) -> tuple[Point, ...]:
        """The points as the gateway knows them, in the order of its snapshots."""
        return tuple(Point(name=point.name, unit=point.unit) for point in self.points)
