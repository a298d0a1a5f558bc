"""Which devices fell silent together, and when what is left of them stands for itself. Pure.

A power cut that silences 300 devices is one thing to do. Loss of contact is therefore held for a
moment, then gathered by power line, by building, or by gateway. Gas, fire and everything else that may
hurt somebody is neither held nor gathered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from wire.vocabulary import AlarmClass, Kind, Mode

HOLD: Final = timedelta(seconds=45)
"""How long people are not told that one device is silent."""
LOOK_BACK: Final = timedelta(minutes=10)
"""How much earlier others may have fallen silent, told or not."""
FOLD_FROM: Final = 3
SPLIT_AFTER: Final = timedelta(minutes=2)
"""How long the rest may take once half of a storm's devices are back."""
GATEWAY_ITSELF: Final = "gateway"
"""The device id under which a gateway speaks of itself."""
_VISITS: Final = frozenset({AlarmClass.FAULT, AlarmClass.ADVICE})


class Lot(StrEnum):
    """What becomes of a new item."""

    ALONE = "alone"
    """People are told at once."""
    HELD = "held"
    """It waits for others that fell silent with it."""
    MATTER = "matter"
    """It goes on the next visit list of its place."""


def lot_of(kind: Kind, class_: AlarmClass, device: str, *, readable: bool) -> Lot:
    """Say what becomes of a new item.

    Args:
        kind: what it is about.
        class_: how much is at stake.
        device: its device; what a gateway says of itself goes to its maintainer at once.
        readable: whether the gateway's words could be understood.
    """
    if class_ is AlarmClass.LIFE_SAFETY or not readable or device == GATEWAY_ITSELF:
        return Lot.ALONE
    if kind is Kind.CONTACT:
        return Lot.HELD
    return Lot.MATTER if class_ in _VISITS else Lot.ALONE


def lot_after_hold(class_: AlarmClass) -> Lot:
    """Say what becomes of a silent device that nobody else fell silent with."""
    return Lot.MATTER if class_ in _VISITS else Lot.ALONE


class Scope(StrEnum):
    """What silent devices have in common, the widest first."""

    FEEDER = "feeder"
    BUILDING = "building"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A device that does not answer."""

    item: str
    gateway: str
    building: str | None = None
    feeder: str | None = None

    def code(self, scope: Scope) -> str | None:
        """Return its line, building or gateway."""
        return {Scope.FEEDER: self.feeder, Scope.BUILDING: self.building, Scope.GATEWAY: self.gateway}[scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Devices that fell silent together."""

    scope: Scope
    code: str
    items: tuple[str, ...]


def find_fold(one: Silent, silent: Sequence[Silent]) -> Fold | None:
    """Return those that fell silent with a device, by the widest thing they have in common.

    Args:
        one: the device whose hold is over.
        silent: every device that is silent now, itself among them.
    """
    for scope in Scope:
        code = one.code(scope)
        if code is None:
            continue
        together = tuple(other.item for other in silent if other.code(scope) == code)
        if len(together) >= FOLD_FROM:
            return Fold(scope=scope, code=code, items=together)
    return None


def storm_keys(one: Silent, mode: Mode) -> tuple[str, ...]:
    """Return the keys of the storms that a silent device may belong to, the widest first."""
    return tuple(storm_key(scope, code, mode) for scope in Scope if (code := one.code(scope)) is not None)


def storm_key(scope: Scope, code: str, mode: Mode) -> str:
    """Return the key under which the storm of a line, building or gateway is open."""
    return f"storm/{scope.value}/{code}/{mode.value}"


def contact_came_back(silent: int, devices: int) -> bool:
    """Tell whether enough of a storm's devices are back for the rest to be a matter of its own."""
    return 0 < silent <= devices // 2
