"""The gateway: reads sensors, applies rules on the spot, forwards alarms."""

import sys
from importlib import import_module


def _load_logs_without_rich() -> None:
    """Load the log library before anybody else does, and keep it from loading rich.

    Where rich is installed, for the maintainer's commands, structlog loads it to colour tracebacks: 6 MB
    and a tenth of a second on a gateway that writes JSON.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # makes its import fail (importlib, 5.4.2)
    try:
        import_module("structlog")
    finally:
        del sys.modules["rich"]


_load_logs_without_rich()
