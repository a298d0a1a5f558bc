"""Writes what goes up: the gateway's name, session and times stand on everything it sends."""

from typing import Any, Final

import msgspec

from edge.ports import Clock
from edge.stores.outbox import Outgoing
from wire import codec
from wire.ids import new_uuid7
from wire.messages import (
    CONTRACT_VERSION,
    AlarmMessage,
    ReadingsMessage,
    Report,
    ReportMessage,
    StatusMessage,
)
from wire.topics import Up, up_topic
from wire.vocabulary import Presence

Letter = tuple[str, bytes]
"""A topic and what is said on it."""


class Letterhead:
    """What every upward message starts with, for one gateway and one session at a time."""

    def __init__(self, *, gateway: str, boot: str, clock: Clock) -> None:
        """Begin with a session of its own.

        Args:
            gateway: this gateway's id.
            boot: identifies this start of the machine.
            clock: the machine's clocks.
        """
        self.gateway: Final = gateway
        self._boot = boot
        self._clock = clock
        self.session = ""
        """UUIDv7 of the alarm connection."""
        self.begin_session()

    def begin_session(self) -> None:
        """Write in the name of a new connection from now on."""
        self.session = new_uuid7(unix_ms=self._clock.moment().wall_ms)

    def alarm(self, message: Outgoing) -> Letter:
        """Return an alarm's state, numbered."""
        numbered = AlarmMessage(
            **self._envelope(), run=message.run, seq=message.seq, alarm=msgspec.Raw(message.body)
        )
        return up_topic(self.gateway, Up.ALARMS), codec.encode(numbered)

    def readings(self, message: Outgoing) -> Letter:
        """Return a batch of readings, numbered."""
        numbered = ReadingsMessage(
            **self._envelope(), run=message.run, seq=message.seq, batch=msgspec.Raw(message.body)
        )
        return up_topic(self.gateway, Up.READINGS), codec.encode(numbered)

    def report(self, report: Report) -> Letter:
        """Return a report.

        Raises:
            OversizeError: it is larger than the contract allows.
        """
        message = ReportMessage(**self._envelope(), report=report)
        return up_topic(self.gateway, Up.REPORTS), codec.encode(message)

    def status(self, status: StatusMessage) -> Letter:
        """Return a status that `sign` signed."""
        return up_topic(self.gateway, Up.STATUS), codec.encode(status)

    def sign(self, status: StatusMessage, presence: Presence) -> StatusMessage:
        """Return a status with the envelope that it would be sent with now."""
        return msgspec.structs.replace(status, presence=presence, **self._envelope())

    def _envelope(self) -> dict[str, Any]:
        moment = self._clock.moment()
        return {
            "v": CONTRACT_VERSION,
            "gateway": self.gateway,
            "session": self.session,
            "boot": self._boot,
            "up_ms": moment.boot_ms,
            "sent_at": moment.as_datetime(),
            "clock": self._clock.trust(),
        }
