"""Many incidents at once through the real rows, with bad luck of every kind: none ends in silence. And the judge that
says so is shown streets in which something was forgotten: it says which question fails.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from server.escalation import plan as planning
from server.escalation import service as dues
from server.escalation.tables import DueKind
from server.items import effects, telling, timed
from server.items.model import ItemState, Move
from server.notify import outcomes, receipts
from server.notify.tables import NoticeState
from server.people.model import Role
from server.people.roster import Roster
from tests.server.escalation.incidents import play_street
from tests.server.world import PEOPLE

IN_EACH = 50


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
async def test_no_incident_ends_in_silence(seed):
    assert await play_street(seed, IN_EACH) == []


# --- what the judge must find -------------------------------------------------------------------


def forgets(*kinds: DueKind):
    """Rows of these kinds are never made."""

    def break_it(monkeypatch) -> None:
        schedule = dues.schedule

        def forgetful(session, item_id, kind, **values):
            if kind not in kinds:
                schedule(session, item_id, kind, **values)

        monkeypatch.setattr(dues, "schedule", forgetful)

    return break_it


def settles_without_acting(kind: DueKind):
    """A row counts as done, and nothing was: as if two had settled it."""

    def break_it(monkeypatch) -> None:
        async def nothing(session, item, due, now, policies):
            return dues.SETTLED_DONE

        monkeypatch.setattr(timed, "_HANDLERS", {**timed._HANDLERS, kind: nothing})

    return break_it


def waits_for_people_who_cannot_be_told(monkeypatch) -> None:
    """A step that reaches nobody keeps its time, and more."""
    plan = planning.plan

    def patient(policy, people, start, first=0):
        found = plan(policy, people, start, first)
        return tuple(replace(step, due_at=step.due_at + timedelta(hours=2)) for step in found)

    monkeypatch.setattr(telling, "plan", patient)
    monkeypatch.setattr("server.items.starting.plan", patient)


def drops_the_last_step(monkeypatch) -> None:
    """The desk is never among those who are told."""
    plan = planning.plan

    def without_desk(policy, people, start, first=0):
        return plan(policy, [one for one in people if one.role is not Role.DESK], start, first)

    monkeypatch.setattr(telling, "plan", without_desk)
    monkeypatch.setattr("server.items.starting.plan", without_desk)


def lets_a_release_end_it(monkeypatch) -> None:
    """An acceptance is taken back and nobody is told again."""

    async def nothing(session, item, **_):
        await dues.settle(session, item.id, now=item.opened_at)

    monkeypatch.setattr(timed, "resume", nothing)


def lets_not_mine_end_it(monkeypatch) -> None:
    """Who says that it is not theirs is taken at their word, and it is nobody's."""

    async def nobody(act):
        act.item.accepted, act.item.state = False, ItemState.NEW
        await dues.settle(act.session, act.item.id, now=act.now)

    monkeypatch.setattr(effects, "_EFFECTS", {**effects._EFFECTS, Move.NOT_MINE: nobody})


def undoes_without_the_time(monkeypatch) -> None:
    """What was due before a press is not due again when the press is undone."""

    async def nothing(session, item_id, due_ids, *, now):
        await dues.settle(session, item_id, now=now)

    monkeypatch.setattr(dues, "restore", nothing)


def keeps_help_from_the_desk(monkeypatch) -> None:
    async def nobody(act):
        act.item.help_wanted = True

    monkeypatch.setattr(effects, "_EFFECTS", {**effects._EFFECTS, Move.NEED_HELP: nobody})


def believes_without_a_receipt(monkeypatch) -> None:
    """A text message that the provider took counts for ever."""
    monkeypatch.setattr(outcomes, "RECEIPT_WITHIN", {})


def lets_a_failed_receipt_lie(monkeypatch) -> None:
    """That a message did not arrive is written down, and nothing follows from it."""

    async def nothing(session, notice, *, urgency, now):
        notice.state, notice.send_at = NoticeState.FAILED_TEMPORARY, now + timedelta(days=1)

    monkeypatch.setattr(receipts, "try_again_or_give_up", nothing)


def tries_again_tomorrow(monkeypatch) -> None:
    monkeypatch.setattr(outcomes, "next_try_after", lambda *_: timedelta(days=1))


def waits_for_the_unreached(monkeypatch) -> None:
    """A step keeps its time although every one of its messages failed."""

    async def nothing(session, item_id, *, now):
        return False

    monkeypatch.setattr(dues, "hurry", nothing)


def goes_by_the_roster_of_the_beginning(monkeypatch) -> None:
    """Who left, is away or gave their duty away since an item was opened is told all the same."""
    candidates_of = telling.candidates_of

    async def as_of_then(session, item, *, now):
        return await candidates_of(session, item, now=item.opened_at)

    monkeypatch.setattr(telling, "candidates_of", as_of_then)


def tells_whoever_gave_it_away(monkeypatch) -> None:
    """A swap counts for nothing."""
    init = Roster.__init__

    def without_swaps(self, people, duties, *, swaps=(), **more):
        init(self, people, duties, **more)

    monkeypatch.setattr(Roster, "__init__", without_swaps)


_LOOKS_AWAY = settles_without_acting(DueKind.REACH)
_EVERYBODY = tuple(PEOPLE)
_LOST_TEXTS = {"never": _EVERYBODY, "telephones": _EVERYBODY}
# Whose luck is not left to chance, so that what is broken comes about.
_LUCK = {
    _LOOKS_AWAY: {"never": _EVERYBODY, "telephones": ()},
    waits_for_the_unreached: {"never": ("deputy",), "telephones": ()},
    believes_without_a_receipt: _LOST_TEXTS,
    lets_a_failed_receipt_lie: _LOST_TEXTS,
    goes_by_the_roster_of_the_beginning: {"seed": 5, "restless": 1.0},
    tells_whoever_gave_it_away: {"seed": 5, "restless": 1.0},
}
_A, _ON_SITE, _DONE = Move.ACCEPT, Move.ARRIVE, Move.FINISH
_SITE = settles_without_acting(DueKind.ATTEND)
# What is broken, what people press there, and the question that must fail.
BROKEN = {
    "a step is dropped": (forgets(DueKind.STEP), (Move.NOTE,), "waits_for_something"),
    "the last step is told once": (forgets(DueKind.REPEAT), (Move.NOTE,), "waits_for_something"),
    "nobody looks whether somebody was reached": (
        _LOOKS_AWAY,
        (Move.NOTE,),
        "says_so_if_nobody_was_reached",
    ),
    "a due step is settled and not taken": (
        settles_without_acting(DueKind.STEP),
        (Move.NOTE,),
        "comes_to_the_desk",
    ),
    "a step that reaches nobody is waited out": (
        waits_for_people_who_cannot_be_told,
        (Move.NOTE,),
        "comes_to_the_desk",
    ),
    "the desk is left out": (drops_the_last_step, (Move.NOTE,), "comes_to_the_desk"),
    "an acceptance never ends": (forgets(DueKind.ACCEPTANCE), (_A,), "lets_no_acceptance_lie"),
    "a release tells nobody": (lets_a_release_end_it, (_A,), "waits_for_something"),
    "somebody on site is forgotten": (_SITE, (_ON_SITE,), "misses_whoever_is_on_site"),
    "done counts although gas is measured": (
        forgets(DueKind.RECHECK),
        (_DONE,),
        "returns_what_is_not_over",
    ),
    "not mine ends it": (lets_not_mine_end_it, (Move.NOT_MINE,), "waits_for_something"),
    "an undone press leaves nothing due": (undoes_without_the_time, (_A, Move.UNDO), "waits_for_something"),
    "a lost receipt is never missed": (
        believes_without_a_receipt,
        (Move.NOTE,),
        "doubts_what_is_never_confirmed",
    ),
    "a failed receipt is filed": (lets_a_failed_receipt_lie, (Move.NOTE,), "sends_what_is_due"),
    "a failed message is tried tomorrow": (tries_again_tomorrow, (Move.NOTE,), "sends_what_is_due"),
    "failed messages keep their step's time": (
        waits_for_the_unreached,
        (Move.NOTE,),
        "goes_on_where_no_message_is_believed",
    ),
    "who is away since is told": (
        goes_by_the_roster_of_the_beginning,
        (Move.NOTE,),
        "passes_over_whoever_is_gone",
    ),
    "who gave a duty away is told": (tells_whoever_gave_it_away, (Move.NOTE,), "passes_over_whoever_is_gone"),
    "help reaches nobody": (keeps_help_from_the_desk, (Move.NEED_HELP,), "tells_the_desk_of_help"),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_the_judge_finds(what, monkeypatch):
    break_it, presses, question = BROKEN[what]
    break_it(monkeypatch)
    luck = {"seed": 4, "restless": 0.0, "never": (), **_LUCK.get(break_it, {})}
    complaints = await play_street(incidents=15, presses=presses, **luck)
    assert question in {complaint.split()[-1] for complaint in complaints}, what
