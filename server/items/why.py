"""Why an item came to be: for each alarm the readings around it, and every step of telling people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from server.alarms.tables import Alarm
from server.db.session import ReadSession
from server.escalation.tables import Due, DueKind
from server.history.database import HistoryDatabase
from server.history.packing import BlockError
from server.history.trends import Reading, read_range
from server.items.queries import ItemStory
from server.items.tables import ItemParty
from server.notify.tables import Attempt, Notice
from wire.vocabulary import Measure

BEFORE: Final = timedelta(minutes=10)
"""How far back readings are shown at least; further where a rule looks back further."""
AFTER: Final = timedelta(minutes=1)
MOST_BEFORE: Final = 12
MOST_AFTER: Final = 4
_MOST_READ: Final = 5_000
_LONGEST: Final = timedelta(days=2)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingBeside:
    """A reading near a raise.

    Attributes:
        reading: as it is kept.
        beyond: whether it lies beyond the limit that the alarm names; None where one reading alone
            cannot tell (a rate, a mean, no value).
        before: it was taken before the alarm was raised, or at that moment.
    """

    reading: Reading
    beyond: bool | None
    before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmWhy:
    """Why an alarm was raised.

    Attributes:
        alarm: as its gateway last stated it.
        readings: the last before the raise and the first after it, oldest first.
        left_out: how many more lie between the first of them and the beginning of the span that was read.
        read: whether the readings could be read at all.
    """

    alarm: Alarm
    readings: Sequence[ReadingBeside]
    left_out: int = 0
    read: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeWhy:
    """A message to a person with every attempt to send it."""

    notice: Notice
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWhy:
    """One step of telling people.

    Attributes:
        number: of the step, from 0.
        due: when it was due and what became of that; None for what was told outside the clock.
        people: who was told at it, with the reason.
        notices: what was sent at it.
    """

    number: int
    due: Due | None
    people: Sequence[ItemParty]
    notices: Sequence[NoticeWhy]


async def why_raised(readings: HistoryDatabase, alarm: Alarm) -> AlarmWhy:
    """Return the readings that an alarm is made of, as far as this server has them.

    The gateway judges each reading when it is taken; what was shed or is still on its way is not here.
    """
    if alarm.point is None or not alarm.readable:
        return AlarmWhy(alarm=alarm, readings=())
    back = min(max(BEFORE, timedelta(milliseconds=alarm.window_ms)), _LONGEST)
    try:
        found = await read_range(
            readings,
            gateway=alarm.gateway,
            device=alarm.device,
            point=alarm.point,
            since=alarm.raised_at - back,
            until=alarm.raised_at + AFTER,
            limit=_MOST_READ,
        )
    except (SQLAlchemyError, BlockError, OSError) as error:
        log.warning("readings_unreadable", alarm=alarm.alarm, error=str(error))
        return AlarmWhy(alarm=alarm, readings=(), read=False)
    chosen, left_out = choose_beside(found, alarm.raised_at)
    rising = _rises(alarm)
    return AlarmWhy(
        alarm=alarm,
        readings=[
            ReadingBeside(
                reading=one,
                beyond=lies_beyond(one.value, alarm.limit, rising=rising),
                before=one.at <= alarm.raised_at,
            )
            for one in chosen
        ],
        left_out=left_out,
    )


def choose_beside(found: Sequence[Reading], at: datetime) -> tuple[list[Reading], int]:
    """Return the last readings up to a moment and the first after it, and how many earlier are left out."""
    before = [one for one in found if one.at <= at]
    after = [one for one in found if one.at > at]
    shown = before[-MOST_BEFORE:]
    return shown + after[:MOST_AFTER], len(before) - len(shown)


def lies_beyond(value: float | None, limit: float | None, *, rising: bool | None) -> bool | None:
    """Tell whether a value lies beyond a limit; None where that cannot be told.

    A value that only touches its limit is not beyond it, as in the gateway's rules.

    Args:
        value: that was read.
        limit: that the alarm names.
        rising: whether too much is bad; None where single values are not compared.
    """
    if value is None or limit is None or rising is None:
        return None
    return value > limit if rising else value < limit


async def steps_of(session: ReadSession, story: ItemStory) -> list[StepWhy]:
    """Return every step of telling people of an item, the first first, with each message and attempt."""
    attempts = await _attempts(session, [notice.id for notice in story.notices])
    dues = {due.step: due for due in story.dues if due.kind is DueKind.STEP}
    numbers = {party.step for party in story.parties} | {one.step for one in story.notices} | set(dues)
    return [
        StepWhy(
            number=number,
            due=dues.get(number),
            people=[party for party in story.parties if party.step == number],
            notices=[
                NoticeWhy(notice=notice, attempts=attempts.get(notice.id, ()))
                for notice in story.notices
                if notice.step == number
            ],
        )
        for number in sorted(numbers)
    ]


async def _attempts(session: ReadSession, notices: Sequence[str]) -> Mapping[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    query = select(Attempt).where(Attempt.notice.in_(notices)).order_by(Attempt.id)
    for attempt in await session.scalars(query):
        found.setdefault(attempt.notice, []).append(attempt)
    return found


def _rises(alarm: Alarm) -> bool | None:
    """Tell on which side of its limit an alarm's value lies; None where single values are not compared."""
    if alarm.measure is not Measure.VALUE or alarm.value is None or alarm.limit is None:
        return None
    return alarm.value >= alarm.limit
