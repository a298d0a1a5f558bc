"""A swap that one proposes and another confirms: every answer by everybody, at every state."""

from datetime import timedelta

import pytest

from server.people.news import not_at_night, say_span
from server.people.swapping import (
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
from tests.server.people.test_duty_times import MONDAY, at

NOW = at("12:00")
MAY = {
    (Party.PROPOSER, Answer.WITHDRAW),
    (Party.ASKED, Answer.AGREE),
    (Party.ASKED, Answer.DECLINE),
    *((Party.DESK, answer) for answer in Answer),
}


@pytest.mark.parametrize("state", ProposalState)
@pytest.mark.parametrize("party", Party)
@pytest.mark.parametrize("answer", Answer)
def test_who_may_answer_what_and_only_once(state, party, answer):
    facts = ProposalFacts(state=state, lapses_at=NOW + timedelta(hours=1))
    found = judge_answer(facts, answer, party, now=NOW)
    if (party, answer) not in MAY:
        assert found is SwapRefusal.NOT_YOURS
    else:
        assert found is (None if state is ProposalState.PROPOSED else SwapRefusal.ANSWERED)


def test_nobody_agrees_to_a_duty_that_began_without_them_but_may_still_decline():
    facts = ProposalFacts(state=ProposalState.PROPOSED, lapses_at=NOW)
    assert judge_answer(facts, Answer.AGREE, Party.ASKED, now=NOW) is SwapRefusal.TOO_LATE
    assert judge_answer(facts, Answer.DECLINE, Party.ASKED, now=NOW) is None


def test_a_proposal_waits_until_the_duty_begins_or_ends_when_it_has_begun():
    later, end = NOW + timedelta(hours=8), NOW + timedelta(hours=12)
    assert lapses_at(later, end, now=NOW) == later
    assert lapses_at(NOW - timedelta(hours=1), end, now=NOW) == end


@pytest.mark.parametrize(
    ("begins_h", "ends_h", "wrong"),
    [(1, 2, ""), (2, 2, "晚于"), (-3, -1, "已经过了"), (24 * 63, 24 * 63 + 1, "太早"), (1, 24 * 32, "太长")],
)
def test_impossible_times_are_refused_in_words(begins_h, ends_h, wrong):
    hours = timedelta(hours=1)
    found = why_not_proposable(NOW + begins_h * hours, NOW + ends_h * hours, now=NOW)
    assert (wrong in found) if wrong else found == ""


@pytest.mark.parametrize(
    ("moment", "leaves"),
    [("12:00", "12:00"), ("20:59", "20:59"), ("21:00", "next"), ("02:00", "08:00"), ("08:00", "08:00")],
)
def test_messages_about_the_roster_leave_by_day(moment, leaves):
    expected = at("08:00", MONDAY + timedelta(days=1)) if leaves == "next" else at(leaves)
    assert not_at_night(at(moment)) == expected


def test_a_span_is_said_as_people_say_it():
    assert say_span(at("08:00"), at("20:00")) == "11月23日08:00到20:00"
    assert say_span(at("20:00"), at("08:00", MONDAY + timedelta(days=1))) == "11月23日20:00到11月24日08:00"


def test_every_refusal_has_a_sentence():
    assert set(REFUSALS) == set(SwapRefusal)
