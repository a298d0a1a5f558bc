"""Which of two states of one alarm is the newer: pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a state stands in its gateway's order of things."""

    run: str
    seq: int
    boot: str
    up_ms: int
    changed_at: datetime


class Order(StrEnum):
    """How an arriving state stands to the one that is held."""

    NEWER = "newer"
    SAME = "same"
    """The very message again."""
    OLDER = "older"


def compare(held: Position, arriving: Position) -> Order:
    """Say how an arriving state stands to the held one.

    Within a run the number decides. Between runs (the disk failed, so that a run in memory began;
    a card was replaced) the time of change does. The time since the start is that of sending, so
    that an old state sent again has a late one: it only decides within a boot between states of
    one time of change, such as an action that was planned and then confirmed.
    """
    if held.run == arriving.run:
        return _order(held.seq, arriving.seq)
    if held.changed_at != arriving.changed_at or held.boot != arriving.boot:
        return Order.NEWER if arriving.changed_at > held.changed_at else Order.OLDER
    return Order.NEWER if arriving.up_ms > held.up_ms else Order.OLDER


def _order(held: int, arriving: int) -> Order:
    if arriving == held:
        return Order.SAME
    return Order.NEWER if arriving > held else Order.OLDER
