"""The broker of the demonstration: Mosquitto where it is installed, else an embedded one."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Final

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
        try:
            await child.ready("broker_started")
        except ChildError:
            await child.stop()
            raise
        return AMQTT, child
    child = await Child.start(MOSQUITTO, [program, "-c", str(_write_config(folder, port))])
    try:
        await _until_running(child)
    except ChildError:
        await child.stop()
        raise
    return MOSQUITTO, child


def _write_config(folder: Path, port: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mosquitto.conf"
    path.write_text(
        f"listener {port} {LOOPBACK}\n"
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
