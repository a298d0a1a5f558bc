"""What is wrong with an item's handling, and figures over many. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from server.escalation.plan import Policy

LATE_AFTER: Final = timedelta(seconds=60)
"""What was due longer ago than this is late: the server itself does not keep up."""
REACH_WITHIN: Final = timedelta(seconds=60)
"""By then somebody must have been reached."""


class Concern(StrEnum):
    """What may not be: the cockpit shows the number of each first, and it must be zero."""

    OVERDUE = "overdue"
    """Nobody took it although everybody of every step was told, or something due for it is late."""
    UNOWNED = "unowned"
    """It fell to the desk and nobody there has taken it."""
    UNREACHED = "unreached"
    """No notice of it got through to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """How an open item is handled.

    Attributes:
        opened_at: since when.
        told_from: from when people are to be told: its opening, unless quiet hours or a digest put it off.
        owned: somebody is responsible, or the desk has taken it.
        accepted: somebody took it.
        reached: some notice got through.
        waits: it is laid aside or still held back: nobody is expected to act.
        next_at: when something is due for it next.
        told_at: when the last step is due after its opening: everybody was told by then.
    """

    opened_at: datetime
    told_from: datetime
    owned: bool
    accepted: bool
    reached: bool
    waits: bool
    next_at: datetime | None
    told_at: datetime


def all_told_after(policy: Policy) -> timedelta:
    """Return how long after its opening the last step of an item is told."""
    return sum((step.window for step in policy.steps[:-1]), timedelta(0))


def concerns_of(handling: Handling, now: datetime) -> tuple[Concern, ...]:
    """Return what is wrong with an item's handling at a moment; nothing while it is laid aside."""
    if handling.waits:
        return ()
    found = []
    late = handling.next_at is not None and handling.next_at + LATE_AFTER < now
    if late or (not handling.accepted and handling.told_at + LATE_AFTER < now):
        found.append(Concern.OVERDUE)
    if not handling.owned:
        found.append(Concern.UNOWNED)
    from_when = max(handling.opened_at, handling.told_from)
    if not handling.accepted and not handling.reached and from_when + REACH_WITHIN < now:
        found.append(Concern.UNREACHED)
    return tuple(found)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that `share` of the values do not exceed (nearest rank); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = -(-len(ordered) * round(share * 100) // 100)
    return ordered[max(rank - 1, 0)]
