"""Limits: is the cause of a threshold rule present in this value? Pure."""

from edge.rules.model import ThresholdRule
from wire.vocabulary import Condition


def is_present(rule: ThresholdRule, value: float, condition: Condition) -> bool:
    """Tell whether the cause is present.

    Once the cause was seen (pending or active) the value must come back behind the limit by the
    hysteresis to count as gone; afterwards it must cross the limit itself again.

    Args:
        rule: the limit.
        value: a good value, in the point's unit.
        condition: where the cause stood before.
    """
    held = condition is Condition.ACTIVE or condition is Condition.PENDING
    slack = rule.hysteresis if held else 0.0
    if rule.above is not None:
        return value > rule.above - slack
    assert rule.below is not None, "the settings make sure that one limit is given"
    return value < rule.below + slack
