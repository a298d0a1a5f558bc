"""Limits: is the cause of a threshold rule present in this value? Pure."""

from collections.abc import Callable

from edge.rules.model import ThresholdRule

Limit = Callable[[float, bool], bool]
"""Whether a value (in the point's unit) is beyond a limit; the second argument tells whether the cause
was seen before (pending or active): then the value must come back behind the limit by the hysteresis
to count as gone."""


def prepare_limit(*, above: float | None, below: float | None, hysteresis: float) -> Limit:
    """Prepare a limit for the hot path: above, below, or outside of both.

    Args:
        above: beyond it when greater.
        below: beyond it when smaller.
        hysteresis: how far it must come back.
    """
    if above is not None and below is not None:
        upper, lower, upper_end, lower_end = above, below, above - hysteresis, below + hysteresis

        def is_outside(value: float, held: bool) -> bool:
            return (value > upper_end or value < lower_end) if held else (value > upper or value < lower)

        return is_outside
    if above is not None:
        limit, end = above, above - hysteresis

        def is_above(value: float, held: bool) -> bool:
            return value > (end if held else limit)

        return is_above
    assert below is not None, "the settings make sure that a limit is given"
    limit, end = below, below + hysteresis

    def is_below(value: float, held: bool) -> bool:
        return value < (end if held else limit)

    return is_below


def crossed(above: float | None, below: float | None, value: float | None) -> float | None:
    """Return the limit on whose side a value lies: the one that people are told."""
    if above is None or below is None:
        return below if above is None else above
    if value is None:
        return above
    return above if value - above >= below - value else below


def reached_stage(rule: ThresholdRule, value: float) -> int:
    """Return the highest stage a value has reached: 1 for the rule's own limit, counted from there.

    Args:
        rule: a limit with further stages.
        value: a good value that is beyond the rule's own limit.
    """
    sign = 1.0 if rule.above is not None else -1.0
    return 1 + sum(1 for stage in rule.stages if sign * value > sign * stage.limit)
