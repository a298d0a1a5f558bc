"""What became of everything that was said: made, committed, late, repeated, lost. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

_PERCENT: Final = 100


@dataclass(slots=True, kw_only=True)
class LaneTally:
    """Counts of one lane over all gateways.

    Attributes:
        late_after_s: a message committed later than this after it was made is late.
        made: messages numbered.
        committed: messages that the server acknowledged, each once.
        late: of the committed ones.
        repeated: how many times one was sent again.
        replaced: states of an alarm never acknowledged because a newer one took their place.
        acknowledged_again: acks of what was acknowledged before.
        forgotten: acknowledged messages that the server, on a later connection, said it does not hold.
        busy: how many times the server asked for patience.
        rows_made, rows_committed: readings in those messages.
        delays_s: of each committed message, from made to acknowledged.
    """

    late_after_s: float
    made: int = 0
    committed: int = 0
    late: int = 0
    repeated: int = 0
    replaced: int = 0
    acknowledged_again: int = 0
    forgotten: int = 0
    busy: int = 0
    rows_made: int = 0
    rows_committed: int = 0
    delays_s: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Messages of which nobody knows whether the server has them."""
        return self.made - self.committed - self.replaced

    def commit(self, delay_s: float, rows: int) -> None:
        """Count an acknowledged message."""
        self.committed += 1
        self.rows_committed += rows
        self.late += delay_s > self.late_after_s
        self.delays_s.append(delay_s)

    def as_dict(self) -> dict[str, Any]:
        """Return everything that a report says of this lane."""
        return {
            "made": self.made,
            "committed": self.committed,
            "late": self.late,
            "late_after_s": self.late_after_s,
            "repeated": self.repeated,
            "replaced": self.replaced,
            "lost": self.lost,
            "acknowledged_again": self.acknowledged_again,
            "forgotten": self.forgotten,
            "busy": self.busy,
            "rows_made": self.rows_made,
            "rows_committed": self.rows_committed,
            "p50_s": percentile(self.delays_s, 50),
            "p99_s": percentile(self.delays_s, 99),
            "most_s": percentile(self.delays_s, 100),
        }


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the value below which a share of all lies, in percent (nearest rank); None of none."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = -(-len(ordered) * share // _PERCENT)
    return round(ordered[max(int(rank), 1) - 1], 4)


@dataclass(slots=True, kw_only=True)
class Tally:
    """Everything that a run counts."""

    alarms: LaneTally = field(default_factory=lambda: LaneTally(late_after_s=10.0))
    readings: LaneTally = field(default_factory=lambda: LaneTally(late_after_s=60.0))
    gateways: int = 0
    connections: int = 0
    """How many times a connection was opened."""
    cut: int = 0
    """How many gateways were disconnected on command."""
    raised: set[str] = field(default_factory=set)
    """Ids of alarms."""
    raised_committed: set[str] = field(default_factory=set)
    """Ids of alarms of which the server acknowledged a state."""
    commands: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or forgotten."""
        lanes = (self.alarms, self.readings)
        return not any(lane.lost or lane.forgotten for lane in lanes)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as it is written to JSON."""
        return {
            "gateways": self.gateways,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "connections": self.connections,
            "cut": self.cut,
            "commands": self.commands,
            "alarms_raised": len(self.raised),
            "alarms_committed": len(self.raised_committed),
            "alarms": self.alarms.as_dict(),
            "readings": self.readings.as_dict(),
        }

    def as_rows(self) -> list[tuple[str, str, str]]:
        """Return the report as the rows of a table: what, of alarms, of readings."""
        alarms, readings = self.alarms.as_dict(), self.readings.as_dict()
        return [(name.replace("_", " "), _said(alarms[name]), _said(readings[name])) for name in alarms]


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"
