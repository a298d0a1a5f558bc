"""Undoing a press: which one, and what comes back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from server.db.session import WriteSession
from server.escalation import service as dues
from server.items.machine import Refusal
from server.items.model import ActorKind, ItemState, Move, Outcome, is_graver
from server.items.tables import Item, ItemMove, ItemParty
from server.notify import service as notices
from wire.vocabulary import AlarmClass

UNDOABLE: Final = frozenset(
    {Move.ACCEPT, Move.ARRIVE, Move.FINISH, Move.NEED_HELP, Move.NOT_MINE, Move.FALSE_ALARM}
)
"""Presses that can be taken back. What people were told meanwhile stays told."""

_PASSED_OVER: Final = frozenset(
    {Move.RAISE, Move.CLEAR, Move.SUPERSEDE, Move.ESCALATE, Move.NOTE, Move.UNDO, Move.OPEN}
)
"""Moves that nobody made as a decision on the item: a press before them can still be undone."""

_TIMES: Final = ("accepted_at", "arrived_at", "done_at", "shelved_until", "shelf_asked_until")
_PLAIN: Final = ("owner", "accepted", "help_wanted", "false_alarm_claimed", "shelf_reason", "shelf_asked_by")


async def snapshot(session: WriteSession, item: Item) -> dict[str, Any]:
    """Return what an undo needs to restore an item as it is now, as JSON values."""
    waiting = await dues.open_dues(session, item.id)
    times = {name: getattr(item, name) for name in _TIMES}
    return {
        "state": item.state.value,
        "class": item.class_.value,
        "outcome": item.outcome.value if item.outcome else None,
        **{name: getattr(item, name) for name in _PLAIN},
        **{name: time.isoformat() if time else None for name, time in times.items()},
        "dues": [due.id for due in waiting],
        "notices": [],
        "refused": None,
        "finished": [],
    }


def find_undoable(moves: Sequence[ItemMove], by: ActorKind, actor: str) -> ItemMove | Refusal:
    """Return the last press of an actor if nobody acted since, else why nothing can be undone.

    Args:
        moves: everything that happened to the item, oldest first.
        by: what kind of actor wants to undo.
        actor: their code or name.
    """
    others_acted = False
    for row in reversed(moves):
        if row.undone or row.move in _PASSED_OVER:
            continue
        own = row.actor_kind is by and row.actor == actor
        if own and row.move in UNDOABLE and row.before is not None:
            return Refusal.OTHERS_ACTED if others_acted else row
        others_acted = True
    return Refusal.NOTHING_TO_UNDO


def begins_anew(item: Item, row: ItemMove, moves: Sequence[ItemMove]) -> bool:
    """Tell whether what waited before a press says nothing of now, because the sensor said more since.

    It became graver, or raised once more what may hurt somebody and had been laid aside.

    Args:
        item: as it stands.
        row: the press that is to be undone.
        moves: everything that happened to the item.
    """
    before = row.before or {}
    if not any(one.move is Move.RAISE and one.id > row.id for one in moves):
        return False
    graver = is_graver(item.class_, AlarmClass(before.get("class", item.class_)))
    was_shelved = before.get("shelved_until") is not None
    return graver or (was_shelved and item.class_ is AlarmClass.LIFE_SAFETY)


async def restore(session: WriteSession, item: Item, row: ItemMove, *, now: datetime) -> ItemState:
    """Put an item back to where it was before a press; returns the state it goes back to."""
    before = row.before or {}
    row.undone = True
    # A press of an older version kept less.
    for name in (name for name in _PLAIN if name in before):
        setattr(item, name, before[name])
    for time in (time for time in _TIMES if time in before):
        setattr(item, time, datetime.fromisoformat(before[time]) if before[time] else None)
    item.outcome = Outcome(before["outcome"]) if before["outcome"] else None
    if before["refused"] is not None and row.actor_kind is ActorKind.PERSON:
        party = await session.get(ItemParty, (item.id, before["refused"]))
        if party is not None:
            party.refused = False
    await dues.restore(session, item.id, before["dues"], now=now)
    await notices.restore(session, before["notices"], now=now)
    return ItemState(before["state"])
