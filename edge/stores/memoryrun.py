"""Numbers for alarms that no disk has written: a run that lives in memory."""

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from edge.rules.decision import Decision
from edge.stores.outbox import Outgoing, encode_outgoing
from wire.ids import new_uuid7
from wire.messages import AlarmState


class MemoryRun:
    """The numbers that are given while the alarm store cannot be written."""

    def __init__(self) -> None:
        """Begin with the disk in use."""
        self._run: str | None = None
        self._seq = 0
        self.ended: dict[str, AlarmState] = {}
        """Alarms that were over before any disk knew of them, by id."""
        self._meanwhile: list[Decision] = []

    @property
    def is_on(self) -> bool:
        """Whether alarms are numbered here and not by the disk."""
        return self._run is not None

    def begin(self, wall_ms: int) -> None:
        """Begin a run of its own.

        Args:
            wall_ms: the moment, milliseconds since 1970.
        """
        self._run, self._seq = new_uuid7(unix_ms=wall_ms), 0

    def note_writing(self) -> None:
        """Note that a disk begins to write everything as it stands now."""
        self._meanwhile = []

    def end(self) -> list[Decision]:
        """Leave the numbering to the disk, which has written everything as it stood.

        Returns:
            What was decided while it wrote, which it does not know yet. Its actions have been started.
        """
        self._run = None
        self.ended.clear()
        return [replace(decision, actions=()) for decision in self._meanwhile]

    def number(self, decisions: Iterable[Decision]) -> list[Outgoing]:
        """Number what people are to be told, marked as not being on a disk."""
        assert self._run is not None, "numbers in memory belong to a volatile run"
        outgoing: list[Outgoing] = []
        for decision in decisions:
            self._meanwhile.append(decision)
            if decision.alarm is not None:
                self._seq += 1
                marked = msgspec.structs.replace(decision.alarm, volatile=True)
                if marked.cleared:
                    self.ended[marked.alarm] = decision.alarm
                outgoing.append(encode_outgoing(marked, self._run, self._seq))
        return outgoing
