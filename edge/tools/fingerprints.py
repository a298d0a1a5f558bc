"""Which model a Modbus unit may be: every known register map is laid over what the unit shows. Pure.

A map fits when its blocks can be read and its values are inside their ranges. A value that could hardly
be in its range by chance (a float, with both ends known) counts more than one that always is; a nought
counts little, because an empty register is a nought under every map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.drivers.modbusprofile import ModbusProfile, PointProfile, ValueType
from edge.drivers.planner import Block, plan_reads
from edge.drivers.registers import compile_block
from wire.vocabulary import Quality

Answers = Mapping[Block, Sequence[int] | Sequence[bool] | None]
"""What each block brought; None where the unit refused it."""

LEAST_SCORE: Final = 0.5
_NAMED_BONUS: Final = 0.5
_TINY: Final = 1e-6
"""What no sensor shows, but two small whole numbers read as one float do."""
_NOUGHT: Final = 0.25
_FLOATS: Final = (ValueType.FLOAT32,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How well a model fits a unit.

    Attributes:
        model: its name.
        score: 0 to 1; more when the unit names the maker itself.
        weight: how much the values could tell; decides between equal scores.
        shown: a few of the values under this map, for people.
    """

    model: str
    score: float
    weight: float
    shown: tuple[str, ...]


def rank_models(
    profiles: Sequence[ModbusProfile], answers: Answers, *, identity: str = ""
) -> tuple[Match, ...]:
    """Return the models that may fit, the best first.

    Args:
        profiles: the known maps.
        answers: what the unit showed for their blocks.
        identity: what it says of itself (function 43), empty where it does not.
    """
    matches = [_match(profile, answers, identity) for profile in profiles]
    good = [match for match in matches if match.score >= LEAST_SCORE]
    return tuple(sorted(good, key=lambda match: (-match.score * match.weight, match.model)))


def _match(profile: ModbusProfile, answers: Answers, identity: str) -> Match:
    values: list[float | None] = [None] * len(profile.points)
    qualities = [Quality.COMM_FAULT] * len(profile.points)
    for block in plan_reads(profile):
        answer = answers.get(block)
        if answer is not None and len(answer) == block.count:
            compile_block(profile, block).decode(answer, values, qualities)
    earned = possible = 0.0
    for point, value, quality in zip(profile.points, values, qualities, strict=True):
        worth = _worth(point)
        possible += worth
        earned += worth * _belief(value if quality is Quality.GOOD else None)
    score = max(earned / possible, 0.0)
    named = identity and profile.vendor.split(" ")[0].lower() in identity.lower()
    shown = tuple(
        f"{point.name} {value:g} {point.unit}"
        for point, value in zip(profile.points, values, strict=True)
        if value is not None
    )
    return Match(
        model=profile.model,
        score=min(score + (_NAMED_BONUS if named else 0.0), 1.0),
        weight=min(earned, 20.0) if earned > 0 else 0.0,
        shown=shown[:4],
    )


def _belief(value: float | None) -> float:
    """Return how far a value speaks for its map: 1 for, -1 against."""
    if value is None or 0 < abs(value) < _TINY:
        return -1.0
    return 1.0 if value else _NOUGHT


def _worth(point: PointProfile) -> float:
    if point.min is not None and point.max is not None:
        return 3.0 if point.type in _FLOATS else 1.0
    return 0.5
