"""Whether somebody else works with what a tool is about to touch: the gateway, a serial port.

Two masters on one serial line make each other's answers unreadable, and the gateway's polls carry gas
alarms. So a tool that wants the line asks first, and holds the state folder while it works.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.errors import EdgeError
from edge.site.config import LoadedSite
from edge.watch.localdoor import DoorClosedError, ask_gateway

_PROCESSES = Path("/proc")


class OccupiedError(EdgeError):
    """Somebody else uses it; the text says who, as far as that can be seen."""


def state_folder(site: LoadedSite) -> Path:
    """Return where a site's gateway keeps its stores and its door."""
    return site.path.absolute().parent / site.settings.stores.folder


def ask_if_running(folder: Path, question: str, *, timeout_s: float = 5.0, **arguments: Any) -> Any | None:
    """Ask the gateway of a state folder; None when none answers, or when it does not know the question."""
    try:
        return ask_gateway(folder, question, timeout_s=timeout_s, **arguments)
    except DoorClosedError:
        return None


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keep a gateway from starting on a state folder while the block runs; a missing folder needs none.

    Raises:
        OccupiedError: a gateway, or another tool, holds it.
    """
    lock = folder / "lock"
    if not lock.exists():
        yield
        return
    try:
        file = lock.open("r+")
    except OSError as error:
        raise OccupiedError(
            f"{lock} cannot be opened: {error.strerror}; run this as the gateway's user"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            text = f"a gateway runs in {folder} and its door does not answer this user"
            raise OccupiedError(f"{text}; run this as the gateway's user, or stop the gateway") from error
        yield


def port_users(device: str) -> list[str]:
    """Return the other processes that have a serial port open, as far as this user may see: `name (pid)`."""
    target = os.path.realpath(device)
    found = []
    for folder in _PROCESSES.iterdir() if _PROCESSES.is_dir() else ():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if any(os.path.realpath(link) == target for link in (folder / "fd").iterdir()):
                found.append(f"{(folder / 'comm').read_text().strip()} ({folder.name})")
    return sorted(found)
