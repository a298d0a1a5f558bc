"""Saying that places, people or duties changed: whatever was derived from them is then read anew."""

from datetime import datetime

from server.db.session import WriteSession
from server.places.tables import PlacesVersion


def touch(session: WriteSession, *, now: datetime) -> None:
    """Make every process read places, people, duties, absences and contacts anew.

    Call it in each transaction that changes one of them: what is derived is kept in memory by version.
    """
    session.add(PlacesVersion(at=now))
    session.announce("places", "")
