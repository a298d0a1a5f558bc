"""What the gateway says of itself."""

import hashlib
import os
import shutil
import socket
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Final

from edge.config import LoadedSite
from edge.ports import Clock
from wire.messages import (
    CONTRACT_VERSION,
    BusState,
    ConfigState,
    LaneDepth,
    StatusMessage,
)
from wire.vocabulary import Presence

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_DAY_MS: Final = 86_400_000
_SOFTWARE: Final = f"gridwarden {metadata.version('gridwarden')}"


def read_boot_id() -> str:
    """Return what identifies this start of the machine, the same for every process of it."""
    try:
        raw = _BOOT_ID.read_text().strip()
    except OSError:
        raw = socket.gethostname()
    # Inside containers the machine's own id is nobody else's business.
    return hashlib.sha256(raw.encode()).hexdigest()[:16]


def notify_supervisor(text: str) -> None:
    """Tell systemd something (`READY=1`, `WATCHDOG=1`), if it asked to be told."""
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
        rejected: str,
        rejected_hash: str,
        clock: Clock,
        buses: Callable[[], tuple[BusState, ...]],
        lanes: Callable[[], tuple[LaneDepth, ...]],
        volatile: Callable[[], bool],
        written_bytes: Callable[[], int],
        folder: Path,
    ) -> None:
        """Know whom to ask.

        Args:
            site: the configuration in force.
            rejected: why the newest one is not; empty when it is.
            rejected_hash: which file was not taken.
            clock: the machine's clocks.
            buses: how the buses stand.
            lanes: how the lanes to the server stand.
            volatile: whether alarms live in memory only.
            written_bytes: how much was written to the disk since the start.
            folder: where the stores lie.
        """
        self._site = site
        self._clock = clock
        self._buses = buses
        self._lanes = lanes
        self._volatile = volatile
        self._written_bytes = written_bytes
        self._folder = folder
        self._began = clock.moment()
        self._config = ConfigState(
            version=site.settings.version,
            hash=site.hash,
            loaded_at=self._began.as_datetime(),
            rejected=rejected[:1000],
            rejected_hash=rejected_hash,
        )

    def __call__(self) -> StatusMessage:
        """Return how the gateway stands now."""
        moment = self._clock.moment()
        ran_ms = max(moment.boot_ms - self._began.boot_ms, 1)
        return StatusMessage(
            v=CONTRACT_VERSION,
            gateway=self._site.settings.gateway,
            session="-",
            boot="-",
            up_ms=moment.boot_ms,
            sent_at=moment.as_datetime(),
            clock=self._clock.trust(),
            presence=Presence.ONLINE,
            software=_SOFTWARE,
            started_at=self._began.as_datetime(),
            config=self._config,
            lanes=self._lanes(),
            buses=self._buses(),
            disk_free_bytes=shutil.disk_usage(self._folder).free,
            written_bytes_per_day=self._written_bytes() * _DAY_MS // ran_ms,
            volatile=self._volatile(),
        )
