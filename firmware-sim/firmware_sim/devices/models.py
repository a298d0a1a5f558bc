"""The device models, each on the register map of the real thing.

Sources stand in the gateway's profile of the same model; the maps are written here a second time,
from the makers' side, so that a mistake in one shows against the other.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from firmware_sim.devices.meters import (
    AcrelAdw300,
    ChintDtsu666,
    DraegerPolytron8000,
    EastronSdm630,
    Lx47le125,
    OtisOi7032,
)
from firmware_sim.devices.model import (
    NAN,
    READ_HOLDING,
    READ_INPUT,
    NoSuchAddressError,
    NoSuchFunctionError,
    SimulatedDevice,
    float_words,
    with_floats,
)
from firmware_sim.devices.probes import (
    HachLdoAq,
    KellerNanolevel,
    YosemitechY502,
    YosemitechY510,
    YosemitechY520,
    YosemitechY532,
    YosemitechY533,
    YosemitechY550,
    YosemitechY560,
    YosemitechY700,
)


@dataclass
class HoneywellMidas(SimulatedDevice):
    """Midas gas detector: holding registers 40001 to 40016, float with its low word first."""

    model: str = "honeywell-midas"
    state: int = 1
    low_limit: float = 10.0
    high_limit: float = 20.0
    beats: int = 0

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers 0 to 15."""
        if fc != READ_HOLDING:
            return {}
        points = self.points()
        gas = points["gas_lel"]
        self.beats = (self.beats + 1) & 0xFFFF
        status = self.state | (self.beats & 1) << 11
        status |= 0x40 if gas >= self.low_limit else 0
        status |= 0x80 if gas >= self.high_limit else 0
        words = dict.fromkeys(range(16), 0)
        words[0] = status
        words[1] = 0x0C01
        words[2], words[3] = float_words(gas, "CDAB")
        words[4] = 0 if gas != gas else max(0, min(round(gas), 0xFFFF))  # noqa: PLR0124 - NaN
        words[6] = 1 << 3
        words[7] = round(points.get("temperature_c", 21.0)) & 0xFFFF
        words[8] = min(round(points.get("cell_life_h", 8760)), 0xFFFF)
        if words[8] == 0:  # a spent cell is a fault of the instrument
            words[0] |= 0x10
        words[9] = self.beats
        words[10] = 500
        words[12], words[13] = float_words(self.low_limit, "CDAB")
        words[14], words[15] = float_words(self.high_limit, "CDAB")
        return words


@dataclass
class EastronSdm120(SimulatedDevice):
    """SDM120 meter: input registers, floats high word first."""

    model: str = "eastron-sdm120"

    def registers(self, fc: int) -> dict[int, int]:
        """Return input registers."""
        if fc != READ_INPUT:
            return {}
        p = self.points()
        apparent = p["voltage_v"] * p["current_a"]
        words = with_floats(
            {
                0x0000: p["voltage_v"],
                0x0006: p["current_a"],
                0x000C: p["power_w"],
                0x0012: apparent,
                0x001E: p["power_factor"],
                0x0046: p["frequency_hz"],
                0x0048: p["energy_kwh"],
                0x004A: 0.0,
            },
            fill=(0, 0x4F),
        )
        words.update(with_floats({0x0156: p["energy_kwh"]}))
        return words


@dataclass
class AcrelAsj(SimulatedDevice):
    """ASJ residual-current relay: holding registers 0x0000 to 0x001E."""

    model: str = "acrel-asj"
    rated_ma: int = 300
    warning_ma: int = 240
    transformer_open: bool = False

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers."""
        if fc != READ_HOLDING:
            return {}
        current = max(0, min(round(self.points()["residual_current_ma"]), 30_000))
        words = dict.fromkeys(range(0x1F), 0)
        words[0x0000] = current
        words[0x0008] = self.rated_ma
        words[0x0009] = self.warning_ma
        words[0x0018] = 1
        words[0x0019] = 2
        words[0x001B] = (
            (current >= self.warning_ma) | (current >= self.rated_ma) << 1 | self.transformer_open << 2
        )
        return words


@dataclass
class KellerAcculevel(SimulatedDevice):
    """Acculevel pressure transmitter: float bar and °C at 0x0100."""

    model: str = "keller-acculevel"

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        words = with_floats({0x0100: p["pressure_kpa"] / 100, 0x0102: p.get("temperature_c", 15.0)})
        words.update({0x0202: 0, 0x0203: 4711, 0x020D: 1})
        return words


@dataclass
class YosemitechY4000(SimulatedDevice):
    """Y4000 sonde: eight floats with all bytes reversed from 0x2601, error byte at 0x0800."""

    model: str = "yosemitech-y4000"
    error: int = 0
    _points: tuple[str, ...] = (
        "dissolved_oxygen_mg_l",
        "turbidity_ntu",
        "conductivity_ms_cm",
        "ph",
        "temperature_c",
        "redox_mv",
        "chlorophyll_ug_l",
        "blue_green_algae",
    )

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        words = with_floats(
            {0x2601 + 2 * i: p.get(name, 0.0) for i, name in enumerate(self._points)}, order="DCBA"
        )
        words[0x0800] = self.error
        return words


@dataclass
class YsiOdo(SimulatedDevice):
    """ODO RTU probe: input registers, even start and even count, NaN where there is no value."""

    model: str = "ysi-odo"

    def registers(self, fc: int) -> dict[int, int]:
        """Return input registers."""
        if fc != READ_INPUT:
            return {}
        p = self.points()
        oxygen = p["dissolved_oxygen_mg_l"]
        saturation = oxygen / 9.1 * 100
        values = {
            0x00: saturation,
            0x02: oxygen,
            0x04: saturation,
            0x06: p.get("temperature_c", NAN),
            0x08: p.get("temperature_c", NAN),
            0x0A: 0.0,
            **dict.fromkeys(range(0x0C, 0x16, 2), NAN),
        }
        return with_floats(values)

    def read(self, fc: int, address: int, count: int) -> list[int]:
        """Return words; an odd start or count is refused as the real probe does."""
        if address % 2 or count % 2:
            raise NoSuchAddressError
        return super().read(fc, address, count)


@dataclass
class CoilSwitch(SimulatedDevice):
    """Whatever is switched by coil 0.

    Attributes:
        closed: what the coil shows.
        writes: every value that was written.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("valve_closed", "running", "sounding")
    """What the coil is called in profiles, for scenarios that pin it."""

    closed: bool = False
    writes: list[bool] = field(default_factory=list)

    def registers(self, fc: int) -> dict[int, int]:
        """Return coil 0."""
        points = self.points()
        shown = next((points[name] for name in self.SHOWN if name in points), self.closed)
        return {0: int(shown)} if fc == 1 else {}

    def write(self, fc: int, address: int, values: list[int]) -> None:
        """Take a coil."""
        if fc not in (5, 15):
            raise NoSuchFunctionError
        if address != 0 or len(values) != 1:
            raise NoSuchAddressError
        self.closed = bool(values[0])
        self.writes.append(self.closed)


@dataclass
class CoilRelay(CoilSwitch):
    """A relay or gas valve on coil 0: 1 means told to be closed. It is opened by hand."""

    model: str = "coil-relay"


@dataclass
class FanRelay(CoilSwitch):
    """A relay of a fan on coil 0: 1 means told to run."""

    model: str = "fan-relay"


@dataclass
class SirenRelay(CoilSwitch):
    """A relay of a siren on coil 0: 1 means told to sound."""

    model: str = "siren-relay"


MODELS: Final[dict[str, type[SimulatedDevice]]] = {
    "honeywell-midas": HoneywellMidas,
    "eastron-sdm120": EastronSdm120,
    "acrel-asj": AcrelAsj,
    "keller-acculevel": KellerAcculevel,
    "yosemitech-y4000": YosemitechY4000,
    "ysi-odo": YsiOdo,
    "coil-relay": CoilRelay,
    "fan-relay": FanRelay,
    "siren-relay": SirenRelay,
    "draeger-polytron-8000": DraegerPolytron8000,
    "otis-oi-7032": OtisOi7032,
    "eastron-sdm630": EastronSdm630,
    "chint-dtsu666": ChintDtsu666,
    "acrel-adw300": AcrelAdw300,
    "lx47le-125": Lx47le125,
    "keller-nanolevel": KellerNanolevel,
    "hach-ldo-aq": HachLdoAq,
    "yosemitech-y502": YosemitechY502,
    "yosemitech-y510": YosemitechY510,
    "yosemitech-y520": YosemitechY520,
    "yosemitech-y532": YosemitechY532,
    "yosemitech-y533": YosemitechY533,
    "yosemitech-y550": YosemitechY550,
    "yosemitech-y560": YosemitechY560,
    "yosemitech-y700": YosemitechY700,
}
