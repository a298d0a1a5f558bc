"""The physics behind the numbers. Pure: seeded, the time is an argument, time may run faster."""

import math
import random
from dataclasses import dataclass, field
from typing import Final

from firmware_sim.circuits import Cable, Feeders

LEL_METHANE_PERCENT_VOL: Final = 5.0
_FAN_M3_S: Final = 0.5
_WINDOW_M3_S: Final = 0.5
SPILL_PASSES_S: Final = 1800.0


@dataclass(slots=True)
class Room:
    """A room that gas leaks into: perfectly mixed air, `dC/dt = leak/V − C × exchange/V`.

    Attributes:
        volume_m3: of air.
        ventilation_m3_s: air exchanged without the fan.
        leak_m3_s: methane that escapes while the valve is open.
        gas_lel: concentration, in percent of methane's lower explosive limit (5 % by volume).
        valve_closed: whether the gas valve is closed.
        fan_on: whether a fan runs or the window stands open.
        siren_on: whether a siren sounds.
        opens_after_s: after how long of siren somebody in it opens the window; None is nobody there.
        heard_s: how long the siren has been heard.
    """

    volume_m3: float = 20.0
    ventilation_m3_s: float = 0.02
    leak_m3_s: float = 0.0
    gas_lel: float = 0.0
    valve_closed: bool = False
    fan_on: bool = False
    siren_on: bool = False
    opens_after_s: float | None = None
    heard_s: float = 0.0

    @property
    def window_open(self) -> bool:
        """Whether somebody who heard the siren has opened the window."""
        return self.opens_after_s is not None and self.heard_s >= self.opens_after_s

    def advance(self, seconds: float) -> None:
        """Let time pass: the exact solution of the balance, so the step may be long."""
        if self.siren_on and self.opens_after_s is not None and not self.window_open:
            shut_s = min(seconds, self.opens_after_s - self.heard_s)
            self._mix(shut_s)
            self.heard_s += shut_s
            seconds -= shut_s
        self._mix(seconds)

    def _mix(self, seconds: float) -> None:
        leak = 0.0 if self.valve_closed else self.leak_m3_s
        exchange = self.ventilation_m3_s + (_FAN_M3_S if self.fan_on else 0.0)
        exchange += _WINDOW_M3_S if self.window_open else 0.0
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
        self.spill_mg_l *= math.exp(-seconds / SPILL_PASSES_S)
        self.temperature_c = 18 + 2 * day
        self.dissolved_oxygen_mg_l = max(7.5 + 1.2 * day - 0.5 * self.spill_mg_l, 0.2)
        self.turbidity_ntu = 18 + 8 * self.spill_mg_l
        self.ph = 7.4 + 0.1 * day - 0.05 * min(self.spill_mg_l, 40.0)
        self.conductivity_ms_cm = 0.41 + 0.02 * self.spill_mg_l


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
    hydrants: dict[str, Hydrant] = field(default_factory=dict)
    mains: Mains = field(default_factory=Mains)
    cable: Cable = field(default_factory=Cable)
    feeders: Feeders = field(default_factory=Feeders)
    river: River = field(default_factory=River)
    noise: random.Random = field(default_factory=random.Random)
    age_days: float = 0.0
    """How long it has run; devices add the age they began with."""

    def __post_init__(self) -> None:
        """Seed the noise, so that the same scenario gives the same numbers."""
        self.noise.seed(self.seed)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        for room in self.rooms.values():
            room.advance(seconds)
        self.mains.advance(seconds, self.noise)
        self.cable.current_a = self.mains.current_a
        self.cable.advance(seconds)
        self.river.advance(seconds)
        self.age_days += seconds / 86_400
