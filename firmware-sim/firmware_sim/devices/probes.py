"""Water probes and pressure transmitters, on the makers' register maps."""

from dataclasses import dataclass
from typing import ClassVar, Final

from firmware_sim.devices.model import READ_HOLDING, SimulatedDevice, with_floats

_ZERO_READ: Final = bytes.fromhex("0325000000")
_NO_REGISTERS: Final = bytes.fromhex("101c000000")
_ERROR_REGISTER: Final = 0x2604


@dataclass
class YosemitechProbe(SimulatedDevice):
    """A Yosemitech probe: floats with all bytes reversed; some measure only after a start command.

    Attributes:
        error: shown in the high byte behind the values, by the models that have it.
        started: whether the start command was heard.
    """

    error: int = 0
    started: bool = False
    _places: ClassVar[dict[int, tuple[str, float]]] = {}
    _start: ClassVar[bytes] = b""
    _has_error: ClassVar[bool] = False

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers; values are 0 until the probe was started."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        on = self.started or not self._start
        shown = {at: p.get(name, 0.0) * factor if on else 0.0 for at, (name, factor) in self._places.items()}
        words = with_floats(shown, order="DCBA")
        if self._has_error:
            words[_ERROR_REGISTER] = self.error << 8
        return words

    def special(self, request: bytes) -> bytes | None:
        """Take the model's start command."""
        if not self._start or not request.startswith(self._start):
            return None
        self.started = True
        return b"\x03\x00" if request[0] == READ_HOLDING else request[:5]


@dataclass
class YosemitechY502(YosemitechProbe):
    """Y502 and Y504: temperature, saturation as a ratio, mg/L."""

    model: str = "yosemitech-y502"
    _start: ClassVar[bytes] = _ZERO_READ
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x2600: ("temperature_c", 1),
        0x2602: ("dissolved_oxygen_percent", 0.01),
        0x2604: ("dissolved_oxygen_mg_l", 1),
    }


@dataclass
class YosemitechY510(YosemitechProbe):
    """Y510 and Y511: temperature, turbidity, error byte."""

    model: str = "yosemitech-y510"
    _start: ClassVar[bytes] = _ZERO_READ
    _has_error: ClassVar[bool] = True
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x2600: ("temperature_c", 1),
        0x2602: ("turbidity_ntu", 1),
    }


@dataclass
class YosemitechY520(YosemitechProbe):
    """Y520 and Y521: temperature, conductivity, error byte; started by function 16 without registers."""

    model: str = "yosemitech-y520"
    _start: ClassVar[bytes] = _NO_REGISTERS
    _has_error: ClassVar[bool] = True
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x2600: ("temperature_c", 1),
        0x2602: ("conductivity_ms_cm", 1),
    }


@dataclass
class YosemitechY532(YosemitechProbe):
    """Y532: pH, temperature and potential, each at a place of its own."""

    model: str = "yosemitech-y532"
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x1200: ("electrode_mv", 1),
        0x2400: ("temperature_c", 1),
        0x2800: ("ph", 1),
    }


@dataclass
class YosemitechY533(YosemitechProbe):
    """Y533: redox potential and temperature."""

    model: str = "yosemitech-y533"
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x1200: ("redox_mv", 1),
        0x2400: ("temperature_c", 1),
    }


@dataclass
class YosemitechY550(YosemitechProbe):
    """Y550 and Y551: temperature, COD, error byte; turbidity apart."""

    model: str = "yosemitech-y550"
    _start: ClassVar[bytes] = _ZERO_READ
    _has_error: ClassVar[bool] = True
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x1200: ("turbidity_ntu", 1),
        0x2600: ("temperature_c", 1),
        0x2602: ("cod_mg_l", 1),
    }


@dataclass
class YosemitechY560(YosemitechProbe):
    """Y560: ammonium, temperature, and pH as the second float of its block."""

    model: str = "yosemitech-y560"
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x2400: ("temperature_c", 1),
        0x2600: ("", 1),
        0x2602: ("ph", 1),
        0x2800: ("ammonium_mg_l", 1),
    }


@dataclass
class YosemitechY700(YosemitechProbe):
    """Y700: pressure in millimetres of water as the second float of its block."""

    model: str = "yosemitech-y700"
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x2400: ("temperature_c", 1),
        0x2600: ("", 1),
        0x2602: ("pressure_kpa", 1000 / 9.80665),
        0x2604: ("", 1),
    }


@dataclass
class HachLdoAq(SimulatedDevice):
    """LDO AQ oxygen probe: whole numbers from register 40001 on."""

    model: str = "hach-ldo-aq"

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers 0 to 13."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        words = dict.fromkeys(range(14), 0)
        words[0] = round(p["dissolved_oxygen_mg_l"] * 1000)
        words[1] = round(p.get("temperature_c", 15.0) * 100) & 0xFFFF
        words[11] = round(p.get("dissolved_oxygen_percent", 100.0))
        return words


@dataclass
class KellerNanolevel(SimulatedDevice):
    """Nanolevel pressure transmitter: bar at 0x0002, °C at 0x0006."""

    model: str = "keller-nanolevel"

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        return with_floats(
            {0x0002: p["pressure_kpa"] / 100, 0x0006: p.get("temperature_c", 15.0)}, fill=(0, 7)
        )
