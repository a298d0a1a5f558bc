"""A message bus of its own, which bleak takes for the system's."""

import ctypes
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUS_VARIABLE: Final = "DBUS_SYSTEM_BUS_ADDRESS"
"""Whoever opens the system bus looks here first (D-Bus specification, "System message bus")."""
_DIE_WITH_PARENT: Final = 1
"""prctl(2), PR_SET_PDEATHSIG."""

_CONFIG: Final = """\
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


@contextmanager
def private_bus() -> Iterator[str]:
    """Run a `dbus-daemon` until the block ends; yields its address.

    Raises:
        OSError: `dbus-daemon` is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="gw-bus-") as folder:
        config = Path(folder) / "config"
        config.write_text(_CONFIG.format(folder=folder), encoding="utf-8")
        daemon = subprocess.Popen(  # noqa: S603 - our own words
            ["dbus-daemon", "--nofork", "--nopidfile", "--print-address", f"--config-file={config}"],  # noqa: S607 - wherever it is installed
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread of ours runs at this point
        )
        assert daemon.stdout is not None, "it was asked for"
        try:
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()
            daemon.wait()
            daemon.stdout.close()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
