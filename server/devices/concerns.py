"""What a maintainer's attention can be needed for: each concern, whom it is about, one line of the list."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from server.devices.service import GATEWAY_DEVICE


class Concern(StrEnum):
    """Why something needs attention."""

    SILENT = "silent"
    """It does not answer."""
    UNHEARD = "unheard"
    """It is registered and was never heard."""
    QUEUE = "queue"
    """What a gateway has to deliver does not get less."""
    FAULTY = "faulty"
    """It says itself that it is faulty."""
    PAST_LIFE = "past_life"
    CERTIFICATE = "certificate"
    """A gateway's certificate has run out or soon will."""
    CLOCK = "clock"
    """A gateway's clock is wrong or undisciplined."""
    WEAK = "weak"
    """A battery or a radio signal is weak."""
    DIRTY = "dirty"
    UNTESTED = "untested"
    """The last test is too long ago."""
    ENDING = "ending"
    """The end of its life is near."""


class Whom(StrEnum):
    """Whose concern it is."""

    GATEWAY = "gateway"
    LIVES = "lives"
    """A device that watches over lives: gas, fire."""
    OTHER = "other"


_C, _W = Concern, Whom
BY_DANGER: Final[tuple[tuple[Concern, Whom], ...]] = (
    (_C.SILENT, _W.GATEWAY),  # all behind it is unwatched from afar
    (_C.QUEUE, _W.GATEWAY),  # its alarms do not arrive
    (_C.SILENT, _W.LIVES),
    (_C.FAULTY, _W.LIVES),
    (_C.PAST_LIFE, _W.LIVES),
    (_C.FAULTY, _W.GATEWAY),
    (_C.CERTIFICATE, _W.GATEWAY),  # when it runs out, the gateway falls silent
    (_C.UNHEARD, _W.GATEWAY),
    (_C.CLOCK, _W.GATEWAY),
    (_C.UNHEARD, _W.LIVES),
    (_C.WEAK, _W.LIVES),
    (_C.DIRTY, _W.LIVES),
    (_C.UNTESTED, _W.LIVES),
    (_C.SILENT, _W.OTHER),
    (_C.FAULTY, _W.OTHER),
    (_C.WEAK, _W.OTHER),
    (_C.DIRTY, _W.OTHER),
    (_C.PAST_LIFE, _W.OTHER),
    (_C.UNTESTED, _W.OTHER),
    (_C.UNHEARD, _W.OTHER),
    (_C.ENDING, _W.LIVES),
    (_C.ENDING, _W.OTHER),
)
"""The order of the list. Within each the longest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One line of the list.

    Attributes:
        concern: why it is listed.
        gateway, device: where; the device is `gateway` for the gateway itself.
        name, kind, building, floor, door: as the register has it.
        since: since when; a day where the register says only that, None where nobody knows.
        value: what was measured or counted, where something was; `unit` is its UCUM code.
        item: the work that came of it, open or closed.
    """

    concern: Concern
    gateway: str
    device: str
    name: str
    kind: str
    building: str | None
    floor: str
    door: str
    since: datetime | date | None
    value: float | None
    unit: str
    item: str | None

    @property
    def of_gateway(self) -> bool:
        """Whether it is the gateway itself."""
        return self.device == GATEWAY_DEVICE
