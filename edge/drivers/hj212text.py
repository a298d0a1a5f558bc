"""HJ 212 frames in words, for whoever looks at a line. Pure.

Command codes: HJ 212-2017, annex C; heartbeat 9015 of edition 2025. An access code is shown to nobody: what
is looked at is copied, sent to the server, put into a mail.
"""

import re
from typing import Final

from edge.drivers.hj212frames import Packet

_SECRET: Final = re.compile(rb"(?<=PW=)[^;]*")
_COMMANDS: Final = {
    "1011": "its time is asked for",
    "1012": "its time is set",
    "1013": "asks for the time",
    "2011": "real-time data",
    "2021": "state of the equipment",
    "2031": "day data",
    "2051": "minute data",
    "2061": "hour data",
    "3019": "identity of the instrument",
    "9011": "answer to a request",
    "9012": "result of a request",
    "9013": "a notice is acknowledged",
    "9014": "data is acknowledged",
    "9015": "heartbeat",
}


def describe_packet(packet: Packet) -> str:
    """Return what a packet says."""
    marks = [f"CN={packet.cn} {_COMMANDS.get(packet.cn, 'unknown command')}", f"MN={packet.mn}"]
    if packet.total is not None and packet.number is not None:
        marks.append(f"part {packet.number} of {packet.total}")
    if packet.resent:
        marks.append("sent afterwards")
    if packet.sealed:
        marks.append("encrypted, the key fits")
    return f"{', '.join(marks)}: {packet.cp}" if packet.cp else ", ".join(marks)


def hide_password(frame: bytes) -> bytes:
    """Return a frame with its access code (PW) struck out, as long as it was."""
    return _SECRET.sub(lambda found: b"*" * len(found.group()), frame)
