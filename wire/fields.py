"""What every message is made of: identifiers, texts, numbers, times, and the common base."""

from datetime import MAXYEAR, MINYEAR, datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

MAX_INTEGER: Final = 2**53 - 1
"""What every JSON reader and every database keeps exactly (RFC 8259, section 6)."""
MAX_OFFSET_MS: Final = 366 * 24 * 3600 * 1000
"""How far a reading may lie from the start of its batch."""
FIRST_YEAR: Final = MINYEAR + 2
LAST_YEAR: Final = MAXYEAR - 2

Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^(?![\s\S]*[\x00-\x1f\x7f])")]
"""An identifier given by the site: a device, a point, a rule. No control characters."""
Text = Annotated[str, Meta(max_length=1024, pattern=r"^(?![\s\S]*\x00)")]
"""Free text without the character NUL, which databases refuse."""
Unit = Annotated[str, Meta(max_length=32, pattern=r"^(?![\s\S]*\x00)")]
"""A UCUM code, e.g. `%{LEL}`, `mA`, `kPa`, `Cel`."""
Seq = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Instant = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset; UTC by custom; from `FIRST_YEAR` to `LAST_YEAR`."""


def check_instant(moment: datetime) -> None:
    """Refuse a time so near the end of the calendar that an offset could not be added.

    Raises:
        ValueError: the year is outside `FIRST_YEAR` to `LAST_YEAR`.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year {moment.year} is outside {FIRST_YEAR} to {LAST_YEAR}")


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of everything on the wire: immutable, defaults left out."""
