"""River stations that call by HJ 212: written from the station's side of HJ 212-2017, a second time.

A station dials in, sends real-time data (2011), reads what it is answered and sets its clock when told.
"""

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final

from firmware_sim.devices.modbus import Fault, FaultKind
from firmware_sim.devices.speaking import Dialled, SpeakingBus, SpeakingDevice

_LOCAL: Final = timezone(timedelta(hours=8))
_CN: Final = re.compile(rb"CN=(\d+);")
_SYSTEM_TIME: Final = re.compile(rb"SystemTime=(\d{14})")
_FACTORS: Final = {
    "w01001": "ph",
    "w01003": "turbidity_ntu",
    "w01009": "dissolved_oxygen_mg_l",
    "w01010": "temperature_c",
    "w01014": "conductivity_us_cm",
}
_ANOTHER_MN: Final = "FFFFFFFFFFFFFFFFFFFFFFFF"


def compute_check(text: bytes) -> int:
    """Return the check of Annex A: the byte replaces the register's low half."""
    register = 0xFFFF
    for byte in text:
        register = (register >> 8) ^ byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return register


def frame(text: str, *, spoil: bool = False) -> bytes:
    """Return a data segment as a frame; a spoilt one has the check of nobody."""
    data = text.encode()
    check = compute_check(data) ^ (0x5A5A if spoil else 0)
    return b"##%04d%s%04X\r\n" % (len(data), data, check)


@dataclass
class Hj212Station(SpeakingDevice):
    """A surface water station.

    Attributes:
        password: its access code.
        flag: the data flag it puts on every factor.
        answers: command codes of what it was answered, in order.
        recorded: the last frame it sent while all was well, for playing it back.
    """

    model: str = "river-station-hj212"
    password: str = "123456"  # noqa: S105 - of a simulated device
    flag: str = "N"
    answers: list[str] = field(default_factory=list)
    recorded: bytes = b""

    def real_time(self, fault: Fault) -> bytes:
        """Return the next packet of real-time data."""
        kind = fault.kind
        if kind is FaultKind.REPLAY and self.recorded:
            return self.recorded
        spoken = self.clock(kind).astimezone(_LOCAL)
        measured = spoken - timedelta(seconds=fault.delay_s) if kind is FaultKind.LATE else spoken
        values = self.measure(kind)
        told = "".join(
            f";{code}-Rtd={values[point]:.4g},{code}-Flag={self.flag}"
            for code, point in _FACTORS.items()
            if point in values
        )
        mn = _ANOTHER_MN if kind is FaultKind.WRONG_UNIT else self.address
        sent = frame(
            f"QN={_qn(spoken)};ST=21;CN=2011;PW={self.password};MN={mn};Flag=5;"
            f"CP=&&DataTime={measured:%Y%m%d%H%M%S}{told}&&",
            spoil=kind is FaultKind.WRONG_CHECK,
        )
        if kind is FaultKind.NONE:
            self.recorded = sent
        return sent

    def hear(self, data: bytes) -> None:
        """Take what the gateway answers."""
        for found in _CN.finditer(data):
            self.answers.append(found.group(1).decode())
        told = _SYSTEM_TIME.search(data)
        if told is not None:
            right = datetime.strptime(told.group(1).decode(), "%Y%m%d%H%M%S").replace(tzinfo=_LOCAL)
            # What is told is what the fault's wrong clock must be corrected by, too.
            self.behind = self.behind + (self.clock(FaultKind.NONE) - right)


def _qn(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"


@dataclass
class Hj212Bus(SpeakingBus):
    """Stations that call one gateway; each has a connection of its own."""

    async def speak(self, unit: int) -> None:
        """Dial in and send until the connection is gone."""
        station = self.units[unit]
        assert isinstance(station, Hj212Station), "only stations call on this bus"
        line = Dialled(*await asyncio.open_connection(self.host, self.port))
        listening = asyncio.create_task(_listen(line, station), name=f"station-{unit}-hears")
        try:
            while not listening.done():
                fault = self.faults[unit]
                if fault.kind in (FaultKind.REBOOT, FaultKind.DISCONNECT):
                    return
                if fault.kind is not FaultKind.MUTE:
                    await line.send(station.real_time(fault), fault.kind)
                    self.requests[unit] += 1
                if fault.kind is FaultKind.FLAPPING:
                    await asyncio.sleep(0.05)
                    return
                await self.pause()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await line.hang_up()


async def _listen(line: Dialled, station: Hj212Station) -> None:
    with contextlib.suppress(OSError):
        while data := await line.reader.read(4096):
            station.hear(data)
