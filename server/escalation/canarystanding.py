"""How far canaries get: whether the last one arrived, where it stopped, and how old each stage is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import case, func, select

from server.db.session import ReadSession
from server.escalation.tables import CanaryRun

LATE_AFTER: Final = timedelta(seconds=60)
"""One that has not come back after this is lost."""

FORGOTTEN_AFTER: Final = timedelta(days=1)
"""What was lost so long ago says nothing of today: canaries were switched off, or the server was."""


class Stage(StrEnum):
    """What a canary passes after it was sent, in this order."""

    TAKEN_IN = "taken_in"
    """Broker and intake: its alarm was committed."""
    HANDED = "handed"
    """The sender of notices gave its notice to a channel."""
    RECEIVED = "received"
    """The notice came back in: the channel's connection, the network and the web server."""


_REACHED: Final = {
    Stage.TAKEN_IN: CanaryRun.taken_in_at,
    Stage.HANDED: CanaryRun.handed_at,
    Stage.RECEIVED: CanaryRun.received_at,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStanding:
    """What is known of the chain.

    Attributes:
        age_s: how long ago the last canary that arrived was sent; None when none ever did.
        failing: the stage that the newest one did not reach in time; None while nothing is lost.
        refusal: why the channel could not deliver it, where that is the reason.
        arrived: the last one that arrived.
    """

    age_s: float | None = None
    failing: Stage | None = None
    refusal: str = ""
    arrived: str | None = None


def missed(run: CanaryRun) -> Stage | None:
    """Return the first stage that a canary did not reach; None when it arrived."""
    times = {
        Stage.TAKEN_IN: run.taken_in_at,
        Stage.HANDED: run.handed_at,
        Stage.RECEIVED: run.received_at,
    }
    return None if run.received_at is not None else next(stage for stage in Stage if times[stage] is None)


async def canary_standing(session: ReadSession, *, now: datetime) -> CanaryStanding:
    """Return how the chain stands, judged by the newest canary that arrived or had the time to."""
    newest_first = select(CanaryRun).order_by(CanaryRun.sent_at.desc()).limit(1)
    has_arrived = CanaryRun.received_at.is_not(None)
    arrived = await session.scalar(newest_first.where(has_arrived))
    had_time = has_arrived | (CanaryRun.sent_at < now - LATE_AFTER)
    judged = await session.scalar(newest_first.where(had_time, CanaryRun.sent_at > now - FORGOTTEN_AFTER))
    return CanaryStanding(
        age_s=None if arrived is None else max((now - arrived.sent_at).total_seconds(), 0.0),
        failing=None if judged is None else missed(judged),
        refusal="" if judged is None else judged.refusal,
        arrived=None if arrived is None else arrived.id,
    )


async def stage_ages_s(session: ReadSession, *, now: datetime) -> Mapping[Stage, float]:
    """Return since when no canary reached each stage, in seconds; empty before the first was sent.

    Where none ever did, since the oldest that is known was sent.
    """
    newest = [func.max(case((column.is_not(None), CanaryRun.sent_at))) for column in _REACHED.values()]
    first_at, *reached = (await session.execute(select(func.min(CanaryRun.sent_at), *newest))).one()
    if first_at is None:
        return {}
    return {
        stage: max((now - (at or first_at)).total_seconds(), 0.0)
        for stage, at in zip(_REACHED, reached, strict=True)
    }
