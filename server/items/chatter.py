"""Sources that flap: when one counts as chattering, and how often people hear of it. Pure.

Three raises within a minute make a source chatter (ISA-18.2 and EEMUA 191 as commonly quoted); ten quiet
minutes end it. People then hear of it less often, never not at all, and the item stays where it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from wire.vocabulary import AlarmClass

RAISES: Final = 3
WITHIN: Final = timedelta(minutes=1)
CALM_AFTER: Final = timedelta(minutes=10)

RETOLD_EVERY: Final[Mapping[AlarmClass, timedelta]] = MappingProxyType(
    {
        AlarmClass.LIFE_SAFETY: timedelta(minutes=1),
        AlarmClass.HAZARD: timedelta(minutes=15),
        AlarmClass.FAULT: timedelta(hours=4),
        AlarmClass.ADVICE: timedelta(hours=24),
    }
)
"""How often people are told again, at most, of one that chatters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is remembered of the raises of one source."""

    raises: int = 0
    since: datetime | None = None
    """When the minute that is being counted began."""
    chattering_since: datetime | None = None
    last_at: datetime | None = None
    """When people were last told."""


def note_raise(record: Record, *, times: int, now: datetime) -> Record:
    """Count raises; a gateway that was cut off states several at once.

    Args:
        record: what is remembered.
        times: how many raises there were.
        now: the server's time.
    """
    running = record.since is not None and now - record.since < WITHIN
    raises = (record.raises if running else 0) + times
    calm = record.since is None or now - record.since >= CALM_AFTER
    chattering = None if calm else record.chattering_since
    if raises >= RAISES and chattering is None:
        chattering = now
    return Record(
        raises=raises,
        since=record.since if running else now,
        chattering_since=chattering,
        last_at=record.last_at,
    )


def is_chattering(record: Record, now: datetime) -> bool:
    """Tell whether a source chatters: it did, and has not been quiet since for long enough."""
    return (
        record.chattering_since is not None and record.since is not None and now - record.since < CALM_AFTER
    )


def may_tell_again(record: Record, class_: AlarmClass, now: datetime) -> bool:
    """Tell whether people hear of this raise."""
    if not is_chattering(record, now) or record.last_at is None:
        return True
    return now - record.last_at >= RETOLD_EVERY[class_]
