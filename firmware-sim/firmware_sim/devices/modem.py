"""A modem with a SIM card on a pseudo-terminal: AT commands and text messages, as far as a gateway needs.

It decodes what it is given back into numbers and text, so that a test sees what a telephone would show.
"""

import asyncio
import contextlib
import os
import re
import tty
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_SUBMIT_HEADER_BIT: Final = 0x40
_CTRL_Z: Final = 0x1A
_ESCAPE: Final = 0x1B


class ModemFault(StrEnum):
    """How the modem misbehaves."""

    NONE = "none"
    """It works."""
    MUTE = "mute"
    """It answers nothing."""
    NO_SIM = "no_sim"
    """The card is missing."""
    NO_NETWORK = "no_network"
    """It takes a message and the network does not."""
    CHATTY = "chatty"
    """It works and talks of other things in between, as real ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One message as a telephone shows it."""

    number: str
    text: str


@dataclass(slots=True)
class SimulatedModem:
    """Opens a pseudo-terminal; `port` is what a gateway opens."""

    fault: ModemFault = ModemFault.NONE
    sent: list[Text] = field(default_factory=list)
    port: str = ""
    _master: int = -1
    _slave: int = -1
    _buffer: bytearray = field(default_factory=bytearray)
    _expecting: bool = False
    _parts: dict[tuple[str, int], dict[int, str]] = field(default_factory=dict)

    def open(self) -> None:
        """Open the port and answer from the running event loop."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._hear)

    def close(self) -> None:
        """Close the port."""
        asyncio.get_running_loop().remove_reader(self._master)
        for descriptor in (self._master, self._slave):
            os.close(descriptor)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._buffer += os.read(self._master, 4096)
        while self._take_one():
            pass

    def _take_one(self) -> bool:
        """Take one command or one message out of the buffer; tells whether there was one."""
        buffer = self._buffer
        if buffer[:1] == bytes((_ESCAPE,)):
            del buffer[:1]
            self._expecting = False
            return True
        end = buffer.find(_CTRL_Z if self._expecting else b"\r")
        if end < 0:
            return False
        line = bytes(buffer[:end]).decode("ascii", "replace").strip()
        del buffer[: end + 1]
        if self._expecting:
            self._expecting = False
            self._take_message(line)
        else:
            self._take_command(line)
        return True

    def _take_command(self, line: str) -> None:
        if self.fault is ModemFault.CHATTY:
            self._say("+CSQ: 14,99")
        if line == "AT+CPIN?":
            if self.fault is ModemFault.NO_SIM:
                self._say("+CME ERROR: 10")
                return
            self._say("+CPIN: READY")
        if line.startswith("AT+CMGS="):
            self._expecting = True
            self._write("\r\n> ")
            return
        self._say("OK" if line.startswith("AT") else "ERROR")

    def _take_message(self, unit: str) -> None:
        if self.fault is ModemFault.NO_NETWORK:
            self._say("+CMS ERROR: 38")
            return
        number, text, part = decode_submit(unit)
        if part is None:
            self.sent.append(Text(number=number, text=text))
        else:
            reference, total, index = part
            parts = self._parts.setdefault((number, reference), {})
            parts[index] = text
            if len(parts) == total:
                whole = "".join(parts[one] for one in sorted(parts))
                self.sent.append(Text(number=number, text=whole))
        self._say("+CMGS: 7")
        self._say("OK")

    def _say(self, text: str) -> None:
        self._write(f"\r\n{text}\r\n")

    def _write(self, text: str) -> None:
        if self.fault is not ModemFault.MUTE:
            os.write(self._master, text.encode("ascii"))


def decode_submit(unit: str) -> tuple[str, str, tuple[int, int, int] | None]:
    """Return number, text and (reference, total, index) of a message; 3GPP TS 23.040 clause 9.2.2.2.

    Raises:
        ValueError: it is no SMS-SUBMIT in UCS2.
    """
    if not re.fullmatch(r"(?:[0-9A-F]{2})+", unit):
        raise ValueError("no hexadecimal unit")
    data = bytes.fromhex(unit)
    data = data[1 + data[0] :]
    first, digits, kind = data[0], data[2], data[3]
    size = (digits + 1) // 2
    pairs = data[4 : 4 + size].hex().upper()
    swapped = "".join(pairs[i + 1] + pairs[i] for i in range(0, len(pairs), 2))
    number = ("+" if kind == 0x91 else "") + swapped[:digits]  # noqa: PLR2004 - international (9.1.2.5)
    rest = data[4 + size :]
    if first & 0x03 != 0x01 or rest[1] != 0x08:  # noqa: PLR2004 - SMS-SUBMIT; UCS2
        raise ValueError("no SMS-SUBMIT in UCS2")
    body = rest[4 : 4 + rest[3]]
    if len(rest) != 4 + rest[3]:
        raise ValueError("the length of the text is wrong")
    part = None
    if first & _SUBMIT_HEADER_BIT:
        header, body = body[1 : 1 + body[0]], body[1 + body[0] :]
        part = (header[2], header[3], header[4])
    return number, body.decode("utf-16-be"), part
