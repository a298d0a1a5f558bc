"""The machine of an item: which move is allowed to whom, from where, to where, on what condition.

One table, `RULES`, holds all of it. `decide` reads the table; it knows nothing of databases,
clocks or notices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from server.items import guards as holds
from server.items.guards import Facts, Guard, Refusal, needs_desk
from server.items.model import WORKING, ActorKind, ItemState, Move

__all__ = ["RULES", "Decision", "Facts", "Refusal", "decide", "needs_desk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer: where the item goes, or why it stays."""

    to: ItemState
    refusal: Refusal | None = None

    @property
    def allowed(self) -> bool:
        """Whether the move is carried out."""
        return self.refusal is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """From which states a move leads where, and what must hold besides. First refusal counts."""

    moves: Mapping[ItemState, ItemState]
    guards: tuple[Guard, ...] = ()


def decide(facts: Facts, move: Move, by: ActorKind) -> Decision:
    """Say where a move takes an item, or why it is refused.

    Args:
        facts: the item and the actor as they are.
        move: what is to be done.
        by: who does it.
    """
    rule = RULES.get((move, by))
    if rule is None:
        return Decision(to=facts.state, refusal=Refusal.NOT_ALLOWED)
    for guard in rule.guards:
        refusal = guard(facts)
        if refusal is not None:
            return Decision(to=facts.state, refusal=refusal)
    to = rule.moves.get(facts.state)
    if to is None:
        return Decision(to=facts.state, refusal=_misfit(facts, move))
    if move is Move.FALSE_ALARM and needs_desk(facts):
        return Decision(to=facts.state)
    return Decision(to=to)


def _misfit(facts: Facts, move: Move) -> Refusal:
    if facts.state is ItemState.CLOSED:
        return Refusal.CLOSED
    if _REACHED.get(move) is facts.state:
        return Refusal.ALREADY
    return Refusal.WRONG_STATE


_NEW = ItemState.NEW
_ACCEPTED = ItemState.ACCEPTED
_ON_SITE = ItemState.ON_SITE
_DONE = ItemState.DONE
_VERIFIED = ItemState.VERIFIED
_CLOSED = ItemState.CLOSED

_OPEN: Final = (_NEW, _ACCEPTED, _ON_SITE, _DONE, _VERIFIED)
_ALL: Final = tuple(ItemState)

_REACHED: Final = MappingProxyType(
    {
        Move.ARRIVE: _ON_SITE,
        Move.FINISH: _DONE,
        Move.ACCEPT: _ON_SITE,
    }
)
"""The state in which repeating the move is no error of order: it is so already."""


def _stay(*states: ItemState) -> Mapping[ItemState, ItemState]:
    return MappingProxyType({state: state for state in states})


def _all_to(to: ItemState, *states: ItemState) -> Mapping[ItemState, ItemState]:
    return MappingProxyType(dict.fromkeys(states, to))


_P, _O, _G, _S = ActorKind.PERSON, ActorKind.OPERATOR, ActorKind.GATEWAY, ActorKind.SYSTEM

RULES: Final[Mapping[tuple[Move, ActorKind], Rule]] = MappingProxyType(
    {
        # A person who was told. Arriving and finishing without 已收到 before count as taking it:
        # whoever is there must not be turned away by a page.
        (Move.ACCEPT, _P): Rule(
            moves=_all_to(_ACCEPTED, _NEW, _ACCEPTED),
            guards=(holds.told, holds.speaks, holds.free_or_own, holds.not_already_own),
        ),
        (Move.ARRIVE, _P): Rule(
            moves=_all_to(_ON_SITE, _NEW, _ACCEPTED), guards=(holds.told, holds.speaks, holds.free_or_own)
        ),
        (Move.FINISH, _P): Rule(
            moves=_all_to(_DONE, *WORKING), guards=(holds.told, holds.speaks_or_matter, holds.free_or_own)
        ),
        (Move.NEED_HELP, _P): Rule(
            moves=_stay(*WORKING), guards=(holds.told, holds.speaks, holds.no_help_yet)
        ),
        (Move.NOT_MINE, _P): Rule(
            moves=_all_to(_NEW, *WORKING), guards=(holds.told, holds.speaks, holds.free_or_own)
        ),
        (Move.FALSE_ALARM, _P): Rule(
            moves=_all_to(_DONE, *WORKING),
            guards=(holds.told, holds.speaks_or_matter, holds.free_or_own, holds.no_claim_yet),
        ),
        # Which press is undone, and what it restores, is `server.items.undo`'s to say.
        (Move.UNDO, _P): Rule(moves=_stay(*WORKING, _DONE)),
        # The desk. It takes and ends what has no other owner; the rest it gives to people.
        (Move.ACCEPT, _O): Rule(moves=_all_to(_ACCEPTED, _NEW), guards=(holds.speaks,)),
        (Move.FINISH, _O): Rule(
            moves=_all_to(_DONE, *WORKING), guards=(holds.speaks_or_matter, holds.desk_has_it)
        ),
        (Move.UNDO, _O): Rule(moves=_stay(*WORKING, _DONE)),
        (Move.REASSIGN, _O): Rule(moves=_all_to(_NEW, *WORKING, _DONE), guards=(holds.speaks,)),
        (Move.CONFIRM_FALSE_ALARM, _O): Rule(moves=_all_to(_DONE, *WORKING), guards=(holds.claimed,)),
        (Move.REJECT_FALSE_ALARM, _O): Rule(moves=_stay(*WORKING), guards=(holds.claimed,)),
        (Move.CLOSE_EXCEPTION, _O): Rule(moves=_all_to(_CLOSED, *_OPEN), guards=(holds.reason,)),
        (Move.NOTE, _O): Rule(moves=_stay(*_ALL), guards=(holds.reason,)),
        # Into which item is `server.items.grouping`'s to judge.
        (Move.MERGE, _O): Rule(moves=_stay(*WORKING), guards=(holds.speaks, holds.no_group)),
        (Move.UNMERGE, _O): Rule(moves=_all_to(_NEW, *WORKING, _DONE), guards=(holds.merged,)),
        # Danger to life is laid aside by two: the first only asks.
        (Move.SHELVE, _O): Rule(
            moves=_stay(*WORKING),
            guards=(
                holds.reason,
                holds.speaks,
                holds.not_shelved,
                holds.no_shelf_asked,
                holds.within_limit,
            ),
        ),
        (Move.CONFIRM_SHELF, _O): Rule(
            moves=_stay(*WORKING), guards=(holds.shelf_asked, holds.second_person)
        ),
        (Move.UNSHELVE, _O): Rule(moves=_stay(*WORKING), guards=(holds.shelved,)),
        # The gateway's word about the alarm.
        (Move.RAISE, _G): Rule(
            moves=MappingProxyType({**_stay(*WORKING), _DONE: _ACCEPTED, _VERIFIED: _ACCEPTED})
        ),
        (Move.REOPEN, _G): Rule(moves=_all_to(_NEW, _CLOSED)),
        (Move.UNSHELVE, _G): Rule(moves=_stay(*WORKING), guards=(holds.shelved,)),
        (Move.CLEAR, _G): Rule(moves=_stay(*_OPEN)),
        (Move.SUPERSEDE, _G): Rule(moves=_stay(*_OPEN)),
        # The server itself.
        (Move.OPEN, _S): Rule(moves=_stay(_NEW)),
        (Move.ESCALATE, _S): Rule(moves=_stay(*WORKING), guards=(holds.speaks, holds.not_shelved)),
        (Move.RELEASE, _S): Rule(moves=_all_to(_NEW, _ACCEPTED), guards=(holds.speaks, holds.not_shelved)),
        (Move.RETURN, _S): Rule(moves=_all_to(_ACCEPTED, _DONE), guards=(holds.not_over,)),
        (Move.VERIFY, _S): Rule(moves=_all_to(_VERIFIED, _DONE), guards=(holds.over,)),
        (Move.CLOSE, _S): Rule(moves=_all_to(_CLOSED, _VERIFIED), guards=(holds.over,)),
        (Move.MERGE, _S): Rule(
            moves=_stay(*WORKING), guards=(holds.speaks, holds.no_group, holds.no_life_at_stake)
        ),
        (Move.UNMERGE, _S): Rule(moves=_all_to(_NEW, *WORKING, _DONE), guards=(holds.merged,)),
        (Move.UNSHELVE, _S): Rule(moves=_stay(*WORKING), guards=(holds.shelved,)),
        (Move.FINISH, _S): Rule(moves=_all_to(_DONE, *WORKING), guards=(holds.matters_done,)),
        (Move.LAPSE, _S): Rule(
            moves=_all_to(_CLOSED, _NEW), guards=(holds.over, holds.no_life_at_stake, holds.nobody_told)
        ),
    }
)
