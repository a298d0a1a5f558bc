"""Swaps that one proposes and the other confirms; both are told, each step is audited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from server.audit import service as audit
from server.db.session import ReadSession, WriteSession
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.people import duties
from server.people.duties import Span
from server.people.model import DutyFacts
from server.people.news import News, tell
from server.people.rostertables import SwapProposal
from server.people.swapping import (
    OUTCOMES,
    REFUSALS,
    Answer,
    Party,
    ProposalFacts,
    ProposalState,
    SwapRefusal,
    judge_answer,
    lapses_at,
    why_not_proposable,
)
from server.people.tables import Duty, Person
from wire.ids import new_uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who acts: a person on their phone, or somebody of the desk."""

    kind: str
    """`person` or `operator`, as in the audit."""
    code: str


def by_person(code: str) -> By:
    """Return somebody on their own phone."""
    return By(kind="person", code=code)


def by_desk(operator: str) -> By:
    """Return somebody of the desk."""
    return By(kind="operator", code=operator)


async def propose(
    session: WriteSession, duty: DutyFacts, span: Span, asked: str, *, by: By, now: datetime
) -> SwapProposal:
    """Ask somebody to take a duty over; nothing changes until they agree.

    Raises:
        NotFoundError: there is no such duty, or nobody of that code is active.
        InvalidError: the time is impossible, or it is the same person.
        ConflictError: the duty is given away at that time, or somebody was asked for it already.
    """
    wrong = why_not_proposable(span.begins, span.ends, now=now)
    if wrong:
        raise InvalidError(wrong)
    if asked == duty.person:
        raise InvalidError("不能请自己替班。")
    person = await session.get(Person, asked)
    if person is None or not person.active:
        raise NotFoundError("没有这个人。")
    await _free(session, duty, span)
    row = SwapProposal(
        id=new_uuid7(unix_ms=round(now.timestamp() * 1000)),
        person=duty.person,
        role=duty.role,
        scope=duty.scope,
        code=duty.code,
        from_at=span.begins,
        until_at=span.ends,
        asked=asked,
        proposed_at=now,
        lapses_at=lapses_at(span.begins, span.ends, now=now),
        state=ProposalState.PROPOSED,
    )
    session.add(row)
    await session.flush()
    await _audit(session, "swap_proposed", row, by=by, now=now)
    await _tell(session, News.ASKED, [asked], row, now=now)
    return row


async def answer(
    session: WriteSession, proposal: str, wanted: Answer, *, by: By, now: datetime
) -> SwapProposal:
    """Agree to a proposal, decline it, or take it back; the same answer again changes nothing.

    Raises:
        NotFoundError: there is no such proposal.
        ForbiddenError: it is not theirs to answer.
        ConflictError: it was answered otherwise, its time is over, or the duty is given away by now.
    """
    row = await session.get(SwapProposal, proposal)
    if row is None:
        raise NotFoundError("没有这个换班请求。")
    refusal = judge_answer(
        ProposalFacts(state=row.state, lapses_at=row.lapses_at), wanted, party_of(row, by), now=now
    )
    if refusal is SwapRefusal.ANSWERED and row.state is OUTCOMES[wanted]:
        return row  # pressed twice, or sent again on a bad line
    if refusal is not None:
        raised = ForbiddenError if refusal is SwapRefusal.NOT_YOURS else ConflictError
        raise raised(REFUSALS[refusal])
    if wanted is Answer.AGREE:
        await _hand_over(session, row, by=by, now=now)
    row.state, row.decided_at = OUTCOMES[wanted], now
    await _audit(session, f"swap_{row.state.value}", row, by=by, now=now)
    told = {
        Answer.AGREE: (News.AGREED, [row.person, row.asked]),
        Answer.DECLINE: (News.DECLINED, [row.person]),
        Answer.WITHDRAW: (News.WITHDRAWN, [row.asked]),
    }[wanted]
    await _tell(session, *told, row, now=now)
    return row


async def any_to_lapse(session: ReadSession, *, now: datetime) -> bool:
    """Tell whether the time of some proposal is over without an answer."""
    query = select(SwapProposal.id).where(
        SwapProposal.state == ProposalState.PROPOSED, SwapProposal.lapses_at <= now
    )
    return await session.scalar(query.limit(1)) is not None


async def lapse(session: WriteSession, *, now: datetime) -> int:
    """End proposals whose time is over without an answer; returns how many."""
    query = select(SwapProposal).where(
        SwapProposal.state == ProposalState.PROPOSED, SwapProposal.lapses_at <= now
    )
    rows = list(await session.scalars(query))
    for row in rows:
        row.state, row.decided_at = ProposalState.LAPSED, now
        await _audit(session, "swap_lapsed", row, by=By(kind="system", code=""), now=now)
        await _tell(session, News.LAPSED, [row.person], row, now=now)
    return len(rows)


async def open_proposals(session: ReadSession, people: list[str]) -> list[SwapProposal]:
    """Return what waits for an answer and concerns any of these people, the soonest first."""
    query = select(SwapProposal).where(
        SwapProposal.state == ProposalState.PROPOSED,
        or_(SwapProposal.person.in_(people), SwapProposal.asked.in_(people)),
    )
    return list(await session.scalars(query.order_by(SwapProposal.from_at, SwapProposal.id)))


def party_of(row: SwapProposal, by: By) -> Party:
    """Return how somebody stands to a proposal."""
    if by.kind == "operator":
        return Party.DESK
    return {row.person: Party.PROPOSER, row.asked: Party.ASKED}.get(by.code, Party.NEITHER)


def duty_of(row: SwapProposal) -> DutyFacts:
    """Return which duty a proposal is about."""
    return DutyFacts(person=row.person, role=row.role, scope=row.scope, code=row.code)


async def _hand_over(session: WriteSession, row: SwapProposal, *, by: By, now: datetime) -> None:
    swap = await duties.add_swap(
        session,
        duty_of(row),
        Span(begins=row.from_at, ends=row.until_at),
        row.asked,
        by=by.code,
        by_kind=by.kind,
        now=now,
        tell_them=False,
    )
    row.swap = swap.id


async def _free(session: WriteSession, duty: DutyFacts, span: Span) -> None:
    """Refuse a duty that is not there, and a time for which somebody is asked already."""
    held = select(Duty.id).where(
        Duty.person == duty.person, Duty.role == duty.role, Duty.scope == duty.scope, Duty.code == duty.code
    )
    if await session.scalar(held) is None:
        raise NotFoundError("没有这个值班。")
    asked = select(SwapProposal.id).where(
        SwapProposal.person == duty.person,
        SwapProposal.role == duty.role,
        SwapProposal.scope == duty.scope,
        SwapProposal.code == duty.code,
        SwapProposal.state == ProposalState.PROPOSED,
        SwapProposal.from_at < span.ends,
        SwapProposal.until_at > span.begins,
    )
    if await session.scalar(asked) is not None:
        raise ConflictError("这段时间已经请人替班，正等回答。要请别人，先撤回。")
    if await duties.is_given_away(session, duty, span):
        raise ConflictError("这一班在这段时间已经换出。")


async def _audit(session: WriteSession, action: str, row: SwapProposal, *, by: By, now: datetime) -> None:
    await audit.record(
        session,
        at=now,
        actor_kind=by.kind,
        actor=by.code,
        action=action,
        subject_kind="person",
        subject=row.person,
        detail={
            "proposal": row.id,
            "asked": row.asked,
            "role": row.role.value,
            "code": row.code,
            "begins": row.from_at.isoformat(),
            "ends": row.until_at.isoformat(),
        },
    )


async def _tell(
    session: WriteSession, news: News, to: list[str], row: SwapProposal, *, now: datetime
) -> None:
    span = (row.from_at, row.until_at)
    await tell(session, news, to, now=now, person=row.person, other=row.asked, span=span, proposal=row.id)
