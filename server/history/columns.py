"""Readings and what they amount to in spans of time, as columns. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import Any, Final, Self

import numpy as np

from server.history.packing import Floats, Ints, pack_columns, unpack_columns
from wire.vocabulary import Quality

QUALITIES: Final = (
    Quality.GOOD,
    Quality.STALE,
    Quality.OUT_OF_RANGE,
    Quality.MAINTENANCE,
    Quality.COMM_FAULT,
)
"""The better the earlier: the worst of several has the highest index. Never re-ordered: it is stored."""
QUALITY_CODES: Final = {quality: code for code, quality in enumerate(QUALITIES)}

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
HOUR_BLOCK_MS: Final = 32 * DAY_MS
"""The period of a block of hours."""
MOST_TOTAL: Final = 1e300


def value_or_none(value: float | None) -> float | None:
    """Return a value of a column, and None for one that is missing: a column says NaN of it."""
    return None if value is None or isnan(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Readings of one series in order of time; a missing value is NaN."""

    at_ms: Ints
    value: Floats
    quality: Ints

    @classmethod
    def of(cls, rows: list[tuple[int, float | None, int]]) -> Self:
        """Return columns of rows (at_ms, value, quality code)."""
        return cls(
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([np.nan if row[1] is None else row[1] for row in rows], dtype=np.float64),
            np.array([row[2] for row in rows], dtype=np.int64),
        )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.at_ms)

    def between(self, since_ms: int, until_ms: int) -> Self:
        """Return those from `since_ms` up to, not including, `until_ms`."""
        first, end = np.searchsorted(self.at_ms, (since_ms, until_ms))
        return type(self)(self.at_ms[first:end], self.value[first:end], self.quality[first:end])

    def pack(self) -> bytes:
        """Return them as a block."""
        return pack_columns((self.at_ms, self.quality), (self.value,))

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read a block.

        Raises:
            BlockError: it is none.
        """
        (at_ms, quality), (value,) = unpack_columns(data, whole=2, floats=1)
        return cls(at_ms, value, quality)


def join_readings(held: Readings, newer: Readings) -> Readings:
    """Return both in order of time; of two at the same millisecond the held one stays."""
    if not len(held):
        return newer
    at_ms = np.concatenate((held.at_ms, newer.at_ms))
    order = np.argsort(at_ms, kind="stable")
    kept = order[np.diff(at_ms[order], prepend=-1) != 0]
    return Readings(
        at_ms[kept],
        np.concatenate((held.value, newer.value))[kept],
        np.concatenate((held.quality, newer.quality))[kept],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """What happened in equal spans of time, in order; empty spans are left out.

    Attributes:
        start_ms: when each span begins.
        count: how many readings had a value.
        low, high, total, last: of the values; NaN where there was none.
        worst: code of the worst quality.
    """

    start_ms: Ints
    count: Ints
    low: Floats
    high: Floats
    total: Floats
    last: Floats
    worst: Ints

    @classmethod
    def of(cls, columns: Iterable[Any]) -> Self:
        """Return spans of columns in the order of `columns`."""
        return cls(*columns)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.start_ms)

    @property
    def mean(self) -> Floats:
        """The mean value of each span; NaN where there was none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.count > 0, self.total / self.count, np.nan)

    def between(self, since_ms: int, until_ms: int) -> Self:
        """Return the spans that begin from `since_ms` up to, not including, `until_ms`."""
        first, end = np.searchsorted(self.start_ms, (since_ms, until_ms))
        return self.of(column[first:end] for column in self.columns)

    @property
    def columns(self) -> tuple[Ints, Ints, Floats, Floats, Floats, Floats, Ints]:
        """All columns, in the order of the constructor."""
        return self.start_ms, self.count, self.low, self.high, self.total, self.last, self.worst

    def pack(self) -> bytes:
        """Return them as a block."""
        floats = (self.last, self.low, self.high, np.round(self.total, 6))
        return pack_columns((self.start_ms, self.count, self.worst), floats)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read a block.

        Raises:
            BlockError: it is none.
        """
        whole, (last, low, high, total) = unpack_columns(data, whole=3, floats=4)
        start_ms, count, worst = whole
        return cls(start_ms, count, low, high, total, last, worst)


def no_buckets() -> Buckets:
    """Return no span at all."""
    whole, broken = np.empty(0, np.int64), np.empty(0, np.float64)
    return Buckets(whole, whole, broken, broken, broken, broken, whole)


def roll_up(readings: Readings, span_ms: int) -> Buckets:
    """Return what readings amount to in spans of `span_ms`."""
    known = ~np.isnan(readings.value)
    return _reduce(
        Buckets(
            readings.at_ms,
            known.astype(np.int64),
            readings.value,
            readings.value,
            np.where(known, readings.value, 0.0),
            readings.value,
            readings.quality,
        ),
        span_ms,
    )


def widen(buckets: Buckets, span_ms: int) -> Buckets:
    """Return what spans amount to in wider ones."""
    known = buckets.count > 0
    total = np.where(known, buckets.total, 0.0)
    return _reduce(
        Buckets(
            buckets.start_ms, buckets.count, buckets.low, buckets.high, total, buckets.last, buckets.worst
        ),
        span_ms,
    )


def join_buckets(earlier: Buckets, later: Buckets, span_ms: int) -> Buckets:
    """Add spans up; where both have one, the later's last value is the last."""
    if not len(earlier) or not len(later):
        return later if len(later) else earlier
    both = [np.concatenate(pair) for pair in zip(earlier.columns, later.columns, strict=True)]
    order = np.argsort(both[0], kind="stable")
    return widen(Buckets.of(column[order] for column in both), span_ms)


def replace_buckets(held: Buckets, newer: Buckets, since_ms: int, until_ms: int) -> Buckets:
    """Put newer spans in the place of all held ones from `since_ms` up to, not including, `until_ms`."""
    first, end = np.searchsorted(held.start_ms, (since_ms, until_ms))
    return Buckets.of(
        np.concatenate((old[:first], new, old[end:]))
        for old, new in zip(held.columns, newer.columns, strict=True)
    )


def _add(totals: Floats, firsts: Ints) -> Floats:
    """Add up spans; what no instrument can mean (over 1e300) counts as that, so that no mean is infinite."""
    with np.errstate(over="ignore"):
        return np.clip(np.add.reduceat(np.nan_to_num(totals), firsts), -MOST_TOTAL, MOST_TOTAL)


def _reduce(parts: Buckets, span_ms: int) -> Buckets:
    """Join parts that begin in the same span; a part without values counts only for its quality."""
    if not len(parts):
        return no_buckets()
    start_ms = parts.start_ms // span_ms * span_ms
    firsts = np.flatnonzero(np.diff(start_ms, prepend=start_ms[0] - 1))
    count = np.add.reduceat(parts.count, firsts)
    empty = count == 0
    # The position of the last part with a value, or of the span's first part where none has one.
    here = np.where(parts.count > 0, np.arange(len(parts)), -1)
    last_at = np.maximum(np.maximum.reduceat(here, firsts), firsts)
    return Buckets(
        start_ms[firsts],
        count,
        np.fmin.reduceat(parts.low, firsts),
        np.fmax.reduceat(parts.high, firsts),
        np.where(empty, np.nan, _add(parts.total, firsts)),
        np.where(empty, np.nan, parts.last[last_at]),
        np.maximum.reduceat(parts.worst, firsts),
    )
