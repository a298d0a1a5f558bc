"""`doctor`: facts to findings. Pure; each finding says how it is and what to do.

English is the first language of the maintainer's tools, Chinese the second (`--lang zh`): the words stand
side by side in `edge.tools.doctorwords`, not in a catalogue, because the gateway installs none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from edge.tools.facts import Facts

LEAST_DISK_BYTES: Final = 50_000_000
LITTLE_DISK_BYTES: Final = 200_000_000
LITTLE_DAYS: Final = 30
LONG_UNACKED_MS: Final = 60_000
_FEW: Final = 5


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    """Works today; look at it."""
    FAIL = "fail"
    """Alarms may be lost or late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one thing is.

    Attributes:
        check: which thing.
        level: how bad it is.
        said: key of the sentence that says it.
        values: what stands in that sentence.
    """

    check: str
    level: Level
    said: str
    values: dict[str, Any]


Found = Iterator[Finding]


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Return a finding or more for every check, in the order in which they are best mended."""
    return tuple(finding for check in CHECKS for finding in check(facts))


def exit_code(findings: tuple[Finding, ...]) -> int:
    """Return 0 when all is well, 1 when something should be looked at, 2 when something fails."""
    levels = {finding.level for finding in findings}
    return 2 if Level.FAIL in levels else int(Level.WARN in levels)


def _ok(check: str, said: str, **values: Any) -> Finding:
    return Finding(check=check, level=Level.OK, said=said, values=values)


def _warn(check: str, said: str, **values: Any) -> Finding:
    return Finding(check=check, level=Level.WARN, said=said, values=values)


def _fail(check: str, said: str, **values: Any) -> Finding:
    return Finding(check=check, level=Level.FAIL, said=said, values=values)


def _site_file(facts: Facts) -> Found:
    if facts.inspection.problems:
        first = facts.inspection.problems[0]
        yield _fail("site_file", "site_problems", count=len(facts.inspection.problems), first=str(first))
    elif facts.inspection.warnings:
        first = facts.inspection.warnings[0]
        yield _warn("site_file", "site_warnings", count=len(facts.inspection.warnings), first=str(first))
    else:
        yield _ok("site_file", "site_good")


def _gateway(facts: Facts) -> Found:
    if not facts.answers:
        yield _fail("gateway", "gateway_silent")
        return
    status = facts.answers.get("status", {})
    yield _ok("gateway", "gateway_runs", software=status.get("software", "?"), boot=status.get("boot", "?"))
    if status.get("volatile"):
        yield _fail("stores", "stores_volatile")


def _config(facts: Facts) -> Found:
    status = facts.answers.get("status")
    if not status or not status.get("config"):
        return
    config, site = status["config"], facts.inspection.site
    if config.get("rejected"):
        yield _fail("config", "config_rejected", why=config["rejected"].splitlines()[0])
    elif site is not None and config.get("hash") != site.hash:
        yield _warn("config", "config_differs")
    else:
        yield _ok("config", "config_in_force", hash=str(config.get("hash", ""))[:12])


def _broker(facts: Facts) -> Found:
    if facts.broker in ("connected", "reachable"):
        yield _ok("broker", f"broker_{facts.broker}")
    elif facts.broker:
        yield _fail("broker", "broker_away", why=facts.broker)


def _acks(facts: Facts) -> Found:
    age_ms = facts.answers.get("metrics", {}).get("last_ack_age_ms")
    lanes = facts.answers.get("status", {}).get("lanes", ())
    waiting = sum(lane.get("waiting", 0) for lane in lanes if lane.get("lane") == "alarms")
    if waiting:
        yield _warn("acks", "acks_waiting", count=waiting)
    elif age_ms is not None and age_ms > LONG_UNACKED_MS * 60:
        yield _warn("acks", "acks_old", minutes=round(age_ms / 60_000))
    elif facts.answers:
        yield _ok("acks", "acks_good")


def _rules(facts: Facts) -> Found:
    status = facts.answers.get("status")
    if not status:
        return
    warming = [f"{one['rule']} ({one['device']})" for one in status.get("warming", ())]
    if warming:
        named = ", ".join(warming[:_FEW]) + (" …" if len(warming) > _FEW else "")
        yield _warn("rules", "rules_warming", count=status.get("warming_count", len(warming)), named=named)
    else:
        yield _ok("rules", "rules_ready")


def _buses(facts: Facts) -> Found:
    for bus in facts.answers.get("buses", ()):
        if not bus["connected"]:
            yield _fail("buses", "bus_away", bus=bus["bus"])
        elif bus["silent"]:
            yield _fail("buses", "bus_silent", bus=bus["bus"], devices=", ".join(bus["silent"]))
        else:
            yield _ok("buses", "bus_good", bus=bus["bus"], count=bus["devices"])
    for port in facts.closed_ports:
        yield _fail("buses", "port_closed", port=port)


def _certificates(facts: Facts) -> Found:
    for name, days in facts.certificates.items():
        if days is None:
            yield _fail("certificates", "certificate_unreadable", file=name)
        elif days < 0:
            yield _fail("certificates", "certificate_expired", file=name, days=round(-days))
        elif days < LITTLE_DAYS:
            yield _warn("certificates", "certificate_soon", file=name, days=int(days))
        else:
            yield _ok("certificates", "certificate_good", file=name, days=int(days))


def _clock(facts: Facts) -> Found:
    said = facts.answers.get("status", {}).get("clock", facts.clock)
    yield _ok("clock", "clock_synced") if said == "synced" else _warn("clock", "clock_unsure")


def _disk(facts: Facts) -> Found:
    free = facts.disk_free_bytes
    megabytes = None if free is None else free // 1_000_000
    if not facts.folder_writable:
        yield _fail("disk", "disk_closed")
    elif free is not None and free < LEAST_DISK_BYTES:
        yield _fail("disk", "disk_full", megabytes=megabytes)
    elif free is not None and free < LITTLE_DISK_BYTES:
        yield _warn("disk", "disk_little", megabytes=megabytes)
    elif free is not None:
        yield _ok("disk", "disk_good", megabytes=megabytes)
    if facts.stores:
        sizes = ", ".join(f"{name} {size / 1_000_000:.1f} MB" for name, size in facts.stores.items())
        yield _ok("stores", "stores_sizes", sizes=sizes)


def _secrets(facts: Facts) -> Found:
    for name in facts.lost_files:
        yield _fail("secrets", "secret_lost", file=name)
    for name in facts.open_secrets:
        yield _warn("secrets", "secret_open", file=name)
    if facts.inspection.site is not None and not facts.lost_files and not facts.open_secrets:
        yield _ok("secrets", "secrets_good")


def _supervisor(facts: Facts) -> Found:
    if not facts.unit:
        yield _warn("supervisor", "supervisor_absent")
    elif facts.unit.get("ActiveState") != "active":
        yield _fail("supervisor", "unit_inactive", state=facts.unit.get("ActiveState", "?"))
    elif facts.unit.get("WatchdogUSec", "0") in ("0", "infinity"):
        yield _warn("supervisor", "unit_unwatched")
    else:
        yield _ok("supervisor", "unit_good", restarts=facts.unit.get("NRestarts", "?"))


def _versions(facts: Facts) -> Found:
    shown = ".".join(map(str, facts.python))
    if facts.mismatched:
        yield _warn("versions", "versions_differ", python=shown, libraries="; ".join(facts.mismatched))
    else:
        yield _ok("versions", "versions_good", python=shown)


CHECKS: Final[tuple[Callable[[Facts], Found], ...]] = (
    _site_file,
    _gateway,
    _config,
    _rules,
    _buses,
    _broker,
    _acks,
    _disk,
    _secrets,
    _certificates,
    _clock,
    _supervisor,
    _versions,
)
