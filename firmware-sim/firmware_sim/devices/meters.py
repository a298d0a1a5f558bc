"""Electricity meters, a breaker and a controller of gas sensors, on the makers' register maps."""

from dataclasses import dataclass
from typing import ClassVar, Final

from firmware_sim.devices.model import READ_HOLDING, READ_INPUT, SimulatedDevice, float_words, with_floats

_CHANNELS: Final = 32


@dataclass
class EastronSdm630(SimulatedDevice):
    """SDM630 meter: input registers, floats high word first, three phases beside each other."""

    model: str = "eastron-sdm630"
    _places: ClassVar[dict[int, str]] = {
        **{0x00 + 2 * i: f"voltage_l{i + 1}_v" for i in range(3)},
        **{0x06 + 2 * i: f"current_l{i + 1}_a" for i in range(3)},
        **{0x0C + 2 * i: f"power_l{i + 1}_w" for i in range(3)},
        **{0x1E + 2 * i: f"power_factor_l{i + 1}" for i in range(3)},
        0x34: "power_w",
        0x38: "apparent_power_va",
        0x3C: "reactive_power_var",
        0x3E: "power_factor",
        0x46: "frequency_hz",
        0x48: "energy_import_kwh",
        0x4A: "energy_export_kwh",
        **{0xEA + 2 * i: f"voltage_distortion_l{i + 1}_percent" for i in range(3)},
        0x156: "energy_kwh",
    }

    def registers(self, fc: int) -> dict[int, int]:
        """Return input registers; what lies between the known ones is there and shows 0."""
        if fc != READ_INPUT:
            return {}
        p = self.points()
        words = with_floats({}, fill=(0, 0xFF)) | with_floats({}, fill=(0x156, 0x181))
        return words | with_floats({at: p.get(name, 0.0) for at, name in self._places.items()})


@dataclass
class ChintDtsu666(SimulatedDevice):
    """DTSU666 meter: holding registers, floats in the maker's small units."""

    model: str = "chint-dtsu666"
    _places: ClassVar[dict[int, tuple[str, float]]] = {
        0x101E: ("energy_import_kwh", 1),
        0x1028: ("energy_export_kwh", 1),
        **{0x2006 + 2 * i: (f"voltage_l{i + 1}_v", 10) for i in range(3)},
        **{0x200C + 2 * i: (f"current_l{i + 1}_a", 1000) for i in range(3)},
        0x2012: ("power_w", 10),
        **{0x2014 + 2 * i: (f"power_l{i + 1}_w", 10) for i in range(3)},
        0x201A: ("reactive_power_var", 10),
        0x202A: ("power_factor", 1000),
        0x2044: ("frequency_hz", 100),
    }

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        words = with_floats({}, fill=(0x101E, 0x1031)) | with_floats({}, fill=(0x2006, 0x2045))
        shown = {at: p.get(name, 0.0) * factor for at, (name, factor) in self._places.items()}
        return words | with_floats(shown)


@dataclass
class AcrelAdw300(SimulatedDevice):
    """ADW300 meter: holding registers, whole numbers."""

    model: str = "acrel-adw300"

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers 0 to 99."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        words = dict.fromkeys(range(100), 0)
        for i in range(3):
            words[20 + i] = round(p.get(f"voltage_l{i + 1}_v", 0.0) * 10)
            words[26 + i] = round(p.get(f"current_l{i + 1}_a", 0.0) * 100)
        longs = {30 + 2 * i: p.get(f"power_l{i + 1}_w", 0.0) for i in range(3)}
        longs[36] = p.get("power_w", 0.0)
        longs[62] = p.get("energy_import_kwh", 0.0) * 100
        longs[64] = p.get("energy_export_kwh", 0.0) * 100
        for at, value in longs.items():
            raw = round(value) & 0xFFFFFFFF
            words[at], words[at + 1] = raw >> 16, raw & 0xFFFF
        return words


@dataclass
class Lx47le125(SimulatedDevice):
    """LX47LE-125 breaker: input registers 0 to 31; coils and holding registers are not simulated."""

    model: str = "lx47le-125"
    closed: bool = True
    locked: bool = False

    def registers(self, fc: int) -> dict[int, int]:
        """Return input registers."""
        if fc != READ_INPUT:
            return {}
        p = self.points()
        words = dict.fromkeys(range(0x20), 0)
        words[0] = (0xF0 if self.closed else 0x0F) | self.locked << 8
        words[1] = words[2] = words[3] = 0xFFFF
        words[4] = round(p.get("frequency_hz", 50.0) * 10)
        words[5] = round(p.get("residual_current_ma", 0.0))
        words[6] = round(p.get("neutral_temperature_c", 25.0)) + 40
        words[7] = round(p.get("line_temperature_c", 25.0)) + 40
        words[8] = round(p.get("voltage_v", 230.0))
        words[9] = round(p.get("current_a", 0.0) * 100)
        words[10] = round(p.get("power_factor", 1.0) * 100)
        words[11] = round(p.get("power_w", 0.0))
        return words


@dataclass
class OtisOi7032(SimulatedDevice):
    """OI-7032 controller: 32 channels, each quantity in a block of its own."""

    model: str = "otis-oi-7032"

    def registers(self, fc: int) -> dict[int, int]:
        """Return holding registers 0x00 to 0x11F."""
        if fc != READ_HOLDING:
            return {}
        p = self.points()
        words = dict.fromkeys(range(0x120), 0)
        for channel in range(_CHANNELS):
            name = f"ch{channel + 1:02}"
            words[channel] = channel + 1
            at = 0x20 + 2 * channel
            words[at], words[at + 1] = float_words(p.get(f"{name}_reading", 0.0))
            at = 0x80 + 2 * channel
            words[at], words[at + 1] = float_words(p.get(f"{name}_battery_v", 3.6))
            words[0xC0 + channel] = round(p.get(f"{name}_age_s", 1.0))
            words[0xE0 + channel] = 2
            words[0x100 + channel] = 6
        return words


@dataclass
class DraegerPolytron8000(SimulatedDevice):
    """Polytron 8000 detector: its reading at holding register 506, float high word first."""

    model: str = "draeger-polytron-8000"

    def registers(self, fc: int) -> dict[int, int]:
        """Return the two holding registers that are publicly known."""
        return with_floats({506: self.points()["gas_lel"]}) if fc == READ_HOLDING else {}
