"""What a device's label says: its code for people, and the address that a camera opens. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from server.clock import STREET_ZONE
from wire.topics import is_gateway_id

ADOPT: Final = "/desk/adopt"
DEVICES: Final = "/desk/devices"
_WIDE_SLASH: Final = "／"
"""What a phone's Chinese keyboard writes where a label has a slash."""
_ELSEWHERE: Final = frozenset({".", ".."})
_MOST: Final = 128
"""Characters of a device's id on the wire."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A device as a label names it."""

    gateway: str
    device: str

    def __str__(self) -> str:
        """Return the code that people read and type: `gateway/device`."""
        return f"{self.gateway}/{self.device}"


def address_of(server: str, code: DeviceCode) -> str:
    """Return the address in a label's QR code: any phone's camera opens the page of that device with it.

    Args:
        server: how phones reach this server, without a slash at the end.
        code: of the device.
    """
    return f"{server}{ADOPT}?code={quote(str(code), safe='/')}"


def page_of(code: DeviceCode) -> str:
    """Return the path of a device's page."""
    return f"{DEVICES}/{quote(code.gateway, safe='')}/{quote(code.device, safe='')}"


def why_not_page(code: DeviceCode, at: datetime, kind: str) -> str:
    """Return the path of the page that says what else could have alarmed, and why it did not.

    Args:
        code: of the device.
        at: around when.
        kind: about which hazard; see `wire.vocabulary.Kind`.
    """
    about = urlencode({"at": at.astimezone(STREET_ZONE).strftime("%Y-%m-%dT%H:%M"), "about": f"kind:{kind}"})
    return f"{page_of(code)}/why-not?{about}"


def read_code(text: str) -> DeviceCode | None:
    """Read what was scanned or typed; None where it names no device.

    Args:
        text: `gateway/device`, or an address that carries it as `code`, of whatever server: a label
            stays good when the server moves.
    """
    typed = text.strip()
    if "://" in typed:
        typed = _carried_code(typed)
    if "/" not in typed:
        typed = typed.replace(_WIDE_SLASH, "/", 1)
    gateway, slash, device = typed.partition("/")
    gateway, device = gateway.strip().lower(), device.strip()
    whole = bool(slash) and is_gateway_id(gateway) and is_device_id(device)
    return DeviceCode(gateway, device) if whole else None


def is_device_id(text: str) -> bool:
    """Tell whether a text can be a device's id, and stand in the address of its page.

    With a slash of either kind it is a whole code; dots alone lead a browser to another page.
    """
    readable = 0 < len(text) <= _MOST and text.isprintable() and text.strip() == text
    return readable and not {"/", _WIDE_SLASH} & set(text) and text not in _ELSEWHERE


def _carried_code(address: str) -> str:
    """Return the code in the address of a label; empty where there is none."""
    try:
        query = urlsplit(address).query
    except ValueError:  # what a maker printed on the case may be anything
        return ""
    return parse_qs(query).get("code", [""])[0].strip()
