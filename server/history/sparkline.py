"""A tiny curve drawn on the server: for phones and old browsers, without a script. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np

from server.history.columns import Buckets
from server.history.model import Stretch
from server.history.service import to_ms

WIDTH: Final = 300
HEIGHT: Final = 64
_EDGE: Final = 4
_LONGEST_BREAK: Final = 1 / 8
"""Of the stretch: for longer without a value the line is broken, not drawn on."""


def sparkline(
    buckets: Buckets, stretch: Stretch, limits: Sequence[float] = (), *, longest: timedelta | None = None
) -> str | None:
    """Return an SVG picture of a curve, stepped, with a dashed line for each limit.

    A value is held until the next, however little is sent of what does not change. Where a span without a
    value lies between, or more than `longest` (an eighth of the stretch where that is not known), the line
    is broken. It goes through each span's lowest and highest value, so that no spike is smoothed away.
    Colours come from the page's style (classes `spark`, `spark-line`, `spark-limit`). The picture is hidden
    from screen readers: a sentence beside it says the same. None when there is no value at all.
    """
    known = buckets.count > 0
    if not known.any():
        return None
    at_ms, lows, highs = buckets.start_ms[known], buckets.low[known], buckets.high[known]
    since_ms, length_ms = to_ms(stretch.since), max(to_ms(stretch.until) - to_ms(stretch.since), 1)
    low, high = min([float(lows.min()), *limits]), max([float(highs.max()), *limits])
    if low == high:
        low, high = low - 1, high + 1

    def y_of(one: float) -> float:
        return _EDGE + (HEIGHT - 2 * _EDGE) * (high - one) / (high - low)

    break_ms = length_ms * _LONGEST_BREAK if longest is None else longest / timedelta(milliseconds=1)
    broken = np.concatenate(([True], (np.diff(at_ms) > break_ms) | (np.diff(np.flatnonzero(known)) > 1)))
    xs = np.clip((at_ms - since_ms) / length_ms, 0, 1) * WIDTH
    parts: list[str] = []
    columns = (xs, broken, lows, highs, buckets.last[known])
    for x, breaks, least, most, last in zip(*(column.tolist() for column in columns), strict=True):
        begin = f"M{x:.1f} {y_of(least):.1f}" if breaks else f"H{x:.1f}V{y_of(least):.1f}"
        parts.append(f"{begin}V{y_of(most):.1f}V{y_of(last):.1f}")
    parts.append(f"h{min(2.0, WIDTH - float(xs[-1])):.1f}")
    lines = "".join(f'<path class="spark-limit" d="M0 {y_of(limit):.1f}H{WIDTH}"/>' for limit in limits)
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false">{lines}<path class="spark-line" d="{"".join(parts)}"/></svg>'
    )
