"""A swap that one person proposes and another confirms: who may do what, and what follows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FAR: Final = timedelta(days=62)
"""How far ahead a swap may lie: later, nobody knows the roster."""
LONGEST: Final = timedelta(days=31)
_SOON: Final = timedelta(minutes=10)


class ProposalState(StrEnum):
    """What became of a proposal."""

    PROPOSED = "proposed"
    """It waits for the one who was asked; the duty is where it was."""
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """The time of the duty came, and no answer."""


class Answer(StrEnum):
    """What can be done to a proposal."""

    AGREE = "agree"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


class Party(StrEnum):
    """How somebody stands to a proposal."""

    PROPOSER = "proposer"
    """Whose duty it is."""
    ASKED = "asked"
    DESK = "desk"
    """The desk notes what the two said on the telephone."""
    NEITHER = "neither"


class SwapRefusal(StrEnum):
    """Why an answer does not count; each has a sentence in Chinese."""

    NOT_YOURS = "not_yours"
    ANSWERED = "answered"
    TOO_LATE = "too_late"


REFUSALS: Final[Mapping[SwapRefusal, str]] = {
    SwapRefusal.NOT_YOURS: "这个换班请求不该由您来答复。",
    SwapRefusal.ANSWERED: "这个换班请求已经有了结果。",
    SwapRefusal.TOO_LATE: "这一班的时间已经过了。",
}
_MAY: Final[Mapping[Party, frozenset[Answer]]] = {
    Party.PROPOSER: frozenset({Answer.WITHDRAW}),
    Party.ASKED: frozenset({Answer.AGREE, Answer.DECLINE}),
    Party.DESK: frozenset(Answer),
    Party.NEITHER: frozenset(),
}
OUTCOMES: Final[Mapping[Answer, ProposalState]] = {
    Answer.AGREE: ProposalState.AGREED,
    Answer.DECLINE: ProposalState.DECLINED,
    Answer.WITHDRAW: ProposalState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFacts:
    """What decides about an answer."""

    state: ProposalState
    lapses_at: datetime


def judge_answer(facts: ProposalFacts, answer: Answer, party: Party, *, now: datetime) -> SwapRefusal | None:
    """Return why an answer does not count, or None.

    Args:
        facts: the proposal as it stands.
        answer: what somebody wants.
        party: who they are to it.
        now: the moment.
    """
    if answer not in _MAY[party]:
        return SwapRefusal.NOT_YOURS
    if facts.state is not ProposalState.PROPOSED:
        return SwapRefusal.ANSWERED
    if answer is Answer.AGREE and facts.lapses_at <= now:
        return SwapRefusal.TOO_LATE
    return None


def lapses_at(begins: datetime, ends: datetime, *, now: datetime) -> datetime:
    """Return until when a proposal waits: until the duty begins, or ends when it has begun already."""
    return begins if begins > now + _SOON else ends


def why_not_proposable(begins: datetime, ends: datetime, *, now: datetime) -> str:
    """Return, in Chinese, what is wrong with the time of a swap; empty when nothing is."""
    if ends <= begins:
        return "结束必须晚于开始。"
    if ends <= now:
        return "这段时间已经过了。"
    if begins > now + FAR:
        return "太早了：最多提前两个月。"
    return "时间太长：最多一个月。" if ends - begins > LONGEST else ""
