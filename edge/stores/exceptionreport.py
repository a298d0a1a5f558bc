"""Which readings are worth storing: those that changed, and one now and then. Pure.

Rules see every snapshot. What is stored and sent is reported by exception: a value that stays within
the deadband of the one that was stored last is left out, until the heartbeat is due. A change of quality
is always stored. The server is told deadband and heartbeat with every batch, so that it knows what a
missing reading means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.model import Point, Snapshot
from wire.vocabulary import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadband:
    """How far a value may wander without being stored again; the wider of both counts.

    Attributes:
        absolute: in the point's unit.
        percent: of the value that was stored last.
    """

    absolute: float = 0.0
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPolicy:
    """How one device's readings are stored.

    Attributes:
        heartbeat_ms: after this time a value is stored though it did not change; 0 stores every reading.
        deadbands: by the point's name; a point that is not named is stored at every change.
    """

    heartbeat_ms: int = 0
    deadbands: Mapping[str, Deadband] = field(default_factory=dict)


@dataclass(slots=True)
class _Stored:
    """What was stored last of one point."""

    absolute: float
    percent: float
    value: float | None = None
    quality: Quality | None = None
    at_ms: int = 0


@dataclass(slots=True)
class _Held:
    """What was stored last of one device.

    Attributes:
        points: in the order of its snapshots.
        seen: the values of the newest snapshot that was looked through, if all were good.
        oldest_ms: when the point was stored that has not been for longest.
    """

    points: list[_Stored]
    seen: tuple[float | None, ...] | None = None
    oldest_ms: int = 0


class ExceptionFilter:
    """Chooses what is stored of each device's snapshots."""

    def __init__(self, policies: Mapping[str, ReportPolicy]) -> None:
        """Take the policies by device; one without a policy is stored as it comes."""
        self._policies = {name: policy for name, policy in policies.items() if policy.heartbeat_ms > 0}
        self._held: dict[str, _Held] = {}
        self._subsets: dict[tuple[str, tuple[int, ...]], tuple[Point, ...]] = {}

    def choose(self, snapshot: Snapshot) -> Snapshot | None:
        """Return what is to be stored of a snapshot; None when nothing is."""
        policy = self._policies.get(snapshot.device)
        if policy is None or not snapshot.live:
            return snapshot
        held = self._held.get(snapshot.device)
        if held is None:
            held = self._held[snapshot.device] = _Held([_begin(policy, point) for point in snapshot.points])
        due_ms = snapshot.at.boot_ms - policy.heartbeat_ms
        if snapshot.qualities is None and held.oldest_ms > due_ms and snapshot.values == held.seen:
            return None  # the same as before, value for value: what was said of that holds still
        chosen = _choose(held.points, snapshot, due_ms)
        held.seen = snapshot.values if snapshot.qualities is None else None
        if not chosen:
            return None
        held.oldest_ms = min(point.at_ms for point in held.points)
        return snapshot if len(chosen) == len(held.points) else self._part(snapshot, tuple(chosen))

    def _part(self, snapshot: Snapshot, chosen: tuple[int, ...]) -> Snapshot:
        key = (snapshot.device, chosen)
        points = self._subsets.get(key)
        if points is None:
            points = self._subsets[key] = tuple(snapshot.points[index] for index in chosen)
        qualities = snapshot.qualities
        return Snapshot(
            device=snapshot.device,
            points=points,
            values=tuple(snapshot.values[index] for index in chosen),
            qualities=None if qualities is None else tuple(qualities[index] for index in chosen),
            at=snapshot.at,
            may_clear=snapshot.may_clear,
            live=snapshot.live,
        )


def _choose(stored: list[_Stored], snapshot: Snapshot, due_ms: int) -> list[int]:
    """Note what is to be stored of a snapshot and return its points' indexes."""
    values, qualities, now_ms = snapshot.values, snapshot.qualities, snapshot.at.boot_ms
    chosen: list[int] = []
    for index, last in enumerate(stored):
        value = values[index]
        quality = Quality.GOOD if qualities is None else qualities[index]
        if last.at_ms > due_ms and _is_same(last, value, quality):
            continue
        last.value, last.quality, last.at_ms = value, quality, now_ms
        chosen.append(index)
    return chosen


def _begin(policy: ReportPolicy, point: Point) -> _Stored:
    band = policy.deadbands.get(point.name, Deadband())
    return _Stored(absolute=band.absolute, percent=band.percent)


def _is_same(last: _Stored, value: float | None, quality: Quality) -> bool:
    """Tell whether a reading says nothing that the stored one does not say."""
    if value is None and quality is Quality.STALE:
        # A device that speaks by itself did not name this point: that is no news.
        return last.quality is not None
    if quality is not last.quality:
        return False
    before = last.value
    if value is None or before is None:
        return value is before
    if value == before:
        return True
    width = max(last.absolute, last.percent / 100 * abs(before))
    return abs(value - before) <= width
