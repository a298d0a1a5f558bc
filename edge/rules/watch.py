"""One rule on one device, prepared for the hot path. Pure."""

from dataclasses import dataclass
from typing import Final

from edge.rules.model import ContactRule, Rule, ThresholdRule
from edge.rules.step import Behaviour
from wire.vocabulary import Kind

Key = tuple[str, str]
"""A rule's id and a device's id."""

NO_POINT: Final = -1
"""The index of a rule that watches the device itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A rule that watches a device.

    Attributes:
        key: rule and device.
        rule: what is judged.
        behaviour: delays and latching.
        index: of the watched point in the device's snapshots; `NO_POINT` for a contact rule.
        unit: of the watched point, a UCUM code.
        label: the name by which people know the device.
    """

    key: Key
    rule: ThresholdRule | ContactRule
    behaviour: Behaviour
    index: int
    unit: str
    label: str

    @property
    def point(self) -> str | None:
        """The watched point; None when the device itself is watched."""
        return self.rule.point if isinstance(self.rule, ThresholdRule) else None

    @property
    def kind(self) -> Kind:
        """What kind of alarm this raises."""
        return self.rule.kind if isinstance(self.rule, ThresholdRule) else Kind.CONTACT

    @property
    def limit(self) -> float | None:
        """The limit that is watched, in the point's unit; None when there is none."""
        if isinstance(self.rule, ContactRule):
            return None
        return self.rule.above if self.rule.above is not None else self.rule.below


def prepare_watch(rule: Rule, device: str, points: tuple[tuple[str, str], ...], label: str) -> Watch:
    """Prepare a rule for a device.

    Args:
        rule: the rule.
        device: the device's id.
        points: the device's points as (name, unit), in the order of its snapshots.
        label: the name by which people know it.
    """
    key = (rule.id, device)
    if isinstance(rule, ContactRule):
        behaviour = Behaviour(on_delay_ms=rule.after_ms, class_=rule.class_)
        return Watch(key=key, rule=rule, behaviour=behaviour, index=NO_POINT, unit="", label=label)
    index = [name for name, _ in points].index(rule.point)
    behaviour = Behaviour(
        on_delay_ms=rule.on_delay_ms,
        off_delay_ms=rule.off_delay_ms,
        latching=rule.latching,
        class_=rule.class_,
    )
    return Watch(key=key, rule=rule, behaviour=behaviour, index=index, unit=points[index][1], label=label)
