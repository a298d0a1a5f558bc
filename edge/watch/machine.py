"""What Linux tells about the machine and this process; None where it does not tell."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_THERMAL: Final = Path("/sys/class/thermal")
_KIB: Final = 1024
_MILLI: Final = 1000.0


def memory_bytes(proc: Path = _PROC) -> tuple[int | None, int | None]:
    """Return the machine's memory and how much of it programs could still take (proc(5), meminfo)."""
    found: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (proc / "meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in ("MemTotal", "MemAvailable"):
                found[name] = int(value.split()[0]) * _KIB
    return found.get("MemTotal"), found.get("MemAvailable")


def resident_bytes(proc: Path = _PROC) -> int | None:
    """Return how much memory this process holds (proc(5), statm)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((proc / "self" / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def written_bytes(proc: Path = _PROC) -> int | None:
    """Return what this process has caused to be written to disks (proc(5), io: write_bytes)."""
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / "self" / "io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split(":")[1])
    return None


def cpu_temperature_c(thermal: Path = _THERMAL) -> float | None:
    """Return the temperature of the hottest zone in degrees Celsius (kernel: sysfs-class-thermal)."""
    found: list[float] = []
    with contextlib.suppress(OSError):
        for zone in thermal.glob("thermal_zone*/temp"):
            with contextlib.suppress(OSError, ValueError):
                found.append(int(zone.read_text()) / _MILLI)
    return max(found, default=None)


def disk_bytes(folder: Path) -> tuple[int, int] | None:
    """Return size and free space of the disk a folder lies on; None when it cannot be asked."""
    with contextlib.suppress(OSError):
        usage = shutil.disk_usage(folder)
        return usage.total, usage.free
    return None
