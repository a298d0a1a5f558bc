"""Absences and swaps: who is away, who stands in, who takes a duty over. Each change is audited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, InvalidError, NotFoundError
from server.people.model import DutyFacts
from server.people.tables import Absence, Duty, DutyTime, Person, Swap
from server.places.service import touch


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
    session: WriteSession, person: str, span: Span, stand_in: str | None, *, by: str, now: datetime
) -> Absence:
    """Note that somebody is away; from that moment on they are told nothing.

    Raises:
        NotFoundError: there is no such person or stand-in.
        InvalidError: it ends before it begins, or they stand in for themselves.
        ConflictError: they are noted as away from that very moment already.
    """
    _check(span, person, stand_in)
    await _known(session, person)
    if stand_in is not None:
        await _known(session, stand_in)
    same = select(Absence.id).where(Absence.person == person, Absence.from_at == span.begins)
    if await session.scalar(same) is not None:
        raise ConflictError("从这个时间开始的请假已经登记。")
    row = Absence(person=person, from_at=span.begins, until_at=span.ends, stand_in=stand_in)
    session.add(row)
    await session.flush()
    await _changed(session, "absence_added", person, by=by, now=now, detail=_told(span, stand_in=stand_in))
    return row


async def end_absence(session: WriteSession, person: str, absence_id: int, *, by: str, now: datetime) -> None:
    """End an absence: one that has begun ends now, one that lies ahead is taken back.

    Raises:
        NotFoundError: that person has no such absence.
    """
    row = await session.get(Absence, absence_id)
    if row is None or row.person != person or row.until_at <= now:
        raise NotFoundError("没有这个请假。")
    if row.from_at < now:
        row.until_at = now
    else:
        await session.delete(row)
    await _changed(session, "absence_ended", person, by=by, now=now, detail={"absence": absence_id})


async def add_swap(
    session: WriteSession, duty: DutyFacts, span: Span, taken_by: str, *, by: str, now: datetime
) -> Swap:
    """Let somebody else take a duty over for a time; the duty's own times stay.

    Raises:
        NotFoundError: there is no such duty or person.
        InvalidError: it ends before it begins, or goes to the same person.
        ConflictError: the duty is taken over at that time already.
    """
    _check(span, duty.person, taken_by)
    await _known(session, taken_by)
    held = select(Duty.id).where(
        Duty.person == duty.person, Duty.role == duty.role, Duty.scope == duty.scope, Duty.code == duty.code
    )
    if await session.scalar(held) is None:
        raise NotFoundError("没有这个值班。")
    overlapping = select(Swap.id).where(
        Swap.person == duty.person,
        Swap.role == duty.role,
        Swap.scope == duty.scope,
        Swap.code == duty.code,
        Swap.from_at < span.ends,
        Swap.until_at > span.begins,
    )
    if await session.scalar(overlapping) is not None:
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
    await _changed(session, "swap_added", duty.person, by=by, now=now, detail=detail)
    return row


async def end_swap(session: WriteSession, person: str, swap_id: int, *, by: str, now: datetime) -> None:
    """Give a duty back: now if it was taken over already, else it never goes.

    Raises:
        NotFoundError: that person has no such swap.
    """
    row = await session.get(Swap, swap_id)
    if row is None or row.person != person or row.until_at <= now:
        raise NotFoundError("没有这个换班。")
    if row.from_at < now:
        row.until_at = now
    else:
        await session.delete(row)
    await _changed(session, "swap_ended", person, by=by, now=now, detail={"swap": swap_id})


def _check(span: Span, person: str, other: str | None) -> None:
    if span.begins.tzinfo is None or span.ends.tzinfo is None:
        raise InvalidError("times need an offset, e.g. 2026-12-24T08:00:00+08:00")
    if span.ends <= span.begins:
        raise InvalidError("the end is not after the beginning")
    if other == person:
        raise InvalidError("somebody cannot stand in for themselves")


async def _known(session: ReadSession, person: str) -> None:
    if await session.get(Person, person) is None:
        raise NotFoundError("没有这个人。")


async def _changed(
    session: WriteSession, action: str, person: str, *, by: str, now: datetime, detail: dict[str, object]
) -> None:
    touch(session, now=now)
    await audit.record(
        session,
        at=now,
        actor_kind="operator",
        actor=by,
        action=action,
        subject_kind="person",
        subject=person,
        detail=detail,
    )
    await session.flush()


def _told(span: Span, **more: object) -> dict[str, object]:
    return {"begins": span.begins.isoformat(), "ends": span.ends.isoformat(), **more}
