"""Snapshots as the wire's batches, and batches whose clock was wrong. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from edge.model import Moment, Snapshot
from edge.stores.exceptionreport import Deadband, ReportPolicy
from wire.codec import MAX_MESSAGE_BYTES
from wire.fields import MAX_OFFSET_MS
from wire.messages import ReadingsBatch, ReadingSeries
from wire.vocabulary import Clock as ClockTrust
from wire.vocabulary import Quality

BLOCK_ROWS: Final = 2_000
CLOCK_JUMP_MS: Final = 1_000
_ENVELOPE_BYTES: Final = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStand:
    """How the clocks of the machine stand to each other.

    Attributes:
        boot: this start of the machine.
        base_ms: the wall clock at that start, as the machine now believes.
        trust: whether the wall clock is disciplined.
    """

    boot: str
    base_ms: int
    trust: ClockTrust

    @classmethod
    def at(cls, moment: Moment, *, boot: str, trust: ClockTrust) -> "ClockStand":
        """Return how the clocks stand at a moment."""
        return cls(boot=boot, base_ms=moment.wall_ms - moment.boot_ms, trust=trust)


_NO_POLICIES: Final[Mapping[str, ReportPolicy]] = {}


def build_batches(
    snapshots: Iterable[Snapshot], policies: Mapping[str, ReportPolicy] = _NO_POLICIES
) -> list[ReadingsBatch]:
    """Turn snapshots into batches of at most `BLOCK_ROWS` rows that fit one message."""
    batches: list[ReadingsBatch] = []
    part: list[Snapshot] = []
    rows = 0
    for snapshot in snapshots:
        if rows and (rows + len(snapshot.points) > BLOCK_ROWS or _is_apart(part[0], snapshot)):
            batches.append(_build(part, policies))
            part, rows = [], 0
        part.append(snapshot)
        rows += len(snapshot.points)
    if part:
        batches.append(_build(part, policies))
    return [fitting for batch in batches for fitting in _fit(batch)]


def _is_apart(first: Snapshot, snapshot: Snapshot) -> bool:
    """Tell whether the wall clock jumped between two snapshots: then no batch holds both.

    What a station sends late has a time of its own and goes along if the batch can express it.
    """
    apart_ms = snapshot.at.wall_ms - first.at.wall_ms
    if abs(apart_ms) > MAX_OFFSET_MS:
        return True
    jump_ms = apart_ms - (snapshot.at.boot_ms - first.at.boot_ms)
    return first.live and snapshot.live and abs(jump_ms) > CLOCK_JUMP_MS


class _SeriesList:
    """The measured quantities of one batch, each with its index."""

    def __init__(self, policies: Mapping[str, ReportPolicy]) -> None:
        self.listed: list[ReadingSeries] = []
        self._policies = policies
        self._by_point: dict[tuple[str, str], int] = {}
        self._by_points: dict[tuple[str, int], tuple[int, ...]] = {}

    def indexes(self, snapshot: Snapshot) -> tuple[int, ...]:
        """Return the index of each point of a snapshot; the same tuple of points is looked up once."""
        key = (snapshot.device, id(snapshot.points))  # held by its snapshot while this list lives
        found = self._by_points.get(key)
        if found is None:
            found = self._by_points[key] = tuple(
                self._index(snapshot.device, point.name, point.unit) for point in snapshot.points
            )
        return found

    def _index(self, device: str, point: str, unit: str) -> int:
        known = self._by_point.get((device, point))
        if known is None:
            known = self._by_point[device, point] = len(self.listed)
            policy = self._policies.get(device, ReportPolicy())
            band = policy.deadbands.get(point, Deadband())
            self.listed.append(
                ReadingSeries(
                    device=device,
                    point=point,
                    unit=unit,
                    heartbeat_ms=policy.heartbeat_ms,
                    deadband=band.absolute,
                    deadband_percent=band.percent,
                )
            )
        return known


def _build(snapshots: list[Snapshot], policies: Mapping[str, ReportPolicy]) -> ReadingsBatch:
    series = _SeriesList(policies)
    s: list[int] = []
    offsets: list[int] = []
    values: list[float | None] = []
    qualities: list[Quality] = []
    all_good = True
    start_ms = snapshots[0].at.wall_ms
    for snapshot in snapshots:
        count = len(snapshot.points)
        s += series.indexes(snapshot)
        offsets += [snapshot.at.wall_ms - start_ms] * count
        values += snapshot.values
        if snapshot.qualities is None:
            qualities += [Quality.GOOD] * count
        else:
            all_good = False
            qualities += snapshot.qualities
    return ReadingsBatch(
        start=snapshots[0].at.as_datetime(),
        series=tuple(series.listed),
        s=tuple(s),
        offset_ms=tuple(offsets),
        value=tuple(values),
        quality=() if all_good else tuple(qualities),
    )


def _fit(batch: ReadingsBatch) -> list[ReadingsBatch]:
    """Halve a batch until each part fits one message."""
    if len(msgspec.json.encode(batch)) <= MAX_MESSAGE_BYTES - _ENVELOPE_BYTES or len(batch.s) <= 1:
        return [batch]
    half = len(batch.s) // 2
    parts = (slice(None, half), slice(half, None))
    return [
        fitting
        for part in parts
        for fitting in _fit(
            msgspec.structs.replace(
                batch,
                s=batch.s[part],
                offset_ms=batch.offset_ms[part],
                value=batch.value[part],
                quality=batch.quality[part],
            )
        )
    ]


def correct_batch(body: bytes, *, boot: str, base_ms: int, stand: ClockStand | None) -> bytes:
    """Return a batch of an unsure clock with its true start, or marked as unsure.

    Args:
        body: the batch as it was written.
        boot: the start of the machine in which it was written.
        base_ms: the wall clock at that start, as the machine believed then.
        stand: the clocks now.
    """
    batch = msgspec.json.decode(body, type=ReadingsBatch)
    known = stand is not None and stand.trust is ClockTrust.SYNCED and stand.boot == boot
    if stand is None or not known:
        return msgspec.json.encode(msgspec.structs.replace(batch, clock=ClockTrust.UNSURE))
    start = batch.start + timedelta(milliseconds=stand.base_ms - base_ms)
    return msgspec.json.encode(msgspec.structs.replace(batch, start=start))
