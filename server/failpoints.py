"""Places where a test may kill this process, to prove that nothing is lost there.

`GRIDWARDEN_FAILPOINT` names one place; the process ends there as if killed: no clean-up, no
goodbye. Nothing happens without the variable.
"""

import os
import sys
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


def reach(place: Failpoint) -> None:
    """End the process at once if a test asked for it here."""
    if os.environ.get(VARIABLE) == place.value:
        sys.stdout.flush()
        os._exit(EXIT_CODE)
