"""Absences and swaps: who is away, who stands in, who takes a duty over. Each change is audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from server.audit import service as audit
from server.clock import is_plausible
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, InvalidError, NotFoundError
from server.people.model import DutyFacts
from server.people.news import News, tell
from server.people.shifts import Times, check_times
from server.people.tables import Absence, Duty, DutyTime, Person, Swap
from server.places.service import touch

_FAR: Final = timedelta(days=2 * 366)
"""A later end is a wrong year: whoever is away is told nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From one moment to another, the latter not part of it."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyBook:
    """What somebody is on duty for and when, and where that is suspended."""

    duties: list[Duty]
    times: list[DutyTime]
    absences: list[Absence]
    swaps: list[Swap]
    """Duties of theirs that others take over, and of others that they take over."""


async def duty_book(session: ReadSession, person: str, *, since: datetime) -> DutyBook:
    """Return somebody's duties, and the absences and swaps that are not yet over.

    Raises:
        NotFoundError: there is no such person.
    """
    await _known(session, person)
    absences = select(Absence).where(Absence.person == person, Absence.until_at > since)
    swaps = select(Swap).where((Swap.person == person) | (Swap.taken_by == person), Swap.until_at > since)
    return DutyBook(
        duties=list(await session.scalars(select(Duty).where(Duty.person == person).order_by(Duty.id))),
        times=list(
            await session.scalars(select(DutyTime).where(DutyTime.person == person).order_by(DutyTime.id))
        ),
        absences=list(await session.scalars(absences.order_by(Absence.from_at))),
        swaps=list(await session.scalars(swaps.order_by(Swap.from_at))),
    )


async def add_absence(
    session: WriteSession,
    person: str,
    span: Span,
    stand_in: str | None,
    *,
    by: str,
    now: datetime,
    by_kind: str = "operator",
) -> Absence:
    """Note that somebody is away; from that moment on they are told nothing.

    Raises:
        NotFoundError: there is no such person or stand-in.
        InvalidError: it ends before it begins, is over or far off, or they stand in for themselves.
        ConflictError: they are noted as away from that very moment already.
    """
    _check(span, person, stand_in, now=now)
    await _known(session, person)
    if stand_in is not None:
        await _known(session, stand_in)
    same = select(Absence.id).where(Absence.person == person, Absence.from_at == span.begins)
    if await session.scalar(same) is not None:
        raise ConflictError("从这个时间开始的请假已经登记。")
    row = Absence(person=person, from_at=span.begins, until_at=span.ends, stand_in=stand_in)
    session.add(row)
    await session.flush()
    detail = _told(span, stand_in=stand_in)
    await _changed(session, "absence_added", person, by=by, by_kind=by_kind, now=now, detail=detail)
    if stand_in is not None:
        times = (span.begins, span.ends)
        await tell(session, News.STANDS_IN, [stand_in], now=now, person=person, other=stand_in, span=times)
    return row


async def end_absence(
    session: WriteSession, person: str, absence_id: int, *, by: str, now: datetime, by_kind: str = "operator"
) -> None:
    """End an absence: one that has begun ends now, one that lies ahead is taken back.

    Raises:
        NotFoundError: that person has no such absence.
    """
    row = await session.get(Absence, absence_id)
    if row is None or row.person != person or row.until_at <= now:
        raise NotFoundError("没有这个请假。")
    stand_in, span = row.stand_in, (row.from_at, row.until_at)
    if row.from_at < now:
        row.until_at = now
    else:
        await session.delete(row)
    detail: dict[str, object] = {"absence": absence_id}
    await _changed(session, "absence_ended", person, by=by, by_kind=by_kind, now=now, detail=detail)
    if stand_in is not None:
        await tell(session, News.STAND_IN_ENDED, [stand_in], now=now, person=person, span=span)


async def add_swap(
    session: WriteSession,
    duty: DutyFacts,
    span: Span,
    taken_by: str,
    *,
    by: str,
    now: datetime,
    by_kind: str = "operator",
    tell_them: bool = True,
) -> Swap:
    """Let somebody else take a duty over for a time; the duty's own times stay. Both are told.

    Raises:
        NotFoundError: there is no such duty or person.
        InvalidError: it ends before it begins, is over or far off, or goes to the same person.
        ConflictError: the duty is taken over at that time already.
    """
    _check(span, duty.person, taken_by, now=now)
    await _known(session, taken_by)
    held = select(Duty.id).where(
        Duty.person == duty.person, Duty.role == duty.role, Duty.scope == duty.scope, Duty.code == duty.code
    )
    if await session.scalar(held) is None:
        raise NotFoundError("没有这个值班。")
    if await is_given_away(session, duty, span):
        raise ConflictError("这一班在这段时间已经换出。")
    row = Swap(
        person=duty.person,
        role=duty.role,
        scope=duty.scope,
        code=duty.code,
        from_at=span.begins,
        until_at=span.ends,
        taken_by=taken_by,
    )
    session.add(row)
    await session.flush()
    detail = _told(span, role=duty.role.value, code=duty.code, taken_by=taken_by)
    await _changed(session, "swap_added", duty.person, by=by, by_kind=by_kind, now=now, detail=detail)
    if tell_them:
        await _tell_both(session, News.SWAPPED, row, (span.begins, span.ends), now=now)
    return row


async def is_given_away(session: ReadSession, duty: DutyFacts, span: Span) -> bool:
    """Tell whether somebody has taken a duty over at some moment of a span."""
    overlapping = select(Swap.id).where(
        Swap.person == duty.person,
        Swap.role == duty.role,
        Swap.scope == duty.scope,
        Swap.code == duty.code,
        Swap.from_at < span.ends,
        Swap.until_at > span.begins,
    )
    return await session.scalar(overlapping) is not None


async def end_swap(
    session: WriteSession, person: str, swap_id: int, *, by: str, now: datetime, by_kind: str = "operator"
) -> None:
    """Give a duty back: now if it was taken over already, else it never goes. Both are told.

    Raises:
        NotFoundError: that person has no such swap.
    """
    row = await session.get(Swap, swap_id)
    if row is None or row.person != person or row.until_at <= now:
        raise NotFoundError("没有这个换班。")
    await _tell_both(session, News.SWAP_ENDED, row, (max(row.from_at, now), row.until_at), now=now)
    if row.from_at < now:
        row.until_at = now
    else:
        await session.delete(row)
    detail: dict[str, object] = {"swap": swap_id}
    await _changed(session, "swap_ended", person, by=by, by_kind=by_kind, now=now, detail=detail)


async def set_times(
    session: WriteSession, duty: DutyFacts, times: Sequence[Times], *, by: str, now: datetime
) -> None:
    """Say anew when a duty is held; no times mean always.

    Raises:
        NotFoundError: there is no such duty.
        InvalidError: a time is impossible, or two begin at the same moment of the same days.
    """
    check_times(times)
    held = select(Duty.id).where(
        Duty.person == duty.person, Duty.role == duty.role, Duty.scope == duty.scope, Duty.code == duty.code
    )
    if await session.scalar(held) is None:
        raise NotFoundError("没有这个值班。")
    mine = select(DutyTime).where(
        DutyTime.person == duty.person,
        DutyTime.role == duty.role,
        DutyTime.scope == duty.scope,
        DutyTime.code == duty.code,
    )
    old = list(await session.scalars(mine.order_by(DutyTime.id)))
    before = [_say_times(row.days, row.from_time, row.until_time, row.cycle_weeks) for row in old]
    for row in old:
        await session.delete(row)
    await session.flush()
    for one in times:
        session.add(
            DutyTime(
                person=duty.person,
                role=duty.role,
                scope=duty.scope,
                code=duty.code,
                days=one.days,
                from_time=one.begins,
                until_time=one.ends,
                cycle_weeks=one.cycle_weeks,
                cycle_start=one.cycle_start if one.cycle_weeks > 1 else None,
            )
        )
    after = [_say_times(one.days, one.begins, one.ends, one.cycle_weeks) for one in times]
    detail: dict[str, object] = {
        "role": duty.role.value,
        "code": duty.code,
        "before": before,
        "after": after,
    }
    await _changed(session, "duty_times_set", duty.person, by=by, now=now, detail=detail)


def _say_times(days: str, begins: str, ends: str, weeks: int) -> str:
    return f"{days} {begins}-{ends}" + (f" /{weeks}" if weeks > 1 else "")


async def _tell_both(
    session: WriteSession, news: News, row: Swap, span: tuple[datetime, datetime], *, now: datetime
) -> None:
    both = [row.person, row.taken_by]
    await tell(session, news, both, now=now, person=row.person, other=row.taken_by, span=span)


def _check(span: Span, person: str, other: str | None, *, now: datetime) -> None:
    if span.begins.tzinfo is None or span.ends.tzinfo is None:
        raise InvalidError("时间必须带时区。")
    if span.ends <= span.begins:
        raise InvalidError("结束必须晚于开始。")
    if span.ends <= now:
        raise InvalidError("这段时间已经过了，请检查日期。")
    if not is_plausible(span.ends) or span.ends - now > _FAR:
        raise InvalidError("结束是两年以后，请检查年份。")
    if other == person:
        raise InvalidError("不能自己替自己，请换一个人。")


async def _known(session: ReadSession, person: str) -> None:
    if await session.get(Person, person) is None:
        raise NotFoundError("没有这个人。")


async def _changed(
    session: WriteSession,
    action: str,
    person: str,
    *,
    by: str,
    now: datetime,
    detail: dict[str, object],
    by_kind: str = "operator",
) -> None:
    touch(session, now=now)
    await audit.record(
        session,
        at=now,
        actor_kind=by_kind,
        actor=by,
        action=action,
        subject_kind="person",
        subject=person,
        detail=detail,
    )
    await session.flush()


def _told(span: Span, **more: object) -> dict[str, object]:
    return {"begins": span.begins.isoformat(), "ends": span.ends.isoformat(), **more}
