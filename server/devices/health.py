"""What a gateway's statuses amount to: a clock that is wrong, a queue that does not empty. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wire.messages import StatusMessage
from wire.vocabulary import Clock, Lane

CLOCK_MOST: Final = timedelta(minutes=2)
"""How far a gateway's clock may be from the server's. A status that the broker kept for the server is up to
half a minute old, and a busy one is read late: less is not told apart from that."""
_IN_FLIGHT: Final = 20
"""Batches of readings that may wait without anybody being concerned: a few windows of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is kept of a gateway's statuses beside the newest of them.

    Attributes:
        clock_offset_ms: its clock less the server's, as its status came.
        clock_wrong_since: since when its clock is undisciplined or too far off.
        waiting_alarms, waiting_readings: messages that the server has not acknowledged.
        queue_since: since when that queue does not empty.
        certificate_ends_at: until when its certificate for the broker is valid.
    """

    clock_offset_ms: int | None = None
    clock_wrong_since: datetime | None = None
    waiting_alarms: int = 0
    waiting_readings: int = 0
    queue_since: datetime | None = None
    certificate_ends_at: datetime | None = None


def health_after(held: Health, status: StatusMessage, *, now: datetime) -> Health:
    """Return a gateway's health after one more status.

    A queue does not empty while an alarm waits in it, or while more readings wait than may be under way
    and no fewer than in the status before.

    Args:
        held: what was known.
        status: what came, from a gateway that is online.
        now: the server's time.
    """
    offset = status.sent_at - now
    wrong = status.clock is Clock.UNSURE or abs(offset) > CLOCK_MOST
    alarms = _waiting(status, Lane.ALARMS)
    readings = _waiting(status, Lane.READINGS)
    stuck = alarms > 0 or (readings > _IN_FLIGHT and readings >= held.waiting_readings)
    return Health(
        clock_offset_ms=offset // timedelta(milliseconds=1),
        clock_wrong_since=(held.clock_wrong_since or now) if wrong else None,
        waiting_alarms=alarms,
        waiting_readings=readings,
        queue_since=(held.queue_since or now) if stuck else None,
        certificate_ends_at=status.machine.certificate_expires_at if status.machine else None,
    )


def _waiting(status: StatusMessage, lane: Lane) -> int:
    return sum(one.waiting for one in status.lanes if one.lane is lane)
