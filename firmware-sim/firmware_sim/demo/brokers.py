"""The broker of the demonstration: Mosquitto where it is installed, else an embedded one."""

import asyncio
import getpass
import shutil
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from firmware_sim.demo.children import Child, ChildError
from firmware_sim.demo.ports import LOOPBACK

MOSQUITTO: Final = "mosquitto"
AMQTT: Final = "amqtt"
AUTO: Final = "auto"
CHOICES: Final = (AUTO, MOSQUITTO, AMQTT)
_PLACES: Final = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")
_MESSAGE_BYTES: Final = 256 * 1024


class NoBrokerError(RuntimeError):
    """The broker that was asked for cannot be started here."""


def find_mosquitto() -> str | None:
    """Return where Mosquitto is installed, if it is; Debian keeps it off an ordinary path."""
    return shutil.which(MOSQUITTO) or next((p for p in _PLACES if Path(p).exists()), None)


async def start_broker(choice: str, *, port: int, folder: Path) -> tuple[str, Child]:
    """Start a broker on loopback; returns which one.

    Args:
        choice: `auto`, `mosquitto` or `amqtt`.
        port: where it listens.
        folder: for its configuration and data.

    Raises:
        NoBrokerError: Mosquitto was asked for and is not installed.
        ChildError: it did not start.
    """
    program = find_mosquitto() if choice in (AUTO, MOSQUITTO) else None
    if choice == MOSQUITTO and program is None:
        raise NoBrokerError("mosquitto is not installed; on Debian: apt-get install mosquitto")
    if program is None:
        child = await Child.start(AMQTT, [sys.executable, "-m", "firmware_sim.demo.embedded", str(port)])
        return AMQTT, await _or_stop(child, child.ready("broker_started"))
    child = await Child.start(MOSQUITTO, [program, "-c", str(_write_config(folder, port))])
    return MOSQUITTO, await _or_stop(child, _until_running(child))


async def _or_stop(child: Child, started: Coroutine[Any, Any, object]) -> Child:
    """Wait for the start; whatever comes instead, leave nothing running."""
    try:
        await started
    except BaseException:
        await child.stop()
        raise
    return child


def _write_config(folder: Path, port: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mosquitto.conf"
    path.write_text(
        f"listener {port} {LOOPBACK}\n"
        # Changing the user would make Linux forget that it is to end together with its parent.
        f"user {getpass.getuser()}\n"
        "allow_anonymous true\n"
        "persistence false\n"
        f"message_size_limit {_MESSAGE_BYTES}\n"
        "log_type all\n"
    )
    return path


async def _until_running(child: Child) -> None:
    """Mosquitto logs plain text: wait for the line with which it says that it runs."""
    for _ in range(200):
        if any("running" in line for line in child.raw):
            return
        if child.process.returncode is not None:
            raise ChildError(f"mosquitto ended: {child.last_words()}")
        await asyncio.sleep(0.05)
    raise ChildError(f"mosquitto did not start: {child.last_words()}")
