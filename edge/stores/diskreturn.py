"""A gateway that had to start without its disk returns to it when it can, without a restart."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from edge.errors import StoreError
from edge.stores.outbox import Outbox, open_alarm_store
from edge.stores.readings import ReadingStore
from wire.messages import AlarmState

ALARMS_FILE = "alarms.db"
READINGS_FILE = "readings.db"

log = structlog.get_logger(__name__)


class DiskReturn:
    """Moves both stores from memory to the disk, or neither."""

    def __init__(
        self,
        folder: Path,
        outbox: Outbox,
        readings: ReadingStore,
        *,
        sent: Callable[[], Collection[str]],
    ) -> None:
        """Know the stores.

        Args:
            folder: where their files lie.
            outbox: the store of alarms, in memory.
            readings: the store of readings, in memory.
            sent: the numbers of the blocks of readings that are on their way to the server.
        """
        self._folder = folder
        self._outbox = outbox
        self._readings = readings
        self._sent = sent

    async def __call__(self, before_move: Callable[[], None]) -> tuple[AlarmState, ...]:
        """Move to the disk.

        Args:
            before_move: called when both files are open, just before nothing is written to memory any more.

        Returns:
            The alarms that are over and that the server has not acknowledged: not on the disk yet.

        Raises:
            StoreError: the disk still cannot be used.
        """
        alarms = await asyncio.to_thread(open_alarm_store, self._folder / ALARMS_FILE)
        try:
            blocks = await asyncio.to_thread(self._readings.open_at, self._folder / READINGS_FILE)
        except StoreError:
            await asyncio.to_thread(alarms.close)
            raise
        before_move()
        ended = await self._outbox.move_to(alarms)
        try:
            await self._readings.move_to(blocks, sent=self._sent)
        except StoreError as error:
            log.error("readings_not_moved", error=str(error))
        return ended
