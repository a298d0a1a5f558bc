"""`scan modbus`: which units answer on a line, and what they may be. Only reads; nothing is ever written.

Each unit is asked for one register; whoever answers, and be it with an exception, is there. One question
at a time with a pause after it, because other masters' timing and slow converters suffer from haste.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge.drivers.modbuslink import ModbusLink, NoSuchAddressError, UnitPacing
from edge.drivers.modbusprofile import ModbusProfile
from edge.drivers.planner import Block, plan_reads
from edge.drivers.profile import shipped_profiles
from edge.drivers.transports import SerialTransport, Transport
from edge.errors import DriverError, LinkError, NoAnswerError, RefusedError
from edge.tools.fingerprints import Match, rank_models

_IDENTIFY: Final = bytes((0x2B, 0x0E, 0x01, 0x00))
"""Read device identification, basic, from the first object (Application Protocol V1.1b3, 6.21)."""
_LONG_ANSWER_S: Final = 1.0
"""255 characters take 0.3 s at 9600 baud."""
_MOST_SILENCES: Final = 6
"""Of a unit that is there, before the rest of its blocks is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUnit:
    """A unit that answers.

    Attributes:
        transport: the line, with its speed.
        unit: its number.
        identity: what it says of itself, empty where it does not.
        matches: which models it may be, the best first.
    """

    transport: Transport
    unit: int
    identity: str
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPlan:
    """What to look through.

    Attributes:
        transports: the line in every speed to try.
        units: the numbers to ask.
        timeout_s: how long an answer may take.
        pause_s: silence after each question.
        identify: whether found units are looked at more closely.
        functions: with which a unit is asked; some stay silent at one that they do not have.
    """

    transports: tuple[Transport, ...]
    units: tuple[int, ...]
    timeout_s: float
    pause_s: float
    identify: bool = True
    functions: tuple[int, ...] = (3,)

    @property
    def steps(self) -> int:
        """How many questions the search has."""
        return len(self.transports) * len(self.units) * len(self.functions)


def serial_candidates(device: str, bauds: Sequence[int], parities: Sequence[str]) -> tuple[Transport, ...]:
    """Return a serial line in every combination of speed and parity, the usual ones first."""
    return tuple(
        SerialTransport(device=device, baud=baud, parity=parity) for baud in bauds for parity in parities
    )


async def scan_modbus(plan: ScanPlan, advance: Callable[[str], None]) -> list[FoundUnit]:
    """Look for units; a number that answered at one speed is not asked at another.

    Args:
        plan: what to look through.
        advance: told before each question.

    Raises:
        LinkError: the line cannot be opened.
    """
    found: list[FoundUnit] = []
    for transport in plan.transports:
        known = {one.unit for one in found}
        there = await _search(plan, transport, [unit for unit in plan.units if unit not in known], advance)
        found += await _look_at_all(plan, transport, there)
    return found


async def _search(
    plan: ScanPlan, transport: Transport, units: Sequence[int], advance: Callable[[str], None]
) -> list[int]:
    link = ModbusLink(transport, timeout_s=plan.timeout_s, gap_s=plan.pause_s)
    try:
        await link.connect()
        return [unit for unit in units if await _is_there(link, unit, plan, advance)]
    finally:
        link.close()


async def _look_at_all(plan: ScanPlan, transport: Transport, units: Sequence[int]) -> list[FoundUnit]:
    """Look at units more closely, with time for long answers on a slow line."""
    if not units or not plan.identify:
        return [FoundUnit(transport=transport, unit=unit, identity="", matches=()) for unit in units]
    link = ModbusLink(transport, timeout_s=max(plan.timeout_s, _LONG_ANSWER_S), gap_s=plan.pause_s)
    try:
        await link.connect()
        return [await _look_at(link, unit, transport, plan) for unit in units]
    finally:
        link.close()


async def _is_there(link: ModbusLink, unit: int, plan: ScanPlan, advance: Callable[[str], None]) -> bool:
    for function in plan.functions:
        advance(f"unit {unit}")
        try:
            await link.connect()
            await link.read(unit, UnitPacing(pause_s=plan.pause_s), function, 0, 1)
        except (NoAnswerError, LinkError):
            await asyncio.sleep(plan.pause_s)
        except RefusedError:
            return True
        else:
            return True
    return False


async def _look_at(link: ModbusLink, unit: int, transport: Transport, plan: ScanPlan) -> FoundUnit:
    pacing = UnitPacing(pause_s=plan.pause_s)
    profiles = [p for p in shipped_profiles().values() if isinstance(p, ModbusProfile)]
    answers: dict[Block, Sequence[int] | Sequence[bool] | None] = {}
    silences = 0
    for block in _blocks(profiles):
        if silences >= _MOST_SILENCES:
            break
        try:
            answers[block] = await link.read(unit, pacing, block.fc, block.address, block.count)
            silences = 0
        except NoSuchAddressError:
            answers[block] = None
        except NoAnswerError:
            silences += 1
        except LinkError:
            await link.connect()
        except DriverError:
            answers[block] = None
    # Last, because a unit that does not know this question may stay confused for a while.
    identity = await _identity(link, unit, pacing)
    matches = rank_models(profiles, answers, identity=identity)
    return FoundUnit(transport=transport, unit=unit, identity=identity, matches=matches)


def _blocks(profiles: Sequence[ModbusProfile]) -> Iterator[Block]:
    seen: set[Block] = set()
    for profile in profiles:
        for block in plan_reads(profile):
            if block not in seen:
                seen.add(block)
                yield block


async def _identity(link: ModbusLink, unit: int, pacing: UnitPacing) -> str:
    try:
        answer = await link.send_raw(unit, pacing, _IDENTIFY)
    except DriverError:
        return ""
    return read_identity(answer)


def read_identity(pdu: bytes) -> str:
    """Return the texts of a device identification, joined; empty for anything else (6.21)."""
    if len(pdu) < 7 or pdu[:2] != _IDENTIFY[:2]:  # noqa: PLR2004 - its head has seven bytes
        return ""
    texts, at = [], 7
    for _ in range(pdu[6]):
        if at + 2 > len(pdu):
            break
        size = pdu[at + 1]
        texts.append(pdu[at + 2 : at + 2 + size].decode("utf-8", errors="replace"))
        at += 2 + size
    return " ".join(text.strip() for text in texts if text.isprintable() and text.strip())


def site_fragment(found: Sequence[FoundUnit]) -> str:
    """Return lines for a site file with what was found, ready to paste."""
    lines = ["buses:"]
    buses: dict[Transport, str] = {}
    for one in found:
        if one.transport not in buses:
            buses[one.transport] = f"bus-{len(buses) + 1}"
            lines.append(f"  - {{id: {buses[one.transport]}, {_bus_settings(one.transport)}}}")
    lines.append("devices:")
    for one in found:
        best = one.matches[0] if one.matches else None
        model = best.model if best else "FIXME"
        identity = f"  # {one.identity}" if one.identity else ""
        place = f"bus: {buses[one.transport]}, unit: {one.unit}"
        lines.append(f"  - {{id: unit-{one.unit}, {place}, profile: {model}}}{identity}")
    return "\n".join(lines) + "\n"


def _bus_settings(transport: Transport) -> str:
    if isinstance(transport, SerialTransport):
        speed = f"baud: {transport.baud}, parity: {transport.parity}"
        return f"technique: modbus_rtu, device: {transport.device}, {speed}"
    technique = "modbus_rtu_over_tcp" if "(RTU)" in str(transport) else "modbus_tcp"
    return f"technique: {technique}, host: {transport.host}, port: {transport.port}"


def estimate_s(plan: ScanPlan) -> int:
    """Return about how long a scan takes when nobody answers."""
    return math.ceil(plan.steps * (plan.timeout_s + plan.pause_s))
