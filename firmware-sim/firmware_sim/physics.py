"""The physics behind the numbers. Pure: seeded, the time is an argument, time may run faster."""

import math
import random
from dataclasses import dataclass, field
from typing import Final

LEL_METHANE_PERCENT_VOL: Final = 5.0
_FAN_M3_S: Final = 0.5


@dataclass(slots=True)
class Room:
    """A room that gas leaks into: perfectly mixed air, `dC/dt = leak/V − C × exchange/V`.

    Attributes:
        volume_m3: of air.
        ventilation_m3_s: air exchanged without the fan.
        leak_m3_s: methane that escapes while the valve is open.
        gas_lel: concentration, in percent of methane's lower explosive limit (5 % by volume).
        valve_closed: whether the gas valve is closed.
        fan_on: whether the fan runs.
    """

    volume_m3: float = 20.0
    ventilation_m3_s: float = 0.02
    leak_m3_s: float = 0.0
    gas_lel: float = 0.0
    valve_closed: bool = False
    fan_on: bool = False

    def advance(self, seconds: float) -> None:
        """Let time pass: the exact solution of the balance, so the step may be long."""
        leak = 0.0 if self.valve_closed else self.leak_m3_s
        exchange = self.ventilation_m3_s + (_FAN_M3_S if self.fan_on else 0.0)
        to_lel = 100.0 / (LEL_METHANE_PERCENT_VOL / 100.0)
        if exchange <= 0:
            self.gas_lel += leak / self.volume_m3 * to_lel * seconds
            return
        settled = leak / exchange * to_lel
        decay = math.exp(-exchange / self.volume_m3 * seconds)
        self.gas_lel = settled + (self.gas_lel - settled) * decay


@dataclass(slots=True)
class Mains:
    """A flat's power supply: voltage wanders, current follows the load, energy adds up."""

    voltage_v: float = 230.0
    current_a: float = 3.2
    power_factor: float = 0.97
    frequency_hz: float = 50.0
    energy_kwh: float = 1234.5

    @property
    def power_w(self) -> float:
        """Active power."""
        return self.voltage_v * self.current_a * self.power_factor

    def advance(self, seconds: float, noise: random.Random) -> None:
        """Let time pass."""
        self.voltage_v += 0.1 * (230.0 - self.voltage_v) * min(seconds, 1) + noise.gauss(0, 0.2)
        self.frequency_hz = 50.0 + noise.gauss(0, 0.01)
        self.energy_kwh += self.power_w * seconds / 3_600_000


@dataclass(slots=True)
class River:
    """A river at a station: oxygen and temperature follow the day, a spill passes by."""

    hour: float = 8.0
    spill_mg_l: float = 0.0
    temperature_c: float = 18.0
    dissolved_oxygen_mg_l: float = 7.5
    ph: float = 7.4
    turbidity_ntu: float = 18.0
    conductivity_ms_cm: float = 0.41

    def advance(self, seconds: float) -> None:
        """Let time pass: light makes oxygen, a spill eats it and is carried off in half an hour."""
        self.hour = (self.hour + seconds / 3600) % 24
        day = math.sin((self.hour - 9) / 24 * 2 * math.pi)
        self.spill_mg_l *= math.exp(-seconds / 1800)
        self.temperature_c = 18 + 2 * day
        self.dissolved_oxygen_mg_l = max(7.5 + 1.2 * day - 0.5 * self.spill_mg_l, 0.2)
        self.turbidity_ntu = 18 + 8 * self.spill_mg_l


@dataclass(slots=True)
class Hydrant:
    """A hydrant: static pressure, which falls when it is opened."""

    static_kpa: float = 350.0
    opened: float = 0.0
    temperature_c: float = 15.0

    @property
    def pressure_kpa(self) -> float:
        """Pressure at the hydrant; an open one loses most of it."""
        return self.static_kpa * (1 - 0.8 * self.opened)


@dataclass(slots=True)
class World:
    """Everything physical of one scenario."""

    seed: int = 1
    rooms: dict[str, Room] = field(default_factory=dict)
    mains: Mains = field(default_factory=Mains)
    river: River = field(default_factory=River)
    hydrant: Hydrant = field(default_factory=Hydrant)
    leakage_ma: float = 35.0
    noise: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        """Seed the noise, so that the same scenario gives the same numbers."""
        self.noise.seed(self.seed)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        for room in self.rooms.values():
            room.advance(seconds)
        self.mains.advance(seconds, self.noise)
        self.river.advance(seconds)
