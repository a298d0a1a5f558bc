"""Jumps of the wall clock: for a day after one nothing is thrown away on its word."""

from typing import Final

import structlog

from edge.model import Moment
from edge.ports import Clock

_JUMP_MS: Final = 60_000
_DAY_MS: Final = 86_400_000

log = structlog.get_logger(__name__)


class JumpWatch:
    """Compares the wall clock with the one that runs since the machine's start."""

    def __init__(self, clock: Clock) -> None:
        """Take the wall clock as it stands."""
        self._clock = clock
        self._offset_ms = _offset_ms(clock.moment())
        self._jumped_boot_ms: int | None = None

    def look(self) -> None:
        """Say when the wall clock jumped."""
        moment = self._clock.moment()
        offset_ms = _offset_ms(moment)
        if abs(offset_ms - self._offset_ms) > _JUMP_MS:
            log.warning("clock_jumped", seconds=round((offset_ms - self._offset_ms) / 1000))
            self._jumped_boot_ms = moment.boot_ms
        self._offset_ms = offset_ms

    def is_steady(self, moment: Moment) -> bool:
        """Tell whether it has not jumped for a day."""
        return self._jumped_boot_ms is None or moment.boot_ms - self._jumped_boot_ms > _DAY_MS


def _offset_ms(moment: Moment) -> int:
    return moment.wall_ms - moment.boot_ms
