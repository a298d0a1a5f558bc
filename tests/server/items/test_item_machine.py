"""Every state × every move × every actor: the whole table, written out once more and compared."""

import itertools

import pytest

from server.items.machine import RULES, Decision, Facts, Refusal, decide
from server.items.model import ActorKind, ItemState, Move
from server.items.sentences import REFUSALS
from wire.vocabulary import AlarmClass

N, A, O, D, V, C = ItemState  # noqa: E741
P, Q, G, S = ActorKind

# Where each move leads from N A O D V C when every guard is content; "." is refused.
TABLE = {
    (Move.ACCEPT, P): "AA....",
    (Move.ARRIVE, P): "OO....",
    (Move.FINISH, P): "DDD...",
    (Move.NEED_HELP, P): "NAO...",
    (Move.NOT_MINE, P): "NNN...",
    (Move.FALSE_ALARM, P): "DDD...",
    (Move.UNDO, P): "NAOD..",
    (Move.ACCEPT, Q): "A.....",
    (Move.FINISH, Q): "DDD...",
    (Move.UNDO, Q): "NAOD..",
    (Move.REASSIGN, Q): "NNNN..",
    (Move.CONFIRM_FALSE_ALARM, Q): "DDD...",
    (Move.REJECT_FALSE_ALARM, Q): "NAO...",
    (Move.CLOSE_EXCEPTION, Q): "CCCCC.",
    (Move.NOTE, Q): "NAODVC",
    (Move.RAISE, G): "NAOAA.",
    (Move.CLEAR, G): "NAODV.",
    (Move.SUPERSEDE, G): "NAODV.",
    (Move.OPEN, S): "N.....",
    (Move.ESCALATE, S): "NAO...",
    (Move.RELEASE, S): ".N....",
    (Move.RETURN, S): "...A..",
    (Move.VERIFY, S): "...V..",
    (Move.CLOSE, S): "....C.",
}
LETTER = dict(zip("NAODVC", ItemState, strict=True))


def facts(state: ItemState, **changes) -> Facts:
    values = {
        "state": state,
        "class_": AlarmClass.HAZARD,
        "owner": None,
        "accepted": False,
        "alarm_over": False,
        "cause_present": True,
        "help_wanted": False,
        "false_alarm_claimed": False,
        "actor": "wang",
        "told": True,
        "reason": "because",
    }
    return Facts(**{**values, **changes})


def content(move: Move) -> dict:
    """Facts under which no guard of a move objects."""
    return {
        Move.CONFIRM_FALSE_ALARM: {"false_alarm_claimed": True},
        Move.REJECT_FALSE_ALARM: {"false_alarm_claimed": True},
        Move.VERIFY: {"alarm_over": True},
        Move.CLOSE: {"alarm_over": True},
    }.get(move, {})


@pytest.mark.parametrize(("state", "move", "by"), list(itertools.product(ItemState, Move, ActorKind)))
def test_every_move_from_every_state_by_everyone(state, move, by):
    decision = decide(facts(state, **content(move)), move, by)
    row = TABLE.get((move, by))
    if row is None:
        assert decision == Decision(to=state, refusal=Refusal.NOT_ALLOWED)
        return
    letter = row["NAODVC".index({s: k for k, s in LETTER.items()}[state])]
    if letter == ".":
        assert not decision.allowed
        assert decision.to is state
    else:
        assert decision == Decision(to=LETTER[letter])


def test_table_names_exactly_the_rules_there_are():
    assert set(TABLE) == set(RULES)


def test_closed_items_say_that_they_are_closed():
    for move in (Move.ACCEPT, Move.ARRIVE, Move.FINISH, Move.NEED_HELP, Move.FALSE_ALARM, Move.UNDO):
        assert decide(facts(C), move, P).refusal is Refusal.CLOSED


@pytest.mark.parametrize(
    "move", [Move.ACCEPT, Move.ARRIVE, Move.FINISH, Move.NEED_HELP, Move.NOT_MINE, Move.FALSE_ALARM]
)
def test_nobody_acts_who_was_not_told(move):
    assert decide(facts(N, told=False), move, P).refusal is Refusal.NOT_TOLD


@pytest.mark.parametrize("move", [Move.ACCEPT, Move.ARRIVE, Move.FINISH, Move.NOT_MINE, Move.FALSE_ALARM])
def test_what_another_has_is_taken_unless_they_want_help(move):
    taken = {"owner": "li", "accepted": True}
    assert decide(facts(A, **taken), move, P).refusal is Refusal.TAKEN
    assert decide(facts(A, **taken, help_wanted=True), move, P).allowed


def test_help_can_be_asked_for_by_everyone_who_was_told():
    assert decide(facts(A, owner="li", accepted=True), Move.NEED_HELP, P).allowed


def test_a_desk_that_has_it_keeps_it_from_people():
    assert decide(facts(A, owner=None, accepted=True), Move.ACCEPT, P).refusal is Refusal.TAKEN


def test_repeating_what_is_so_already_is_said_kindly():
    own = {"owner": "wang", "accepted": True}
    assert decide(facts(A, **own), Move.ACCEPT, P).refusal is Refusal.ALREADY
    assert decide(facts(O, **own), Move.ACCEPT, P).refusal is Refusal.ALREADY
    assert decide(facts(O, **own), Move.ARRIVE, P).refusal is Refusal.ALREADY
    assert decide(facts(D, **own), Move.FINISH, P).refusal is Refusal.ALREADY
    assert decide(facts(A, **own, help_wanted=True), Move.NEED_HELP, P).refusal is Refusal.ALREADY
    assert decide(facts(A, **own, false_alarm_claimed=True), Move.FALSE_ALARM, P).refusal is Refusal.ALREADY


@pytest.mark.parametrize(
    ("class_", "cause_present", "alarm_over", "to"),
    [
        (AlarmClass.LIFE_SAFETY, True, False, A),
        (AlarmClass.LIFE_SAFETY, False, False, D),
        (AlarmClass.LIFE_SAFETY, True, True, D),
        (AlarmClass.HAZARD, True, False, D),
        (AlarmClass.FAULT, True, False, D),
    ],
)
def test_a_false_alarm_of_measured_danger_to_life_waits_for_the_desk(class_, cause_present, alarm_over, to):
    given = facts(
        A, owner="wang", accepted=True, class_=class_, cause_present=cause_present, alarm_over=alarm_over
    )
    assert decide(given, Move.FALSE_ALARM, P) == Decision(to=to)


@pytest.mark.parametrize("move", [Move.CONFIRM_FALSE_ALARM, Move.REJECT_FALSE_ALARM])
def test_the_desk_decides_only_what_was_claimed(move):
    assert decide(facts(A), move, Q).refusal is Refusal.NOTHING_CLAIMED


@pytest.mark.parametrize("move", [Move.CLOSE_EXCEPTION, Move.NOTE])
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_the_desk_says_why(move, reason):
    assert decide(facts(D, reason=reason), move, Q).refusal is Refusal.REASON_NEEDED


def test_the_desk_does_not_finish_what_a_person_has():
    assert decide(facts(A, owner="li", accepted=True), Move.FINISH, Q).refusal is Refusal.TAKEN
    assert decide(facts(A, owner=None, accepted=True), Move.FINISH, Q).allowed


def test_verifying_and_closing_need_the_sensors_word():
    assert decide(facts(D), Move.VERIFY, S).refusal is Refusal.ALARM_ACTIVE
    assert decide(facts(V), Move.CLOSE, S).refusal is Refusal.ALARM_ACTIVE
    assert decide(facts(D, alarm_over=True), Move.RETURN, S).refusal is Refusal.ALARM_OVER


def test_every_refusal_has_a_sentence():
    assert set(REFUSALS) == set(Refusal)
    assert all(text.endswith("。") for text in REFUSALS.values())
