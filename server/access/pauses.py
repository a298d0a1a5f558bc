"""How long whoever failed to sign in must wait: longer with each failure, never for good. Pure."""

from datetime import timedelta
from typing import Final

FREE_ATTEMPTS: Final = 5
WINDOW: Final = timedelta(minutes=15)
_LONGEST_PAUSE_S: Final = 300


def pause_s(failures: int) -> float:
    """Return how long after the last of so many failures the next attempt is refused, in seconds."""
    over = failures - FREE_ATTEMPTS
    return 0.0 if over < 0 else min(2.0**over, _LONGEST_PAUSE_S)
