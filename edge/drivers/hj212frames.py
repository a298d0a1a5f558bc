"""HJ 212 frames: bytes to packets and back. Pure.

Source: HJ 212-2017, section 6.3 (structure), Annex A (check), Annex B (codes); HJ/T 212-2005 and
HJ 212-2025 share frame and check. The check is not the Modbus one, though it uses the same
constants: each byte replaces the low byte of the register instead of being combined with it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from edge.drivers.ciphers import close_blocks, open_blocks
from edge.drivers.framecutting import CutError, FrameCutter

HEAD: Final = b"##"
TAIL: Final = b"\r\n"
MAX_DATA_BYTES: Final = 9_999
"""What four digits can say. The standard asks for 1,024; field systems send more."""

_LENGTH_DIGITS: Final = 4
_CHECK_DIGITS: Final = 4
_PREFIX: Final = len(HEAD) + _LENGTH_DIGITS
_OVERHEAD: Final = _PREFIX + _CHECK_DIGITS + len(TAIL)
_FIELD = re.compile(r"([A-Za-z]+)=([^;]*)")
_MN: Final = re.compile(rb"(?:^|;)MN=([^;]*);")
_PARAMETERS: Final = b"CP=&&"
_PARAMETERS_END: Final = b"&&"
_RESENT_INSIDE: Final = re.compile(r"(?:^|[;,])RF=1(?:[;,]|$)")
"""Where the field stands is known at second hand only, so it is found among the parameters as well."""

KeyOf = Callable[[str], bytes | None]
"""Gives the SM4 key of a station by its MN; None where it has none."""


class FrameError(CutError):
    """Bytes that are no frame of HJ 212: wrong length, check or layout."""


class Edition(IntEnum):
    """Which edition of the standard a packet's Flag names (its bits 7 to 2)."""

    Y2005 = 0
    Y2017 = 1
    Y2025 = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet.

    Attributes:
        qn: moment of the request as `YYYYMMDDhhmmsszzz`; identifies one interaction.
        st: system code, 21 for surface water.
        cn: command code.
        pw: access code.
        mn: identity of the station.
        flag: edition, split and answer bits.
        total, number: of a split packet (PNUM, PNO), else None.
        cp: the command's parameters as text between the `&&`.
        resent: whether the station says that it sends this afterwards (RF, edition 2025).
        sealed: whether the parameters came encrypted and the station's key fitted.
    """

    qn: str
    st: str
    cn: str
    pw: str
    mn: str
    flag: int
    cp: str = ""
    total: int | None = None
    number: int | None = None
    resent: bool = False
    sealed: bool = False

    @property
    def wants_answer(self) -> bool:
        """Whether the sender waits for an answer (bit 0 of Flag)."""
        return bool(self.flag & 0b01)

    @property
    def is_split(self) -> bool:
        """Whether this is one part of a larger whole (bit 1 of Flag)."""
        return bool(self.flag & 0b10)

    @property
    def edition(self) -> Edition | None:
        """The edition that Flag names, or None for one that is not known here."""
        version = self.flag >> 2
        return Edition(version) if version in set(Edition) else None


def compute_check(data: bytes) -> int:
    """Return the check of a data segment (HJ 212-2017, Annex A)."""
    register = 0xFFFF
    for byte in data:
        register = _CHECKS[(register >> 8) ^ byte]
    return register


def compute_modbus_check(data: bytes) -> int:
    """Return what a station sends that mistook the check for the one of Modbus; it is never accepted."""
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ _CHECKS[(register ^ byte) & 0xFF]
    return register


def _divide(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register


_CHECKS: Final = tuple(_divide(byte) for byte in range(256))


def encode_packet(packet: Packet, *, key: bytes | None = None) -> bytes:
    """Return a packet as one frame with length, check and end mark.

    Args:
        packet: what to say.
        key: SM4 key of the station; the parameters are closed with it, the check is of the open text.

    Raises:
        FrameError: the data segment is longer than four digits can say.
    """
    parts = [
        f"QN={packet.qn}",
        f"ST={packet.st}",
        f"CN={packet.cn}",
        f"PW={packet.pw}",
        f"MN={packet.mn}",
        f"Flag={packet.flag}",
    ]
    if packet.total is not None and packet.number is not None:
        parts += [f"PNUM={packet.total}", f"PNO={packet.number}"]
    if packet.resent:
        parts.append("RF=1")
    head, cp = (";".join(parts) + ";").encode() + _PARAMETERS, packet.cp.encode()
    data = head + cp + _PARAMETERS_END
    shown = data if key is None else head + close_blocks(key, cp) + _PARAMETERS_END
    if len(data) > MAX_DATA_BYTES:
        raise FrameError(f"data segment of {len(data)} bytes, at most {MAX_DATA_BYTES} fit")
    return b"".join(
        (HEAD, b"%04d" % len(data), shown, b"%04X" % compute_check(data), TAIL),
    )


def decode_data(data: bytes, *, sealed: bool = False) -> Packet:
    """Read a data segment, the check already done and the parameters open.

    Raises:
        FrameError: a field that every packet needs is missing or no number where one belongs.
    """
    text = data.decode("utf-8", errors="replace")
    head, separator, rest = text.partition("CP=&&")
    if not separator:
        raise FrameError("no CP field")
    cp = rest.removesuffix(";").removesuffix("&&")
    fields = dict(_FIELD.findall(head))
    try:
        return Packet(
            qn=fields.get("QN", ""),
            st=fields.get("ST", ""),
            cn=fields["CN"],
            pw=fields.get("PW", ""),
            mn=fields["MN"],
            flag=int(fields.get("Flag", "0")),
            total=int(fields["PNUM"]) if "PNUM" in fields else None,
            number=int(fields["PNO"]) if "PNO" in fields else None,
            cp=cp,
            resent=fields.get("RF") == "1" or _RESENT_INSIDE.search(cp) is not None,
            sealed=sealed,
        )
    except KeyError as error:
        raise FrameError(f"no {error.args[0]} field") from error
    except ValueError as error:
        raise FrameError(f"no number in Flag, PNUM or PNO: {error}") from error


def parse_parameters(cp: str) -> Mapping[str, Mapping[str, str]]:
    """Read the parameters of a command.

    `w01001-Rtd=7.42,w01001-Flag=N;…` gives `{"w01001": {"Rtd": "7.42", "Flag": "N"}}`; an item
    without a hyphen, such as `DataTime`, stands under its own name with the key "".
    """
    found: dict[str, dict[str, str]] = {}
    for item in cp.replace(";", ",").split(","):
        name, separator, value = item.partition("=")
        if not separator:
            continue
        code, _, aspect = name.strip().partition("-")
        found.setdefault(code, {})[aspect] = value.strip()
    return found


@dataclass(slots=True)
class FrameReader(FrameCutter[Packet]):
    """Cuts a stream of bytes into packets; the parameters of an encrypted one may hold any byte.

    Attributes:
        key_of: gives stations' keys.
    """

    HEAD = HEAD
    HEADER_BYTES = _PREFIX
    PASSED_OVER_BYTES = len(HEAD)

    key_of: KeyOf | None = None

    def measure(self, header: bytes) -> int:
        """Return how many bytes a frame has in all; see `FrameCutter`."""
        digits = header[len(HEAD) :]
        if not (digits.isascii() and digits.isdigit()):
            raise FrameError(f"length {digits!r} is not four digits")
        return int(digits) + _OVERHEAD

    def decode(self, frame: bytes) -> Packet:
        """Return what a whole frame says; see `FrameCutter`."""
        return _decode_frame(frame, self.key_of)


def _decode_frame(frame: bytes, key_of: KeyOf | None) -> Packet:
    if not frame.endswith(TAIL):
        raise FrameError("no end mark where the length says it should be")
    data = frame[_PREFIX : -len(TAIL) - _CHECK_DIGITS]
    stated = frame[-len(TAIL) - _CHECK_DIGITS : -len(TAIL)].upper()
    expected = b"%04X" % compute_check(data)
    if stated == expected:
        return decode_data(data)
    opened = None if key_of is None else _open(data, key_of)
    if opened is not None and stated == b"%04X" % compute_check(opened):
        return decode_data(opened, sealed=True)
    if stated == b"%04X" % compute_modbus_check(data):
        raise FrameError(f"check {stated!r} is the one of Modbus, HJ 212 asks for {expected!r}")
    raise FrameError(f"check {stated!r}, expected {expected!r}")


def _open(data: bytes, key_of: KeyOf) -> bytes | None:
    """Return a data segment with its parameters decrypted; None where there is no key or no such part."""
    head, mark, rest = data.partition(_PARAMETERS)
    named = _MN.search(head)
    if named is None or not rest.endswith(_PARAMETERS_END):
        return None
    key = key_of(named.group(1).decode("ascii", errors="replace"))
    if key is None:
        return None
    return head + mark + open_blocks(key, rest[: -len(_PARAMETERS_END)]) + _PARAMETERS_END
