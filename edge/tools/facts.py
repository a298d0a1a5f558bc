"""What `doctor` and `diag` gather: facts about the machine, the files, and what the running gateway says."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from edge.clock import machine_clock
from edge.site.busconfig import ModbusRtuBusSettings
from edge.site.config import SiteSettings
from edge.site.siteloader import Inspection, inspect_site
from edge.site.siteplausibility import secret_files, tls_files
from edge.tools.occupancy import ask_if_running
from edge.uplink.certificates import read_expiry

QUESTIONS: Final = ("status", "values", "alarms", "buses", "metrics")
UNIT: Final = "gridwarden-edge"
_REACH_S: Final = 3.0
_UNIT_FACTS: Final = "ActiveState,NRestarts,WatchdogUSec,ExecMainStartTimestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is judged.

    Attributes:
        inspection: what there is to say of the site file.
        answers: what the running gateway answered, by question; empty when none runs.
        broker: `connected`, `reachable`, or why not.
        certificates: days left by file; None where a file holds no certificate or cannot be read.
        clock: `synced` or `unsure`.
        disk_free_bytes: on the state folder's file system; None where the folder is not there.
        folder_writable: whether this user can write there.
        stores: size of each store's file, by name.
        open_secrets: secret files that others can read.
        lost_files: files that the site file names and that cannot be read.
        closed_ports: serial ports that are not there or not open to this user, with the reason.
        unit: what systemd says of the gateway's unit; empty where it does not.
        python: version.
        mismatched: installed libraries that are not the ones of the lock, as `name found wanted`.
    """

    inspection: Inspection
    answers: Mapping[str, Any] = field(default_factory=dict)
    broker: str = ""
    certificates: Mapping[str, float | None] = field(default_factory=dict)
    clock: str = ""
    disk_free_bytes: int | None = None
    folder_writable: bool = True
    stores: Mapping[str, int] = field(default_factory=dict)
    open_secrets: tuple[str, ...] = ()
    lost_files: tuple[str, ...] = ()
    closed_ports: tuple[str, ...] = ()
    unit: Mapping[str, str] = field(default_factory=dict)
    python: tuple[int, int, int] = (3, 11, 0)
    mismatched: tuple[str, ...] = ()


def gather_facts(path: Path) -> Facts:
    """Look at everything; never raises for what it finds, and changes nothing.

    Args:
        path: the site file.
    """
    inspection = inspect_site(path)
    common: dict[str, Any] = {
        "inspection": inspection,
        "clock": machine_clock().trust().value,
        "unit": _ask_systemd(),
        "python": sys.version_info[:3],
        "mismatched": tuple(_mismatched()),
    }
    if inspection.site is None:
        return Facts(**common)
    settings, beside = inspection.site.settings, path.absolute().parent
    folder = beside / settings.stores.folder
    answers = {name: answer for name in QUESTIONS if (answer := ask_if_running(folder, name)) is not None}
    files = {name: beside / name for _, name in (*secret_files(settings), *tls_files(settings))}
    return Facts(
        **common,
        answers=answers,
        broker=_reach_broker(settings, answers),
        certificates={
            name: _days_left(beside / name) for where, name in tls_files(settings) if where[-1] != "key"
        },
        disk_free_bytes=shutil.disk_usage(folder).free if folder.is_dir() else None,
        folder_writable=os.access(folder if folder.is_dir() else beside, os.W_OK),
        stores={one.name: one.stat().st_size for one in sorted(folder.glob("*.db*"))},
        open_secrets=tuple(name for _, name in secret_files(settings) if _is_open(beside / name)),
        lost_files=tuple(name for name, file in files.items() if not os.access(file, os.R_OK)),
        closed_ports=tuple(_closed_ports(settings)),
    )


def _reach_broker(settings: SiteSettings, answers: Mapping[str, Any]) -> str:
    """Return whether the gateway is connected; where none runs, whether somebody listens there."""
    if "metrics" in answers:
        return "connected" if answers["metrics"].get("connected") else "the gateway is not connected"
    try:
        with socket.create_connection((settings.server.host, settings.server.port), timeout=_REACH_S):
            return "reachable"
    except OSError as error:
        return str(error)


def _days_left(path: Path) -> float | None:
    try:
        expiry = read_expiry(path.read_bytes())
    except OSError:
        return None
    return None if expiry is None else (expiry - datetime.now(UTC)).total_seconds() / 86_400


def _is_open(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return bool(path.stat().st_mode & 0o077)
    return False


def _closed_ports(settings: SiteSettings) -> Iterator[str]:
    for bus in settings.buses:
        if not isinstance(bus, ModbusRtuBusSettings):
            continue
        if not Path(bus.device).exists():
            yield f"{bus.device} is not there"
        elif not os.access(bus.device, os.R_OK | os.W_OK):
            yield f"{bus.device} is closed to this user"


def _ask_systemd() -> Mapping[str, str]:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return {}
    try:
        shown = subprocess.run(  # noqa: S603 - a fixed question
            [systemctl, "show", UNIT, f"--property={_UNIT_FACTS}"],
            capture_output=True,
            text=True,
            timeout=_REACH_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if shown.returncode:
        return {}
    return dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)


def _mismatched() -> Iterator[str]:
    for wanted in metadata.requires("gridwarden") or ():
        requirement, _, marker = wanted.partition(";")
        name, _, version = requirement.strip().partition("==")
        if not version or ("extra" in marker and '"edge"' not in marker and "'edge'" not in marker):
            continue
        if "sys_platform" in marker and sys.platform not in marker:
            continue
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "missing"
        if found != version:
            yield f"{name} {found}, wanted {version}"
