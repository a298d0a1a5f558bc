"""Whether the server's loops are alive: each says so when it comes round."""

from dataclasses import dataclass, field
from typing import Final

STALE_AFTER_S: Final = 30.0
"""A loop that did not come round for this long is stuck."""


@dataclass(slots=True)
class Pulses:
    """The last beat of every loop, in seconds since the machine started."""

    _beats: dict[str, float] = field(default_factory=dict)

    def beat(self, loop: str, *, boot_s: float) -> None:
        """Note that a loop came round."""
        self._beats[loop] = boot_s

    def stuck(self, *, boot_s: float, after_s: float = STALE_AFTER_S) -> dict[str, float]:
        """Return the loops that did not come round for too long, with their age in seconds."""
        ages = {loop: boot_s - beat for loop, beat in self._beats.items()}
        return {loop: age for loop, age in ages.items() if age > after_s}

    @property
    def loops(self) -> tuple[str, ...]:
        """Names of all loops that ever came round."""
        return tuple(self._beats)
