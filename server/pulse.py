"""What the server's loops say of themselves: that they are alive, and what they count."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from server.tally import Tally

STALE_AFTER_S: Final = 30.0
"""A loop that did not come round for this long is stuck."""

LOOPS: Final = MappingProxyType(
    {
        "intake-alarms": STALE_AFTER_S,
        "intake-readings": STALE_AFTER_S,
        "intake-statuses": STALE_AFTER_S,
        "intake-configurations": STALE_AFTER_S,
        "commands": STALE_AFTER_S,
        "escalation": STALE_AFTER_S,
        "notify": STALE_AFTER_S,
        "history-packer": 300.0,
        "history-feeder": 120.0,
        "route-proof": 300.0,
        "policies": STALE_AFTER_S,
        "cards": STALE_AFTER_S,
        "silence": STALE_AFTER_S,
        "canary": STALE_AFTER_S,
        "cockpit": STALE_AFTER_S,
        "roster-news": 300.0,
        "upkeep": 300.0,
        "conditions": 300.0,
        "allowances": STALE_AFTER_S,
    }
)
"""How long each loop may be away, in seconds. Packing and pruning a large history takes its time; the
feeder rests up to a minute while InfluxDB is away; a proof of a whole street is a long sum, and so is
forgetting what has had its time."""
ALWAYS: Final = (
    "intake-alarms",
    "intake-readings",
    "intake-statuses",
    "intake-configurations",
    "commands",
    "escalation",
    "notify",
)
"""The loops that run whatever the settings say: the alarm's path, and what comes on the same connection."""


@dataclass(slots=True)
class Pulses:
    """The last beat of every loop, in seconds since the machine started."""

    _beats: dict[str, float] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    """What the loops count."""

    def beat(self, loop: str, *, boot_s: float) -> None:
        """Note that a loop came round."""
        self._beats[loop] = boot_s

    def expect(self, *loops: str, boot_s: float) -> None:
        """Wait for loops from now on: one that never comes round at all is stuck too."""
        for loop in loops:
            self._beats.setdefault(loop, boot_s)

    def ages(self, *, boot_s: float) -> dict[str, float]:
        """Return how long ago each loop came round, in seconds."""
        return {loop: boot_s - beat for loop, beat in self._beats.items()}

    def stuck(self, *, boot_s: float) -> dict[str, float]:
        """Return the loops that did not come round for too long, with their age in seconds."""
        ages = self.ages(boot_s=boot_s)
        return {loop: age for loop, age in ages.items() if age > LOOPS.get(loop, STALE_AFTER_S)}

    @property
    def loops(self) -> tuple[str, ...]:
        """Names of all loops that came round or are expected to."""
        return tuple(self._beats)
