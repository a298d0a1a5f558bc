"""What is done with items from outside: the presses of people and of the desk.

Reading is in `server.items.queries`; what alarms do to items in `server.items.opening`; what time
does to them in `server.items.timed`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from server.db.session import WriteSession
from server.escalation.plan import DEFAULT_POLICIES, Policies
from server.items.machine import Refusal
from server.items.model import ActorKind, ItemState, Move
from server.items.sentences import REFUSALS


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who presses: a person by code, or an operator by name."""

    kind: ActorKind
    id: str


class PressVerdict(StrEnum):
    """What became of a press."""

    APPLIED = "applied"
    """It changed the item."""
    REPEATED = "repeated"
    """The same press came before and counts once; nothing changed."""
    REFUSED = "refused"
    """Nothing changed; the refusal says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PressOutcome:
    """The answer to a press."""

    verdict: PressVerdict
    state: ItemState | None
    """Where the item stands afterwards; null when there is no such item."""
    refusal: Refusal | None = None
    waits_for_desk: bool = False
    """A false alarm was claimed while the sensor still measures danger: the desk must confirm."""

    @property
    def sentence(self) -> str:
        """Why it was refused, in Chinese; empty when it was not."""
        return REFUSALS[self.refusal] if self.refusal else ""


async def press(
    session: WriteSession,
    item_id: str,
    actor: Actor,
    move: Move,
    press_id: str,
    reason: str = "",
    at: datetime | None = None,
    *,
    now: datetime,
    to: str | None = None,
    policies: Policies = DEFAULT_POLICIES,
) -> PressOutcome:
    """Carry out a press in the caller's transaction.

    Args:
        session: the transaction; the caller commits by leaving its block.
        item_id: the item.
        actor: who presses. That they may see the item is the caller's to check.
        move: one of the moves of people or of the desk.
        press_id: id of this press, made on the phone; the same again counts once.
        reason: free text; obligatory for `close_exception` and `note`.
        at: when it was pressed by the phone's clock; clamped to between the item's opening and now.
        now: the server's time.
        to: for `reassign`, the code of the person it goes to.
        policies: the steps of escalation in force.

    Raises:
        sqlalchemy.orm.exc.StaleDataError: another process changed the item at the same moment;
            press again in a new transaction.
    """
    raise NotImplementedError
