"""What time does to a device: batteries drain, sensors drift and grow dull, cells come to their end. Pure."""

import math
from dataclasses import dataclass
from typing import Final

HOURS_A_DAY: Final = 24
DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """How a device ages.

    Attributes:
        life_days: after so long the cell is spent; None is never.
        battery_days: after so long the battery is empty; None has no battery.
        loss_per_year: share of the sensitivity that is lost each year, as catalytic cells lose it.
        drift_per_day: what the zero wanders each day, in the unit of the value.
    """

    life_days: float | None = None
    battery_days: float | None = None
    loss_per_year: float = 0.0
    drift_per_day: float = 0.0

    def show(self, value: float, age_days: float) -> float:
        """Return what an aged sensor shows for a true value; a spent cell shows its drift alone."""
        zero = self.drift_per_day * age_days
        if self.is_spent(age_days):
            return zero
        return value * math.exp(math.log1p(-self.loss_per_year) * age_days / DAYS_A_YEAR) + zero

    def is_spent(self, age_days: float) -> bool:
        """Tell whether the cell is past its life."""
        return self.life_days is not None and age_days >= self.life_days

    def cell_life_h(self, age_days: float) -> float | None:
        """Return the hours the cell has left, none if it never ends."""
        if self.life_days is None:
            return None
        return max(0.0, (self.life_days - age_days) * HOURS_A_DAY)

    def battery_percent(self, age_days: float) -> float | None:
        """Return the battery's charge; None without a battery."""
        if self.battery_days is None:
            return None
        return max(0.0, 100.0 * (1 - age_days / self.battery_days))

    def battery_v(self, age_days: float) -> float | None:
        """Return a lithium cell's voltage: flat for most of its life, then a steep end."""
        charge = self.battery_percent(age_days)
        if charge is None:
            return None
        return 3.0 + 0.5 * min(1.0, charge / 10) + 0.1 * charge / 100 if charge > 0 else 0.0

    def is_dead(self, age_days: float) -> bool:
        """Tell whether the battery is empty: the device falls silent."""
        return self.battery_days is not None and age_days >= self.battery_days
