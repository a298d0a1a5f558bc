"""What one step of the rules decided. Values only."""

from dataclasses import dataclass

from edge.model import PlannedAction
from edge.rules.state import Change, RuleState
from edge.rules.suppression import Shelf
from edge.rules.watch import Key
from wire.messages import AlarmState


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one step decided: to be journalled as a whole, then told, then acted upon.

    Attributes:
        key: rule and device; None for what changes no rule's state.
        state: the rule's new state for that device.
        change: what changed.
        alarm: the alarm as it now stands, or None when nobody is to be told.
        actions: what is to be done on the spot.
        shelves: all that is hidden from now on; None when that is as before.
    """

    key: Key | None
    state: RuleState
    change: Change
    alarm: AlarmState | None = None
    actions: tuple[PlannedAction, ...] = ()
    shelves: tuple[Shelf, ...] | None = None
