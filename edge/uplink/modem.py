"""A modem that sends text messages: AT commands over a serial port, in PDU mode.

Commands: 3GPP TS 27.007 (`AT+CPIN?`) and TS 27.005 (`AT+CMGF`, `AT+CMGS`). The port is opened for each
alarm and closed again, so a modem that was pulled out and put back is simply used.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Final

import serial

from edge.errors import WayOutError
from edge.uplink.secondway import describe_alarm
from edge.uplink.smspdu import encode_submit
from wire.messages import AlarmState

_ANSWER_S: Final = 5.0
_SEND_S: Final = 60.0
"""A network may take so long to take a message (TS 27.005 names no limit; makers name 60 s)."""
_CTRL_Z: Final = b"\x1a"


class ModemWay:
    """Sends alarms as text messages."""

    name = "send_sms"

    def __init__(self, *, device: str, baud: int, numbers: Sequence[str], gateway: str) -> None:
        """Know the modem and whom to tell.

        Args:
            device: the port's file, a stable name under `/dev/serial/by-id`.
            baud: its speed; USB modems take any.
            numbers: whom to tell.
            gateway: named in the message.
        """
        self._device = device
        self._baud = baud
        self._numbers = tuple(numbers)
        self._gateway = gateway
        self._told: dict[str, set[str]] = {}

    async def tell(self, alarm: AlarmState) -> str:
        """Send a message to each number that has not had one; returns the numbers, shortened.

        Raises:
            WayOutError: the modem, the card or the network did not take one of them.
        """
        text = describe_alarm(alarm, self._gateway)
        told = self._told.setdefault(f"{alarm.alarm}/{alarm.count}", set())
        missing = [number for number in self._numbers if number not in told]
        work = asyncio.to_thread(self._send_all, missing, text, told)
        await asyncio.shield(work)  # a message half handed over is not torn
        self._told = {f"{alarm.alarm}/{alarm.count}": told}
        return ", ".join(_shorten(number) for number in self._numbers)

    def _send_all(self, numbers: Sequence[str], text: str, told: set[str]) -> None:
        try:
            with serial.Serial(
                self._device, self._baud, timeout=0.2, write_timeout=_ANSWER_S, exclusive=True
            ) as port:
                session = _Session(port)
                session.begin()
                problems = []
                for number in numbers:
                    try:
                        session.send(number, text)
                        told.add(number)
                    except WayOutError as error:
                        problems.append(f"{_shorten(number)}: {error}")
        except (OSError, serial.SerialException) as error:
            raise WayOutError(f"modem {self._device}: {error}") from error
        if problems:
            raise WayOutError("; ".join(problems))


class _Session:
    """One open port."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def begin(self) -> None:
        self._port.reset_input_buffer()
        self._port.write(b"\x1b")  # leaves a message that somebody else began
        self._command("AT")
        self._command("ATE0")
        answer = self._command("AT+CPIN?")
        if "READY" not in answer:
            raise WayOutError(f"the SIM card is not ready: {answer.strip()}")
        self._command("AT+CMGF=0")

    def send(self, number: str, text: str) -> None:
        reference = os.urandom(1)[0]
        for length, unit in encode_submit(number, text, reference=reference):
            self._port.write(f"AT+CMGS={length}\r".encode())
            self._until("> ", limit_s=_ANSWER_S)
            self._port.write(unit.encode() + _CTRL_Z)
            self._until("OK", limit_s=_SEND_S)

    def _command(self, command: str) -> str:
        self._port.write(command.encode() + b"\r")
        return self._until("OK", limit_s=_ANSWER_S)

    def _until(self, wanted: str, *, limit_s: float) -> str:
        """Read until the modem says what is waited for.

        Raises:
            WayOutError: it says an error, or nothing in time.
        """
        heard = ""
        ends = time.monotonic() + limit_s
        while time.monotonic() < ends:
            said: bytes = self._port.read(max(self._port.in_waiting, 1))
            heard += said.decode("ascii", "replace")
            lines = heard.replace("\r", "\n").split("\n")
            failure = next((line for line in lines if "ERROR" in line), None)
            if failure is not None:
                raise WayOutError(f"the modem says {failure.strip()}")
            if (wanted == "OK" and "OK" in lines) or (wanted != "OK" and wanted in heard):
                return heard
        raise WayOutError(f"the modem did not answer within {limit_s:g} s: {heard[-80:]!r}")


def _shorten(number: str) -> str:
    """Return a number without its middle: logs and alarms name nobody's telephone."""
    return f"{number[:3]}****{number[-4:]}"
