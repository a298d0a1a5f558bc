"""The gateway's measurements for Prometheus: base units, labels that are bounded by the site file.

The only file that imports prometheus_client, in the extra `page`. Everything is computed when asked for.
"""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge.watch.answers import Answers
from wire.messages import StatusMessage
from wire.vocabulary import AlarmClass, Condition
from wire.vocabulary import Clock as ClockTrust

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_MILLI: Final = 1000.0


class GatewayCollector(Collector):
    """Turns what the gateway tells of itself into metrics."""

    def __init__(self, answers: Answers) -> None:
        """Know whom to ask."""
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it now is."""
        status = self._answers.status()
        measures = self._answers.metrics()
        yield _one("up_seconds", "Time since the machine started.", status.up_ms / _MILLI)
        yield _one("connected", "Whether the broker is connected.", float(bool(measures["connected"])))
        if (age_ms := measures.get("last_ack_age_ms")) is not None:
            yield _one(
                "last_ack_age_seconds", "Since the server last acknowledged anything.", age_ms / _MILLI
            )
        yield _one("volatile", "Whether alarms live in memory only.", float(status.volatile))
        synced = float(status.clock is ClockTrust.SYNCED)
        yield _one("clock_synchronized", "Whether the wall clock is disciplined.", synced)
        yield from self._lanes(status)
        yield from self._buses()
        yield self._alarms()
        yield from _machine(status)
        yield _counter(
            "alarms_written_bytes", "Written to the store of alarms.", measures["alarms_written_bytes"]
        )
        yield _counter(
            "readings_written_bytes", "Written to the store of readings.", measures["readings_written_bytes"]
        )

    def _lanes(self, status: StatusMessage) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "gridwarden_edge_lane_waiting_messages", "Not acknowledged by the server.", labels=["lane"]
        )
        shed = CounterMetricFamily("gridwarden_edge_readings_shed", "Readings thrown away for lack of space.")
        for lane in status.lanes:
            waiting.add_metric([lane.lane.value], lane.waiting)
        shed.add_metric([], sum(lane.shed for lane in status.lanes))
        yield waiting
        yield shed

    def _buses(self) -> Iterator[Metric]:
        families = {
            "connected": GaugeMetricFamily(
                "gridwarden_edge_bus_connected", "Whether a bus is connected.", labels=["bus"]
            ),
            "devices": GaugeMetricFamily(
                "gridwarden_edge_bus_devices", "Devices configured on a bus.", labels=["bus"]
            ),
            "silent": GaugeMetricFamily(
                "gridwarden_edge_bus_silent_devices", "Devices that do not answer.", labels=["bus"]
            ),
        }
        attempts = CounterMetricFamily(
            "gridwarden_edge_bus_attempts", "Completed attempts on a bus.", labels=["bus"]
        )
        for bus in self._answers.buses():
            name = [str(bus["bus"])]
            families["connected"].add_metric(name, float(bus["connected"]))
            families["devices"].add_metric(name, bus["devices"])
            families["silent"].add_metric(name, len(bus["silent"]))
            attempts.add_metric(name, bus["attempts"])
        yield from families.values()
        yield attempts

    def _alarms(self) -> Metric:
        family = GaugeMetricFamily(
            "gridwarden_edge_active_alarms", "Alarms whose cause is present.", labels=["class"]
        )
        active = [alarm.class_ for alarm in self._answers.alarms() if alarm.condition is Condition.ACTIVE]
        for class_ in AlarmClass:
            family.add_metric([class_.value], active.count(class_))
        return family


def metrics_page(answers: Answers) -> Callable[[], bytes]:
    """Return a function that writes all metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(GatewayCollector(answers))
    return lambda: generate_latest(registry)


def _machine(status: StatusMessage) -> Iterator[Metric]:
    machine = status.machine
    if machine is None:
        return
    budget = machine.write_budget_bytes_per_day
    expires_at = machine.certificate_expires_at
    for name, text, value in (
        ("disk_free_bytes", "Free space on the disk with the stores.", status.disk_free_bytes),
        ("disk_size_bytes", "Size of the disk with the stores.", machine.disk_total_bytes),
        ("memory_available_bytes", "What programs could still take.", machine.memory_available_bytes),
        ("memory_resident_bytes", "Memory of the gateway itself.", machine.process_resident_bytes),
        ("cpu_temperature_celsius", "Of the hottest zone.", machine.cpu_temperature_c),
        ("written_bytes_per_day", "Written to the disk in a day.", status.written_bytes_per_day),
        ("write_budget_bytes_per_day", "How much may be written in a day.", budget),
        (
            "certificate_expiry_timestamp_seconds",
            "Until when the certificate for the broker is valid.",
            None if expires_at is None else expires_at.timestamp(),
        ),
    ):
        if value is not None:
            yield _one(name, text, float(value))
    if machine.starts is not None:
        yield _counter("starts", "Starts of the gateway.", machine.starts)


def _one(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(f"gridwarden_edge_{name}", text)
    family.add_metric([], value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    family = CounterMetricFamily(f"gridwarden_edge_{name}", text)
    family.add_metric([], value)
    return family
