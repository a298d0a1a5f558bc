"""`diag`: one file for whoever helps from afar, with everything that explains a gateway and no secret.

The stores themselves stay at home: they hold what happened at people's doors, and a second connection to
them could cost alarms. `README.txt` names what the archive holds, so that whoever sends it can look first.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from edge.tools.checking import as_document
from edge.tools.doctor import examine
from edge.tools.facts import UNIT, Facts, gather_facts
from edge.tools.redaction import SECRET_NAME, Redactor

MOST_LOG_BYTES: Final = 5_000_000
MOST_SECRET_BYTES: Final = 100_000
_LOG_LINES: Final = 5_000
_ASK_S: Final = 15.0
_MACHINE_FILES: Final = ("/etc/os-release", "/proc/meminfo", "/proc/loadavg", "/proc/mounts", "/proc/uptime")
_SECRET_FILE = re.compile(r"\b(?:\w*(?:password|key|token|secret)_file|key)\s*:\s*([^\s,}]+)")
STEPS: Final = ("facts", "site file", "gateway", "machine", "log")


def write_diag(path: Path, target: Path, advance: Callable[[str], None]) -> tuple[str, ...]:
    """Write the archive; returns the names of what is in it.

    Args:
        path: the site file.
        target: the archive to write, which only its owner can read.
        advance: told before each step.

    Raises:
        OSError: it cannot be written.
    """
    advance(STEPS[0])
    facts = gather_facts(path)
    redactor = Redactor(_known_secrets(path))
    names: list[str] = []
    fresh = target.with_name(f"{target.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _contents(path, facts, advance):
            archive.writestr(name, redactor.redact(text))
            names.append(name)
        archive.writestr("README.txt", redactor.redact(_explain(names)))
    fresh.replace(target)
    return (*names, "README.txt")


def _known_secrets(path: Path) -> Iterator[str]:
    """Yield every secret of this machine that this user can read, also where the site file is no good."""
    beside = path.absolute().parent
    written = _read(path) + _read(path.with_name(f"{path.name}.last-good"))
    for name in set(_SECRET_FILE.findall(written)):
        try:
            data = (beside / name.strip("\"'")).read_bytes()[:MOST_SECRET_BYTES]
        except (OSError, ValueError):
            continue
        yield data.decode("utf-8", errors="replace")
        yield data.hex()
    for variable, value in os.environ.items():
        if SECRET_NAME.search(variable):
            yield value


def _contents(path: Path, facts: Facts, advance: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    yield "doctor.json", _json([asdict(finding) for finding in examine(facts)])
    advance(STEPS[1])
    yield "check.json", _json(as_document(path, facts.inspection))
    yield "site.yaml", _read(path)
    if (kept := path.with_name(f"{path.name}.last-good")).exists():
        yield "site.yaml.last-good", _read(kept)
    advance(STEPS[2])
    for question, answer in facts.answers.items():
        yield f"gateway/{question}.json", _json(answer)
    advance(STEPS[3])
    yield "machine.txt", "\n".join(_machine(facts))
    advance(STEPS[4])
    if log := _journal():
        yield "log.txt", log


def _machine(facts: Facts) -> Iterator[str]:
    yield f"taken {datetime.now(UTC).isoformat(timespec='seconds')}"
    yield f"{platform.platform()} {platform.machine()}, Python {platform.python_version()}"
    yield from (f"{name} {size} bytes" for name, size in facts.stores.items())
    yield from (f"unit {name}={value}" for name, value in facts.unit.items())
    yield from sorted(f"{one.name}=={one.version}" for one in metadata.distributions())
    for name in _MACHINE_FILES:
        yield f"\n--- {name}\n{_read(Path(name))}"
    for folder in ("/dev/serial/by-id", "/dev/serial/by-path"):
        ports = Path(folder)
        if ports.is_dir():
            yield from (f"{port} -> {os.path.realpath(port)}" for port in sorted(ports.iterdir()))


def _journal() -> str:
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        return ""
    try:
        shown = subprocess.run(  # noqa: S603 - a fixed question
            [journalctl, "--unit", UNIT, "--lines", str(_LOG_LINES), "--no-pager", "--output", "short-iso"],
            capture_output=True,
            timeout=_ASK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return shown.stdout[-MOST_LOG_BYTES:].decode("utf-8", errors="replace")


def _read(path: Path) -> str:
    try:
        return path.read_bytes()[:MOST_LOG_BYTES].decode("utf-8", errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


def _explain(names: list[str]) -> str:
    listed = "\n".join(f"  {name}" for name in names)
    return (
        "What a Gridwarden gateway and its machine say of themselves, for support.\n"
        "Passwords, keys and tokens were taken out; look through it before you send it on.\n"
        "Labels of devices and values of points are in it, the stores are not.\n\n"
        f"{listed}\n"
    )
