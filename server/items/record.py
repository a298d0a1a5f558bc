"""Writing down what happened to an item, and telling whoever watches it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.audit import service as audit
from server.db.session import ONE_MOMENT, WriteSession
from server.items.model import ActorKind, ItemState, Move
from server.items.tables import Item, ItemMove


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a person by code, an operator by name, a gateway by id, or the server itself."""

    kind: ActorKind
    id: str = ""


UNTOLD = "untold_items"
"""In a session's info: ids of items that it opened and told nobody of."""
SYSTEM = Actor(kind=ActorKind.SYSTEM, id="server")


async def write_move(
    session: WriteSession,
    item: Item,
    move: Move,
    actor: Actor,
    *,
    at: datetime,
    to: ItemState,
    came_from: ItemState | None,
    reason: str = "",
    press_id: str | None = None,
    before: dict[str, Any] | None = None,
    detail: dict[str, Any] | None = None,
) -> ItemMove:
    """Put an item where a move takes it, and add the move to its history and to the audit."""
    item.state = to
    row = ItemMove(
        item=item.id,
        at=at,
        actor_kind=actor.kind,
        actor=actor.id,
        move=move,
        from_state=came_from,
        to_state=to,
        reason=reason,
        press=press_id,
        before=before,
    )
    if ONE_MOMENT in session.info:
        session.add_final(row)  # of many, and none of them a press that still notes what it undoes
    else:
        session.add(row)
    await audit.record(
        session,
        at=at,
        actor_kind=actor.kind.value,
        actor=actor.id,
        action=f"item_{move.value}",
        subject_kind="item",
        subject=item.id,
        reason=reason,
        detail=detail or {},
    )
    session.announce("item", item.id)
    session.say(
        "item_moved",
        item=item.id,
        move=move.value,
        came_from=came_from.value if came_from else None,
        to=to.value,
        by=actor.kind.value,
        # An operator's is a name; people stand in the log by their code.
        who=None if actor.kind is ActorKind.OPERATOR else actor.id,
    )
    return row


def note_untold(session: WriteSession, item: Item) -> None:
    """Note that an item was opened in this transaction: nobody was told of it, nothing waits."""
    session.info.setdefault(UNTOLD, set()).add(item.id)


def note_told(session: WriteSession, item: Item) -> None:
    """Note that from now on it has to be looked up who was told of an item."""
    session.info.get(UNTOLD, set()).discard(item.id)


def is_untold(session: WriteSession, item: Item) -> bool:
    """Tell whether an item was opened in this transaction and nobody was told of it yet."""
    return item.id in session.info.get(UNTOLD, ())
