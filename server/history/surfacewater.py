"""Classes of surface water (地表水类别): what a single value would mean. Pure.

Source: GB 3838-2002, table 1 (basic items), read in a public copy. The standard judges validated
samples over time; one value from a probe is a warning, never a verdict. Total nitrogen has limits for lakes
and reservoirs only, turbidity, conductivity and level have none: those need a baseline of their own.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class WaterClass(IntEnum):
    """How clean, the cleanest first."""

    I = 1  # noqa: E741 - the standard's own numeral
    """源头水、国家自然保护区."""
    II = 2
    """集中式生活饮用水地表水源地一级保护区."""
    III = 3
    """二级保护区、渔业水域及游泳区."""
    IV = 4
    """一般工业用水区，人体非直接接触的娱乐用水区."""
    V = 5
    """农业用水区及一般景观要求水域."""
    WORSE = 6
    """劣V类: worse than class V."""


NAMES: Final = {
    WaterClass.I: "I类",
    WaterClass.II: "II类",
    WaterClass.III: "III类",
    WaterClass.IV: "IV类",
    WaterClass.V: "V类",
    WaterClass.WORSE: "劣V类",
}
_SHARED: Final[dict[tuple[WaterClass, ...], str]] = {(WaterClass.I, WaterClass.II): "I、II类"}
"""Classes with the same limit."""
WARNING: Final = "类别限值取自 GB 3838-2002。单个读数只是提示，不能据此判定水质类别。"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLimits:
    """The limits of one quantity for classes I to V.

    Attributes:
        unit: UCUM code in which they stand.
        limits: of class I, II, III, IV, V.
        at_least: True where a class asks for at least so much (oxygen), not for at most.
    """

    unit: str
    limits: tuple[float, float, float, float, float]
    at_least: bool = False

    def lines(self) -> list[tuple[float, str]]:
        """Return each limit once with the classes that have it, e.g. (15, "I、II类")."""
        found: dict[float, list[WaterClass]] = {}
        for class_, limit in zip(WaterClass, self.limits, strict=False):
            found.setdefault(limit, []).append(class_)
        return [
            (limit, NAMES[classes[0]] if len(classes) == 1 else _SHARED[tuple(classes)])
            for limit, classes in found.items()
        ]

    def judge(self, value: float) -> WaterClass:
        """Return the best class whose limit a single value keeps."""
        for class_, limit in zip(WaterClass, self.limits, strict=False):
            if value >= limit if self.at_least else value <= limit:
                return class_
        return WaterClass.WORSE


BY_POINT: Final = {
    "dissolved_oxygen_mg_l": ClassLimits(unit="mg/L", limits=(7.5, 6.0, 5.0, 3.0, 2.0), at_least=True),
    "permanganate_index_mg_l": ClassLimits(unit="mg/L", limits=(2.0, 4.0, 6.0, 10.0, 15.0)),
    "cod_mg_l": ClassLimits(unit="mg/L", limits=(15.0, 15.0, 20.0, 30.0, 40.0)),
    "ammonia_nitrogen_mg_l": ClassLimits(unit="mg/L", limits=(0.15, 0.5, 1.0, 1.5, 2.0)),
    "total_phosphorus_mg_l": ClassLimits(unit="mg/L", limits=(0.02, 0.1, 0.2, 0.3, 0.4)),
}
"""By the point's name; phosphorus as for rivers."""
PH_BOUNDS: Final = (6.0, 9.0)
"""The same for every class."""


def class_lines(point: str, unit: str) -> list[tuple[float, str]]:
    """Return the limits of a point with their names; none where the standard has none in this unit."""
    if point == "ph":
        return [(bound, "pH 6–9") for bound in PH_BOUNDS]
    limits = BY_POINT.get(point)
    return limits.lines() if limits is not None and limits.unit == unit else []


def judge(point: str, unit: str, value: float) -> WaterClass | None:
    """Return what class a single value would be; None where the standard does not say."""
    if point == "ph":
        return WaterClass.I if PH_BOUNDS[0] <= value <= PH_BOUNDS[1] else WaterClass.WORSE
    limits = BY_POINT.get(point)
    return limits.judge(value) if limits is not None and limits.unit == unit else None
