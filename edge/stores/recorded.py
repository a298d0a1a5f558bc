"""Recorded readings: from the batches of the store, from JSON lines, from CSV; and as snapshots again. Pure.

A row is one value of one point. Rows of one device at one moment are one snapshot; a point that has no
row there is `stale`, as with a message that does not name it.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from edge.errors import ConfigError
from edge.model import Moment, Point, Snapshot
from wire.messages import ReadingsBatch
from wire.vocabulary import Quality

COLUMNS: Final = ("at", "device", "point", "value", "unit", "quality")


class RecordingError(ConfigError):
    """A recording cannot be read; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded value.

    Attributes:
        wall_ms: milliseconds since 1970-01-01 UTC.
        device, point: whose it is.
        value: None where there was none.
        quality: how far it could be believed.
        unit: UCUM code; empty where it is not known.
    """

    wall_ms: int
    device: str
    point: str
    value: float | None
    quality: Quality = Quality.GOOD
    unit: str = ""


def rows_of(batch: ReadingsBatch) -> Iterator[Row]:
    """Yield the rows of a batch in their order."""
    start_ms = round(batch.start.timestamp() * 1000)
    qualities = batch.quality or (Quality.GOOD,) * len(batch.s)
    for index, offset_ms, value, quality in zip(
        batch.s, batch.offset_ms, batch.value, qualities, strict=True
    ):
        series = batch.series[index]
        yield Row(start_ms + offset_ms, series.device, series.point, value, quality, series.unit)


def as_record(row: Row) -> dict[str, Any]:
    """Return a row as a JSON object, and as a line of a CSV file with the same names."""
    at = Moment(wall_ms=row.wall_ms, boot_ms=0).as_datetime()
    return {
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "device": row.device,
        "point": row.point,
        "value": row.value,
        "unit": row.unit,
        "quality": row.quality.value,
    }


def read_lines(lines: Iterable[str], *, origin: str) -> Iterator[Row]:
    """Yield the rows of a file of JSON lines, or of CSV with a header.

    Args:
        lines: of the file.
        origin: named in errors.

    Raises:
        RecordingError: a line is not one.
    """
    numbered = enumerate(lines, start=1)
    first = next(((number, line) for number, line in numbered if line.strip()), None)
    if first is None:
        return
    if first[1].lstrip().startswith("{"):
        yield _json_row(first[1], f"{origin}:{first[0]}")
        for number, line in numbered:
            if line.strip():
                yield _json_row(line, f"{origin}:{number}")
        return
    header = [name.strip().lstrip("\ufeff") for name in next(csv.reader([first[1]]))]
    missing = {"at", "device", "point", "value"} - set(header)
    if missing:
        raise RecordingError(f"{origin}:{first[0]}: found no column {', '.join(sorted(missing))}")
    for number, cells in enumerate(csv.reader(line for _, line in numbered), start=first[0] + 1):
        if cells:
            yield _row(dict(zip(header, cells, strict=False)), f"{origin}:{number}")


def _json_row(line: str, where: str) -> Row:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise RecordingError(f"{where}: no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RecordingError(f"{where}: found no object")
    return _row(found, where)


def _row(found: Mapping[str, Any], where: str) -> Row:
    try:
        at = datetime.fromisoformat(str(found["at"]))
        if at.tzinfo is None:
            raise RecordingError(f"{where}: the time {found['at']!r} names no zone")
        raw = found["value"]
        return Row(
            wall_ms=round(at.timestamp() * 1000),
            device=str(found["device"]),
            point=str(found["point"]),
            value=None if raw in (None, "") else float(raw),
            quality=Quality(found.get("quality") or Quality.GOOD),
            unit=str(found.get("unit") or ""),
        )
    except KeyError as error:
        raise RecordingError(f"{where}: found no {error.args[0]!r}") from error
    except (TypeError, ValueError) as error:
        raise RecordingError(f"{where}: {error}") from error


def snapshots_of(
    rows: Iterable[Row], points: Mapping[str, tuple[Point, ...]], *, offset_ms: int
) -> Iterator[Snapshot]:
    """Yield snapshots from rows; rows of unknown devices and points are passed over.

    Args:
        rows: oldest first; those of one device at one moment stand together.
        points: of each device, in the order of its snapshots.
        offset_ms: the wall clock less the boot clock.
    """
    found: dict[str, Row] = {}
    head: Row | None = None
    for row in rows:
        if head is not None and (
            row.device != head.device or row.wall_ms != head.wall_ms or row.point in found
        ):
            if head.device in points:
                yield _snapshot(head, found, points[head.device], offset_ms)
            found = {}
        head = row
        found[row.point] = row
    if head is not None and head.device in points:
        yield _snapshot(head, found, points[head.device], offset_ms)


def _snapshot(head: Row, found: Mapping[str, Row], points: tuple[Point, ...], offset_ms: int) -> Snapshot:
    rows = [found.get(point.name) for point in points]
    qualities = tuple(Quality.STALE if row is None else row.quality for row in rows)
    return Snapshot(
        device=head.device,
        points=points,
        values=tuple(None if row is None else row.value for row in rows),
        qualities=None if all(quality is Quality.GOOD for quality in qualities) else qualities,
        at=Moment(wall_ms=head.wall_ms, boot_ms=head.wall_ms - offset_ms),
    )
