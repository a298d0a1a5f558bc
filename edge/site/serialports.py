"""Serial ports by a name that stays: which path of a port is stable, and which buses share one port."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from edge.site.busconfig import ModbusBusSettings, ModbusRtuBusSettings

_COUNTED: Final = re.compile(r"^/dev/tty(USB|ACM)\d+$")
"""Names that the kernel gives in the order in which it finds adapters."""
STABLE_FOLDERS: Final = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))
"""By what the adapter says of itself, and, for adapters that say the same, by the socket it is in."""

Found = Iterator[tuple[tuple[str | int, ...], str]]


def list_stable_names(device: str, folders: Iterable[Path] = STABLE_FOLDERS) -> list[str]:
    """Return the names under which a port stays the same over restarts, the best first.

    An adapter without a serial number has the same name in `by-id` as its twin; that name leads to
    whichever was found last, so it is only listed if it leads to this port.
    """
    target = _resolve(device)
    return [
        str(link)
        for folder in folders
        if folder.is_dir()
        for link in sorted(folder.iterdir())
        if _resolve(str(link)) == target
    ]


def check_ports(
    buses: Iterable[tuple[int, Any]], *, stable_names: Callable[[str], list[str]] = list_stable_names
) -> Found:
    """Yield every Modbus bus whose port has a name that does not stay, or belongs to another bus.

    Args:
        buses: those that can be read, each with its index in the file.
        stable_names: finds the names of a port that stay.
    """
    taken: dict[str, str] = {}
    for index, bus in buses:
        if not isinstance(bus, ModbusBusSettings):
            continue
        port = bus.device if isinstance(bus, ModbusRtuBusSettings) else f"{bus.host}:{bus.port}"
        at = ("buses", index, "device" if isinstance(bus, ModbusRtuBusSettings) else "host")
        place = _resolve(port) if isinstance(bus, ModbusRtuBusSettings) else port
        if place in taken:
            yield (
                at,
                f"found {port!r}, the port of bus {taken[place]!r}; one port is one bus, whatever is on it",
            )
        taken.setdefault(place, bus.id)
        if _COUNTED.match(port):
            names = stable_names(port)
            hint = names[0] if names else "its name in /dev/serial/by-id or /dev/serial/by-path"
            yield at, f"found {port!r}, which may be another port tomorrow; use {hint}"


def _resolve(device: str) -> str:
    try:
        return str(Path(device).resolve())
    except (OSError, RuntimeError, ValueError):
        return device
