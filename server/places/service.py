"""Saying that places, people or duties changed: whatever was derived from them is then read anew."""

from datetime import datetime
from typing import Final

from server.db.session import Announcement, WriteSession
from server.places.tables import PlacesVersion

CHANGED: Final[Announcement] = ("places", "")
"""What listeners hear; of a commit in another process they must be told."""


def touch(session: WriteSession, *, now: datetime) -> None:
    """Make every process read places, people, duties, absences and contacts anew.

    Call it in each transaction that changes one of them: what is derived is kept in memory by version.
    """
    session.add(PlacesVersion(at=now))
    session.announce(*CHANGED)
