"""Writes what was found and counted in Prometheus's text format: base units, bounded labels.

The server's only importer of prometheus_client. Every label is a member of a closed vocabulary or the
name of a channel or loop; a gateway, device, person or item is never a label.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.escalation.canarystanding import Stage
from server.items.model import ItemState
from server.pulse import LOOPS, STALE_AFTER_S
from server.tally import LATE_S, Tally
from server.telemetry.model import Findings
from wire.vocabulary import AlarmClass, Lane

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "gridwarden_server_"
_LANES: Final = tuple((lane.value,) for lane in Lane)
_CLASSES: Final = tuple((class_.value,) for class_ in AlarmClass)
_OPEN_STATES: Final = tuple(
    (class_.value, state.value)
    for class_ in AlarmClass
    for state in ItemState
    if state is not ItemState.CLOSED
)

Values = Mapping[tuple[str, ...], float]


def write_metrics(findings: Findings | None, tally: Tally, ages_s: Mapping[str, float]) -> bytes:
    """Return everything that is measured, as text.

    Args:
        findings: what the databases say; None when one of them did not answer.
        tally: what the loops counted.
        ages_s: how long ago each loop came round, in seconds.
    """
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Collector(findings, tally, ages_s))
    return generate_latest(registry)


class _Collector(Collector):
    """Hands the families over; the library asks for nothing more."""

    def __init__(self, findings: Findings | None, tally: Tally, ages_s: Mapping[str, float]) -> None:
        self._findings = findings
        self._tally = tally
        self._ages_s = ages_s

    def collect(self) -> Iterator[Metric]:
        yield from _counted(self._tally)
        yield from _loops(self._ages_s)
        yield _one("databases_answer", "Whether both databases answered.", float(self._findings is not None))
        if self._findings is not None:
            yield from _items(self._findings)
            yield from _street(self._findings)
            yield from _stores(self._findings)


def _counted(tally: Tally) -> Iterator[Metric]:
    attempts: Values = {pair: float(count) for pair, count in tally.attempts.items()}
    for name, text, label, counts in (
        ("messages_received", "Messages from gateways.", "channel", tally.received),
        ("messages_refused_full", "Messages a queue had no room for.", "channel", tally.refused_full),
        ("held_up_requests", "Requests a limit told to wait.", "door", tally.held_up),
    ):
        yield _counter(name, text, (label,), {(key,): value for key, value in counts.items()})
    for name, text, counts in (
        ("acknowledged_messages", "Messages acknowledged after their commit.", tally.acknowledged),
        ("ack_failures", "Acks that could not be said.", tally.ack_failures),
        ("commit_failures", "Batches that could not be committed.", tally.commit_failures),
        ("quarantined_messages", "Messages put into quarantine.", tally.quarantined),
    ):
        whole: Values = {lane: counts[lane[0]] for lane in _LANES}
        yield _counter(name, text, ("lane",), whole)
    yield _counter("readings", "Readings committed.", (), {(): tally.readings})
    yield _counter("notice_attempts", "Attempts to send a notice.", ("channel", "outcome"), attempts)
    yield _counter("due_failures", "Due rows that failed and stayed due.", (), {(): tally.due_failures})
    yield _gauge(
        "queue_messages",
        "Messages that wait in the intake.",
        ("queue",),
        {(queue,): float(count) for queue, count in tally.waiting.items()},
    )
    yield _one("broker_connected", "Whether the broker is connected.", float(tally.broker_connected))
    late = HistogramMetricFamily(f"{_PREFIX}due_late_seconds", "How late due rows were carried out.")
    bounds = [*(str(bound) for bound in LATE_S), "+Inf"]
    late.add_metric(
        [], list(zip(bounds, tally.due_late.cumulative, strict=True)), sum_value=tally.due_late.total_s
    )
    yield late


def _loops(ages_s: Mapping[str, float]) -> Iterator[Metric]:
    yield _gauge(
        "loop_age_seconds",
        "How long ago a loop came round.",
        ("loop",),
        {(loop,): age for loop, age in ages_s.items()},
    )
    yield _gauge(
        "loop_age_limit_seconds",
        "When a loop counts as stuck.",
        ("loop",),
        {(loop,): LOOPS.get(loop, STALE_AFTER_S) for loop in ages_s},
    )


def _items(found: Findings) -> Iterator[Metric]:
    items: Values = {pair: float(found.open_items.get(pair, 0)) for pair in _OPEN_STATES}
    yield _gauge("open_items", "Items that are not closed.", ("class", "state"), items)
    yield _gauge(
        "unaccepted_item_age_seconds",
        "Age of the oldest item that nobody has taken.",
        ("class",),
        {class_: found.unaccepted_age_s.get(class_[0], 0.0) for class_ in _CLASSES},
    )
    yield _gauge(
        "open_alarms",
        "Alarms that are not over.",
        ("class",),
        {class_: float(found.open_alarms.get(class_[0], 0)) for class_ in _CLASSES},
    )
    for name, text, value in (
        ("unowned_items", "Open items that are the desk's, not a person's.", found.unowned_items),
        ("unreached_items", "Open items of which no message got through.", found.unreached_items),
        ("overdue_rows", "Rows whose time to act has passed.", found.overdue_rows),
        ("overdue_age_seconds", "By how much the oldest such row is late.", found.overdue_age_s),
        (
            "notice_overdue_age_seconds",
            "By how much the oldest notice to be sent is late.",
            found.notice_overdue_age_s,
        ),
    ):
        yield _one(name, text, float(value))
    yield _gauge(
        "waiting_notices",
        "Notices that still have to leave.",
        ("channel", "state"),
        {pair: float(count) for pair, count in found.notices.items()},
    )


def _street(found: Findings) -> Iterator[Metric]:
    yield _gauge(
        "gateways",
        "Registered gateways.",
        ("presence",),
        {(presence,): float(count) for presence, count in found.gateways.items()},
    )
    for name, text, value in (
        ("unregistered_gateways", "Gateways that speak and are not registered.", found.unregistered_gateways),
        ("devices", "Devices in use.", found.devices),
        ("unassigned_devices", "Devices that nobody adopted.", found.unassigned_devices),
        ("waiting_commands", "Commands without an answer.", found.waiting_commands),
    ):
        yield _one(name, text, float(value))
    if found.canary_ages_s:
        whole_s = found.canary_ages_s[Stage.RECEIVED]
        yield _one("canary_age_seconds", "Since the last canary that came through.", whole_s)
        yield _gauge(
            "canary_stage_age_seconds",
            "Since the last canary that reached a stage.",
            ("stage",),
            {(stage.value,): found.canary_ages_s[stage] for stage in Stage},
        )


def _stores(found: Findings) -> Iterator[Metric]:
    for name, text, value in (
        ("quarantine_messages", "Messages in quarantine.", found.quarantined_messages),
        ("history_series", "Measured quantities known.", found.series),
        ("spool_lines", "Lines that wait for InfluxDB.", found.spool_lines),
        ("spool_age_seconds", "Since when the oldest of them waits.", found.spool_age_s),
    ):
        yield _one(name, text, float(value))
    yield _gauge(
        "database_size_bytes",
        "Disk that a database takes.",
        ("database",),
        {(name,): float(size) for name, size in found.database_bytes.items()},
    )


def _one(name: str, text: str, value: float) -> Metric:
    return _gauge(name, text, (), {(): value})


def _gauge(name: str, text: str, labels: Iterable[str], values: Values) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}{name}", text, labels=tuple(labels))
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, labels: Iterable[str], values: Values) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}{name}", text, labels=tuple(labels))
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
