"""Who looked at people's numbers and addresses: one row for each account, person and hour, however often."""

from collections.abc import Collection
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from server.audit import service as audit
from server.audit.tables import AuditRow
from server.db.session import Database, ReadSession

log = structlog.get_logger()


async def note_view(
    database: Database,
    subjects: Collection[str],
    *,
    by: str,
    now: datetime,
    subject_kind: str = "person",
    urgent: bool = False,
) -> None:
    """Write down that an account is about to be shown numbers or addresses in full.

    Args:
        database: where the audit is.
        subjects: whose, by code; nobody's writes nothing.
        by: the account.
        now: the server's time.
        subject_kind: what they are.
        urgent: whether the numbers are needed for an alarm: then they are shown even while nothing can be
            written, and the log says so.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    try:
        async with database.read() as reading:
            if not await _unseen(reading, subjects, by, subject_kind, hour):
                return
        async with database.write() as session:
            for subject in sorted(await _unseen(session, subjects, by, subject_kind, hour)):
                await audit.record(
                    session,
                    at=now,
                    actor_kind="operator",
                    actor=by,
                    action="contacts_viewed",
                    subject_kind=subject_kind,
                    subject=subject,
                )
    except (SQLAlchemyError, TimeoutError) as error:
        if not urgent:
            raise
        log.exception("view_not_written_down", by=by, subjects=sorted(subjects), error=repr(error))


async def _unseen(
    session: ReadSession, subjects: Collection[str], by: str, subject_kind: str, since: datetime
) -> set[str]:
    if not subjects:
        return set()
    query = select(AuditRow.subject).where(
        AuditRow.subject.in_(set(subjects)),
        AuditRow.at >= since,
        AuditRow.action == "contacts_viewed",
        AuditRow.subject_kind == subject_kind,
        AuditRow.actor == by,
    )
    return set(subjects) - set(await session.scalars(query))
