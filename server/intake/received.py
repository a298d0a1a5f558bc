"""What arrives from the broker, read as far as it can be read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from wire import codec
from wire.errors import WireError
from wire.messages import (
    AlarmMessage,
    LaneEnvelope,
    ReadingsMessage,
    ReportMessage,
    StatusMessage,
)
from wire.topics import Up, parse_up_topic

_MOST: Final = 2**63 - 1
"""The largest number a database keeps in one column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Bytes as they came, with the sender by the topic."""

    topic: str
    gateway: str
    channel: Up
    payload: bytes
    at: datetime


class EnvelopeError(ValueError):
    """The envelope is readable but holds what no gateway counts to."""


def receive(topic: str, payload: bytes, *, at: datetime) -> Received:
    """Note what arrived.

    Raises:
        wire.topics.TopicError: the topic is not one of a gateway's.
    """
    parsed = parse_up_topic(topic)
    return Received(topic=topic, gateway=parsed.gateway, channel=parsed.channel, payload=payload, at=at)


Readable = AlarmMessage | ReadingsMessage | ReportMessage | StatusMessage

_M = TypeVar("_M", bound=LaneEnvelope)


def read(received: Received) -> Readable:
    """Read the outer message of whatever channel it came on.

    Raises:
        WireError: it has no readable envelope; to be quarantined, cannot be acknowledged.
        EnvelopeError: likewise.
    """
    match received.channel:
        case Up.ALARMS:
            return _checked(codec.decode_alarm_message(received.payload))
        case Up.READINGS:
            return _checked(codec.decode_readings_message(received.payload))
        case Up.REPORTS:
            return codec.decode_report(received.payload)
        case Up.STATUS:
            return codec.decode_status(received.payload)


UNREADABLE: Final = (WireError, EnvelopeError)
"""What `read` raises."""


def _checked(message: _M) -> _M:
    if message.seq > _MOST or message.up_ms > _MOST:
        raise EnvelopeError("seq or up_ms is larger than 63 bits")
    return message
