"""Places where a test may kill this process, to prove that nothing is lost there.

`GRIDWARDEN_FAILPOINT` names one place; the process ends there as if killed: no clean-up, no
goodbye. Nothing happens without the variable.

Besides the places below there are two for each transition, before and after its commit: a transaction
says what it carries out (`WriteSession.passing`), and `due/step:before_commit` is the moment in which
a step of the escalation is written and not yet committed.
"""

import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

VARIABLE: Final = "GRIDWARDEN_FAILPOINT"
EXIT_CODE: Final = 70
"""What the process ends with, so that a test can tell it from other ends."""


class Failpoint(StrEnum):
    """The named places."""

    BEFORE_COMMIT = "before_commit"
    """Alarms are applied in a transaction that is not committed; one of reports alone does not count."""
    AFTER_COMMIT_BEFORE_ACK = "after_commit_before_ack"
    """Alarms are committed, their gateway does not know; a commit of reports alone does not count."""
    AFTER_SEND_BEFORE_RECORD = "after_send_before_record"
    """A notice left, its row does not say so."""


class Side(StrEnum):
    """On which side of a transition's commit."""

    BEFORE = "before_commit"
    AFTER = "after_commit"


def around(transition: str, side: Side) -> str:
    """Return the name of the place on one side of a transition's commit."""
    return f"{transition}:{side.value}"


def reach_around(transitions: Iterable[str], side: Side) -> None:
    """End the process at once if a test asked for it on this side of one of these transitions."""
    armed = os.environ.get(VARIABLE)
    if armed is not None and any(armed == around(transition, side) for transition in transitions):
        _end()


def reach(place: Failpoint) -> None:
    """End the process at once if a test asked for it here."""
    if os.environ.get(VARIABLE) == place.value:
        _end()


def _end() -> None:
    sys.stdout.flush()
    os._exit(EXIT_CODE)
