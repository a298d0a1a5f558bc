"""The machine of an item: which move is allowed to whom, from where, to where, on what condition.

One table, `RULES`, holds all of it. `decide` reads the table; it knows nothing of databases,
clocks or notices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.items.model import ActorKind, ItemState, Move
from wire.vocabulary import AlarmClass


class Refusal(StrEnum):
    """Why a move is not carried out. Each has a sentence in `server.items.sentences`."""

    NOT_ALLOWED = "not_allowed"
    """Nobody of this kind makes such a move."""
    UNKNOWN_ITEM = "unknown_item"
    """There is no such item."""
    CLOSED = "closed"
    """The item is over."""
    WRONG_STATE = "wrong_state"
    """The move does not fit where the work stands."""
    NOT_TOLD = "not_told"
    """The person was never told of this item, or said that it is not theirs."""
    TAKEN = "taken"
    """Somebody else has it."""
    ALREADY = "already"
    """It is so already."""
    REASON_NEEDED = "reason_needed"
    """The desk must say why."""
    ALARM_ACTIVE = "alarm_active"
    """The sensor still says alarm."""
    ALARM_OVER = "alarm_over"
    """The sensor says that it is over."""
    NOTHING_CLAIMED = "nothing_claimed"
    """Nobody claims a false alarm."""
    NOTHING_TO_UNDO = "nothing_to_undo"
    """This person pressed nothing that could be undone."""
    OTHERS_ACTED = "others_acted"
    """Somebody acted since the press that was to be undone."""
    UNKNOWN_PERSON = "unknown_person"
    """The person it is to be given to is not known or not active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a decision needs to know of an item and of who acts."""

    state: ItemState
    class_: AlarmClass
    owner: str | None
    """Code of the person responsible, or null for the desk."""
    accepted: bool
    alarm_over: bool
    """Every alarm is cleared or superseded."""
    cause_present: bool
    """The measured cause of some alarm is present, whatever its latch."""
    help_wanted: bool
    false_alarm_claimed: bool
    actor: str
    """Code of the person, name of the operator, id of the gateway."""
    told: bool
    """The acting person was told of it and did not refuse it."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer: where the item goes, or why it stays."""

    to: ItemState
    refusal: Refusal | None = None

    @property
    def allowed(self) -> bool:
        """Whether the move is carried out."""
        return self.refusal is None


Guard = Callable[[Facts], Refusal | None]


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


def needs_desk(facts: Facts) -> bool:
    """Tell whether a claim of a false alarm waits for the desk.

    While gas or smoke is still measured, one person's word does not end the matter.
    """
    return facts.class_ is AlarmClass.LIFE_SAFETY and facts.cause_present and not facts.alarm_over


def _misfit(facts: Facts, move: Move) -> Refusal:
    if facts.state is ItemState.CLOSED:
        return Refusal.CLOSED
    if _REACHED.get(move) is facts.state:
        return Refusal.ALREADY
    return Refusal.WRONG_STATE


def _told(facts: Facts) -> Refusal | None:
    return None if facts.told else Refusal.NOT_TOLD


def _free_or_own(facts: Facts) -> Refusal | None:
    taken = facts.accepted and facts.owner != facts.actor
    return Refusal.TAKEN if taken and not facts.help_wanted else None


def _not_already_own(facts: Facts) -> Refusal | None:
    own = facts.accepted and facts.owner == facts.actor
    return Refusal.ALREADY if own and facts.state is ItemState.ACCEPTED else None


def _no_help_yet(facts: Facts) -> Refusal | None:
    return Refusal.ALREADY if facts.help_wanted else None


def _no_claim_yet(facts: Facts) -> Refusal | None:
    return Refusal.ALREADY if facts.false_alarm_claimed else None


def _claimed(facts: Facts) -> Refusal | None:
    return None if facts.false_alarm_claimed else Refusal.NOTHING_CLAIMED


def _reason(facts: Facts) -> Refusal | None:
    return None if facts.reason.strip() else Refusal.REASON_NEEDED


def _over(facts: Facts) -> Refusal | None:
    return None if facts.alarm_over else Refusal.ALARM_ACTIVE


def _not_over(facts: Facts) -> Refusal | None:
    return Refusal.ALARM_OVER if facts.alarm_over else None


def _desk_has_it(facts: Facts) -> Refusal | None:
    return Refusal.TAKEN if facts.accepted and facts.owner is not None else None


_NEW = ItemState.NEW
_ACCEPTED = ItemState.ACCEPTED
_ON_SITE = ItemState.ON_SITE
_DONE = ItemState.DONE
_VERIFIED = ItemState.VERIFIED
_CLOSED = ItemState.CLOSED

_OPEN: Final = (_NEW, _ACCEPTED, _ON_SITE, _DONE, _VERIFIED)
_WORKING: Final = (_NEW, _ACCEPTED, _ON_SITE)
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
            guards=(_told, _free_or_own, _not_already_own),
        ),
        (Move.ARRIVE, _P): Rule(moves=_all_to(_ON_SITE, _NEW, _ACCEPTED), guards=(_told, _free_or_own)),
        (Move.FINISH, _P): Rule(moves=_all_to(_DONE, *_WORKING), guards=(_told, _free_or_own)),
        (Move.NEED_HELP, _P): Rule(moves=_stay(*_WORKING), guards=(_told, _no_help_yet)),
        (Move.NOT_MINE, _P): Rule(moves=_all_to(_NEW, *_WORKING), guards=(_told, _free_or_own)),
        (Move.FALSE_ALARM, _P): Rule(
            moves=_all_to(_DONE, *_WORKING), guards=(_told, _free_or_own, _no_claim_yet)
        ),
        # Which press is undone, and what it restores, is `server.items.undo`'s to say.
        (Move.UNDO, _P): Rule(moves=_stay(*_WORKING, _DONE)),
        # The desk. It takes and ends what has no other owner; the rest it gives to people.
        (Move.ACCEPT, _O): Rule(moves=_all_to(_ACCEPTED, _NEW)),
        (Move.FINISH, _O): Rule(moves=_all_to(_DONE, *_WORKING), guards=(_desk_has_it,)),
        (Move.UNDO, _O): Rule(moves=_stay(*_WORKING, _DONE)),
        (Move.REASSIGN, _O): Rule(moves=_all_to(_NEW, *_WORKING, _DONE)),
        (Move.CONFIRM_FALSE_ALARM, _O): Rule(moves=_all_to(_DONE, *_WORKING), guards=(_claimed,)),
        (Move.REJECT_FALSE_ALARM, _O): Rule(moves=_stay(*_WORKING), guards=(_claimed,)),
        (Move.CLOSE_EXCEPTION, _O): Rule(moves=_all_to(_CLOSED, *_OPEN), guards=(_reason,)),
        (Move.NOTE, _O): Rule(moves=_stay(*_ALL), guards=(_reason,)),
        # The gateway's word about the alarm.
        (Move.RAISE, _G): Rule(
            moves=MappingProxyType({**_stay(*_WORKING), _DONE: _ACCEPTED, _VERIFIED: _ACCEPTED})
        ),
        (Move.CLEAR, _G): Rule(moves=_stay(*_OPEN)),
        (Move.SUPERSEDE, _G): Rule(moves=_stay(*_OPEN)),
        # The server itself.
        (Move.OPEN, _S): Rule(moves=_stay(_NEW)),
        (Move.ESCALATE, _S): Rule(moves=_stay(*_WORKING)),
        (Move.RELEASE, _S): Rule(moves=_all_to(_NEW, _ACCEPTED)),
        (Move.RETURN, _S): Rule(moves=_all_to(_ACCEPTED, _DONE), guards=(_not_over,)),
        (Move.VERIFY, _S): Rule(moves=_all_to(_VERIFIED, _DONE), guards=(_over,)),
        (Move.CLOSE, _S): Rule(moves=_all_to(_CLOSED, _VERIFIED), guards=(_over,)),
    }
)
