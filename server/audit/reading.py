"""Reading the audit: by who, what, to what and when; the newest first, or all of it in its order."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select

from server.audit.tables import AuditRow, AuditSeal
from server.db.session import ReadSession

_BATCH: Final = 500
MOST_ID: Final = 2**63 - 1
"""The largest number that a column of the database holds."""

Sealed = tuple[AuditRow, AuditSeal | None]
"""A row, and its seal once it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows are wanted; what is None does not matter.

    Attributes:
        actor: who did it, by account or person's code.
        action: what, as one word of the code.
        subject: to what, e.g. an item's id.
        since, until: when; `until` is not part of it.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what rows must fulfil."""
        wanted: list[ColumnElement[bool]] = [
            column == value
            for column, value in (
                (AuditRow.actor, self.actor),
                (AuditRow.action, self.action),
                (AuditRow.subject, self.subject),
            )
            if value is not None
        ]
        if self.since is not None:
            wanted.append(AuditRow.at >= self.since)
        if self.until is not None:
            wanted.append(AuditRow.at < self.until)
        return wanted


async def newest_rows(
    session: ReadSession, wanted: AuditFilter, *, before: int | None, most: int
) -> list[Sealed]:
    """Return the newest rows; `before` is the id of the last one that was shown."""
    query = _rows(wanted).order_by(AuditRow.id.desc()).limit(most)
    if before is not None:
        query = query.where(AuditRow.id < before)
    return [(row, mark) for row, mark in await session.execute(query)]


async def all_rows(session: ReadSession, wanted: AuditFilter) -> AsyncIterator[Sealed]:
    """Yield every row in the order in which they were written."""
    after = 0
    while True:
        query = _rows(wanted).where(AuditRow.id > after).order_by(AuditRow.id).limit(_BATCH)
        rows = [(row, mark) for row, mark in await session.execute(query)]
        for row, mark in rows:
            yield row, mark
        if len(rows) < _BATCH:
            return
        after = rows[-1][0].id
        session.expunge_all()


def _rows(wanted: AuditFilter) -> Select[Any, Any]:
    return (
        select(AuditRow, AuditSeal)
        .outerjoin(AuditSeal, AuditSeal.row == AuditRow.id)
        .where(*wanted.conditions())
    )
