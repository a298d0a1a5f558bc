"""A distance from the place of an item: made coarse at once, and said in words. Pure."""

import math
from dataclasses import dataclass
from typing import Final

ON_SITE_M: Final = 100
"""Nearer than this, its own inaccuracy taken off, counts as on site: a building is that large."""
_FINE_M: Final = 1_000
_STEP_M: Final = 50
_POLE: Final = 90.0
_WORST_ACCURACY_M: Final = 2_000
"""A telephone that knows only its cell says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What a telephone says of itself, in WGS 84."""

    latitude: float
    longitude: float
    accuracy_m: float

    @property
    def is_credible(self) -> bool:
        """Whether it is a position at all, known to better than two kilometres."""
        known = all(math.isfinite(one) for one in (self.latitude, self.longitude, self.accuracy_m))
        on_earth = abs(self.latitude) <= _POLE and abs(self.longitude) <= 2 * _POLE
        return known and on_earth and self.accuracy_m <= _WORST_ACCURACY_M


def coarse_m(metres: float) -> int:
    """Return a distance as finely as it is kept: by 50 m, beyond a kilometre by 500 m."""
    step = _STEP_M if metres < _FINE_M else 10 * _STEP_M
    return round(metres / step) * step


def is_on_site(metres: float, accuracy_m: float) -> bool:
    """Tell whether somebody may have been at the place."""
    return metres - accuracy_m <= ON_SITE_M


def distance_words(metres: int, *, on_site: bool) -> tuple[str, dict[str, str]]:
    """Return the words of a distance, the key of their translation, with their values."""
    if on_site:
        return "在现场", {}
    if metres < _FINE_M:
        return "离现场约 %(metres)s 米", {"metres": str(metres)}
    return "离现场约 %(km)s 公里", {"km": f"{metres / 1000:.1f}".rstrip("0").rstrip(".")}
