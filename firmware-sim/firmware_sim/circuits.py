"""Electricity behind the meters: a cable that heats and chars, and what hangs on a feeder. Pure."""

import math
from dataclasses import dataclass, field
from typing import Final

CHARRING_C: Final = 120.0
"""Above this PVC insulation decomposes; it is made for 70 °C in service."""
_NATURAL_MA: Final = 35.0
"""Leakage of one flat's sound insulation; a whole board has 100 mA to 200 mA (GB 50116, 9.2.3, notes)."""
_CHARRED_MA: Final = 900.0
"""What charred insulation adds: over the 300 mA that can start a fire."""


@dataclass(slots=True)
class Cable:
    """A cable that warms up with the square of its current: `dT/dt = (ambient + k·I² − T)/τ`.

    Attributes:
        current_a: through it.
        ambient_c: of the air.
        heating_c_per_a2: temperature rise in the long run for each square ampere.
        joint: how many times worse its worst joint is; 1 is sound, 20 smoulders under load.
        time_constant_s: of warming up.
        temperature_c: of the worst joint.
        charred: share of the insulation that is gone, 0 to 1.
        charring_s: how long it takes above `CHARRING_C`.
        leakage_ma: leakage laid on by hand, on top.
    """

    current_a: float = 3.2
    ambient_c: float = 24.0
    heating_c_per_a2: float = 0.05
    joint: float = 1.0
    time_constant_s: float = 600.0
    temperature_c: float = 24.5
    charred: float = 0.0
    charring_s: float = 1800.0
    leakage_ma: float = 0.0

    @property
    def residual_ma(self) -> float:
        """Residual current that a monitor sees."""
        return _NATURAL_MA + _CHARRED_MA * self.charred + self.leakage_ma

    @property
    def settled_c(self) -> float:
        """Where the temperature goes in the long run."""
        return self.ambient_c + self.heating_c_per_a2 * self.joint * self.current_a**2

    def advance(self, seconds: float) -> None:
        """Let time pass: exact, so the step may be long."""
        before, settled = self.temperature_c, self.settled_c
        self.temperature_c = settled + (before - settled) * math.exp(-seconds / self.time_constant_s)
        hot_s = _above(before, settled, self.time_constant_s, seconds)
        self.charred = min(1.0, self.charred + hot_s / self.charring_s)


def _above(start_c: float, settled_c: float, time_constant_s: float, seconds: float) -> float:
    """Return how long of a step is spent above the charring temperature."""
    end_c = settled_c + (start_c - settled_c) * math.exp(-seconds / time_constant_s)
    if start_c >= CHARRING_C and end_c >= CHARRING_C:
        return seconds
    if start_c < CHARRING_C and end_c < CHARRING_C:
        return 0.0
    crossing_s = -time_constant_s * math.log((CHARRING_C - settled_c) / (start_c - settled_c))
    return seconds - crossing_s if end_c >= CHARRING_C else crossing_s


@dataclass(slots=True)
class Feeders:
    """Which feeders carry no power, and what hangs on each."""

    loads: dict[str, set[str]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)

    def connect(self, device: str, feeder: str) -> None:
        """Let a device hang on a feeder."""
        self.loads.setdefault(feeder, set()).add(device)

    def switch(self, feeder: str, *, on: bool) -> frozenset[str]:
        """Switch a feeder; returns the devices that change."""
        was_dead = feeder in self.dead
        (self.dead.discard if on else self.dead.add)(feeder)
        return frozenset(self.loads.get(feeder, ())) if was_dead == on else frozenset()
