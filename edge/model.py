"""The gateway's own words: moments, points, snapshots, actions. Values only, no input or output."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from wire.vocabulary import ActionState, Quality


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks of the machine.

    Attributes:
        wall_ms: milliseconds since 1970-01-01 UTC, as the machine believes.
        boot_ms: milliseconds since the machine started; never jumps.
    """

    wall_ms: int
    boot_ms: int

    def as_datetime(self) -> datetime:
        """Return the wall clock's side as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.wall_ms / 1000, tz=UTC)


@dataclass(frozen=True, slots=True)
class Point:
    """One measured quantity of a device.

    Attributes:
        name: quantity and unit in one word, e.g. `pressure_kpa`.
        unit: UCUM code, e.g. `kPa`.
    """

    name: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one poll of one device brought.

    Attributes:
        device: the device's id within this gateway.
        points: the device's points, the same tuple at every poll.
        values: one for each point; None where there is no value.
        qualities: one for each point, or None when all are good.
        at: when the answer (or its absence) was known.
        may_clear: whether it may show that a cause is gone. A message that could be an old one played
            back may raise an alarm and never end one.
        live: whether it tells of now. What a station sends afterwards is kept and judged by no rule.
    """

    device: str
    points: tuple[Point, ...]
    values: tuple[float | None, ...]
    qualities: tuple[Quality, ...] | None = None
    at: Moment
    may_clear: bool = True
    live: bool = True

    def quality_at(self, index: int) -> Quality:
        """Return the quality of the point at an index."""
        return Quality.GOOD if self.qualities is None else self.qualities[index]

    @property
    def answered(self) -> bool:
        """Whether the device answered at all."""
        return self.qualities is None or any(q is not Quality.COMM_FAULT for q in self.qualities)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAction:
    """Something to be done on the spot because of an alarm.

    Attributes:
        alarm: the alarm that asks for it.
        action: its name in the device's profile, e.g. `close_valve`.
        device: the device that carries it out.
        decided: when the rule decided.
        expires_boot_ms: after this moment (milliseconds since boot) it must not be sent any more.
        issuer: whose will it is: `rule`, or a person's name.
        reason: why, in that person's words.
    """

    alarm: str
    action: str
    device: str
    decided: Moment
    expires_boot_ms: int
    issuer: str = "rule"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """How far a planned action has come."""

    planned: PlannedAction
    state: ActionState
    at: Moment
    detail: str = field(default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """One frame as it went over the line.

    Attributes:
        sent: whether the gateway sent it; otherwise it was received.
        data: all bytes, with unit, check and header.
        wall_ms: when, milliseconds since 1970-01-01 UTC as the machine believes.
        text: what it says, in words.
        devices: those that it is of or for; empty where nobody knows.
    """

    sent: bool
    data: bytes
    wall_ms: int
    text: str = ""
    devices: tuple[str, ...] = ()
