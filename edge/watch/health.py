"""What the gateway says of itself, and how it watches itself."""

import asyncio
import hashlib
import os
import socket
from collections.abc import Callable
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from edge.model import Moment, Snapshot
from edge.ports import Clock
from edge.site.config import LoadedSite
from edge.site.trial import TrialRecord
from edge.stores.writemeter import WriteMeter
from edge.watch import machine
from edge.watch.selfwatch import SelfMeasures, self_snapshot
from wire.messages import (
    CONTRACT_VERSION,
    LaneDepth,
    StatusMessage,
    SuppressionState,
)
from wire.statusparts import BusState, ConfigState, MachineState, UnassignedDevice, WarmingRule
from wire.vocabulary import Clock as ClockTrust
from wire.vocabulary import Presence

SELF_CHECK_EVERY_S: Final = 5.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_DAY_S: Final = 86_400.0
_MEGABYTE: Final = 1_000_000
_MOST_WARMING: Final = 100
SOFTWARE: Final = f"gridwarden {metadata.version('gridwarden')}"
"""Name and version."""


def read_boot_id() -> str:
    """Return what identifies this start of the machine, the same for every process of it."""
    try:
        raw = _BOOT_ID.read_text().strip()
    except OSError:
        raw = socket.gethostname()
    # Inside containers the machine's own id is nobody else's business.
    return hashlib.sha256(raw.encode()).hexdigest()[:16]


def notify_supervisor(text: str) -> None:
    """Tell systemd something (`READY=1`, `WATCHDOG=1`), if it asked to be told; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(target)
        sock.sendall(text.encode())


class SelfReport:
    """Builds the status message; the uplink fills in its envelope."""

    def __init__(
        self,
        *,
        site: LoadedSite,
        record: TrialRecord,
        clock: Clock,
        buses: Callable[[], tuple[BusState, ...]],
        lanes: Callable[[], tuple[LaneDepth, ...]],
        store_failed: Callable[[], bool],
        volatile: Callable[[], bool],
        suppressions: Callable[[], tuple[SuppressionState, ...]],
        warming: Callable[[Moment], tuple[tuple[str, str], ...]],
        store_bytes: Callable[[], int],
        certificate_expires_at: Callable[[], datetime | None],
        folder: Path,
        unassigned: Callable[[], tuple[UnassignedDevice, ...]] = tuple,
    ) -> None:
        """Know whom to ask.

        Args:
            site: the configuration in force.
            record: how often the gateway was started.
            clock: the machine's clocks.
            buses: how the buses stand.
            lanes: how the lanes to the server stand.
            store_failed: whether alarms or readings cannot be written.
            volatile: whether alarms live in memory only.
            suppressions: what is shelved or out of service.
            warming: which rules on which devices have not heard enough yet.
            store_bytes: what the stores wrote since the start, where Linux does not say it.
            certificate_expires_at: until when the certificate for the broker is valid.
            folder: where the stores lie.
            unassigned: what is heard and not configured.
        """
        self._site = site
        self._record = record
        self._clock = clock
        self._buses = buses
        self._lanes = lanes
        self._store_failed = store_failed
        self._volatile = volatile
        self._suppressions = suppressions
        self._warming = warming
        self._store_bytes = store_bytes
        self._expires_at = certificate_expires_at
        self._folder = folder
        self._unassigned = unassigned
        self._began = clock.moment()
        self._meter = WriteMeter(now_ms=self._began.boot_ms, total_bytes=self._written())
        self.config = ConfigState(
            version=site.settings.version, hash=site.hash, loaded_at=self._began.as_datetime()
        )
        """Which configuration is in force; whoever changes that writes it here."""

    def __call__(self) -> StatusMessage:
        """Return how the gateway stands now."""
        moment = self._clock.moment()
        disk = machine.disk_bytes(self._folder)
        warming = self._warming(moment)
        return StatusMessage(
            v=CONTRACT_VERSION,
            gateway=self._site.settings.gateway,
            session="-",
            boot="-",
            up_ms=moment.boot_ms,
            sent_at=moment.as_datetime(),
            clock=self._clock.trust(),
            presence=Presence.ONLINE,
            software=SOFTWARE,
            started_at=self._began.as_datetime(),
            config=self.config,
            lanes=self._lanes(),
            buses=self._buses(),
            disk_free_bytes=None if disk is None else disk[1],
            written_bytes_per_day=self.written_bytes_per_day(),
            volatile=self._volatile(),
            machine=self._machine(None if disk is None else disk[0]),
            suppressions=self._suppressions(),
            unassigned=self._unassigned(),
            warming=tuple(WarmingRule(rule=rule, device=device) for rule, device in warming[:_MOST_WARMING]),
            warming_count=len(warming),
        )

    def written_bytes_per_day(self) -> int:
        """Return what this process has written over the last day."""
        return self._meter.per_day(now_ms=self._clock.moment().boot_ms, total_bytes=self._written())

    def measure(self) -> SelfMeasures:
        """Return what the gateway's own rules judge."""
        disk = machine.disk_bytes(self._folder)
        total, available = machine.memory_bytes()
        expires_at = self._expires_at()
        now = self._clock.moment().as_datetime()
        return SelfMeasures(
            store_failed=self._store_failed(),
            disk_free_percent=None if not disk or not disk[0] else 100 * disk[1] / disk[0],
            memory_available_percent=None if not total or available is None else 100 * available / total,
            cpu_temperature_c=machine.cpu_temperature_c(),
            written_budget_percent=100 * self.written_bytes_per_day() / self._budget_bytes,
            clock_unsure=self._clock.trust() is not ClockTrust.SYNCED,
            certificate_days=None if expires_at is None else (expires_at - now).total_seconds() / _DAY_S,
        )

    @property
    def _budget_bytes(self) -> int:
        return self._site.settings.stores.write_budget_mb_per_day * _MEGABYTE

    def _written(self) -> int:
        known = machine.written_bytes()
        return self._store_bytes() if known is None else known

    def _machine(self, disk_total: int | None) -> MachineState:
        total, available = machine.memory_bytes()
        return MachineState(
            disk_total_bytes=disk_total,
            memory_total_bytes=total,
            memory_available_bytes=available,
            process_resident_bytes=machine.resident_bytes(),
            cpu_temperature_c=machine.cpu_temperature_c(),
            starts=self._record.starts,
            starts_this_boot=self._record.starts_this_boot,
            certificate_expires_at=self._expires_at(),
            write_budget_bytes_per_day=self._budget_bytes,
        )


SelfSink = Callable[[Snapshot], None]
"""Takes a snapshot of the device `gateway`."""


async def watch_itself(report: SelfReport, *, sink: SelfSink, clock: Clock) -> None:
    """Hand what the gateway measures of itself to its rules, now and then. Runs until cancelled."""
    while True:
        sink(self_snapshot(report.measure(), clock.moment()))
        await asyncio.sleep(clock.pause_s(SELF_CHECK_EVERY_S))
