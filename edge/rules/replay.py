"""Recorded readings through the rules, offline: the alarms they would have raised. Pure.

Time passes as it does in a running gateway: the rules are judged every `TICK_MS` between one reading and
the next, so that delays end when they ended then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from edge.model import Moment, Snapshot
from edge.rules.decision import Decision
from edge.rules.engine import RuleEngine
from edge.rules.state import Change, Now
from wire.messages import AlarmState
from wire.vocabulary import Mode

TICK_MS: Final = 200
"""As often as a running gateway judges the passing of time."""
LONGEST_GAP_MS: Final = 10 * 60_000
"""Where nothing was recorded for longer, the gateway was off: what happened then is not made up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedAlarm:
    """One alarm that the readings would have raised.

    Attributes:
        alarm: as it stood last.
        cleared_at: when it was over; None while it is open at the end.
    """

    alarm: AlarmState
    cleared_at: datetime | None = None


def replay(engine: RuleEngine, snapshots: Iterable[Snapshot]) -> Iterator[tuple[Moment, list[Decision]]]:
    """Yield every moment and what was decided there, readings oldest first."""
    ticked_ms: int | None = None
    for snapshot in snapshots:
        at = snapshot.at
        if ticked_ms is None or at.boot_ms - ticked_ms > LONGEST_GAP_MS:
            ticked_ms = at.boot_ms
        offset_ms = at.wall_ms - at.boot_ms
        while ticked_ms + TICK_MS <= at.boot_ms:
            ticked_ms += TICK_MS
            moment = Moment(wall_ms=ticked_ms + offset_ms, boot_ms=ticked_ms)
            decisions = engine.tick(Now(moment=moment, boot=engine.boot))
            if decisions:
                yield moment, decisions
        yield at, engine.take(snapshot, Now(moment=at, boot=engine.boot))


class AlarmList:
    """The alarms of a replay, each as it stood last, in the order in which they were raised."""

    def __init__(self) -> None:
        """Begin empty."""
        self._alarms: dict[str, ReplayedAlarm] = {}

    def add(self, decisions: Iterable[Decision]) -> None:
        """Take what was decided."""
        for decision in decisions:
            told = decision.alarm
            if told is None or told.mode is not Mode.LIVE:
                continue
            cleared_at = told.changed_at if told.cleared else None
            if decision.change is Change.NORMAL and told.alarm in self._alarms:
                told = _at_end(self._alarms[told.alarm].alarm, told)
            self._alarms[told.alarm] = ReplayedAlarm(alarm=told, cleared_at=cleared_at)

    @property
    def alarms(self) -> tuple[ReplayedAlarm, ...]:
        """What was raised."""
        return tuple(self._alarms.values())


def _at_end(before: AlarmState, end: AlarmState) -> AlarmState:
    """Return an alarm at its end: the value that raised it is worth more to a reader than the last one."""
    return msgspec.structs.replace(end, value=before.value, limit=before.limit)
