"""What an item is: its states, the moves people can make, who makes them."""

from enum import StrEnum
from typing import Final

from wire.vocabulary import AlarmClass

URGENT: Final = (AlarmClass.LIFE_SAFETY, AlarmClass.HAZARD)
"""Classes of which people are told within minutes."""


def is_graver(one: AlarmClass, than: AlarmClass) -> bool:
    """Tell whether a class is graver than another."""
    return _RANK[one] < _RANK[than]


_RANK: Final = {class_: rank for rank, class_ in enumerate(AlarmClass)}


class ItemState(StrEnum):
    """Where the work stands."""

    NEW = "new"
    """Nobody has taken it."""
    ACCEPTED = "accepted"
    """已收到: one named person has it."""
    ON_SITE = "on_site"
    """已到场."""
    DONE = "done"
    """已处理 by a person; the sensor has not confirmed it."""
    VERIFIED = "verified"
    """The person's word and the sensor's agree."""
    CLOSED = "closed"
    """Over."""


WORKING: Final = (ItemState.NEW, ItemState.ACCEPTED, ItemState.ON_SITE)
"""Somebody has it, or should."""


class Move(StrEnum):
    """Everything that can be done with an item."""

    OPEN = "open"
    """The system made it from an alarm."""
    RAISE = "raise"
    """The alarm came back or went up a stage."""
    ACCEPT = "accept"
    ARRIVE = "arrive"
    FINISH = "finish"
    NEED_HELP = "need_help"
    NOT_MINE = "not_mine"
    FALSE_ALARM = "false_alarm"
    UNDO = "undo"
    ESCALATE = "escalate"
    """The system told the next people."""
    RELEASE = "release"
    """The system took an acceptance back because nothing happened in its time."""
    RETURN = "return"
    """The system gave a done item back because the sensor still says alarm."""
    CLEAR = "clear"
    """The sensor says it is over."""
    SUPERSEDE = "supersede"
    """The gateway no longer knows the alarm (a replaced card)."""
    VERIFY = "verify"
    CLOSE = "close"
    REASSIGN = "reassign"
    CONFIRM_FALSE_ALARM = "confirm_false_alarm"
    REJECT_FALSE_ALARM = "reject_false_alarm"
    CLOSE_EXCEPTION = "close_exception"
    """The desk closes it without the sensor's word, with a reason, signed by its name."""
    NOTE = "note"
    MERGE = "merge"
    """It goes into another item, which speaks for it from now on; it keeps its own history."""
    UNMERGE = "unmerge"
    """It stands for itself again."""
    SHELVE = "shelve"
    """The desk lays it aside for a limited time, with a reason; for danger to life, asks to."""
    CONFIRM_SHELF = "confirm_shelf"
    """A second person of the desk agrees to lay aside an item of danger to life."""
    UNSHELVE = "unshelve"
    """It is taken up again: by the desk, because its time is over, or because it got worse."""
    REOPEN = "reopen"
    """The alarm came back soon after the item was closed."""
    LAPSE = "lapse"
    """It was over before anybody was told."""


class Grouping(StrEnum):
    """What an item gathers others for."""

    VISIT = "visit"
    """Faults and advice of one place: one way there, many matters."""
    STORM = "storm"
    """Devices that fell silent together."""


class ToldWay(StrEnum):
    """How the load budget let a person be told."""

    NOW = "now"
    DIGEST = "digest"
    """With the other things of that hour."""
    UPWARD = "upward"
    """Not at all: it went to the next step, because their digest is full too."""


class ActorKind(StrEnum):
    """Who makes a move."""

    PERSON = "person"
    """Somebody who was told, by a link."""
    OPERATOR = "operator"
    """Somebody at the desk, logged in."""
    GATEWAY = "gateway"
    SYSTEM = "system"


class Outcome(StrEnum):
    """What an item turned out to be."""

    HANDLED = "handled"
    FALSE_ALARM = "false_alarm"
    EXCEPTION = "exception"
    """Closed by the desk without the sensor's word."""
    LAPSED = "lapsed"
    """Over before anybody was told."""
