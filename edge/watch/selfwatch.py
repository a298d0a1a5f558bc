"""The gateway watches itself with its own rules: a full, failing or worn disk is an alarm like any other.

The gateway is a device of its own, `gateway`, on no bus. What it measures of itself goes through the
rules; it is not stored as readings, since the status message carries it.
"""

from dataclasses import dataclass
from typing import Final

from edge.model import Moment, Point, Snapshot
from edge.rules.model import ThresholdRule
from wire.vocabulary import AlarmClass, Kind, Quality

SELF_DEVICE: Final = "gateway"
"""The id of the gateway as a device of itself; no device of a site file may have it."""
SELF_POINTS: Final = (
    Point("store_failed", "1"),
    Point("disk_free_percent", "%"),
    Point("memory_available_percent", "%"),
    Point("cpu_temperature_c", "Cel"),
    Point("written_budget_percent", "%"),
    Point("clock_unsure", "1"),
    Point("certificate_days", "d"),
)
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfMeasures:
    """What the gateway measures of itself; None where it cannot.

    Attributes:
        store_failed: whether alarms or readings cannot be written to the disk.
        disk_free_percent: of the disk with the stores.
        memory_available_percent: what programs could still take without swapping.
        cpu_temperature_c: of the hottest zone.
        written_budget_percent: what is written in a day, as a part of the budget.
        clock_unsure: whether the wall clock is not disciplined.
        certificate_days: for how long the certificate for the broker is valid; negative when it is over.
    """

    store_failed: bool
    disk_free_percent: float | None
    memory_available_percent: float | None
    cpu_temperature_c: float | None
    written_budget_percent: float | None
    clock_unsure: bool
    certificate_days: float | None


def self_snapshot(measures: SelfMeasures, at: Moment) -> Snapshot:
    """Return the measures as a snapshot of the device `gateway`."""
    values = (
        float(measures.store_failed),
        measures.disk_free_percent,
        measures.memory_available_percent,
        measures.cpu_temperature_c,
        measures.written_budget_percent,
        float(measures.clock_unsure),
        measures.certificate_days,
    )
    return Snapshot(
        device=SELF_DEVICE,
        points=SELF_POINTS,
        values=values,
        qualities=tuple(Quality.STALE if value is None else Quality.GOOD for value in values),
        at=at,
    )


def self_rules() -> tuple[ThresholdRule, ...]:
    """Return the rules by which the gateway watches itself.

    A disk that fails is a fault at once. 85 °C is where a Raspberry Pi slows itself down (Raspberry Pi
    documentation, "Frequency management and thermal control").
    """
    fault, advice = AlarmClass.FAULT, AlarmClass.ADVICE
    return (
        _above("gateway-store", "store_failed", 0.5, class_=fault, off_delay_ms=60_000),
        _below("gateway-disk", "disk_free_percent", 5.0, hysteresis=3.0, class_=fault, on_delay_ms=60_000),
        _below(
            "gateway-memory",
            "memory_available_percent",
            5.0,
            hysteresis=5.0,
            class_=fault,
            on_delay_ms=600_000,
        ),
        _above(
            "gateway-heat", "cpu_temperature_c", 85.0, hysteresis=10.0, class_=advice, on_delay_ms=600_000
        ),
        _above(
            "gateway-writes",
            "written_budget_percent",
            100.0,
            hysteresis=10.0,
            class_=advice,
            on_delay_ms=_HOUR_MS,
        ),
        _above("gateway-clock", "clock_unsure", 0.5, class_=fault, on_delay_ms=_HOUR_MS),
        _below("gateway-certificate", "certificate_days", 21.0, class_=fault, on_delay_ms=60_000),
    )


def _above(
    rule: str,
    point: str,
    limit: float,
    *,
    class_: AlarmClass,
    hysteresis: float = 0.0,
    on_delay_ms: int = 0,
    off_delay_ms: int = 0,
) -> ThresholdRule:
    return ThresholdRule(
        id=rule,
        devices=(SELF_DEVICE,),
        point=point,
        above=limit,
        hysteresis=hysteresis,
        on_delay_ms=on_delay_ms,
        off_delay_ms=off_delay_ms,
        kind=Kind.CONTACT,
        class_=class_,
    )


def _below(
    rule: str, point: str, limit: float, *, class_: AlarmClass, hysteresis: float = 0.0, on_delay_ms: int = 0
) -> ThresholdRule:
    return ThresholdRule(
        id=rule,
        devices=(SELF_DEVICE,),
        point=point,
        below=limit,
        hysteresis=hysteresis,
        on_delay_ms=on_delay_ms,
        kind=Kind.CONTACT,
        class_=class_,
    )
