"""The machine of an alarm as the server holds it: what a gateway's newest word means to people.

A gateway states a whole alarm each time, so that no word of it is illegal: one that could not have come
next means that words between were missed, and it is taken all the same (`follows`). What it means for
people is one table, `RULES`, by where the alarm stood and what is said now. Pure: it knows nothing of
databases, clocks or items.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.alarms.order import Order
from wire.vocabulary import Condition, Suppression


class Held(StrEnum):
    """Where an alarm stands here, before the arriving word."""

    UNKNOWN = "unknown"
    """It was never heard of."""
    UNTOLD = "untold"
    """It is held without an item: it was pending, or makes none."""
    HIDDEN_UNTOLD = "hidden_untold"
    """It is held without an item, and kept from people on purpose."""
    ENDED_UNTOLD = "ended_untold"
    """It was over before it had an item."""
    PENDING = "pending"
    """It has its item; its cause is back, and its delay runs once more."""
    ACTIVE = "active"
    """People were told, and its cause is present."""
    CLEARING = "clearing"
    """People were told; its cause is gone, its delay runs."""
    LATCHED = "latched"
    """People were told; its cause is gone or waits, and a person must reset it."""
    HIDDEN = "hidden"
    """People were told; since then it is kept from them on purpose."""
    UNREADABLE = "unreadable"
    """It stands with content that nobody here could read."""
    OVER = "over"
    """It was cleared, or its gateway stopped knowing it."""


class Said(StrEnum):
    """What the arriving word says of it."""

    PENDING = "pending"
    """Its cause is present, its delay runs, and nothing before is left to reset."""
    ACTIVE = "active"
    """Its cause is present."""
    CLEARING = "clearing"
    """Its cause is gone, its delay runs."""
    LATCHED = "latched"
    """Its cause is gone or waits, and a person must reset it."""
    HIDDEN = "hidden"
    """It lasts, and is kept from people on purpose."""
    CLEARED = "cleared"
    """Its cause is gone and its latch is reset."""
    UNREADABLE = "unreadable"
    """Something that nobody here can read."""
    GONE = "gone"
    """The gateway's list of open alarms does not name it."""


class Change(StrEnum):
    """What an arriving word meant."""

    RAISED = "raised"
    """An alarm not seen before, or not shown to people before."""
    RERAISED = "reraised"
    """It was over, or it came once more while it stood."""
    CHANGED = "changed"
    """Value, class, actions or condition changed while it stands."""
    CLEARED = "cleared"
    """Its cause is gone and its latch is reset."""
    WITHHELD = "withheld"
    """It stands, but is pending or kept from people."""
    SUPERSEDED = "superseded"
    """Its gateway no longer knows it: it counts as over."""
    REPEATED = "repeated"
    """The very message came before, or it was so already."""
    OLDER = "older"
    """A newer state is held already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The fields of an alarm that its machine looks at, as held or as said."""

    condition: Condition
    latched: bool
    suppression: Suppression

    @property
    def said(self) -> Said:
        """What these fields say: hiding does not count once all is over, a latch outlives its cause."""
        if self.condition is Condition.NORMAL and not self.latched:
            return Said.CLEARED
        if self.suppression is not Suppression.NONE:
            return Said.HIDDEN
        if self.latched and self.condition in _QUIET:
            return Said.LATCHED
        return _BY_CONDITION[self.condition]


_QUIET: Final = (Condition.NORMAL, Condition.PENDING)
_BY_CONDITION: Final = MappingProxyType(
    {
        Condition.NORMAL: Said.CLEARED,
        Condition.PENDING: Said.PENDING,
        Condition.ACTIVE: Said.ACTIVE,
        Condition.CLEARING: Said.CLEARING,
    }
)


def held_as(standing: Standing, *, told: bool, over: bool, readable: bool) -> Held:
    """Say where a held alarm stands.

    Args:
        standing: its fields.
        told: it has an item.
        over: it was cleared or superseded.
        readable: its content could be read.
    """
    if over:
        return Held.OVER if told else Held.ENDED_UNTOLD
    if not told:
        return Held.UNTOLD if standing.suppression is Suppression.NONE else Held.HIDDEN_UNTOLD
    if not readable:
        return Held.UNREADABLE
    return _HELD[standing.said]


_HELD: Final = MappingProxyType(
    {
        Said.PENDING: Held.PENDING,
        Said.ACTIVE: Held.ACTIVE,
        Said.CLEARING: Held.CLEARING,
        Said.LATCHED: Held.LATCHED,
        Said.HIDDEN: Held.HIDDEN,
        Said.CLEARED: Held.OVER,
    }
)


def decide(held: Held, said: Said, order: Order, *, more: bool = False) -> Change:
    """Say what a word about an alarm means.

    Args:
        held: where the alarm stands.
        said: what is said.
        order: how the word stands to the one that is held; only a newer one counts.
        more: it became active more often, or reached a further stage, than was heard of.
    """
    if order is not Order.NEWER:
        return Change.REPEATED if order is Order.SAME else Change.OLDER
    rule = RULES[held][said]
    return rule.more if more and rule.more is not None else rule.change


def follows(held: Held, said: Said) -> bool:
    """Tell whether a gateway says this next if nothing was missed between."""
    return said not in _MISSED.get(held, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a word means.

    Attributes:
        change: to people.
        more: instead, if the alarm became active more often, or reached a further stage, than was heard of.
    """

    change: Change
    more: Change | None = None


_RAISED = Rule(change=Change.RAISED)
_RERAISED = Rule(change=Change.RERAISED)
_CHANGED = Rule(change=Change.CHANGED)
_AGAIN = Rule(change=Change.CHANGED, more=Change.RERAISED)
_CLEARED = Rule(change=Change.CLEARED)
_WITHHELD = Rule(change=Change.WITHHELD)
_SUPERSEDED = Rule(change=Change.SUPERSEDED)
_NOTHING = Rule(change=Change.REPEATED)


def _row(**rules: Rule) -> Mapping[Said, Rule]:
    return MappingProxyType({Said(word): rule for word, rule in rules.items()})


_STANDS: Final = _row(
    pending=_WITHHELD,
    active=_AGAIN,
    clearing=_AGAIN,
    latched=_AGAIN,
    hidden=_WITHHELD,
    cleared=_CLEARED,
    unreadable=_CHANGED,
    gone=_SUPERSEDED,
)
"""People know of it and it lasts: they hear of it anew only if it came once more or got worse."""
_COMES: Final = dict.fromkeys(("active", "clearing", "latched"), _RERAISED)
_TOLD_FIRST: Final = dict.fromkeys(("active", "clearing", "latched", "unreadable"), _RAISED)
_KEPT: Final = dict.fromkeys(("pending", "hidden"), _WITHHELD)

RULES: Final[Mapping[Held, Mapping[Said, Rule]]] = MappingProxyType(
    {
        # What was raised and cleared before a word of it came was an alarm: it is told and ended.
        Held.UNKNOWN: _row(**_KEPT, **_TOLD_FIRST, cleared=_RAISED, gone=_NOTHING),
        Held.UNTOLD: _row(**_KEPT, **_TOLD_FIRST, cleared=_RAISED, gone=_SUPERSEDED),
        # What ended while it was hidden was never anything to people.
        Held.HIDDEN_UNTOLD: _row(**_KEPT, **_TOLD_FIRST, cleared=_WITHHELD, gone=_SUPERSEDED),
        Held.ENDED_UNTOLD: _row(
            **_KEPT,
            **_TOLD_FIRST,
            cleared=Rule(change=Change.WITHHELD, more=Change.RAISED),
            gone=_NOTHING,
        ),
        # A cause that waited, or was hidden, until now is told as a new one.
        Held.PENDING: MappingProxyType({**_STANDS, **_row(**_COMES)}),
        Held.ACTIVE: _STANDS,
        Held.CLEARING: _STANDS,
        Held.LATCHED: _STANDS,
        Held.HIDDEN: MappingProxyType({**_STANDS, **_row(**_COMES)}),
        Held.UNREADABLE: MappingProxyType({**_STANDS, **_row(**_COMES)}),
        # It may have come and gone unheard (more); an unreadable word may say that it is back.
        Held.OVER: _row(
            **_KEPT,
            **_COMES,
            cleared=Rule(change=Change.CLEARED, more=Change.RERAISED),
            unreadable=_RERAISED,
            gone=_NOTHING,
        ),
    }
)

_MISSED: Final[Mapping[Held, tuple[Said, ...]]] = MappingProxyType(
    {
        Held.UNKNOWN: (Said.CLEARING, Said.LATCHED, Said.CLEARED),
        Held.PENDING: (Said.CLEARING, Said.LATCHED),
        Held.ACTIVE: (Said.PENDING,),
        Held.CLEARING: (Said.PENDING,),
        Held.LATCHED: (Said.PENDING, Said.CLEARING),
        Held.ENDED_UNTOLD: (Said.CLEARING, Said.LATCHED),
        Held.OVER: (Said.CLEARING, Said.LATCHED),
    }
)
"""What does not come next by the gateway's own machine (`normal → pending → active → clearing → normal`)."""
