"""What went wrong last on a bus: for the status, in words, with its time."""

from datetime import datetime
from typing import Final

from edge.ports import Clock

_MOST_TEXT: Final = 300


class LastTrouble:
    """Remembers the last trouble of one bus. What is over stays until something else goes wrong."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self.text = ""
        self.at: datetime | None = None

    def note(self, error: Exception | str, *, device: str = "") -> None:
        """Remember what went wrong just now.

        Args:
            error: it; what is no text in it is left out.
            device: with which device; empty for the bus itself.
        """
        said = "".join(sign for sign in str(error) if sign.isprintable())[:_MOST_TEXT]
        self.text = f"{device}: {said}" if device else said
        self.at = self._clock.moment().as_datetime()
