"""Alarms that were raised while the wall clock was not to be trusted, and when that truly was. Pure.

The clock that runs since the machine's start tells it as soon as the wall clock is synchronised, in the
same start of the machine; after another start nobody can know. Open alarms are kept in the journal with
the time of their raise; of those that are over the last ones are remembered while the process runs.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import msgspec

from edge.rules.state import Ended, Now, RuleState, UnsureTime
from edge.rules.watch import Key
from wire.messages import AlarmState

_MOST_OVER: Final = 500


def true_wall_ms(unsure: UnsureTime, now: Now) -> int:
    """Return when it was by the wall clock as it is now."""
    return now.moment.wall_ms - (now.moment.boot_ms - unsure.boot_ms)


def correct_alarm(alarm: AlarmState, unsure: UnsureTime, now: Now) -> AlarmState:
    """Return an alarm with the true time of its raise; what was done for it moves along with that."""
    moved = timedelta(milliseconds=true_wall_ms(unsure, now) - round(alarm.raised_at.timestamp() * 1000))
    return msgspec.structs.replace(
        alarm,
        raised_at=alarm.raised_at + moved,
        changed_at=now.moment.as_datetime(),
        actions=tuple(msgspec.structs.replace(action, at=action.at + moved) for action in alarm.actions),
    )


def correct_state(state: RuleState, now: Now) -> RuleState:
    """Return a rule's state without an unsure time: corrected, or as it was where nobody can know."""
    unsure, ended = state.unsure, state.ended
    if unsure is not None:
        raised_ms = true_wall_ms(unsure, now) if unsure.boot == now.boot else state.raised_ms
        state = replace(state, raised_ms=raised_ms, unsure=None)
    if ended is not None and ended.unsure is not None:
        known = ended.unsure.boot == now.boot
        raised_ms = true_wall_ms(ended.unsure, now) if known else ended.raised_ms
        corrected = Ended(alarm=ended.alarm, raised_ms=raised_ms, count=ended.count)
        state = replace(state, ended=corrected)
    return state


class UnsureAlarms:
    """Which rules, and which alarms that are over, wait for the clock."""

    def __init__(self) -> None:
        """Begin with none."""
        self.keys: set[Key] = set()
        self._over: dict[str, tuple[AlarmState, UnsureTime]] = {}

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self.keys or self._over)

    def note(self, key: Key, state: RuleState) -> None:
        """Remember a rule whose alarm waits, or forget it."""
        if state.unsure is not None or (state.ended is not None and state.ended.unsure is not None):
            self.keys.add(key)
        else:
            self.keys.discard(key)

    def note_told(self, alarm: AlarmState, unsure: UnsureTime | None) -> None:
        """Remember what was told last of an alarm that is over; forget one that goes on."""
        self._over.pop(alarm.alarm, None)
        if unsure is None or not alarm.cleared:
            return
        self._over[alarm.alarm] = (alarm, unsure)
        while len(self._over) > _MOST_OVER:
            del self._over[next(iter(self._over))]

    def take_over(self) -> Iterable[tuple[AlarmState, UnsureTime]]:
        """Return the alarms that are over, and forget them."""
        over, self._over = self._over, {}
        return over.values()
