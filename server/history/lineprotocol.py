"""Readings as lines of InfluxDB's line protocol, times in milliseconds. Pure.

One measurement, `reading`: tags `gateway`, `device`, `point` and `unit`, fields `value` (left out where
there is none) and `quality` (an index into `server.history.columns.QUALITIES`, a whole number because
VictoriaMetrics takes no texts).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from server.history.columns import QUALITY_CODES
from server.history.service import Batch, to_ms
from wire.vocabulary import Quality

MEASUREMENT: Final = "reading"
_ESCAPES: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", "\\": "\\\\"})
_GOOD: Final = QUALITY_CODES[Quality.GOOD]


def lines_of(batches: Iterable[Batch]) -> Iterable[str]:
    """Yield one line for each reading of some batches."""
    for batch in batches:
        content = batch.content
        heads = [_head(batch.gateway, s.device, s.point, s.unit) for s in content.series]
        start_ms = to_ms(content.start)
        codes = [QUALITY_CODES[quality] for quality in content.quality] or (_GOOD,) * len(content.s)
        for index, offset_ms, value, code in zip(
            content.s, content.offset_ms, content.value, codes, strict=True
        ):
            known = value is not None and math.isfinite(value)
            fields = f"value={value!r},quality={code}i" if known else f"quality={code}i"
            yield f"{heads[index]} {fields} {start_ms + offset_ms}"


def _head(gateway: str, device: str, point: str, unit: str) -> str:
    tags = {"device": device, "gateway": gateway, "point": point, "unit": unit}
    return MEASUREMENT + "".join(f",{name}={_escape(text)}" for name, text in tags.items() if text)


def _escape(text: str) -> str:
    """Escape a tag's value; one that ends in a backslash would escape what follows it."""
    return text.translate(_ESCAPES).replace("\n", " ")


def flux_of(
    bucket: str, tags: Mapping[str, str], *, start_ms: int, stop_ms: int, every_ms: int, wanted: Sequence[str]
) -> str:
    """Return a Flux query for what a quantity amounted to in spans of time, one result a function.

    Args:
        bucket: where it is kept.
        tags: which series.
        start_ms: from when, in milliseconds since 1970.
        stop_ms: up to when.
        every_ms: the length of a span.
        wanted: Flux's names of functions, e.g. `mean`.
    """
    where = " and ".join(f"r.{name} == {_quote(text)}" for name, text in tags.items() if text)
    lines = [
        f"data = from(bucket: {_quote(bucket)})",
        f"  |> range(start: time(v: {start_ms * 1_000_000}), stop: time(v: {stop_ms * 1_000_000}))",
        f'  |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r._field == "value" and {where})',
    ]
    lines += [
        f"data |> aggregateWindow(every: {every_ms}ms, fn: {fn}, createEmpty: false, "
        f'timeSrc: "_start") |> yield(name: "{fn}")'
        for fn in wanted
    ]
    return "\n".join(lines)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return f'"{escaped}"'
