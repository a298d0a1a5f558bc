"""How `scan modbus` reads its options and shows what it finds."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final, TypeVar

from edge.drivers.transports import RtuOverTcpTransport, TcpTransport, Transport
from edge.errors import LinkError
from edge.tools.occupancy import port_users
from edge.tools.progress import show_progress
from edge.tools.scanning import FoundUnit, ScanPlan, estimate_s, scan_modbus, serial_candidates, site_fragment

FOUND: Final = 0
NOTHING: Final = 1
UNREACHABLE: Final = 2
OCCUPIED: Final = 3
BAUDS: Final = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
PARITIES: Final = ("none", "even", "odd")
_MOST_UNIT: Final = 247
_PORT: Final = 502
_MOST_SHOWN: Final = 3
_T = TypeVar("_T")
Say = Callable[[str], None]


def plan_scan(
    line: str,
    *,
    rtu: bool,
    units: str,
    bauds: str,
    parities: str,
    timeout_s: float,
    pause_s: float,
    thorough: bool,
) -> ScanPlan:
    """Turn options into a plan.

    Raises:
        ValueError: an option that makes no sense; the text says what is allowed.
    """
    transports: tuple[Transport, ...]
    if line.startswith("/"):
        speeds = [_choice("baud", int(baud), BAUDS) for baud in bauds.split(",")]
        checks = [_choice("parity", parity.strip(), PARITIES) for parity in parities.split(",")]
        transports = serial_candidates(line, speeds, checks)
    else:
        host, _, port = line.partition(":")
        kind = RtuOverTcpTransport if rtu else TcpTransport
        transports = (kind(host=host, port=int(port or _PORT)),)
    return ScanPlan(
        transports=transports,
        units=parse_units(units),
        timeout_s=timeout_s,
        pause_s=pause_s,
        functions=(3, 4, 1) if thorough else (3,),
    )


def _choice(name: str, found: _T, allowed: tuple[_T, ...]) -> _T:
    if found not in allowed:
        raise ValueError(f"found {name} {found!r}, allowed {', '.join(map(str, allowed))}")
    return found


def parse_units(text: str) -> tuple[int, ...]:
    """Return the numbers of a list such as `1-32,100`.

    Raises:
        ValueError: it is no such list, or one of them is no unit (1 to 247).
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, _, last = part.partition("-")
        try:
            low, high = int(first), int(last or first)
        except ValueError as error:
            raise ValueError(f"found units {text!r}, allowed numbers and ranges: 1-32,100") from error
        if not 1 <= low <= high <= _MOST_UNIT:
            raise ValueError(f"found units {part!r}, allowed 1 to {_MOST_UNIT}")
        found.update(dict.fromkeys(range(low, high + 1)))
    return tuple(found)


def run_scan(plan: ScanPlan, *, as_json: bool, say: Say, note: Say) -> int:
    """Scan and show; returns the exit code.

    Args:
        plan: what to look through.
        as_json: whether the output is one JSON document.
        say: writes a line of output.
        note: writes a line about the work.
    """
    device = getattr(plan.transports[0], "device", "")
    if device and (users := port_users(device)):
        note(f"{device} is open in {', '.join(users)}; one line has one master, stop that first")
        return OCCUPIED
    if device and not Path(device).exists():
        note(f"{device} is not there")
        return UNREACHABLE
    note(f"{plan.steps} questions, at most {estimate_s(plan)} s while nobody answers")
    try:
        with show_progress("scanning", plan.steps) as advance:
            found = asyncio.run(scan_modbus(plan, advance))
    except LinkError as error:
        note(str(error))
        return UNREACHABLE
    if as_json:
        say(json.dumps([_document(one) for one in found], indent=2, ensure_ascii=False))
    elif found:
        _show(found, say)
    if not found:
        note("nobody answers; check wiring, speed, and --units (Modbus allows 1 to 247), then try --thorough")
    return FOUND if found else NOTHING


def _document(one: FoundUnit) -> dict[str, object]:
    return {
        "line": str(one.transport),
        "unit": one.unit,
        "identity": one.identity,
        "matches": [asdict(match) for match in one.matches],
    }


def _show(found: list[FoundUnit], say: Say) -> None:
    for one in found:
        say(f"# unit {one.unit} on {one.transport}" + (f": {one.identity}" if one.identity else ""))
        for match in one.matches[:_MOST_SHOWN]:
            say(f"#   {match.model}, {match.score:.0%}: {', '.join(match.shown)}")
        if not one.matches:
            say("#   no known register map fits; see CONTRIBUTING.md, a new device model")
    say("# A guess from register maps: compare with the name plate before anything relies on it.")
    say(site_fragment(found).rstrip())
