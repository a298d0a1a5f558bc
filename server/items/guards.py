"""What must hold for a move of an item: the facts, the reasons to refuse, one function a condition. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.items.model import ItemState
from wire.vocabulary import AlarmClass

SHELF_LIMITS: Final[Mapping[AlarmClass, timedelta]] = MappingProxyType(
    {
        AlarmClass.LIFE_SAFETY: timedelta(hours=1),
        AlarmClass.HAZARD: timedelta(hours=8),
        AlarmClass.FAULT: timedelta(days=7),
        AlarmClass.ADVICE: timedelta(days=30),
    }
)
"""For how long an item may be laid aside at most: nothing is silenced without an end."""


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
    MERGED = "merged"
    """It is part of another item: what is done is done there."""
    NOT_MERGED = "not_merged"
    """It is part of no other item."""
    IS_GROUP = "is_group"
    """It gathers other items and cannot go into one itself."""
    WRONG_TARGET = "wrong_target"
    """The item it should go into is over, laid aside, of another exercise, part of a third, or less grave."""
    SHELVED = "shelved"
    """It is laid aside."""
    NOT_SHELVED = "not_shelved"
    """It is not laid aside."""
    TOO_LONG = "too_long"
    """Nothing is laid aside that long, or for no time at all."""
    NOTHING_ASKED = "nothing_asked"
    """Nobody asked to lay it aside."""
    SAME_PERSON = "same_person"
    """A second person must agree, not the one who asked."""
    LIFE_SAFETY = "life_safety"
    """What may hurt somebody stands for itself."""
    WAS_TOLD = "was_told"
    """Somebody was told of it already: a person must end it."""
    MATTERS_LEFT = "matters_left"
    """Some of what it gathers is not done."""


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
    merged: bool = False
    """It is part of another item."""
    matter: bool = False
    """It is part of a visit or a storm, where each part can be ticked off by itself."""
    group: bool = False
    """It gathers others."""
    shelved: bool = False
    shelf_asked_by: str = ""
    """Who asked to lay aside an item of danger to life."""
    shelf_s: float | None = None
    """For how long it is to be laid aside, seconds."""
    anybody_told: bool = True
    matters_done: bool = False
    """Everything it gathers is done."""


Guard = Callable[[Facts], Refusal | None]


def needs_desk(facts: Facts) -> bool:
    """Tell whether a claim of a false alarm waits for the desk.

    While gas or smoke is still measured, one person's word does not end the matter.
    """
    return facts.class_ is AlarmClass.LIFE_SAFETY and facts.cause_present and not facts.alarm_over


def told(facts: Facts) -> Refusal | None:
    """The person was told."""
    return None if facts.told else Refusal.NOT_TOLD


def free_or_own(facts: Facts) -> Refusal | None:
    """Nobody else has it, unless they ask for help."""
    taken = facts.accepted and facts.owner != facts.actor
    return Refusal.TAKEN if taken and not facts.help_wanted else None


def not_already_own(facts: Facts) -> Refusal | None:
    """The actor does not have it already."""
    own = facts.accepted and facts.owner == facts.actor
    return Refusal.ALREADY if own and facts.state is ItemState.ACCEPTED else None


def no_help_yet(facts: Facts) -> Refusal | None:
    """Nobody asked for help."""
    return Refusal.ALREADY if facts.help_wanted else None


def no_claim_yet(facts: Facts) -> Refusal | None:
    """Nobody claimed a false alarm."""
    return Refusal.ALREADY if facts.false_alarm_claimed else None


def claimed(facts: Facts) -> Refusal | None:
    """Somebody claims a false alarm."""
    return None if facts.false_alarm_claimed else Refusal.NOTHING_CLAIMED


def reason(facts: Facts) -> Refusal | None:
    """A reason is given."""
    return None if facts.reason.strip() else Refusal.REASON_NEEDED


def over(facts: Facts) -> Refusal | None:
    """The sensor says that it is over."""
    return None if facts.alarm_over else Refusal.ALARM_ACTIVE


def not_over(facts: Facts) -> Refusal | None:
    """The sensor does not say that it is over."""
    return Refusal.ALARM_OVER if facts.alarm_over else None


def desk_has_it(facts: Facts) -> Refusal | None:
    """No person has it."""
    return Refusal.TAKEN if facts.accepted and facts.owner is not None else None


def speaks(facts: Facts) -> Refusal | None:
    """It stands for itself, not in another item."""
    return Refusal.MERGED if facts.merged else None


def speaks_or_matter(facts: Facts) -> Refusal | None:
    """It stands for itself, or is one matter of a visit, to be ticked off."""
    return Refusal.MERGED if facts.merged and not facts.matter else None


def merged(facts: Facts) -> Refusal | None:
    """It is part of another item."""
    return None if facts.merged else Refusal.NOT_MERGED


def no_group(facts: Facts) -> Refusal | None:
    """It gathers nothing."""
    return Refusal.IS_GROUP if facts.group else None


def shelved(facts: Facts) -> Refusal | None:
    """It is laid aside."""
    return None if facts.shelved else Refusal.NOT_SHELVED


def not_shelved(facts: Facts) -> Refusal | None:
    """It is not laid aside."""
    return Refusal.SHELVED if facts.shelved else None


def no_shelf_asked(facts: Facts) -> Refusal | None:
    """Nobody asked to lay it aside."""
    return Refusal.ALREADY if facts.shelf_asked_by else None


def shelf_asked(facts: Facts) -> Refusal | None:
    """Somebody asked to lay it aside."""
    return None if facts.shelf_asked_by else Refusal.NOTHING_ASKED


def second_person(facts: Facts) -> Refusal | None:
    """Somebody else than the one who asked."""
    return Refusal.SAME_PERSON if facts.shelf_asked_by == facts.actor else None


def within_limit(facts: Facts) -> Refusal | None:
    """It is not laid aside longer than its class allows."""
    if facts.shelf_s is None:
        return None
    return None if 0 < facts.shelf_s <= SHELF_LIMITS[facts.class_].total_seconds() else Refusal.TOO_LONG


def no_life_at_stake(facts: Facts) -> Refusal | None:
    """Its class is not life safety."""
    return Refusal.LIFE_SAFETY if facts.class_ is AlarmClass.LIFE_SAFETY else None


def nobody_told(facts: Facts) -> Refusal | None:
    """Nobody was ever told of it."""
    return Refusal.WAS_TOLD if facts.anybody_told else None


def matters_done(facts: Facts) -> Refusal | None:
    """Everything it gathers is done."""
    return None if facts.group and facts.matters_done else Refusal.MATTERS_LEFT
