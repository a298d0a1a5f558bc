"""The topics between gateways and the server, built and parsed in one place.

`gw/<gateway>/up/{alarms,readings,status,reports}` and `gw/<gateway>/down/{ack,commands}`.
The gateway in the topic is the identity: the broker's access list ties it to the certificate.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wire.errors import WireError

GATEWAY_PATTERN: Final = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
"""A gateway's id: 1 to 64 lower-case letters, digits and inner hyphens."""

_GATEWAY = re.compile(GATEWAY_PATTERN)


class Up(StrEnum):
    """What a gateway publishes."""

    ALARMS = "alarms"
    """One alarm's whole state a message."""
    READINGS = "readings"
    """One batch of readings a message."""
    STATUS = "status"
    """How the gateway stands; retained, and the last will."""
    REPORTS = "reports"
    """Answers to commands, and the list of open alarms."""


class Down(StrEnum):
    """What the server publishes to one gateway."""

    ACK = "ack"
    """What the server holds, committed."""
    COMMANDS = "commands"
    """What the gateway is asked to do."""


class TopicError(WireError):
    """A topic is not one of the contract's."""


@dataclass(frozen=True, slots=True)
class UpTopic:
    """A parsed topic of the upward direction."""

    gateway: str
    channel: Up


def is_gateway_id(text: str) -> bool:
    """Tell whether a text may be a gateway's id (see `GATEWAY_PATTERN`)."""
    return _GATEWAY.fullmatch(text) is not None


def up_topic(gateway: str, channel: Up) -> str:
    """Return the topic on which a gateway publishes.

    Raises:
        TopicError: the gateway's id does not match `GATEWAY_PATTERN`.
    """
    return f"gw/{_checked(gateway)}/up/{channel.value}"


def down_topic(gateway: str, channel: Down) -> str:
    """Return the topic on which the server speaks to a gateway.

    Raises:
        TopicError: the gateway's id does not match `GATEWAY_PATTERN`.
    """
    return f"gw/{_checked(gateway)}/down/{channel.value}"


def up_filter(channel: Up) -> str:
    """Return the subscription filter for one channel of every gateway."""
    return f"gw/+/up/{channel.value}"


def parse_up_topic(topic: str) -> UpTopic:
    """Read gateway and channel from a topic of the upward direction.

    Raises:
        TopicError: the topic is not `gw/<gateway>/up/<channel>`.
    """
    match topic.split("/"):
        case ["gw", gateway, "up", channel] if is_gateway_id(gateway) and channel in set(Up):
            return UpTopic(gateway=gateway, channel=Up(channel))
        case _:
            raise TopicError(f"{topic!r} is not gw/<gateway>/up/<channel>")


def _checked(gateway: str) -> str:
    if not is_gateway_id(gateway):
        raise TopicError(f"{gateway!r} is no gateway id: it must match {GATEWAY_PATTERN}")
    return gateway
