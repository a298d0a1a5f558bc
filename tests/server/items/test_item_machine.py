"""Every state × every move × every actor: the whole table, written out once more and compared."""

import itertools
from dataclasses import replace

import pytest

from server.items.machine import RULES, Decision, Facts, Refusal, decide
from server.items.model import ActorKind, ItemState, Move
from server.items.sentences import REFUSALS
from wire.vocabulary import AlarmClass

N, A, O, D, V, C = ItemState  # noqa: E741 - letters of the tables below
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
    (Move.MERGE, Q): "NAO...",
    (Move.UNMERGE, Q): "NNNN..",
    (Move.SHELVE, Q): "NAO...",
    (Move.CONFIRM_SHELF, Q): "NAO...",
    (Move.UNSHELVE, Q): "NAO...",
    (Move.REOPEN, G): ".....N",
    (Move.UNSHELVE, G): "NAO...",
    (Move.MERGE, S): "NAO...",
    (Move.UNMERGE, S): "NNNN..",
    (Move.UNSHELVE, S): "NAO...",
    (Move.FINISH, S): "DDD...",
    (Move.LAPSE, S): "C.....",
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


def content(move: Move, by: ActorKind = ActorKind.SYSTEM) -> dict:
    """Facts under which no guard of a move objects."""
    if (move, by) == (Move.FINISH, S):
        return {"group": True, "matters_done": True}
    return {
        Move.UNMERGE: {"merged": True},
        Move.SHELVE: {"shelf_s": 60.0},
        Move.CONFIRM_SHELF: {"shelf_asked_by": "li"},
        Move.UNSHELVE: {"shelved": True},
        Move.LAPSE: {"alarm_over": True, "anybody_told": False},
        Move.CONFIRM_FALSE_ALARM: {"false_alarm_claimed": True},
        Move.REJECT_FALSE_ALARM: {"false_alarm_claimed": True},
        Move.VERIFY: {"alarm_over": True},
        Move.CLOSE: {"alarm_over": True},
    }.get(move, {})


@pytest.mark.parametrize(("state", "move", "by"), list(itertools.product(ItemState, Move, ActorKind)))
def test_every_move_from_every_state_by_everyone(state, move, by):
    decision = decide(facts(state, **content(move, by)), move, by)
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


# --- the whole product of facts -----------------------------------------------------------------

# What each move asks for besides the state, in the order in which it is asked; written once more.
ASKS = {
    (Move.ACCEPT, P): "told alone free fresh",
    (Move.ARRIVE, P): "told alone free",
    (Move.FINISH, P): "told ticked free",
    (Move.NEED_HELP, P): "told alone no_help",
    (Move.NOT_MINE, P): "told alone free",
    (Move.FALSE_ALARM, P): "told ticked free no_claim",
    (Move.ACCEPT, Q): "alone",
    (Move.FINISH, Q): "ticked desk",
    (Move.REASSIGN, Q): "alone",
    (Move.CONFIRM_FALSE_ALARM, Q): "claim",
    (Move.REJECT_FALSE_ALARM, Q): "claim",
    (Move.CLOSE_EXCEPTION, Q): "reason",
    (Move.NOTE, Q): "reason",
    (Move.MERGE, Q): "alone single",
    (Move.UNMERGE, Q): "inside",
    (Move.SHELVE, Q): "reason alone unshelved unasked short",
    (Move.CONFIRM_SHELF, Q): "asked second",
    (Move.UNSHELVE, Q): "shelved",
    (Move.UNSHELVE, G): "shelved",
    (Move.UNSHELVE, S): "shelved",
    (Move.ESCALATE, S): "alone unshelved",
    (Move.RELEASE, S): "alone unshelved",
    (Move.RETURN, S): "active",
    (Move.VERIFY, S): "over",
    (Move.CLOSE, S): "over",
    (Move.MERGE, S): "alone single harmless",
    (Move.UNMERGE, S): "inside",
    (Move.FINISH, S): "ticked_all",
    (Move.LAPSE, S): "over harmless untold",
}
MEANING = {
    "told": (lambda f: f.told, Refusal.NOT_TOLD),
    "alone": (lambda f: not f.merged, Refusal.MERGED),
    "ticked": (lambda f: not f.merged or f.matter, Refusal.MERGED),
    "free": (lambda f: not f.accepted or f.owner == f.actor or f.help_wanted, Refusal.TAKEN),
    "fresh": (
        lambda f: not (f.accepted and f.owner == f.actor and f.state is A),
        Refusal.ALREADY,
    ),
    "no_help": (lambda f: not f.help_wanted, Refusal.ALREADY),
    "no_claim": (lambda f: not f.false_alarm_claimed, Refusal.ALREADY),
    "desk": (lambda f: not (f.accepted and f.owner), Refusal.TAKEN),
    "claim": (lambda f: f.false_alarm_claimed, Refusal.NOTHING_CLAIMED),
    "reason": (lambda f: f.reason != "", Refusal.REASON_NEEDED),
    "single": (lambda f: not f.group, Refusal.IS_GROUP),
    "inside": (lambda f: f.merged, Refusal.NOT_MERGED),
    "unshelved": (lambda f: not f.shelved, Refusal.SHELVED),
    "shelved": (lambda f: f.shelved, Refusal.NOT_SHELVED),
    "unasked": (lambda f: f.shelf_asked_by == "", Refusal.ALREADY),
    "asked": (lambda f: f.shelf_asked_by != "", Refusal.NOTHING_ASKED),
    "second": (lambda f: f.shelf_asked_by != f.actor, Refusal.SAME_PERSON),
    "short": (
        lambda f: f.shelf_s is None or 0 < f.shelf_s <= LIMITS_S[f.class_],
        Refusal.TOO_LONG,
    ),
    "active": (lambda f: not f.alarm_over, Refusal.ALARM_OVER),
    "over": (lambda f: f.alarm_over, Refusal.ALARM_ACTIVE),
    "harmless": (lambda f: f.class_ is not AlarmClass.LIFE_SAFETY, Refusal.LIFE_SAFETY),
    "untold": (lambda f: not f.anybody_told, Refusal.WAS_TOLD),
    "ticked_all": (lambda f: f.group and f.matters_done, Refusal.MATTERS_LEFT),
}
HOUR = 3600.0
LIMITS_S = dict(zip(AlarmClass, (HOUR, 8 * HOUR, 168 * HOUR, 720 * HOUR), strict=True))
BOOLEANS = [
    "accepted",
    "alarm_over",
    "help_wanted",
    "false_alarm_claimed",
    "told",
    "merged",
    "matter",
    "group",
    "shelved",
    "anybody_told",
    "matters_done",
]
WORDS = {
    "owner": (None, "wang", "li"),
    "class_": (AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD, AlarmClass.FAULT),
    "cause_present": (False, True),
    "reason": ("", "because"),
    "shelf_asked_by": ("", "wang", "li"),
    "shelf_s": (None, 0.0, HOUR, HOUR + 1, 168 * HOUR, 168 * HOUR + 1),
}
ASKED_OF = {
    "told": ["told"],
    "alone": ["merged"],
    "ticked": ["merged", "matter"],
    "free": ["accepted", "owner", "help_wanted"],
    "fresh": ["accepted", "owner"],
    "no_help": ["help_wanted"],
    "no_claim": ["false_alarm_claimed"],
    "desk": ["accepted", "owner"],
    "claim": ["false_alarm_claimed"],
    "reason": ["reason"],
    "single": ["group"],
    "inside": ["merged"],
    "unshelved": ["shelved"],
    "shelved": ["shelved"],
    "unasked": ["shelf_asked_by"],
    "asked": ["shelf_asked_by"],
    "second": ["shelf_asked_by"],
    "short": ["class_", "shelf_s"],
    "active": ["alarm_over"],
    "over": ["alarm_over"],
    "harmless": ["class_"],
    "untold": ["anybody_told"],
    "ticked_all": ["group", "matters_done"],
}


def every_combination(names: list[str]):
    values = [WORDS.get(name, (False, True)) for name in names]
    for chosen in itertools.product(*values):
        yield dict(zip(names, chosen, strict=True))


@pytest.mark.parametrize(("move", "by"), list(itertools.product(Move, ActorKind)))
def test_every_combination_of_what_a_move_asks_for(move, by):
    """State × every value of every fact that the move asks for: allowed, or refused for the first reason."""
    asks = ASKS.get((move, by), "").split()
    names = sorted({name for ask in asks for name in ASKED_OF[ask]} | {"alarm_over", "class_"})
    for state in ItemState:
        for changes in every_combination(names):
            given = facts(state, **{**content(move, by), **changes})
            decision = decide(given, move, by)
            if (move, by) not in TABLE:
                assert decision == Decision(to=state, refusal=Refusal.NOT_ALLOWED)
                continue
            wrong = next((MEANING[ask][1] for ask in asks if not MEANING[ask][0](given)), None)
            letter = TABLE[move, by]["NAODVC".index({s: k for k, s in LETTER.items()}[state])]
            if wrong is not None:
                assert decision == Decision(to=state, refusal=wrong), (state, changes)
            elif letter == ".":
                assert decision.to is state
                assert decision.refusal in {Refusal.CLOSED, Refusal.WRONG_STATE, Refusal.ALREADY}
            else:
                waits = move is Move.FALSE_ALARM and (
                    given.class_ is AlarmClass.LIFE_SAFETY and given.cause_present and not given.alarm_over
                )
                assert decision == Decision(to=state if waits else LETTER[letter]), (state, changes)


def test_facts_that_no_move_asks_for_change_nothing():
    """Every boolean fact flipped: a move that does not ask for it decides as before."""
    for (move, by), state, name in itertools.product(TABLE, ItemState, BOOLEANS):
        asked = {one for ask in ASKS.get((move, by), "").split() for one in ASKED_OF[ask]}
        if name in asked | {"alarm_over"}:
            continue
        base = facts(state, **content(move, by))
        flipped = replace(base, **{name: not getattr(base, name)})
        assert decide(base, move, by) == decide(flipped, move, by), (move, by, state, name)
